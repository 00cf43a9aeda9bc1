//! Every rule that SGX and TDX evidence can break, broken alone: by a made-up manufacturer, whose evidence is in order
//! until one thing is spoiled and all is signed again. The numbers are those of `docs/attestation.md`.
//!
//! - [`made_up_intel`]: the evidence, and a policy that accepts it
//! - [`reading`], [`chains`], [`collateral`], [`platform`], [`guest`]: rules by what they are about
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod chains;
mod collateral;
mod guest;
mod made_up_intel;
mod platform;
mod reading;

use made_up_intel::Case;
use sealroom_attest::Outcome;

/// A name, evidence that is in order, what is spoiled, the rule that is broken by it.
pub(crate) type Row = (&'static str, fn() -> Case, fn(&mut Case), &'static str);

/// A name, evidence that is in order, a change that does not matter.
pub(crate) type Fine = (&'static str, fn() -> Case, fn(&mut Case));

pub(crate) fn each_breaks_its_rule_alone(rows: &[Row]) {
    for (name, good, spoil, rule) in rows {
        let mut case = good();
        let twin = case.judge();
        assert!(twin.verdict.is_trusted(), "{name}: the twin: {:#?}", twin.verdict);
        let open = twin.verdict.checks.iter().any(|check| check.outcome == Outcome::Open);
        assert!(!open, "{name}: a policy leaves nothing open");
        spoil(&mut case);
        let verdict = case.judge().verdict;
        let failed: Vec<&str> = verdict.failures().map(|check| check.code).collect();
        assert_eq!(failed, [*rule], "{name}: {verdict:#?}");
    }
}

pub(crate) fn each_is_fine(rows: &[Fine]) {
    for (name, good, change) in rows {
        let mut case = good();
        change(&mut case);
        let verdict = case.judge().verdict;
        assert!(verdict.is_trusted(), "{name}: {verdict:#?}");
    }
}
