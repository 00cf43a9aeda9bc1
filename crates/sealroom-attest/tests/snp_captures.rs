//! Real reports of real processors, judged with AMD's real roots.
#![allow(clippy::unwrap_used, reason = "a broken capture is to stop the test")]

use proptest::prelude::*;
use sealroom_attest::{Judgement, Measure, Outcome, Request, Roots, Rule, verify};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf};

/// A directory of `vectors/attestation/snp`.
#[derive(Debug)]
struct Capture {
    dir: PathBuf,
    evidence: Evidence,
    now: u64,
    expected: Value,
}

fn captures() -> Vec<Capture> {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/snp");
    let dirs = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = dirs.map(capture).collect();
    assert_eq!(found.len(), 9, "captures in {all}");
    found
}

fn capture(dir: PathBuf) -> Capture {
    let read = |name: &str| Base64(fs::read(dir.join(name)).unwrap());
    let expected: Value = serde_json::from_slice(&read("expected.json").0).unwrap();
    let evidence = Evidence {
        kind: EvidenceKind::Snp,
        quote: read("report.bin"),
        endorsements: ["vek.der", "ask.der", "ark.der"].map(read).to_vec(),
    };
    Capture { now: expected["now"].as_u64().unwrap(), dir, evidence, expected }
}

fn named(name: &str) -> Capture {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/snp");
    capture(PathBuf::from(all).join(name))
}

impl Capture {
    fn judge(&self) -> Judgement {
        self.judge_at(self.now)
    }

    fn judge_at(&self, now: u64) -> Judgement {
        let (roots, statuses) = (Roots::pinned(), BTreeSet::new());
        verify(&Request {
            evidence: &self.evidence,
            endorsements: &[],
            report_data: None,
            measure: Measure::Genuine(&statuses),
            now,
            roots: &roots,
        })
    }

    fn with_table(mut self) -> Self {
        let table = fs::read(self.dir.join("auxblob.bin")).unwrap();
        self.evidence.endorsements = vec![Base64(table)];
        self
    }
}

fn failures(judgement: &Judgement) -> Vec<&'static str> {
    judgement.verdict.failures().map(|check| check.code).collect()
}

#[test]
fn genuine_reports_pass_with_the_fields_that_they_have() {
    let captures: Vec<_> =
        captures().into_iter().filter(|it| it.expected["verdict"] == "accept").collect();
    assert_eq!(captures.len(), 7);
    for capture in captures {
        let judgement = capture.judge();
        let name = capture.dir.display();
        assert!(judgement.verdict.is_trusted(), "{name}: {:#?}", judgement.verdict);
        assert_eq!(Value::from(judgement.fields), capture.expected["fields"], "{name}");
        let chip = capture.expected["fields"]["chip_id"].as_str().unwrap();
        let vlek = capture.expected["fields"]["signer"] == "VLEK";
        let platforms = if vlek { vec![] } else { vec![chip.to_owned()] };
        assert_eq!(judgement.platforms, platforms, "{name}");
        let (issued, expires) = (judgement.issued.unwrap(), judgement.expires.unwrap());
        assert!(issued < capture.now && capture.now < expires, "{name}: {issued} {expires}");
        let open: BTreeSet<_> = judgement
            .verdict
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Open)
            .map(|check| check.code)
            .collect();
        for rule in [
            Rule::ReportData,
            Rule::Measurement,
            Rule::MinimumTcb,
            Rule::PlatformAllowed,
            Rule::PlatformConfiguration,
            Rule::ProductAccepted,
            Rule::RevocationList,
        ] {
            assert!(open.contains(rule.code()), "{name}: {rule} is open");
        }
        assert_eq!(open.contains(Rule::SigningKey.code()), vlek, "{name}");
    }
}

#[test]
fn the_debugged_guest_is_refused_for_that_alone() {
    let capture = named("milan-v2-debug");
    let judgement = capture.judge();
    assert_eq!(failures(&judgement), ["not-debug"]);
    check_claimed(&capture, &judgement);
}

#[test]
fn the_forged_certificate_is_refused_for_its_signature_alone() {
    let capture = named("milan-v2-forged-vcek");
    let judgement = capture.judge();
    assert_eq!(failures(&judgement), ["certificate-chain"]);
    let text = &judgement.verdict.failures().next().unwrap().text;
    assert_eq!(text, "the VCEK is not signed by the ASK");
    assert!(judgement.platforms.is_empty(), "nobody vouches for the chip");
    check_claimed(&capture, &judgement);
}

