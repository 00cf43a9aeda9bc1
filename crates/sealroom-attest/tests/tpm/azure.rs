//! Azure's evidence with an AMD of a test's own making: runtime data and statements that no machine has ever made.

use crate::{
    EXPECTED, assert_refused, assert_trusted, sha256,
    statement::{SHA256, Signer, Statement, bundle},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealroom_attest::{
    Judgement, Measure, Policy, Request, Roots, Rule,
    policy::{AzurePolicy, PcrReference, SnpPolicy, SnpReference},
    verify,
};
use sealroom_evidence::{
    hcl::Report,
    snp::{Product, Tcb},
    vtpm::Bundle,
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use sealroom_testpki::amd::{Fake, NOW};
use std::collections::{BTreeMap, BTreeSet};

struct Case {
    fake: Fake,
    json: String,
    /// What the hardware carries for the JSON.
    report_data: fn(&[u8]) -> [u8; 64],
    statement: Statement,
    signer: Signer,
    pcrs: BTreeMap<u8, [u8; 32]>,
    edit: fn(&mut Bundle),
    policy: Policy,
}

fn runtime_json() -> String {
    let n = URL_SAFE_NO_PAD.encode(Signer::modulus());
    format!(
        r#"{{"keys":[{{"kid":"HCLAkPub","key_ops":["sign"],"kty":"RSA","e":"AQAB","n":"{n}"}}],"vm-configuration":{{"console-enabled":false,"secure-boot":true,"tpm-enabled":true}}}}"#
    )
}

fn bound(json: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&sha256(json));
    bytes
}

/// A paravisor's report as it lies in the TPM.
fn hcl(hardware: &[u8], json: &[u8]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut out = b"HCLA".to_vec();
    for value in [2, 0x4d4 + json.len(), 2, 0, 0, 0, 0] {
        out.extend(number(value));
    }
    out.extend(hardware);
    for value in [20 + json.len(), 1, 2, 1, json.len()] {
        out.extend(number(value));
    }
    out.extend(json);
    out.extend([0; 100]);
    out
}

impl Case {
    fn new() -> Self {
        let fake = Fake::vcek(Product::Genoa);
        let pcrs: BTreeMap<u8, [u8; 32]> = (0..24).map(|pcr| (pcr, [pcr; 32])).collect();
        let azure = AzurePolicy {
            require_secure_boot: true,
            references: vec![PcrReference([(4, [4; 32]), (7, [7; 32])].into())],
            ..AzurePolicy::default()
        };
        let snp = SnpPolicy {
            products: BTreeMap::from([(Product::Genoa, Tcb::default())]),
            allow_smt: true,
            allow_cxl: true,
            references: vec![SnpReference {
                measurement: fake.report.measurement,
                host_data: None,
                id_key_digest: None,
                author_key_digest: None,
            }],
            ..SnpPolicy::default()
        };
        Self {
            fake,
            json: runtime_json(),
            report_data: bound,
            statement: Statement::new(&EXPECTED, &pcrs),
            signer: Signer::Rsa,
            pcrs,
            edit: |_| {},
            policy: Policy {
                name: "test".to_owned(),
                accept: BTreeSet::from([EvidenceKind::AzureSnp]),
                azure,
                snp,
                ..Policy::default()
            },
        }
    }

    fn judge(&mut self) -> Judgement {
        self.fake.report.report_data = (self.report_data)(self.json.as_bytes());
        let signed = self.fake.sign();
        let mut bundle = bundle(&self.statement, &self.signer, &self.pcrs);
        bundle.hcl = Some(Base64(hcl(&signed.report, self.json.as_bytes())));
        assert!(Report::parse(&bundle.hcl.as_ref().unwrap().0).is_ok());
        (self.edit)(&mut bundle);
        let evidence = Evidence {
            kind: EvidenceKind::AzureSnp,
            quote: Base64(bundle.to_bytes()),
            endorsements: signed.list().into_iter().map(Base64).collect(),
        };
        let pins = Product::ALL.map(|product| {
            (product, if product == Product::Genoa { signed.pin() } else { [0; 32] })
        });
        verify(&Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: Some(&EXPECTED),
            measure: Measure::Policy(&self.policy),
            now: NOW,
            roots: &Roots::danger_for_tests(Vec::new(), pins),
        })
    }

    fn replace(&mut self, from: &str, to: &str) {
        let changed = self.json.replacen(from, to, 1);
        assert_ne!(changed, self.json);
        self.json = changed;
    }
}

#[test]
fn evidence_that_is_for_this_session_is_trusted() {
    let judgement = Case::new().judge();
    assert_trusted(&judgement);
    assert_eq!(judgement.fields["tpm_nonce"], hex::encode(sha256(&EXPECTED)));
    assert_eq!(judgement.fields["signer"], "VCEK");
    let bound = hex::encode(bound(runtime_json().as_bytes()));
    assert_eq!(judgement.fields["report_data"], bound);
}

