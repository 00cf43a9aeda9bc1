//! AMD's side: an ARK, an ASK or ASVK, a VCEK or VLEK, and a report, each with everything in it for the test to choose.
//!
//! ```
//! # use sealroom_testpki::amd::Fake;
//! # use sealroom_evidence::snp::Product;
//! let mut fake = Fake::vcek(Product::Genoa); // as it should be
//! fake.report.policy |= 1 << 19; // spoiled
//! let signed = fake.sign(); // and signed again, so that nothing else is wrong with it
//! assert_eq!(signed.report.len(), 1184);
//! ```

use crate::x509::{
    Certificate, Extension, Key, Name, RevocationList, RsaKey,
    asn1::{ia5_string, number},
    pem,
};
use ring::digest::{SHA256, digest};
use sealroom_evidence::snp::{Product, Tcb};

/// When all of it counts, seconds since 1970.
pub const NOW: u64 = 1_750_000_000;
/// A day.
pub const DAY: u64 = 86_400;

/// Numbers with dots of AMD's extensions.
pub mod oid {
    /// INTEGER: 0, 1 from Turin on.
    pub const STRUCT_VERSION: &str = "1.3.6.1.4.1.3704.1.1";
    /// IA5String.
    pub const PRODUCT_NAME: &str = "1.3.6.1.4.1.3704.1.2";
    /// INTEGER.
    pub const BOOTLOADER: &str = "1.3.6.1.4.1.3704.1.3.1";
    /// INTEGER.
    pub const TEE: &str = "1.3.6.1.4.1.3704.1.3.2";
    /// INTEGER.
    pub const SNP: &str = "1.3.6.1.4.1.3704.1.3.3";
    /// INTEGER, zero; not from Turin on.
    pub const SPARE_4: &str = "1.3.6.1.4.1.3704.1.3.4";
    /// INTEGER, zero.
    pub const SPARE_5: &str = "1.3.6.1.4.1.3704.1.3.5";
    /// INTEGER, zero.
    pub const SPARE_6: &str = "1.3.6.1.4.1.3704.1.3.6";
    /// INTEGER, zero.
    pub const SPARE_7: &str = "1.3.6.1.4.1.3704.1.3.7";
    /// INTEGER.
    pub const MICROCODE: &str = "1.3.6.1.4.1.3704.1.3.8";
    /// INTEGER, from Turin on.
    pub const FMC: &str = "1.3.6.1.4.1.3704.1.3.9";
    /// The chip, bare bytes.
    pub const HWID: &str = "1.3.6.1.4.1.3704.1.4";
    /// IA5String.
    pub const CSP_ID: &str = "1.3.6.1.4.1.3704.1.5";
}

/// Whose key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The root's.
    Ark,
    /// The intermediate's that signs VCEKs.
    Ask,
    /// The intermediate's that signs VLEKs.
    Asvk,
    /// Somebody else's.
    Stranger,
}

impl Signer {
    /// The key, the same every time.
    #[must_use]
    pub fn key(self) -> Key {
        Key::rsa(match self {
            Self::Ark => RsaKey::Ark,
            Self::Ask => RsaKey::Ask,
            Self::Asvk => RsaKey::Asvk,
            Self::Stranger => RsaKey::Stranger,
        })
    }
}

/// Something to be signed, and by whom.
#[derive(Clone, Debug)]
pub struct ToSign<T> {
    /// What.
    pub content: T,
    /// By whom.
    pub by: Signer,
}

/// A report's fields (56860, `ATTESTATION_REPORT`), as the bytes have them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the specification's names")]
pub struct Report {
    pub version: u32,
    pub guest_svn: u32,
    pub policy: u64,
    pub vmpl: u32,
    pub signature_algo: u32,
    pub current_tcb: [u8; 8],
    pub platform_info: u64,
    pub key_info: u32,
    pub report_data: [u8; 64],
    pub measurement: [u8; 48],
    pub host_data: [u8; 32],
    pub id_key_digest: [u8; 48],
    pub author_key_digest: [u8; 48],
    pub reported_tcb: [u8; 8],
    pub cpuid: [u8; 3],
    pub chip_id: [u8; 64],
    pub committed_tcb: [u8; 8],
    pub launch_tcb: [u8; 8],
    /// Bytes that are put in before it is signed: where, what.
    pub before: Vec<(usize, u8)>,
    /// Bytes that are put in after it is signed.
    pub after: Vec<(usize, u8)>,
}

