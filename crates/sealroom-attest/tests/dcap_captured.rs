//! Captured SGX and TDX evidence: each set has its verdict and its fields in `expected.json`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use sealroom_attest::{Judgement, Measure, Outcome, Request, Roots, policy::TcbStatus, verify};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation");

#[derive(Clone)]
struct Captured {
    name: String,
    evidence: Evidence,
    expected: Value,
}

impl Captured {
    fn read(path: &Path) -> Self {
        let expected: Value =
            serde_json::from_slice(&fs::read(path.join("expected.json")).unwrap()).unwrap();
        let kind = serde_json::from_value(expected["kind"].clone()).unwrap();
        let quote = Base64(fs::read(path.join("quote.bin")).unwrap());
        let endorsements = vec![Base64(fs::read(path.join("collateral.json")).unwrap())];
        let evidence = Evidence { kind, quote, endorsements };
        Self { name: path.display().to_string(), evidence, expected }
    }

    fn named(name: &str) -> Self {
        Self::read(&Path::new(VECTORS).join(name))
    }

    fn now(&self) -> u64 {
        self.expected["now"].as_u64().unwrap()
    }

    /// `UpToDate`, and what the set asks for beside it.
    fn statuses(&self) -> BTreeSet<TcbStatus> {
        let named = self.expected["accept_status"].as_array().unwrap();
        let named = named.iter().map(|status| status.as_str().unwrap().parse().unwrap());
        named.chain([TcbStatus::UpToDate]).collect()
    }

    fn judge(&self) -> Judgement {
        self.judge_at(self.now())
    }

    fn judge_at(&self, now: u64) -> Judgement {
        verify(&Request {
            evidence: &self.evidence,
            endorsements: &[],
            report_data: None,
            measure: Measure::Genuine(&self.statuses()),
            now,
            roots: &Roots::pinned(),
        })
    }
}

fn all() -> Vec<Captured> {
    let mut paths: Vec<PathBuf> = ["sgx", "tdx"]
        .iter()
        .flat_map(|tee| fs::read_dir(Path::new(VECTORS).join(tee)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 14, "the vectors are there");
    paths.iter().map(|path| Captured::read(path)).collect()
}

fn failures(judgement: &Judgement) -> Vec<&'static str> {
    judgement.verdict.failures().map(|check| check.code).collect()
}

#[test]
fn each_set_has_its_verdict() {
    for captured in all() {
        let name = &captured.name;
        let judgement = captured.judge();
        let accepted = captured.expected["verdict"] == "accept";
        assert_eq!(judgement.verdict.is_trusted(), accepted, "{name}: {:#?}", judgement.verdict);
        if accepted {
            for (field, wanted) in captured.expected["fields"].as_object().unwrap() {
                assert_eq!(judgement.fields.get(field), Some(wanted), "{name}: {field}");
            }
            let open = |code| {
                let mut checks = judgement.verdict.checks.iter();
                checks.any(|check| check.code == code && check.outcome == Outcome::Open)
            };
            assert!(open("measurement") && open("report-data"), "{name}");
            assert!(judgement.issued.unwrap() <= captured.now(), "{name}");
            assert!(judgement.expires.unwrap() >= captured.now(), "{name}");
            assert_eq!(judgement.platforms[0], captured.expected["fields"]["ppid"], "{name}");
        }
    }
}

#[test]
fn what_only_a_policy_can_decide_stays_open() {
    let shared = [
        "evaluation-data-number",
        "advisory",
        "platform-configuration",
        "measurement",
        "platform-allowed",
        "report-data",
    ];
    for (name, more) in [
        ("sgx/icelake-v3-swhardening", None),
        ("tdx/gcp-v4-2026", Some("guest-attributes")),
        ("tdx/v5-td15-uptodate", Some("guest-attributes")),
    ] {
        let judgement = Captured::named(name).judge();
        let open = judgement.verdict.checks.iter().filter(|one| one.outcome == Outcome::Open);
        let open: BTreeSet<&str> = open.map(|check| check.code).collect();
        assert_eq!(open, shared.into_iter().chain(more).collect(), "{name}");
    }
}

#[test]
fn every_check_that_passed_is_told() {
    let judgement = Captured::named("tdx/v5-td15-uptodate").judge();
    let passed = judgement.verdict.checks.iter().filter(|one| one.outcome == Outcome::Passed);
    let passed: BTreeSet<&str> = passed.map(|check| check.code).collect();
    let wanted = [
        "certificate-chain",
        "collateral-platform",
        "collateral-signature",
        "endorsements-format",
        "endorsements-present",
        "evidence-format",
        "evidence-padding",
        "evidence-signature",
        "evidence-version",
        "guest-attributes",
        "not-debug",
        "not-expired",
        "not-migratable",
        "not-revoked",
        "not-yet-valid",
        "pinned-root",
        "qe-identity",
        "qe-report",
        "relaunch",
        "revocation-list",
        "service-td",
        "tcb-status",
        "tdx-module",
        "tee-type",
    ];
    assert_eq!(passed, BTreeSet::from(wanted));
}

