//! Intel's side: a root, a platform certified under it, its quoting enclave, what is published of its state, and quotes.
//!
//! [`Intel::new`] is in order. A test spoils a field and signs; every signature is made anew, so that nothing but the
//! spoiled field is wrong. [`Intel::signed_by`] says which key signs what, to have one signed by somebody else.

mod body;
mod published;
mod quote;

pub use body::{Body, SgxBody, TdBody};
pub use published::{Level, Module, ModuleIdentity, QeIdentity, TcbInfo, TcbLevel};
pub use quote::Quote;

use crate::x509::{Certificate, Extension, Key, Name, RevocationList, asn1, pem};
use std::sync::Arc;

/// The moment at which everything made here counts: 2025-06-15T15:06:40Z.
pub const NOW: u64 = 1_750_000_000;
/// Seconds of a day.
pub const DAY: u64 = 24 * 60 * 60;

/// A platform and all that vouches for it.
#[derive(Clone, Debug)]
pub struct Intel {
    /// Everybody's keys.
    pub keys: Keys,
    /// Who signs what.
    pub signed_by: SignedBy,
    /// SGX Root CA.
    pub root: Certificate,
    /// PCK Platform CA.
    pub ca: Certificate,
    /// The platform's; [`Intel::extension`] is added when it is signed.
    pub pck: Certificate,
    /// TCB Signing.
    pub tcb_signer: Certificate,
    /// What the platform's certificate says of it.
    pub extension: SgxExtension,
    /// What the root has revoked.
    pub root_crl: RevocationList,
    /// What the PCK CA has revoked.
    pub pck_crl: RevocationList,
    /// TCB info.
    pub tcb_info: TcbInfo,
    /// QE identity.
    pub qe_identity: QeIdentity,
    /// What is put for what in TCB info and QE identity before they are signed.
    pub replace: Vec<(String, String)>,
    /// The quote.
    pub quote: Quote,
    /// Whether the platform's chain is with the collateral, too.
    pub chain_with_collateral: bool,
}

/// Keys by whose they are.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The root's.
    pub root: Arc<Key>,
    /// The PCK CA's.
    pub ca: Arc<Key>,
    /// The platform's.
    pub pck: Arc<Key>,
    /// The TCB signer's.
    pub tcb: Arc<Key>,
    /// The quoting enclave's.
    pub attestation: Arc<Key>,
    /// Nobody's.
    pub stranger: Arc<Key>,
}

/// Keys by what they sign.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is named for what is signed")]
pub struct SignedBy {
    pub root: Arc<Key>,
    pub ca: Arc<Key>,
    pub pck: Arc<Key>,
    pub tcb_signer: Arc<Key>,
    pub root_crl: Arc<Key>,
    pub pck_crl: Arc<Key>,
    pub tcb_info: Arc<Key>,
    pub qe_identity: Arc<Key>,
    pub qe_report: Arc<Key>,
    pub quote: Arc<Key>,
}

/// Extension 1.2.840.113741.1.13.1 of a PCK certificate.
#[derive(Clone, Debug)]
pub struct SgxExtension {
    /// PPID.
    pub ppid: [u8; 16],
    /// TCB components, and CPUSVN.
    pub cpu_svn: [u8; 16],
    /// PCESVN.
    pub pce_svn: u16,
    /// PCEID.
    pub pce_id: [u8; 2],
    /// FMSPC.
    pub fmspc: [u8; 6],
    /// 0 standard, 1 scalable, 2 scalable with integrity.
    pub sgx_type: u8,
    /// Platform instance id; the Platform CA's alone.
    pub piid: Option<[u8; 16]>,
    /// Dynamic platform, cached keys, SMT enabled; the Platform CA's alone.
    pub configuration: Option<[bool; 3]>,
}

/// Evidence, signed.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The quote.
    pub quote: Vec<u8>,
    /// What vouches for it, JSON.
    pub collateral: String,
    /// The root, DER.
    pub root: Vec<u8>,
}

/// Which sort of quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// An enclave, version 3.
    Sgx,
    /// A trust domain, version 4.
    Td10,
    /// A trust domain, version 5 with the report of 1.0.
    Td10InV5,
    /// A trust domain, version 5 with the report of 1.5.
    Td15,
}

impl Sort {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Sgx, Self::Td10, Self::Td10InV5, Self::Td15];
}

fn certificate(serial: u8, issuer: &str, subject: &str, key: &Key, ca: Option<u8>) -> Certificate {
    let is_ca = serial < 3;
    let usage = if is_ca { Extension::ca_usage() } else { Extension::leaf_usage() };
    Certificate {
        serial: vec![serial],
        issuer: Name::intel(issuer),
        not_before: NOW - 700 * DAY,
        not_after: NOW + 2000 * DAY,
        subject: Name::intel(subject),
        spki: key.spki(),
        extensions: vec![usage, Extension::basic_constraints(is_ca, ca)],
    }
}

const ROOT: &str = "Intel SGX Root CA";
const CA: &str = "Intel SGX PCK Platform CA";