impl Report {
    fn to_bytes(&self, key: &Key) -> Vec<u8> {
        let mut bytes = vec![0; 1184];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0x00, &self.version.to_le_bytes());
        put(0x04, &self.guest_svn.to_le_bytes());
        put(0x08, &self.policy.to_le_bytes());
        put(0x30, &self.vmpl.to_le_bytes());
        put(0x34, &self.signature_algo.to_le_bytes());
        put(0x38, &self.current_tcb);
        put(0x40, &self.platform_info.to_le_bytes());
        put(0x48, &self.key_info.to_le_bytes());
        put(0x50, &self.report_data);
        put(0x90, &self.measurement);
        put(0xc0, &self.host_data);
        put(0xe0, &self.id_key_digest);
        put(0x110, &self.author_key_digest);
        put(0x140, &[0x14; 32]);
        put(0x160, &[0xff; 32]);
        put(0x180, &self.reported_tcb);
        put(0x188, &self.cpuid);
        put(0x1a0, &self.chip_id);
        put(0x1e0, &self.committed_tcb);
        put(0x1f0, &self.launch_tcb);
        for (at, value) in &self.before {
            put(*at, &[*value]);
        }
        let mut signature = key.sign_fixed(&bytes[..0x2a0]);
        signature[..48].reverse();
        signature[48..].reverse();
        bytes[0x2a0..0x2d0].copy_from_slice(&signature[..48]);
        bytes[0x2e8..0x318].copy_from_slice(&signature[48..]);
        for (at, value) in &self.after {
            bytes[*at] = *value;
        }
        bytes
    }
}

/// All parts of one piece of evidence. As it is made, nothing is wrong with it; spoil what you like, then
/// [`sign`](Self::sign).
#[derive(Clone, Debug)]
pub struct Fake {
    /// Root.
    pub ark: ToSign<Certificate>,
    /// ASK or ASVK.
    pub ask: ToSign<Certificate>,
    /// VCEK or VLEK. Its `spki` is filled in when it is signed, unless there is one.
    pub vek: ToSign<Certificate>,
    /// The report, signed by the VCEK or VLEK.
    pub report: Report,
    /// Whether another key than the certified one signs the report.
    pub wrong_report_key: bool,
    /// Revocation list.
    pub crl: Option<ToSign<RevocationList>>,
}

/// The signed parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// 1184 bytes.
    pub report: Vec<u8>,
    /// DER.
    pub vek: Vec<u8>,
    /// DER.
    pub ask: Vec<u8>,
    /// DER.
    pub ark: Vec<u8>,
    /// DER.
    pub crl: Option<Vec<u8>>,
}

/// The firmware of all that is made up here.
pub const TCB: Tcb = Tcb { fmc: 0, bootloader: 7, tee: 1, snp: 20, microcode: 80 };
/// The same, with the part that Turin has more.
pub const TURIN_TCB: Tcb = Tcb { fmc: 3, ..TCB };

/// The firmware of a product.
#[must_use]
pub const fn tcb(product: Product) -> Tcb {
    match product {
        Product::Turin => TURIN_TCB,
        Product::Milan | Product::Genoa => TCB,
    }
}

impl Fake {
    /// A report of a chip, signed by its own key. Version 3, 5 from Turin.
    #[must_use]
    pub fn vcek(product: Product) -> Self {
        Self::new(product, false)
    }

    /// A report signed by a cloud provider's key.
    #[must_use]
    pub fn vlek(product: Product) -> Self {
        Self::new(product, true)
    }

