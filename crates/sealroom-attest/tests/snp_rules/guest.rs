//! Who can reach the guest, what it is, for whom the evidence is.

use crate::case::{Case, Row, byte, failures, genoa_rows, list};
use sealroom_attest::policy::SnpReference;
use sealroom_attest::{Measure, Outcome, Rule};
use sealroom_evidence::snp::Product;
use sealroom_testpki::amd::{DAY, Fake, Signer};
use std::collections::BTreeSet;

#[test]
fn rules_27_28_and_30_guests_that_others_can_reach() {
    genoa_rows(&[
        ("debug", |case| case.fake.report.policy |= 1 << 19, Rule::NotDebug),
        ("migration", |case| case.fake.report.policy |= 1 << 18, Rule::NotMigratable),
        ("level 1", |case| case.fake.report.vmpl = 1, Rule::Vmpl),
        ("level 4", |case| case.fake.report.vmpl = 4, Rule::Vmpl),
        ("the host", |case| case.fake.report.vmpl = u32::MAX, Rule::Vmpl),
        (
            "the host, whatever the policy says",
            |case| {
                case.fake.report.vmpl = u32::MAX;
                case.policy.snp.max_vmpl = u32::MAX;
            },
            Rule::Vmpl,
        ),
        (
            "level 4, whatever the policy says",
            |case| {
                case.fake.report.vmpl = 4;
                case.policy.snp.max_vmpl = u32::MAX;
            },
            Rule::Vmpl,
        ),
        (
            "one level above the policy's",
            |case| (case.fake.report.vmpl, case.policy.snp.max_vmpl) = (3, 2),
            Rule::Vmpl,
        ),
        ("CXL memory", |case| case.fake.report.policy |= 1 << 21, Rule::GuestAttributes),
        (
            "more than one socket",
            |case| case.policy.snp.require_single_socket = true,
            Rule::GuestAttributes,
        ),
    ]);
    for level in 0..4 {
        let mut case = Case::genoa();
        (case.fake.report.vmpl, case.policy.snp.max_vmpl) = (level, level);
        assert!(case.judge().verdict.is_trusted(), "the policy's level itself is accepted");
    }
    let mut case = Case::genoa();
    case.fake.report.policy |= 1 << 20 | 1 << 21;
    (case.policy.snp.require_single_socket, case.policy.snp.allow_cxl) = (true, true);
    assert!(case.judge().verdict.is_trusted(), "one socket and CXL, as the policy has it");
}

#[test]
fn rule_31_guests_that_nobody_expects() {
    genoa_rows(&[
        ("launch digest", |case| case.fake.report.measurement[47] ^= 1, Rule::Measurement),
        ("host data", |case| case.fake.report.host_data[31] ^= 1, Rule::Measurement),
        ("identity key", |case| case.fake.report.id_key_digest[47] ^= 1, Rule::Measurement),
        ("author's key", |case| case.fake.report.author_key_digest[47] ^= 1, Rule::Measurement),
        ("version", |case| case.fake.report.guest_svn -= 1, Rule::Measurement),
        ("no reference", |case| case.policy.snp.references.clear(), Rule::ReferenceValues),
    ]);
    let mut case = Case::genoa();
    let wanted = case.policy.snp.references[0].clone();
    let other = SnpReference { measurement: [0; 48], ..wanted };
    let bare = SnpReference {
        measurement: [0x3e; 48],
        host_data: None,
        id_key_digest: None,
        author_key_digest: None,
    };
    case.policy.snp.references = vec![other, bare];
    case.fake.report.host_data = [9; 32];
    assert!(case.judge().verdict.is_trusted(), "one of several, and only what it names");
}

#[test]
fn rules_34_and_35_evidence_for_something_else() {
    genoa_rows(&[
        (
            "for nobody",
            |case| (case.fake.report.report_data, case.expected) = ([0; 64], [0; 64]),
            Rule::ExpectedReportData,
        ),
        ("another first byte", |case| case.expected[0] ^= 1, Rule::ReportData),
        ("another last byte", |case| case.expected[63] ^= 1, Rule::ReportData),
    ]);
}

