//! Certificates and revocation lists, with everything in them for the test to choose.

pub mod asn1;
mod key;

pub use key::{Key, RsaKey};

use asn1::{
    bit_string, boolean, explicit, integer, number, octet_string, oid, sequence, set, time, tlv,
};

/// A name: attributes with their object identifiers, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub Vec<(&'static str, String)>);

impl Name {
    const COMMON_NAME: &str = "2.5.4.3";
    const COUNTRY: &str = "2.5.4.6";
    const LOCALITY: &str = "2.5.4.7";
    const STATE: &str = "2.5.4.8";
    const ORGANIZATION: &str = "2.5.4.10";
    const UNIT: &str = "2.5.4.11";

    fn of(parts: &[(&'static str, &str)]) -> Self {
        Self(parts.iter().map(|&(attribute, value)| (attribute, value.to_owned())).collect())
    }

    /// As AMD writes it.
    #[must_use]
    pub fn amd(common_name: &str) -> Self {
        Self::of(&[
            (Self::UNIT, "Engineering"),
            (Self::COUNTRY, "US"),
            (Self::LOCALITY, "Santa Clara"),
            (Self::STATE, "CA"),
            (Self::ORGANIZATION, "Advanced Micro Devices"),
            (Self::COMMON_NAME, common_name),
        ])
    }

    /// As Intel writes it.
    #[must_use]
    pub fn intel(common_name: &str) -> Self {
        Self::of(&[
            (Self::COMMON_NAME, common_name),
            (Self::ORGANIZATION, "Intel Corporation"),
            (Self::LOCALITY, "Santa Clara"),
            (Self::STATE, "CA"),
            (Self::COUNTRY, "US"),
        ])
    }

    /// Its DER.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let parts = self.0.iter().map(|(attribute, value)| {
            // Countries are PrintableString, the others UTF8String.
            let tag = if *attribute == Self::COUNTRY { 0x13 } else { 0x0c };
            set(&[sequence(&[oid(attribute), tlv(tag, value.as_bytes())])])
        });
        sequence(&parts.collect::<Vec<_>>())
    }
}

/// An extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its object identifier, numbers with dots.
    pub oid: &'static str,
    /// Whether who does not know it must refuse.
    pub critical: bool,
    /// What the OCTET STRING holds.
    pub value: Vec<u8>,
}

impl Extension {
    /// Any.
    #[must_use]
    pub fn new(oid: &'static str, value: impl Into<Vec<u8>>) -> Self {
        Self { oid, critical: false, value: value.into() }
    }

    /// basicConstraints.
    #[must_use]
    pub fn basic_constraints(ca: bool, path_length: Option<u8>) -> Self {
        let ca = if ca { boolean(true) } else { Vec::new() };
        let path_length = path_length.map_or_else(Vec::new, |length| integer(&[length]));
        let value = sequence(&[ca, path_length]);
        Self { oid: "2.5.29.19", critical: true, value }
    }

    /// keyUsage: `keyCertSign`, `cRLSign`.
    #[must_use]
    pub fn ca_usage() -> Self {
        Self { oid: "2.5.29.15", critical: true, value: tlv(0x03, &[1, 0b0000_0110]) }
    }

    /// keyUsage: `digitalSignature`.
    #[must_use]
    pub fn leaf_usage() -> Self {
        Self { oid: "2.5.29.15", critical: true, value: tlv(0x03, &[7, 0b1000_0000]) }
    }

    fn to_der(&self) -> Vec<u8> {
        let critical = if self.critical { boolean(true) } else { Vec::new() };
        sequence(&[oid(self.oid), critical, octet_string(&self.value)])
    }
}

/// A certificate that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Big endian.
    pub serial: Vec<u8>,
    /// Who vouches.
    pub issuer: Name,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970.
    pub not_after: u64,
    /// For whom.
    pub subject: Name,
    /// SubjectPublicKeyInfo, DER: [`Key::spki`].
    pub spki: Vec<u8>,
    /// In order.
    pub extensions: Vec<Extension>,
}

impl Certificate {
    /// Gives an extension another value, or adds it.
    pub fn put(&mut self, oid: &'static str, value: impl Into<Vec<u8>>) {
        let value = value.into();
        match self.extensions.iter_mut().find(|one| one.oid == oid) {
            Some(one) => one.value = value,
            None => self.extensions.push(Extension::new(oid, value)),
        }
    }

    /// Takes an extension out.
    pub fn remove(&mut self, oid: &str) {
        self.extensions.retain(|one| one.oid != oid);
    }

