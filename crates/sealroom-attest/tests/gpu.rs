//! GPUs beside a processor: what is not verified is refused, and what is known to be wrong is named.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use sealroom_attest::{
    Judgement, Measure, Policy, Request, Roots, Rule,
    gpu::{Composite, GpuEvidence, MAX_BYTES, MAX_CERTIFICATES, MAX_GPUS, nonce, verify},
};
use sealroom_evidence::simulated::Quote;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::collections::BTreeSet;

const EXPECTED: [u8; 64] = [0x5a; 64];

fn gpu(number: u32) -> GpuEvidence {
    GpuEvidence {
        report: Base64(vec![1; 4096]),
        certificates: vec![Base64(vec![2; 700]); 5],
        nonce: Base64(nonce(&EXPECTED, number).to_vec()),
    }
}

fn composite(gpus: u32) -> Composite {
    let quote = Quote { report_data: &EXPECTED, program: &[1; 32] }.to_bytes();
    let cpu =
        Evidence { kind: EvidenceKind::Simulated, quote: Base64(quote), endorsements: vec![] };
    Composite { cpu, gpus: (0..gpus).map(gpu).collect() }
}

fn judge(composite: &Composite, expected: usize) -> Judgement {
    let policy = Policy {
        name: "test".to_owned(),
        accept: BTreeSet::from([EvidenceKind::Simulated]),
        ..Policy::default()
    };
    let request = Request {
        evidence: &composite.cpu,
        endorsements: &[],
        report_data: Some(&EXPECTED),
        measure: Measure::Policy(&policy),
        now: 0,
        roots: &Roots::pinned(),
    };
    verify(&request, &composite.gpus, expected)
}

fn failures(judgement: &Judgement) -> BTreeSet<&'static str> {
    judgement.verdict.failures().map(|check| check.code).collect()
}

fn codes<const N: usize>(rules: [Rule; N]) -> BTreeSet<&'static str> {
    rules.iter().map(|rule| rule.code()).collect()
}

#[test]
fn without_gpus_the_processor_is_judged_as_ever() {
    assert!(judge(&composite(0), 0).verdict.is_trusted());
    let mut other = composite(0);
    let quote = Quote { report_data: &[1; 64], program: &[1; 32] };
    other.cpu.quote = Base64(quote.to_bytes());
    assert_eq!(failures(&judge(&other, 0)), codes([Rule::ReportData]));
}

#[test]
fn nothing_that_a_gpu_shows_is_trusted() {
    for count in 1..3 {
        let judgement = judge(&composite(count), count as usize);
        assert_eq!(failures(&judgement), codes([Rule::Gpu]), "{:#?}", judgement.verdict);
    }
}

#[test]
fn the_count_has_to_be_as_expected() {
    for (shown, expected) in [(0, 1), (1, 2), (2, 1), (1, 0)] {
        let judgement = judge(&composite(shown), expected);
        assert_eq!(failures(&judgement), codes([Rule::Gpu]));
        let says = format!("evidence of {shown} GPUs, {expected} are expected");
        assert!(judgement.verdict.failures().any(|check| check.text.contains(&says)));
    }
    let text = "are expected";
    let fits = judge(&composite(1), 1);
    assert!(!fits.verdict.failures().any(|check| check.text.contains(text)));
}

#[test]
fn a_gpu_of_another_session_or_place_is_named() {
    let spoils: [fn(&mut Composite); 5] = [
        |it| it.gpus[1].nonce.0[0] ^= 1,
        |it| it.gpus[1].nonce.0.clear(),
        |it| it.gpus[1].nonce.0.push(0),
        |it| it.gpus.swap(0, 1),
        |it| it.gpus[1] = it.gpus[0].clone(),
    ];
    for spoil in spoils {
        let mut it = composite(2);
        spoil(&mut it);
        assert_eq!(failures(&judge(&it, 2)), codes([Rule::Composition, Rule::Gpu]));
    }
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let spoils: [fn(&mut Composite); 4] = [
        |it| it.gpus[0].report.0.resize(MAX_BYTES + 1, 0),
        |it| it.gpus[0].certificates[4].0.resize(MAX_BYTES + 1, 0),
        |it| it.gpus[0].certificates.resize(MAX_CERTIFICATES + 1, Base64(vec![])),
        |it| it.gpus.resize(MAX_GPUS + 1, gpu(0)),
    ];
    for spoil in spoils {
        let mut it = composite(1);
        spoil(&mut it);
        let judgement = judge(&it, it.gpus.len());
        assert_eq!(failures(&judgement), codes([Rule::EvidenceSize, Rule::Gpu]));
    }
}

#[test]
fn unknown_kinds_and_parts_cannot_be_read() {
    let good = serde_json::to_string(&composite(1)).unwrap();
    assert_eq!(serde_json::from_str::<Composite>(&good).unwrap(), composite(1));
    for (from, to) in [
        (r#""simulated""#, r#""quantum""#),
        (r#""gpus""#, r#""tpus":[],"gpus""#),
        (r#""report""#, r#""verified":true,"report""#),
        (r#""gpus""#, r#""gpus":[],"gpus""#),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(serde_json::from_str::<Composite>(&bad).is_err(), "{to}");
    }
}
