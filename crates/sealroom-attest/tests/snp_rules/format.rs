//! Lengths, versions, reserved bytes, signatures.

use crate::case::{Case, HandOver, byte, genoa_rows};
use sealroom_attest::{Outcome, Rule};
use sealroom_evidence::snp::Product;
use sealroom_protocol::EvidenceKind;
use sealroom_testpki::amd::{DAY, Fake, NOW, Signed};
use std::collections::BTreeSet;

#[test]
fn what_is_as_it_should_be_is_accepted_whole() {
    for product in Product::ALL {
        for fake in [Fake::vcek(product), Fake::vlek(product), Fake::vcek(product).of_version_2()] {
            let vlek = fake.report.key_info != 0;
            let tables: [HandOver; 2] = if vlek {
                [Signed::list, |it| vec![it.table(true)]]
            } else {
                [Signed::list, |it| vec![it.table(false)]]
            };
            for hand_over in tables {
                let mut case = Case::new(fake.clone(), product);
                case.hand_over = hand_over;
                let judgement = case.judge();
                let checks = &judgement.verdict.checks;
                let passed = checks.iter().all(|check| check.outcome == Outcome::Passed);
                assert!(passed, "{product}: {checks:#?}");
                assert_eq!(judgement.fields["product"], product.name());
                assert_eq!(judgement.issued, Some(NOW - DAY));
                assert_eq!(judgement.expires, Some(NOW + 30 * DAY));
            }
        }
    }
}

#[test]
fn every_rule_about_snp_is_told_when_it_holds() {
    let judgement = Case::genoa().judge();
    let told: BTreeSet<_> = judgement.verdict.checks.iter().map(|check| check.code).collect();
    let wanted = [
        Rule::EvidenceSize,
        Rule::EvidenceFormat,
        Rule::EvidenceVersion,
        Rule::EndorsementsPresent,
        Rule::EndorsementsFormat,
        Rule::EvidenceSignature,
        Rule::CertificateChain,
        Rule::PinnedRoot,
        Rule::Product,
        Rule::ChipId,
        Rule::CertifiedTcb,
        Rule::SigningKey,
        Rule::NotYetValid,
        Rule::NotExpired,
        Rule::RevocationList,
        Rule::NotRevoked,
        Rule::MinimumTcb,
        Rule::CommittedTcb,
        Rule::PlatformConfiguration,
        Rule::NotDebug,
        Rule::NotMigratable,
        Rule::GuestAttributes,
        Rule::Vmpl,
        Rule::Measurement,
        Rule::ReferenceValues,
        Rule::PlatformDenied,
        Rule::PlatformAllowed,
        Rule::ProductAccepted,
        Rule::ExpectedReportData,
        Rule::ReportData,
    ];
    assert_eq!(told, wanted.iter().map(|rule| rule.code()).collect());
}

#[test]
fn rule_1_other_lengths() {
    genoa_rows(&[
        ("empty", |case| case.edit = |it| it.report.clear(), Rule::EvidenceSize),
        ("cut", |case| case.edit = |it| it.report.truncate(1183), Rule::EvidenceSize),
        ("longer", |case| case.edit = |it| it.report.push(0), Rule::EvidenceSize),
    ]);
}

#[test]
fn rule_5_versions_and_reserved_bytes() {
    genoa_rows(&[
        ("version 0", |case| case.fake.report.version = 0, Rule::EvidenceVersion),
        ("version 4", |case| case.fake.report.version = 4, Rule::EvidenceVersion),
        ("version 6", |case| case.fake.report.version = 6, Rule::EvidenceVersion),
        ("no algorithm", |case| case.fake.report.signature_algo = 0, Rule::EvidenceVersion),
        ("algorithm 2", |case| case.fake.report.signature_algo = 2, Rule::EvidenceVersion),
        ("policy bit 26", |case| case.fake.report.policy |= 1 << 26, Rule::EvidenceFormat),
        ("policy bit 63", |case| case.fake.report.policy |= 1 << 63, Rule::EvidenceFormat),
        ("policy bit 17", |case| case.fake.report.policy &= !(1 << 17), Rule::EvidenceFormat),
        ("key info", |case| case.fake.report.key_info |= 1 << 5, Rule::EvidenceFormat),
        ("behind key info", |case| byte(case, 0x4c, 1), Rule::EvidenceFormat),
        ("behind cpuid", |case| byte(case, 0x18b, 1), Rule::EvidenceFormat),
        ("behind versions", |case| byte(case, 0x1eb, 1), Rule::EvidenceFormat),
        ("mitigations before version 5", |case| byte(case, 0x1f8, 1), Rule::EvidenceFormat),
        ("last signed byte", |case| byte(case, 0x29f, 1), Rule::EvidenceFormat),
        ("in current_tcb", |case| case.fake.report.current_tcb[2] = 1, Rule::EvidenceFormat),
        ("in reported_tcb", |case| case.fake.report.reported_tcb[5] = 1, Rule::EvidenceFormat),
        ("in committed_tcb", |case| case.fake.report.committed_tcb[3] = 1, Rule::EvidenceFormat),
        ("in launch_tcb", |case| case.fake.report.launch_tcb[4] = 1, Rule::EvidenceFormat),
        ("behind r", |case| case.fake.report.after.push((0x2d0, 1)), Rule::EvidenceFormat),
        ("behind s", |case| case.fake.report.after.push((0x318, 1)), Rule::EvidenceFormat),
        ("last byte", |case| case.fake.report.after.push((0x49f, 1)), Rule::EvidenceFormat),
    ]);
}

#[test]
fn rules_7_and_8_signatures_that_are_none() {
    fn fill(case: &mut Case, from: usize, value: u8) {
        case.fake.report.after.extend((from..from + 48).map(|at| (at, value)));
    }
    genoa_rows(&[
        ("another key", |case| case.fake.wrong_report_key = true, Rule::EvidenceSignature),
        ("r is zero", |case| fill(case, 0x2a0, 0), Rule::EvidenceSignature),
        ("s is zero", |case| fill(case, 0x2e8, 0), Rule::EvidenceSignature),
        ("r is out of range", |case| fill(case, 0x2a0, 0xff), Rule::EvidenceSignature),
        ("s is out of range", |case| fill(case, 0x2e8, 0xff), Rule::EvidenceSignature),
        (
            "changed behind the signature's back",
            |case| case.fake.report.after.push((0x90, 1)),
            Rule::EvidenceSignature,
        ),
        (
            "the last signed field changed",
            |case| case.fake.report.after.push((0x1f7, 1)),
            Rule::EvidenceSignature,
        ),
    ]);
}

#[test]
fn a_policy_without_the_kind_refuses_it() {
    genoa_rows(&[(
        "TDX only",
        |case| case.policy.accept = BTreeSet::from([EvidenceKind::Tdx]),
        Rule::EvidenceKind,
    )]);
}
