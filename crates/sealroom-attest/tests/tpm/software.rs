//! A TPM alone: refused as what it is, judged in full where a policy takes it all the same.

use crate::{
    EXPECTED, assert_refused, assert_trusted, codes, failures, sha256,
    statement::{SHA256, Signer, Statement, bundle},
    with_outcome,
};
use proptest::prelude::*;
use sealroom_attest::{
    Judgement, Measure, Outcome, Policy, Request, Roots, Rule,
    policy::{PcrReference, TpmPolicy},
    verify,
};
use sealroom_evidence::vtpm::{Bundle, MAX_LEN};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Case {
    signer: Signer,
    statement: Statement,
    pcrs: BTreeMap<u8, [u8; 32]>,
    edit: fn(&mut Bundle),
    policy: Policy,
    expected: Option<[u8; 64]>,
}

impl Case {
    fn new(signer: Signer) -> Self {
        let pcrs = BTreeMap::from([(0, [1; 32]), (7, [2; 32]), (16, [3; 32])]);
        let policy = policy(&signer.spki(), &pcrs);
        let statement = Statement::new(&EXPECTED, &pcrs);
        Self { signer, statement, pcrs, edit: |_| {}, policy, expected: Some(EXPECTED) }
    }

    fn evidence(&self) -> Evidence {
        let mut bundle = bundle(&self.statement, &self.signer, &self.pcrs);
        bundle.key = Some(Base64(self.signer.spki()));
        (self.edit)(&mut bundle);
        evidence(bundle.to_bytes())
    }

    fn judge(&self) -> Judgement {
        judge(&self.evidence(), self.expected.as_ref(), Measure::Policy(&self.policy))
    }
}

pub(crate) fn policy(spki: &[u8], pcrs: &BTreeMap<u8, [u8; 32]>) -> Policy {
    Policy {
        name: "test".to_owned(),
        accept: BTreeSet::from([EvidenceKind::Tpm]),
        tpm: TpmPolicy {
            attestation_keys: BTreeSet::from([sha256(spki)]),
            references: vec![PcrReference(pcrs.clone())],
        },
        ..Policy::default()
    }
}

pub(crate) fn evidence(quote: Vec<u8>) -> Evidence {
    Evidence { kind: EvidenceKind::Tpm, quote: Base64(quote), endorsements: Vec::new() }
}

pub(crate) fn judge(
    evidence: &Evidence,
    expected: Option<&[u8; 64]>,
    measure: Measure<'_>,
) -> Judgement {
    verify(&Request {
        evidence,
        endorsements: &[],
        report_data: expected,
        measure,
        now: 0,
        roots: &Roots::pinned(),
    })
}

#[test]
fn a_policy_that_names_the_kind_takes_it_with_a_warning() {
    for signer in [Signer::p256(), Signer::Rsa] {
        let case = Case::new(signer);
        let judgement = case.judge();
        assert_trusted(&judgement);
        assert_eq!(with_outcome(&judgement, Outcome::Warned), codes([Rule::HardwareRooted]));
        assert_eq!(judgement.fields["tpm_nonce"], hex::encode(sha256(&EXPECTED)));
        assert_eq!(judgement.fields["pcrs"]["7"], "02".repeat(32));
        let key = hex::encode(sha256(&case.signer.spki()));
        assert_eq!(judgement.fields["attestation_key"], key);
    }
}

#[test]
fn it_is_never_genuine_hardware() {
    let case = Case::new(Signer::p256());
    let statuses = BTreeSet::new();
    let judgement = judge(&case.evidence(), Some(&EXPECTED), Measure::Genuine(&statuses));
    assert_refused("genuineness", &judgement, Rule::HardwareRooted);
    let open = codes([Rule::AttestationKey, Rule::Measurement]);
    assert_eq!(with_outcome(&judgement, Outcome::Open), open);

    let without = judge(&case.evidence(), None, Measure::Genuine(&statuses));
    assert!(with_outcome(&without, Outcome::Open).contains(Rule::ReportData.code()));

    let mut hardware = case.policy.clone();
    hardware.accept = BTreeSet::from([EvidenceKind::Snp, EvidenceKind::AzureSnp]);
    let judgement = judge(&case.evidence(), Some(&EXPECTED), Measure::Policy(&hardware));
    assert_eq!(failures(&judgement), codes([Rule::EvidenceKind, Rule::HardwareRooted]));
}