impl Intel {
    /// One whose evidence is in order at [`NOW`]: all is up to date, no advisory is open.
    #[must_use]
    pub fn new(sort: Sort) -> Self {
        let key = || Arc::new(Key::p256());
        let keys = Keys {
            root: key(),
            ca: key(),
            pck: key(),
            tcb: key(),
            attestation: key(),
            stranger: key(),
        };
        let by = |key: &Arc<Key>| Arc::clone(key);
        let signed_by = SignedBy {
            root: by(&keys.root),
            ca: by(&keys.root),
            pck: by(&keys.ca),
            tcb_signer: by(&keys.root),
            root_crl: by(&keys.root),
            pck_crl: by(&keys.ca),
            tcb_info: by(&keys.tcb),
            qe_identity: by(&keys.tcb),
            qe_report: by(&keys.pck),
            quote: by(&keys.attestation),
        };
        let list = |issuer| RevocationList::new(Name::intel(issuer), NOW - 2 * DAY, NOW + 28 * DAY);
        Self {
            root: certificate(1, ROOT, ROOT, &keys.root, Some(1)),
            ca: certificate(2, ROOT, CA, &keys.ca, Some(0)),
            pck: certificate(3, CA, "Intel SGX PCK Certificate", &keys.pck, None),
            tcb_signer: certificate(4, ROOT, "Intel SGX TCB Signing", &keys.tcb, None),
            extension: SgxExtension {
                ppid: [0xa1; 16],
                cpu_svn: [5; 16],
                pce_svn: 13,
                pce_id: [0, 0],
                fmspc: [0, 0x90, 0x6e, 0xd5, 0, 0],
                sgx_type: 1,
                piid: Some([0xb2; 16]),
                configuration: Some([false; 3]),
            },
            root_crl: list(ROOT),
            pck_crl: list(CA),
            tcb_info: TcbInfo::new(sort),
            qe_identity: QeIdentity::new(sort),
            replace: Vec::new(),
            quote: Quote::new(sort),
            chain_with_collateral: false,
            keys,
            signed_by,
        }
    }

    /// Signs everything.
    #[must_use]
    pub fn sign(&self) -> Signed {
        self.sign_under(self.root.sign(&self.signed_by.root))
    }

    /// Signs everything but the root, DER. Signatures are random: two of the same root differ.
    #[must_use]
    pub fn sign_under(&self, root: Vec<u8>) -> Signed {
        let chain = self.chain(&root);
        let signer = pem("CERTIFICATE", &self.tcb_signer.sign(&self.signed_by.tcb_signer))
            + &pem("CERTIFICATE", &root);
        let ca = pem("CERTIFICATE", &self.ca.sign(&self.signed_by.ca)) + &pem("CERTIFICATE", &root);
        let replaced = |mut text: String| {
            for (old, new) in &self.replace {
                text = text.replace(old, new);
            }
            text
        };
        let (tcb_info, qe_identity) =
            (replaced(self.tcb_info.to_json()), replaced(self.qe_identity.to_json()));
        let raw = |key: &Key, text: &str| hex(&key.sign_fixed(text.as_bytes()));
        let mut entries = vec![
            ("pck_crl_issuer_chain", ca),
            ("root_ca_crl", hex(&self.root_crl.sign(&self.signed_by.root_crl))),
            ("pck_crl", hex(&self.pck_crl.sign(&self.signed_by.pck_crl))),
            ("tcb_info_issuer_chain", signer.clone()),
            ("tcb_info_signature", raw(&self.signed_by.tcb_info, &tcb_info)),
            ("tcb_info", tcb_info),
            ("qe_identity_issuer_chain", signer),
            ("qe_identity_signature", raw(&self.signed_by.qe_identity, &qe_identity)),
            ("qe_identity", qe_identity),
        ];
        if self.chain_with_collateral {
            entries.push(("pck_certificate_chain", chain.clone()));
        }
        let entries: Vec<String> = entries
            .iter()
            .map(|(name, value)| format!("{name:?}:\"{}\"", escaped(value)))
            .collect();
        Signed {
            quote: self.quote.sign(&self.keys, &self.signed_by, &chain),
            collateral: format!("{{{}}}", entries.join(",")),
            root,
        }
    }

    /// The platform's certificates in PEM.
    #[must_use]
    pub fn chain(&self, root: &[u8]) -> String {
        let mut pck = self.pck.clone();
        pck.extensions.push(Extension::new("1.2.840.113741.1.13.1", self.extension.to_der()));
        let certificates =
            [&pck.sign(&self.signed_by.pck)[..], &self.ca.sign(&self.signed_by.ca), root];
        certificates.map(|certificate| pem("CERTIFICATE", certificate)).concat()
    }
}

impl SgxExtension {
    fn to_der(&self) -> Vec<u8> {
        const BASE: &str = "1.2.840.113741.1.13.1";
        let entry = |path: &str, value: Vec<u8>| {
            asn1::sequence(&[asn1::oid(&format!("{BASE}.{path}")), value])
        };
        let mut tcb: Vec<Vec<u8>> = (1..)
            .zip(self.cpu_svn)
            .map(|(nth, svn)| entry(&format!("2.{nth}"), asn1::number(svn.into())))
            .collect();
        tcb.push(entry("2.17", asn1::number(self.pce_svn.into())));
        tcb.push(entry("2.18", asn1::octet_string(&self.cpu_svn)));
        let mut entries = vec![
            entry("1", asn1::octet_string(&self.ppid)),
            entry("2", asn1::sequence(&tcb)),
            entry("3", asn1::octet_string(&self.pce_id)),
            entry("4", asn1::octet_string(&self.fmspc)),
            entry("5", asn1::enumerated(self.sgx_type)),
        ];
        if let Some(piid) = self.piid {
            entries.push(entry("6", asn1::octet_string(&piid)));
        }
        if let Some([dynamic, cached, smt]) = self.configuration {
            let flags = [
                entry("7.1", asn1::boolean(dynamic)),
                entry("7.2", asn1::boolean(cached)),
                entry("7.3", asn1::boolean(smt)),
            ];
            entries.push(entry("7", asn1::sequence(&flags)));
        }
        asn1::sequence(&entries)
    }
}

/// Lower case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