    fn new(product: Product, vlek: bool) -> Self {
        let raw = tcb(product).encode(product);
        let chip = match product {
            Product::Turin => vec![0xc1; 8],
            Product::Milan | Product::Genoa => vec![0xc1; 64],
        };
        let mut chip_id = [0; 64];
        if !vlek {
            chip_id[..chip.len()].copy_from_slice(&chip);
        }
        let report = Report {
            version: if product == Product::Turin { 5 } else { 3 },
            guest_svn: 2,
            policy: 0x3_0000,
            vmpl: 0,
            signature_algo: 1,
            current_tcb: raw,
            platform_info: 0b11_1110,
            key_info: u32::from(vlek) << 2,
            report_data: [0xda; 64],
            measurement: [0x3e; 48],
            host_data: [0x40; 32],
            id_key_digest: [0x1d; 48],
            author_key_digest: [0xa0; 48],
            reported_tcb: raw,
            cpuid: match product {
                Product::Milan => [0x19, 0x01, 1],
                Product::Genoa => [0x19, 0x11, 1],
                Product::Turin => [0x1a, 0x02, 1],
            },
            chip_id,
            committed_tcb: raw,
            launch_tcb: raw,
            before: Vec::new(),
            after: Vec::new(),
        };
        let (intermediate, signer) = if vlek {
            (format!("SEV-VLEK-{product}"), Signer::Asvk)
        } else {
            (format!("SEV-{product}"), Signer::Ask)
        };
        let root = format!("ARK-{product}");
        let mut vek = authority(&intermediate, if vlek { "SEV-VLEK" } else { "SEV-VCEK" });
        vek.serial = vec![0];
        (vek.not_before, vek.not_after) = (NOW - 30 * DAY, NOW + 300 * DAY);
        vek.extensions = extensions(product, (!vlek).then_some(chip));
        let mut ask = authority(&root, &intermediate);
        (ask.serial, ask.spki) = (vec![1, 0, 1], signer.key().spki());
        let mut ark = authority(&root, &root);
        (ark.serial, ark.spki) = (vec![1, 0, 0], Signer::Ark.key().spki());
        ark.extensions[0] = Extension::basic_constraints(true, None);
        Self {
            ark: ToSign { content: ark, by: Signer::Ark },
            ask: ToSign { content: ask, by: Signer::Ark },
            vek: ToSign { content: vek, by: signer },
            report,
            wrong_report_key: false,
            crl: None,
        }
    }

    /// Adds a list of the root's that revokes nothing.
    #[must_use]
    pub fn with_list(mut self) -> Self {
        let issuer = self.ark.content.subject.clone();
        let list = RevocationList::new(issuer, NOW - DAY, NOW + 30 * DAY);
        self.crl = Some(ToSign { content: list, by: Signer::Ark });
        self
    }

    /// Makes it a report of version 2, which does not say of what processor it is.
    #[must_use]
    pub fn of_version_2(mut self) -> Self {
        (self.report.version, self.report.cpuid) = (2, [0; 3]);
        self
    }

    /// Signs everything, the report with a new key.
    #[must_use]
    pub fn sign(&self) -> Signed {
        let (key, other) = (Key::p384(), Key::p384());
        let mut vek = self.vek.content.clone();
        if vek.spki.is_empty() {
            vek.spki = key.spki();
        }
        let report_key = if self.wrong_report_key { &other } else { &key };
        let crl = self.crl.as_ref().map(|list| list.content.sign(&list.by.key()));
        Signed {
            report: self.report.to_bytes(report_key),
            vek: vek.sign(&self.vek.by.key()),
            ask: self.ask.content.sign(&self.ask.by.key()),
            ark: self.ark.content.sign(&self.ark.by.key()),
            crl,
        }
    }
}

