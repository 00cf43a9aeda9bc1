//! TPM quotes: alone, and under Azure's paravisor.
//!
//! - `captured`: Azure's, as real machines made it
//! - `azure`: the same with hardware of a test's own making, so that everything can be spoiled and signed again
//! - `software`: alone, the TPM being a few lines of a test
//! - `swtpm`: alone, by a real software TPM
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so")]

mod azure;
mod captured;
mod software;
mod statement;
mod swtpm;

use ring::digest;
use sealroom_attest::{Judgement, Outcome, Rule};
use std::collections::BTreeSet;

/// What the evidence has to carry, in these tests.
const EXPECTED: [u8; 64] = [0x5a; 64];

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

fn with_outcome(judgement: &Judgement, outcome: Outcome) -> BTreeSet<&'static str> {
    let checks = judgement.verdict.checks.iter();
    checks.filter(|check| check.outcome == outcome).map(|check| check.code).collect()
}

fn failures(judgement: &Judgement) -> BTreeSet<&'static str> {
    with_outcome(judgement, Outcome::Failed)
}

fn codes<const N: usize>(rules: [Rule; N]) -> BTreeSet<&'static str> {
    rules.iter().map(|rule| rule.code()).collect()
}

/// Trusted, and whether that would be so with any check left undone.
fn assert_trusted(judgement: &Judgement) {
    assert!(judgement.verdict.is_trusted(), "{:#?}", judgement.verdict);
    assert_eq!(with_outcome(judgement, Outcome::Open), BTreeSet::new(), "nothing is open");
}

/// Refused by this rule and by no other.
fn assert_refused(name: &str, judgement: &Judgement, rule: Rule) {
    assert_eq!(failures(judgement), codes([rule]), "{name}: {:#?}", judgement.verdict);
}