    /// The signed certificate, DER. Nobody looks whether the key is that of the issuer.
    #[must_use]
    pub fn sign(&self, key: &Key) -> Vec<u8> {
        let extensions: Vec<_> = self.extensions.iter().map(Extension::to_der).collect();
        let tbs = sequence(&[
            explicit(0, &number(2)),
            integer(&self.serial),
            key.algorithm(),
            self.issuer.to_der(),
            sequence(&[time(self.not_before), time(self.not_after)]),
            self.subject.to_der(),
            self.spki.clone(),
            if extensions.is_empty() { Vec::new() } else { explicit(3, &sequence(&extensions)) },
        ]);
        signed(&tbs, key)
    }
}

/// A list of revoked certificates (version 2) that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Who lists.
    pub issuer: Name,
    /// Seconds since 1970.
    pub this_update: u64,
    /// Seconds since 1970.
    pub next_update: Option<u64>,
    /// Serial numbers, big endian; all revoked at `this_update`.
    pub revoked: Vec<Vec<u8>>,
    /// In order.
    pub extensions: Vec<Extension>,
}

impl RevocationList {
    /// One that revokes nothing, with its number as the only extension.
    #[must_use]
    pub fn new(issuer: Name, this_update: u64, next_update: u64) -> Self {
        let extensions = vec![Extension::new("2.5.29.20", number(1))];
        Self {
            issuer,
            this_update,
            next_update: Some(next_update),
            revoked: Vec::new(),
            extensions,
        }
    }

    /// The signed list, DER.
    #[must_use]
    pub fn sign(&self, key: &Key) -> Vec<u8> {
        let entry = |serial: &Vec<u8>| sequence(&[integer(serial), time(self.this_update)]);
        let revoked: Vec<_> = self.revoked.iter().map(entry).collect();
        let extensions: Vec<_> = self.extensions.iter().map(Extension::to_der).collect();
        let tbs = sequence(&[
            number(1),
            key.algorithm(),
            self.issuer.to_der(),
            time(self.this_update),
            self.next_update.map_or_else(Vec::new, time),
            if revoked.is_empty() { Vec::new() } else { sequence(&revoked) },
            if extensions.is_empty() { Vec::new() } else { explicit(0, &sequence(&extensions)) },
        ]);
        signed(&tbs, key)
    }
}

fn signed(tbs: &[u8], key: &Key) -> Vec<u8> {
    sequence(&[tbs, &key.algorithm(), &bit_string(&key.sign(tbs))])
}

/// PEM, as certificate chains are sent; `label` is `CERTIFICATE` or `X509 CRL`.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (nth, chunk) in der.chunks(3).enumerate() {
        if nth % 16 == 0 {
            text.push('\n');
        }
        let bytes = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or_default()));
        let bits = bytes[0] << 16 | bytes[1] << 8 | bytes[2];
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----{text}\n-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::der::{Decode, Encode};

    #[test]
    fn a_strict_parser_reads_what_is_written() {
        for key in [Key::p256(), Key::p384(), Key::rsa(RsaKey::Ark)] {
            let certificate = Certificate {
                serial: vec![0x81, 2],
                issuer: Name::amd("issuer"),
                not_before: 1_600_000_000,
                not_after: 2_600_000_000,
                subject: Name::intel("subject"),
                spki: key.spki(),
                extensions: vec![
                    Extension::basic_constraints(true, Some(0)),
                    Extension::ca_usage(),
                    Extension::new("1.2.3", vec![7; 300]),
                ],
            };
            let bytes = certificate.sign(&key);
            let read = x509_cert::Certificate::from_der(&bytes).unwrap();
            assert_eq!(read.to_der().unwrap(), bytes);
            let tbs = read.tbs_certificate();
            assert_eq!(tbs.serial_number().as_bytes(), [0, 0x81, 2]);
            assert_eq!(tbs.validity().not_before.to_unix_duration().as_secs(), 1_600_000_000);
            assert_eq!(tbs.validity().not_after.to_unix_duration().as_secs(), 2_600_000_000);
            assert_eq!(tbs.extensions().unwrap().len(), 3);
            assert_eq!(tbs.issuer().to_der().unwrap(), certificate.issuer.to_der());
            let mut list = RevocationList::new(Name::amd("issuer"), 1_600_000_000, 1_700_000_000);
            list.revoked = vec![vec![1, 0], vec![0x80]];
            let bytes = list.sign(&key);
            let read: x509_cert::crl::CertificateList = Decode::from_der(&bytes).unwrap();
            assert_eq!(read.to_der().unwrap(), bytes);
            assert_eq!(read.tbs_cert_list.revoked_certificates.unwrap().len(), 2);
        }
    }

    #[test]
    fn pem_wraps_at_64_digits_and_pads() {
        let text = pem("X", &[0xff; 49]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], "/".repeat(64));
        assert_eq!(lines[2], "/w==");
        assert_eq!(pem("X", b"ab").lines().nth(1), Some("YWI="));
    }
}