impl Signed {
    /// SHA-256 of the root: what a test's `Roots` have to hold.
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        digest(&SHA256, &self.ark).as_ref().try_into().unwrap()
    }

    /// `[vek, ask, ark]`, and the revocation list if there is one.
    #[must_use]
    pub fn list(&self) -> Vec<Vec<u8>> {
        let certificates = [&self.vek, &self.ask, &self.ark];
        certificates.into_iter().chain(&self.crl).cloned().collect()
    }

    /// The table that a host would hand over (56421), certificates as PEM; `vlek` says under which name the last one is.
    #[must_use]
    pub fn table(&self, vlek: bool) -> Vec<u8> {
        const ARK: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;
        const ASK: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
        const VCEK: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
        const VLEK: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
        const CRL: u128 = 0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea;
        let mut parts = vec![
            (ARK, pem("CERTIFICATE", &self.ark)),
            (ASK, pem("CERTIFICATE", &self.ask)),
            (if vlek { VLEK } else { VCEK }, pem("CERTIFICATE", &self.vek)),
        ];
        parts.extend(self.crl.iter().map(|list| (CRL, pem("X509 CRL", list))));
        let mut offset = 24 * (parts.len() + 1);
        let (mut entries, mut content) = (Vec::new(), Vec::new());
        for (guid, text) in parts {
            entries.extend(guid.to_be_bytes());
            entries.extend(u32::try_from(offset).unwrap().to_le_bytes());
            entries.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            offset += text.len();
            content.extend(text.into_bytes());
        }
        [entries, vec![0; 24], content].concat()
    }
}

fn authority(issuer: &str, subject: &str) -> Certificate {
    Certificate {
        serial: Vec::new(),
        issuer: Name::amd(issuer),
        not_before: NOW - 1000 * DAY,
        not_after: NOW + 9000 * DAY,
        subject: Name::amd(subject),
        spki: Vec::new(),
        extensions: vec![Extension::basic_constraints(true, Some(0)), Extension::ca_usage()],
    }
}

fn extensions(product: Product, chip: Option<Vec<u8>>) -> Vec<Extension> {
    let tcb = tcb(product);
    let value = |oid, value: u8| Extension::new(oid, number(u64::from(value)));
    let turin = product == Product::Turin;
    let name = match product {
        Product::Milan if chip.is_some() => "Milan-B0",
        other => other.name(),
    };
    let mut out = vec![
        value(oid::STRUCT_VERSION, u8::from(turin)),
        Extension::new(oid::PRODUCT_NAME, ia5_string(name)),
        value(oid::BOOTLOADER, tcb.bootloader),
        value(oid::TEE, tcb.tee),
        value(oid::SNP, tcb.snp),
        value(oid::SPARE_5, 0),
        value(oid::SPARE_6, 0),
        value(oid::SPARE_7, 0),
        value(oid::MICROCODE, tcb.microcode),
        if turin { value(oid::FMC, tcb.fmc) } else { value(oid::SPARE_4, 0) },
    ];
    out.push(match chip {
        Some(chip) => Extension::new(oid::HWID, chip),
        None => Extension::new(oid::CSP_ID, ia5_string("CN=somewhere.example")),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_evidence::snp::{CertTable, Report, SigningKey};

    #[test]
    fn what_is_made_up_can_be_read() {
        for product in Product::ALL {
            let signed = Fake::vcek(product).with_list().sign();
            let report = Report::parse(&signed.report).unwrap();
            assert_eq!(Tcb::decode(report.reported_tcb, product), Some(tcb(product)));
            let [family, model, _] = report.cpuid.unwrap();
            assert_eq!(Product::of_cpuid(family, model), Some(product));
            assert_eq!(report.signing_key, SigningKey::Vcek);
            let bytes = signed.table(false);
            let table = CertTable::parse(&bytes).unwrap();
            assert_eq!(table.vcek, Some(pem("CERTIFICATE", &signed.vek).as_bytes()));
            assert!(table.crl.is_some() && table.vlek.is_none());
        }
        let old = Fake::vlek(Product::Milan).of_version_2().sign();
        let report = Report::parse(&old.report).unwrap();
        assert_eq!((report.cpuid, report.signing_key), (None, SigningKey::Vlek));
    }
}