#[test]
fn what_is_refused_is_refused_for_its_reason_alone() {
    for (name, rule) in [
        ("sgx/icelake-v3-debug", "not-debug"),
        ("sgx/coffeelake-v3-stale-crl", "not-expired"),
        ("tdx/spr-v4-debug", "not-debug"),
        ("tdx/v5-td15-servicetd", "service-td"),
        ("tdx/azure-v4-no-septvedisable", "guest-attributes"),
    ] {
        assert_eq!(failures(&Captured::named(name).judge()), [rule], "{name}");
    }
}

#[test]
fn a_state_that_is_not_named_is_refused() {
    for name in ["sgx/icelake-v3-outofdate", "tdx/gnr-v4-outofdate-noadvisory"] {
        let mut captured = Captured::named(name);
        captured.expected["accept_status"] = serde_json::json!(["SWHardeningNeeded"]);
        assert_eq!(failures(&captured.judge()), ["tcb-status"], "{name}");
    }
}

#[test]
fn evidence_counts_from_the_newest_part_to_the_first_that_runs_out() {
    for captured in all().into_iter().filter(|one| one.expected["verdict"] == "accept") {
        let name = &captured.name;
        let judgement = captured.judge();
        let (issued, expires) = (judgement.issued.unwrap(), judgement.expires.unwrap());
        assert!(captured.judge_at(issued).verdict.is_trusted(), "{name}, when issued");
        assert!(captured.judge_at(expires - 1).verdict.is_trusted(), "{name}, at the end");
        assert_eq!(failures(&captured.judge_at(issued - 1)), ["not-yet-valid"], "{name}");
        assert_eq!(failures(&captured.judge_at(expires)), ["not-expired"], "{name}");
    }
}

#[test]
fn padding_changes_nothing() {
    let padded = Captured::named("tdx/gcp-v4-2026");
    let mut bare = padded.clone();
    bare.evidence.quote.0.truncate(4935);
    assert_eq!(padded.judge().fields, bare.judge().fields);
    assert!(bare.judge().verdict.is_trusted());
    bare.evidence.quote.0.resize(5000, 1);
    assert_eq!(failures(&bare.judge()), ["evidence-padding"]);
}

#[test]
fn a_quote_is_not_evidence_of_the_other_kind() {
    for (name, kind) in
        [("sgx/icelake-v3-swhardening", EvidenceKind::Tdx), ("tdx/gcp-v4-2026", EvidenceKind::Sgx)]
    {
        let mut captured = Captured::named(name);
        captured.evidence.kind = kind;
        assert_eq!(failures(&captured.judge()), ["tee-type"], "{name}");
    }
}

#[test]
fn another_platforms_collateral_does_not_vouch() {
    let mut captured = Captured::named("tdx/gcp-v4-2026");
    let other = Captured::named("tdx/azure-v4-vtpm");
    captured.evidence.endorsements = other.evidence.endorsements.clone();
    assert_eq!(failures(&captured.judge_at(other.now())), ["collateral-platform"]);
    captured.evidence.endorsements =
        Captured::named("sgx/icelake-v3-swhardening").evidence.endorsements;
    assert_eq!(failures(&captured.judge()), ["tee-type"]);
}

/// Every bit of the core is signed, hashed, or can have one value alone. All 9,740 bytes take minutes without
/// optimisation, so a walk over them.
#[test]
fn a_flip_anywhere_in_a_captured_quote_is_refused() {
    for (name, length) in [("sgx/icelake-v3-swhardening", 4734), ("tdx/v5-td15-uptodate", 5006)] {
        let captured = Captured::named(name);
        for at in (0..length).step_by(19) {
            let mut flipped = captured.clone();
            flipped.evidence.quote.0[at] ^= 1 << (at % 8);
            assert!(!flipped.judge().verdict.is_trusted(), "{name}, byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bit_of_a_captured_quote_counts(at in 0..4935_usize, bit in 0..8_u8) {
        let mut captured = Captured::named("tdx/gcp-v4-2026");
        captured.evidence.quote.0[at] ^= 1 << bit;
        prop_assert!(!captured.judge().verdict.is_trusted());
    }

    #[test]
    fn any_byte_of_collateral_that_is_changed_is_refused_or_changes_nothing(
        at: proptest::sample::Index, bit in 0..8_u8,
    ) {
        let captured = Captured::named("tdx/gcp-v4-2026");
        let mut changed = captured.clone();
        let bytes = &mut changed.evidence.endorsements[0].0;
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let judgement = changed.judge();
        if judgement.verdict.is_trusted() {
            prop_assert_eq!(judgement.fields, captured.judge().fields);
        }
    }
}