fn check_claimed(capture: &Capture, judgement: &Judgement) {
    for (name, value) in capture.expected["claimed"].as_object().unwrap() {
        assert_eq!(judgement.fields.get(name), Some(value), "{name}");
    }
}

#[test]
fn certificates_from_the_hosts_table_do_as_well() {
    let capture = named("genoa-v3-certtable");
    let with_list = capture.judge();
    let capture = capture.with_table();
    let judgement = capture.judge();
    assert!(judgement.verdict.is_trusted(), "{:#?}", judgement.verdict);
    assert_eq!(judgement.fields, with_list.fields);
}

#[test]
fn whoever_asks_brings_certificates_that_go_before_those_of_the_host() {
    let (capture, other) = (named("milan-v3-vcek"), named("turin-v5-vcek"));
    let (roots, statuses) = (Roots::pinned(), BTreeSet::new());
    let judgement = verify(&Request {
        evidence: &capture.evidence,
        endorsements: &other.evidence.endorsements,
        report_data: None,
        measure: Measure::Genuine(&statuses),
        now: other.now,
        roots: &roots,
    });
    assert_eq!(failures(&judgement), ["evidence-signature"]);
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    for (name, from, until) in [
        ("milan-v3-vlek", 1_733_868_861, 1_765_404_861),
        ("turin-v5-vcek", 1_752_771_886, 1_973_696_686),
    ] {
        let capture = named(name);
        for (now, wanted) in [
            (from - 1, vec!["not-yet-valid"]),
            (from, vec![]),
            (until, vec![]),
            (until + 1, vec!["not-expired"]),
        ] {
            assert_eq!(failures(&capture.judge_at(now)), wanted, "{name} {now}");
        }
    }
}

#[test]
fn a_signature_from_another_genuine_report_is_refused() {
    let (mut capture, other) = (named("genoa-v5-vcek"), named("genoa-v3-certtable"));
    capture.evidence.quote.0[0x2a0..].copy_from_slice(&other.evidence.quote.0[0x2a0..]);
    assert_eq!(failures(&capture.judge()), ["evidence-signature"]);
}

#[test]
fn a_report_of_another_length_is_refused() {
    let mut capture = named("genoa-v5-vcek");
    let whole = capture.evidence.quote.0.clone();
    for length in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
        capture.evidence.quote.0 = whole[..length].to_vec();
        assert_eq!(failures(&capture.judge()), ["evidence-size"], "{length}");
    }
    capture.evidence.quote.0 = [whole, vec![0]].concat();
    assert_eq!(failures(&capture.judge()), ["evidence-size"]);
}

#[test]
fn without_certificates_nothing_is_believed() {
    let mut capture = named("genoa-v5-vcek");
    let all = capture.evidence.endorsements.clone();
    for count in 0..3 {
        capture.evidence.endorsements = all[..count].to_vec();
        assert_eq!(failures(&capture.judge()), ["endorsements-present"], "{count}");
    }
}

/// Every bit of the report is signed, or is the signature, or must be zero.
#[test]
fn any_flipped_bit_of_the_report_is_refused() {
    for name in ["milan-v2-vcek", "milan-v3-vlek", "turin-v5-vcek"] {
        let mut capture = named(name);
        // Every byte, and by the way every bit of one byte in eight.
        for at in 0..capture.evidence.quote.0.len() {
            capture.evidence.quote.0[at] ^= 1 << (at / 3 % 8);
            let judgement = capture.judge();
            assert!(!judgement.verdict.is_trusted(), "{name}: byte {at}");
            capture.evidence.quote.0[at] ^= 1 << (at / 3 % 8);
        }
        assert!(capture.judge().verdict.is_trusted(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_flipped_bit_is_refused(
        which in 0..7_usize, part in 0..4_usize, at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let mut good = captures();
        good.retain(|it| it.expected["verdict"] == "accept");
        let mut capture = good.swap_remove(which);
        let bytes = match part {
            0 => &mut capture.evidence.quote.0,
            certificate => &mut capture.evidence.endorsements[certificate - 1].0,
        };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let judgement = capture.judge();
        prop_assert!(!judgement.verdict.is_trusted(), "{} {part} {at} {bit}", capture.dir.display());
    }

    #[test]
    fn a_hosts_table_of_any_shape_is_judged_without_a_panic(
        at: prop::sample::Index, value: u8, cut: prop::sample::Index,
    ) {
        let mut capture = named("genoa-v3-certtable").with_table();
        let table = &mut capture.evidence.endorsements[0].0;
        let at = at.index(table.len());
        table[at] = value;
        table.truncate(cut.index(table.len()));
        prop_assert!(!capture.judge().verdict.is_trusted());
    }
}