/// Without a policy the same faults are refused, and what only a policy knows stays open.
#[test]
fn genuineness_alone_decides_what_needs_no_policy() {
    let statuses = BTreeSet::new();
    let judge = |case: &Case| case.judge_by(Measure::Genuine(&statuses));
    let rows: &[Row] = &[
        ("debug", |case| case.fake.report.policy |= 1 << 19, Rule::NotDebug),
        ("migration", |case| case.fake.report.policy |= 1 << 18, Rule::NotMigratable),
        ("the host", |case| case.fake.report.vmpl = u32::MAX, Rule::Vmpl),
        ("level 4", |case| case.fake.report.vmpl = 4, Rule::Vmpl),
        ("reserved", |case| byte(case, 0x4c, 1), Rule::EvidenceFormat),
        ("signature", |case| case.fake.wrong_report_key = true, Rule::EvidenceSignature),
        ("chain", |case| case.fake.vek.by = Signer::Stranger, Rule::CertificateChain),
        ("root", |case| case.root_of = None, Rule::PinnedRoot),
        ("time", |case| case.now += 400 * DAY, Rule::NotExpired),
        ("revoked", |case| list(case).content.revoked = vec![vec![1, 0, 1]], Rule::NotRevoked),
        ("key", |case| case.fake.report.key_info = 7 << 2, Rule::SigningKey),
        (
            "committed to more than runs",
            |case| case.fake.report.committed_tcb = [9, 1, 0, 0, 0, 0, 20, 80],
            Rule::CommittedTcb,
        ),
        ("for something else", |case| case.expected[0] ^= 1, Rule::ReportData),
    ];
    let judgement = judge(&Case::genoa());
    assert!(judgement.verdict.is_trusted());
    let mut open = judgement.verdict.checks.iter().filter(|check| check.outcome == Outcome::Open);
    assert!(open.all(|check| check.code != Rule::Vmpl.code()), "no policy can refuse level 0");
    for (name, spoil, rule) in rows {
        let mut case = Case::genoa();
        spoil(&mut case);
        let judgement = judge(&case);
        assert_eq!(failures(&judgement), BTreeSet::from([rule.code()]), "{name}: {judgement:#?}");
    }
    let mut case = Case::new(Fake::vlek(Product::Genoa), Product::Genoa);
    case.fake.report.vmpl = 1;
    case.fake.crl = None;
    let judgement = judge(&case);
    assert!(judgement.verdict.is_trusted());
    let checks = judgement.verdict.checks.iter();
    let open = checks.filter(|check| check.outcome == Outcome::Open).map(|check| check.code);
    let wanted = [
        Rule::GuestAttributes,
        Rule::Measurement,
        Rule::MinimumTcb,
        Rule::PlatformAllowed,
        Rule::PlatformConfiguration,
        Rule::ProductAccepted,
        Rule::RevocationList,
        Rule::SigningKey,
        Rule::Vmpl,
    ];
    assert_eq!(open.collect::<BTreeSet<_>>(), wanted.iter().map(|rule| rule.code()).collect());
}

/// Nothing that is said of a report whose signature does not hold is taken for a fact.
#[test]
fn after_a_broken_signature_nothing_more_is_said() {
    for spoil in [
        (|case| case.fake.wrong_report_key = true) as fn(&mut Case),
        |case| case.fake.vek.by = Signer::Stranger,
        |case| case.root_of = None,
    ] {
        let mut case = Case::genoa();
        spoil(&mut case);
        let judgement = case.judge();
        let codes: BTreeSet<_> = judgement.verdict.checks.iter().map(|check| check.code).collect();
        for rule in [Rule::NotDebug, Rule::Measurement, Rule::ReportData, Rule::ChipId] {
            assert!(!codes.contains(rule.code()), "{rule}");
        }
        assert!(judgement.platforms.is_empty());
    }
}