#[test]
fn each_fault_is_refused_for_its_own_reason() {
    type Row = (&'static str, fn(&mut Case), Rule);
    let rows: &[Row] = &[
        ("another nonce", |case| case.statement.nonce[0] ^= 1, Rule::ReportData),
        ("a nonce cut off", |case| _ = case.statement.nonce.pop(), Rule::ReportData),
        ("no nonce", |case| case.statement.nonce.clear(), Rule::ReportData),
        ("more than the nonce", |case| case.statement.nonce.push(0), Rule::ReportData),
        (
            "the bytes themselves for their digest",
            |case| case.statement.nonce = EXPECTED.to_vec(),
            Rule::ReportData,
        ),
        ("other values", |case| _ = case.pcrs.insert(7, [9; 32]), Rule::PcrDigest),
        ("a register less", |case| _ = case.pcrs.remove(&7), Rule::PcrDigest),
        ("a register more", |case| _ = case.pcrs.insert(8, [0; 32]), Rule::PcrDigest),
        (
            "values in another order",
            |case| {
                case.pcrs.insert(0, [2; 32]);
                case.pcrs.insert(7, [1; 32]);
            },
            Rule::PcrDigest,
        ),
        (
            "the same values of other registers",
            |case| case.statement.banks = vec![(SHA256, [0b0000_0011, 0, 1])],
            Rule::PcrDigest,
        ),
        (
            "no registers at all",
            |case| {
                case.pcrs.clear();
                case.statement = Statement::new(&EXPECTED, &case.pcrs);
            },
            Rule::PcrDigest,
        ),
        ("no bank", |case| case.statement.banks.clear(), Rule::PcrDigest),
        ("another bank", |case| case.statement.banks[0].0 = 0x0c, Rule::PcrDigest),
        ("another bank too", |case| case.statement.banks.push((0x04, [0; 3])), Rule::PcrDigest),
        (
            "the same bank twice",
            |case| case.statement.banks = case.statement.banks.repeat(2),
            Rule::PcrDigest,
        ),
        ("no digest", |case| case.statement.digest.clear(), Rule::PcrDigest),
        ("a digest cut off", |case| case.statement.digest.truncate(31), Rule::PcrDigest),
        ("data from outside of the TPM", |case| case.statement.magic = 0, Rule::TpmQuote),
        ("another sort of statement", |case| case.statement.kind = 0x8017, Rule::TpmQuote),
        ("bytes behind the statement", |case| case.statement.after.push(0), Rule::TpmQuote),
        ("a bit of the statement", |case| case.edit = |it| it.message.0[60] ^= 1, Rule::TpmQuote),
        ("a bit of the signature", |case| case.edit = |it| it.signature.0[9] ^= 1, Rule::TpmQuote),
        ("no signature", |case| case.edit = |it| it.signature.0.clear(), Rule::TpmQuote),
        ("r and s zero", |case| case.edit = |it| it.signature.0 = vec![0; 64], Rule::TpmQuote),
        (
            "another policy's key",
            |case| case.policy.tpm.attestation_keys = BTreeSet::from([[0; 32]]),
            Rule::AttestationKey,
        ),
        (
            "no key of a policy's",
            |case| case.policy.tpm.attestation_keys.clear(),
            Rule::ReferenceValues,
        ),
        ("no reference", |case| case.policy.tpm.references.clear(), Rule::ReferenceValues),
        (
            "an empty reference",
            |case| case.policy.tpm.references.push(PcrReference(BTreeMap::new())),
            Rule::ReferenceValues,
        ),
        (
            "another reference",
            |case| case.policy.tpm.references[0].0.insert(16, [0; 32]).map_or((), |_| ()),
            Rule::Measurement,
        ),
        (
            "a reference to a register that is not shown",
            |case| case.policy.tpm.references[0].0.insert(9, [0; 32]).map_or((), |_| ()),
            Rule::Measurement,
        ),
        (
            "hardware beside it",
            |case| case.edit = |it| it.hcl = it.key.clone(),
            Rule::EvidenceFormat,
        ),
        (
            "a TDX quote beside it",
            |case| case.edit = |it| it.td_quote = it.key.clone(),
            Rule::EvidenceFormat,
        ),
        ("no key", |case| case.edit = |it| it.key = None, Rule::EvidenceFormat),
        (
            "only zeros expected",
            |case| {
                case.expected = Some([0; 64]);
                case.statement.nonce = sha256(&[0; 64]).to_vec();
            },
            Rule::ExpectedReportData,
        ),
    ];
    for (name, spoil, rule) in rows {
        let mut case = Case::new(Signer::p256());
        assert_trusted(&case.judge());
        spoil(&mut case);
        assert_refused(name, &case.judge(), *rule);
    }
}

#[test]
fn one_of_several_references_is_enough_and_it_may_name_fewer_registers() {
    let mut case = Case::new(Signer::p256());
    let other = PcrReference(BTreeMap::from([(0, [8; 32])]));
    let fewer = PcrReference(BTreeMap::from([(16, [3; 32])]));
    case.policy.tpm.references = vec![other, fewer];
    assert_trusted(&case.judge());
}

#[test]
fn keys_of_other_sorts_are_refused() {
    type Row = (fn() -> Signer, fn(&mut Vec<u8>));
    let rows: [Row; 6] = [
        (Signer::p256, |spki| spki[20] ^= 1),   // the curve
        (Signer::p256, |spki| spki[10] ^= 1),   // the algorithm
        (|| Signer::Rsa, |spki| spki[17] ^= 1), // its parameters
        (Signer::p256, |spki| _ = spki.pop()),
        (Signer::p256, |spki| spki.push(0)),
        (Signer::p256, |spki| spki.clear()),
    ];
    for (signer, spoil) in rows {
        let mut case = Case::new(signer());
        let mut spki = case.signer.spki();
        spoil(&mut spki);
        case.policy.tpm.attestation_keys.insert(sha256(&spki));
        let mut bundle = bundle(&case.statement, &case.signer, &case.pcrs);
        bundle.key = Some(Base64(spki));
        let evidence = evidence(bundle.to_bytes());
        let judgement = judge(&evidence, Some(&EXPECTED), Measure::Policy(&case.policy));
        assert_refused("a key", &judgement, Rule::AttestationKey);
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let case = Case::new(Signer::p256());
    let good = case.evidence().quote.0;
    let mut long = good.clone();
    long.resize(MAX_LEN + 1, b' ');
    for (bytes, rule) in [
        (Vec::new(), Rule::EvidenceFormat),
        (good[..good.len() - 1].to_vec(), Rule::EvidenceFormat),
        ([&good[..], b"0"].concat(), Rule::EvidenceFormat),
        (long, Rule::EvidenceSize),
    ] {
        let evidence = evidence(bytes);
        let judgement = judge(&evidence, Some(&EXPECTED), Measure::Policy(&case.policy));
        assert_refused("unreadable", &judgement, rule);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics_and_no_change_of_a_byte_is_trusted(at: prop::sample::Index, byte: u8) {
        let case = Case::new(Signer::p256());
        let mut evidence = case.evidence();
        let before = evidence.quote.0.clone();
        *at.get_mut(&mut evidence.quote.0) = byte;
        prop_assume!(evidence.quote.0 != before);
        let judgement = judge(&evidence, Some(&EXPECTED), Measure::Policy(&case.policy));
        prop_assert!(!judgement.verdict.is_trusted());
    }

    #[test]
    fn random_bundles_do_not_panic(
        message: Vec<u8>, signature: Vec<u8>, key: Option<Vec<u8>>, hcl: Option<Vec<u8>>, quote: Option<Vec<u8>>,
        kind in prop::sample::select(vec![EvidenceKind::Tpm, EvidenceKind::AzureTdx, EvidenceKind::AzureSnp]),
    ) {
        let case = Case::new(Signer::p256());
        let mut made = bundle(&case.statement, &case.signer, &case.pcrs);
        made.message.0 = message;
        made.signature.0 = signature;
        (made.key, made.hcl, made.td_quote) = (key.map(Base64), hcl.map(Base64), quote.map(Base64));
        let evidence = Evidence { kind, ..evidence(made.to_bytes()) };
        let statuses = BTreeSet::new();
        prop_assert!(!judge(&evidence, None, Measure::Genuine(&statuses)).verdict.is_trusted());
    }
}
