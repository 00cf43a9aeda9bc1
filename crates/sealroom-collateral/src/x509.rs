//! Certificates and revocation lists, read for what they say: no signature is looked at.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{AnyRef, Decode as _, asn1::ObjectIdentifier};
use sealroom_evidence::snp::{Product, Tcb};
use x509_cert::{Certificate, crl::CertificateList};

/// SGX extensions of a PCK certificate, and FMSPC among them (Intel SGX PCK Certificate and CRL Profile, 1.3.5).
const SGX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");
const FMSPC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1.4");
/// Extensions of a VCEK (AMD 57230, "VCEK Certificate").
const HWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
/// Certificates of a chain.
const MAX_CHAIN: usize = 8;

/// Which of Intel's authorities has issued a PCK certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ca {
    Platform,
    Processor,
}

impl Ca {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Processor => "processor",
        }
    }

    /// The one that an issuer's name names.
    pub(crate) fn of_issuer(name: &str) -> Option<Self> {
        match name {
            "Intel SGX PCK Platform CA" => Some(Self::Platform),
            "Intel SGX PCK Processor CA" => Some(Self::Processor),
            _ => None,
        }
    }
}

/// A certificate.
pub(crate) struct Cert(Certificate);

impl Cert {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        Certificate::from_der(der).ok().map(Self)
    }

    pub(crate) fn subject(&self) -> String {
        common_name(self.0.tbs_certificate().subject())
    }

    pub(crate) fn issuer(&self) -> String {
        common_name(self.0.tbs_certificate().issuer())
    }

    /// From when and until when, in seconds since 1970.
    pub(crate) fn validity(&self) -> (u64, u64) {
        let validity = self.0.tbs_certificate().validity();
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        (seconds(validity.not_before), seconds(validity.not_after))
    }

    fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let mut all = self.0.tbs_certificate().extensions()?.iter();
        all.find(|extension| extension.extn_id == id).map(|found| found.extn_value.as_bytes())
    }

    /// Of a PCK certificate: the platform's FMSPC, and who has issued it.
    pub(crate) fn platform(&self) -> Option<([u8; 6], Ca)> {
        let items = Vec::<AnyRef<'_>>::from_der(self.extension(SGX)?).ok()?;
        let fmspc = items.into_iter().find_map(|item| {
            let pair = item.sequence(|reader| {
                let id = ObjectIdentifier::decode(reader)?;
                Ok::<_, der::Error>((id, AnyRef::decode(reader)?))
            });
            pair.ok().filter(|(id, _)| *id == FMSPC).map(|(_, value)| value)
        })?;
        Some((fmspc.value().try_into().ok()?, Ca::of_issuer(&self.issuer())?))
    }

    /// Of a VCEK or VLEK: the product, as its issuer is named after it.
    pub(crate) fn product(&self) -> Option<Product> {
        let issuer = self.issuer();
        let name = issuer.strip_prefix("SEV-VLEK-").or_else(|| issuer.strip_prefix("SEV-"))?;
        Product::named(name)
    }

    /// Whether this VCEK is that of a chip with that firmware.
    pub(crate) fn is_of(&self, chip: &[u8; 64], reported: [u8; 8]) -> bool {
        let version = |id| u8::from_der(self.extension(id)?).ok();
        let tcb = || {
            Some(Tcb {
                // Absent before Turin.
                fmc: version(FMC).unwrap_or_default(),
                bootloader: version(BOOTLOADER)?,
                tee: version(TEE)?,
                snp: version(SNP)?,
                microcode: version(MICROCODE)?,
            })
        };
        let same_chip = self.extension(HWID).is_some_and(|id| {
            let rest = chip.strip_prefix(id);
            !id.is_empty() && rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
        });
        let product = self.product();
        same_chip
            && tcb().zip(product).is_some_and(|(tcb, product)| tcb.encode(product) == reported)
    }
}

/// A list of revoked certificates.
pub(crate) struct Crl {
    pub(crate) issuer: String,
    /// Seconds since 1970.
    pub(crate) issued: u64,
    /// Seconds since 1970.
    pub(crate) next: Option<u64>,
    pub(crate) revoked: usize,
}

impl Crl {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(der).ok()?;
        let list = list.tbs_cert_list;
        Some(Self {
            issuer: common_name(&list.issuer),
            issued: list.this_update.to_unix_duration().as_secs(),
            next: list.next_update.map(|time| time.to_unix_duration().as_secs()),
            revoked: list.revoked_certificates.map_or(0, |all| all.len()),
        })
    }
}

/// The certificates of a PEM text (RFC 7468), as DER.
pub(crate) fn from_pem(text: &str) -> Option<Vec<Vec<u8>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (body, after) = after.split_once(END)?;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        found.push(STANDARD.decode(body).ok()?);
        rest = after;
        if found.len() > MAX_CHAIN {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

fn common_name(name: &x509_cert::name::Name) -> String {
    name.common_name().ok().flatten().map(|name| name.value().into_owned()).unwrap_or_default()
}
