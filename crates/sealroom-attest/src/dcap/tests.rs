//! What can't be shown from outside: that nothing hangs on the verifier alone, and quotes within other evidence.

use super::*;
use crate::{Measure, Outcome, Roots, policy::TcbStatus};
use refusal::Refusal;
use sealroom_evidence::dcap::{SgxReport, TdReport};
use sealroom_protocol::{Base64, Evidence};
use std::{collections::BTreeSet, fs};
use verifier::Level;

fn captured(name: &str) -> Evidence {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation");
    let read = |file: &str| Base64(fs::read(format!("{place}/{name}/{file}")).unwrap());
    let kind = if name.starts_with("sgx") { EvidenceKind::Sgx } else { EvidenceKind::AzureTdx };
    Evidence { kind, quote: read("quote.bin"), endorsements: vec![read("collateral.json")] }
}

fn with_request<T>(evidence: &Evidence, now: u64, run: impl FnOnce(&Request<'_>) -> T) -> T {
    // No caller can have a platform accepted that is revoked.
    let statuses = BTreeSet::from([TcbStatus::UpToDate, TcbStatus::Revoked]);
    run(&Request {
        evidence,
        endorsements: &[],
        report_data: None,
        measure: Measure::Genuine(&statuses),
        now,
        roots: &Roots::pinned(),
    })
}

fn outcome(found: &Findings, rule: Rule) -> Option<Outcome> {
    found.checks.iter().find(|check| check.code == rule.code()).map(|check| check.outcome)
}

/// Vouches for anything.
struct Liar(Claims);

impl QuoteVerifier for Liar {
    fn verify(&self, _: &Quote<'_>, _: &Collateral, _: u64) -> Result<Claims, Refusal> {
        Ok(self.0.clone())
    }
}

fn lies(collateral: &Collateral) -> Claims {
    let level = Level {
        status: TcbStatus::UpToDate,
        date: 0,
        date_text: "1970-01-01T00:00:00Z".to_owned(),
        advisories: Vec::new(),
    };
    Claims {
        status: "UpToDate".to_owned(),
        launch: TcbStatus::UpToDate,
        platform: level.clone(),
        qe: level,
        current: None,
        relaunch_advised: false,
        advisories: Vec::new(),
        evaluation_data_number: 99,
        fmspc: collateral.tcb.fmspc,
        pce_id: collateral.tcb.pce_id.to_vec(),
        ppid: vec![1; 16],
        piid: None,
        smt: None,
        dynamic: None,
        cached_keys: None,
        issued: 0,
        expires: u64::MAX,
    }
}

fn judged_by_liar(name: &str, spoil: impl FnOnce(&mut Claims)) -> Findings {
    let evidence = captured(name);
    let quote = Quote::parse(&evidence.quote.0).unwrap();
    let collateral = Collateral::parse(&evidence.endorsements[0].0).unwrap();
    let mut claims = lies(&collateral);
    spoil(&mut claims);
    let mut found = Findings::default();
    with_request(&evidence, 1_700_000_000, |request| {
        let binding = Binding::Exactly(quote.report_data());
        judge_by(&Liar(claims), request, &quote, &collateral, binding, &mut found);
    });
    found
}

fn failed(found: &Findings) -> Vec<&str> {
    let failed = found.checks.iter().filter(|check| check.outcome == Outcome::Failed);
    failed.map(|check| check.code).collect()
}

#[test]
fn the_guest_is_looked_at_whatever_a_verifier_says() {
    for (name, rule) in [
        ("sgx/icelake-v3-swhardening", None),
        ("sgx/icelake-v3-debug", Some("not-debug")),
        ("tdx/spr-v4-debug", Some("not-debug")),
        ("tdx/v5-td15-servicetd", Some("service-td")),
        ("tdx/azure-v4-no-septvedisable", Some("guest-attributes")),
    ] {
        assert_eq!(failed(&judged_by_liar(name, |_| {})), Vec::from_iter(rule), "{name}");
    }
}

/// What a verifier says, the rule that is broken by it.
type Case = (fn(&mut Claims), &'static str);

#[test]
fn claims_are_looked_at_too() {
    let name = "sgx/icelake-v3-swhardening";
    let cases: &[Case] = &[
        (|claims| claims.issued = 1_700_000_001, "not-yet-valid"),
        (|claims| claims.expires = 1_700_000_000, "not-expired"),
        (|claims| claims.fmspc[0] ^= 1, "collateral-platform"),
        (|claims| claims.pce_id.clear(), "collateral-platform"),
        (|claims| claims.launch = TcbStatus::Revoked, "tcb-status"),
        (|claims| claims.launch = TcbStatus::OutOfDate, "tcb-status"),
        (
            |claims| {
                let level = claims.platform.clone();
                claims.current = Some(Level { status: TcbStatus::OutOfDate, ..level });
            },
            "tcb-status",
        ),
    ];
    for (spoil, rule) in cases {
        assert_eq!(failed(&judged_by_liar(name, *spoil)), [*rule]);
    }
}

#[test]
fn a_quote_within_other_evidence_carries_what_that_evidence_says() {
    let evidence = captured("tdx/azure-v4-vtpm");
    let wanted = *Quote::parse(&evidence.quote.0).unwrap().report_data();
    with_request(&evidence, 1_782_215_795, |request| {
        let mut found = Findings::default();
        judge_with(request, &evidence.quote.0, Binding::Exactly(&wanted), &mut found);
        assert_eq!(failed(&found), [""; 0]);
        assert_eq!(outcome(&found, Rule::RuntimeData), Some(Outcome::Passed));
        assert_eq!(outcome(&found, Rule::ReportData), None);
        let mut other = wanted;
        other[63] ^= 1;
        let mut found = Findings::default();
        judge_with(request, &evidence.quote.0, Binding::Exactly(&other), &mut found);
        assert_eq!(failed(&found), ["runtime-data"]);
    });
}

/// The rules that a guest with these attributes breaks.
fn guest_breaks(name: &str, attributes: u64) -> Vec<&'static str> {
    let evidence = captured(name);
    let quote = Quote::parse(&evidence.quote.0).unwrap();
    let mut found = Findings::default();
    let bytes = attributes.to_le_bytes();
    let mut flags = [0; 16];
    flags[..8].copy_from_slice(&bytes);
    let body = match quote.body {
        Body::Sgx(report) => Body::Sgx(SgxReport { attributes: &flags, ..report }),
        Body::Tdx(report) => Body::Tdx(TdReport { td_attributes: &bytes, ..report }),
    };
    let good = with_request(&evidence, 0, |request| guest::check(request, &body, &mut found));
    let failed = found.checks.iter().filter(|check| check.outcome == Outcome::Failed);
    let failed: Vec<&str> = failed.map(|check| check.code).collect();
    assert_eq!(good, failed.is_empty());
    failed
}

#[test]
fn each_attribute_of_a_trust_domain_has_its_rule() {
    const GOOD: u64 = 1 << 28;
    for bit in 0..64 {
        let wanted: &[&str] = match bit {
            0 | 4..=6 => &["not-debug"],
            1..=3 | 7..=15 | 23..=26 | 28 | 32..=61 => &["guest-attributes"],
            17 => &["service-td"],
            29 => &["not-migratable"],
            _ => &[],
        };
        assert_eq!(guest_breaks("tdx/gcp-v4-2026", GOOD ^ (1 << bit)), wanted, "bit {bit}");
    }
}

#[test]
fn each_attribute_of_an_enclave_has_its_rule() {
    const GOOD: u64 = 0b101;
    for bit in 0..64 {
        let wanted: &[&str] = match bit {
            1 => &["not-debug"],
            6 | 7 | 10 => &[],
            _ => &["guest-attributes"],
        };
        let broken = guest_breaks("sgx/icelake-v3-swhardening", GOOD ^ (1 << bit));
        assert_eq!(broken, wanted, "bit {bit}");
    }
}