#[test]
fn each_fault_is_refused_for_its_own_reason() {
    type Row = (&'static str, fn(&mut Case), Rule);
    let rows: &[Row] = &[
        // What the hardware vouches for.
        (
            "another digest in the hardware's report",
            |case| case.report_data = |_| bound(b"other"),
            Rule::RuntimeData,
        ),
        (
            "something behind the digest",
            |case| {
                case.report_data = |json| {
                    let mut bytes = bound(json);
                    bytes[63] = 1;
                    bytes
                };
            },
            Rule::RuntimeData,
        ),
        (
            "what the session expects, in the hardware's report",
            |case| case.report_data = |_| EXPECTED,
            Rule::RuntimeData,
        ),
        (
            "a report that is not signed",
            |case| case.fake.wrong_report_key = true,
            Rule::EvidenceSignature,
        ),
        // The key.
        ("no key of that name", |case| case.replace("HCLAkPub", "HCLEkPub"), Rule::AttestationKey),
        ("a key for something else", |case| case.replace("sign", "encrypt"), Rule::AttestationKey),
        ("a key of another sort", |case| case.replace("\"RSA\"", "\"EC\""), Rule::AttestationKey),
        ("another exponent", |case| case.replace("AQAB", "AQAD"), Rule::TpmQuote),
        ("another machine's key", |case| case.signer = Signer::p256(), Rule::TpmQuote),
        (
            "a name that comes twice",
            |case| case.replace("\"keys\"", "\"keys\":[],\"keys\""),
            Rule::EvidenceFormat,
        ),
        ("runtime data that is no JSON", |case| _ = case.json.pop(), Rule::EvidenceFormat),
        // The set-up.
        (
            "secure boot off",
            |case| case.replace("\"secure-boot\":true", "\"secure-boot\":false"),
            Rule::VmConfiguration,
        ),
        (
            "a console",
            |case| case.replace("\"console-enabled\":false", "\"console-enabled\":true"),
            Rule::VmConfiguration,
        ),
        (
            "a switch that nobody knows",
            |case| case.replace("\"tpm-enabled\"", "\"peek-enabled\":false,\"tpm-enabled\""),
            Rule::VmConfiguration,
        ),
        // The TPM's statement.
        ("data from outside of the TPM", |case| case.statement.magic ^= 1, Rule::TpmQuote),
        ("another sort of statement", |case| case.statement.kind = 0x8017, Rule::TpmQuote),
        ("bytes behind it", |case| case.statement.after.push(0), Rule::TpmQuote),
        ("a signature of zeros", |case| case.edit = |it| it.signature.0.fill(0), Rule::TpmQuote),
        ("another nonce", |case| case.statement.nonce[31] ^= 1, Rule::ReportData),
        ("no nonce", |case| case.statement.nonce.clear(), Rule::ReportData),
        ("half a nonce", |case| case.statement.nonce.truncate(16), Rule::ReportData),
        ("another value", |case| _ = case.pcrs.insert(4, [0; 32]), Rule::PcrDigest),
        ("fewer registers", |case| _ = case.pcrs.remove(&23), Rule::PcrDigest),
        ("registers of another bank", |case| case.statement.banks[0].0 = 0x04, Rule::PcrDigest),
        (
            "other registers of the same values",
            |case| {
                case.pcrs.remove(&23);
                *case = Case {
                    statement: Statement::new(&EXPECTED, &case.pcrs),
                    pcrs: std::mem::take(&mut case.pcrs),
                    ..Case::new()
                };
                case.statement.banks = vec![(SHA256, [0xff, 0x7f, 0xff])];
            },
            Rule::PcrDigest,
        ),
        (
            "another program",
            |case| {
                case.pcrs.insert(4, [0xee; 32]);
                case.statement = Statement::new(&EXPECTED, &case.pcrs);
            },
            Rule::Measurement,
        ),
        (
            "the register that matters left out",
            |case| {
                case.pcrs.remove(&4);
                case.statement = Statement::new(&EXPECTED, &case.pcrs);
            },
            Rule::Measurement,
        ),
    ];
    for (name, spoil, rule) in rows {
        let mut case = Case::new();
        spoil(&mut case);
        assert_refused(name, &case.judge(), *rule);
    }
}

#[test]
fn what_was_judged_of_the_hardware_decides_whether_the_rest_is_looked_at() {
    let mut case = Case::new();
    case.fake.wrong_report_key = true;
    let judgement = case.judge();
    assert!(!judgement.fields.contains_key("tpm_nonce"));
    assert!(!judgement.fields.contains_key("vm_configuration"));

    // What only a policy refuses leaves the report genuine: all faults are told at once.
    let mut case = Case::new();
    case.policy.snp.references.clear();
    case.statement.nonce.clear();
    let found: Vec<_> = case.judge().verdict.failures().map(|check| check.code).collect();
    assert_eq!(found, [Rule::ReferenceValues.code(), Rule::ReportData.code()]);
}
