//! The state of the platform, by what a relying party accepts.

use super::verifier::{Claims, Level};
use crate::{
    Measure, Request, Rule,
    judging::Findings,
    policy::{DcapPolicy, Policy, TcbStatus},
};
use sealroom_evidence::dcap::Tee;
use std::collections::BTreeSet;

const DAY: u64 = 24 * 60 * 60;

/// Looks at the state, what is open, and how the platform is set up.
pub(super) fn check(request: &Request<'_>, tee: Tee, claims: &Claims, found: &mut Findings) {
    relaunch(request, claims, found);
    match request.measure {
        Measure::Genuine(statuses) => {
            status(statuses, None, claims, found);
            let number = claims.evaluation_data_number;
            let text = format!(
                "Intel's state is number {number}; whether that is new enough is not known"
            );
            found.open(Rule::EvaluationDataNumber, text);
            let text =
                format!("whether it matters that these are open: {}", list(&advisories(claims)));
            found.open(Rule::Advisory, text);
            let text = format!("whether it matters that {}", configuration(claims));
            found.open(Rule::PlatformConfiguration, text);
        }
        Measure::Policy(policy) => {
            let policy = of(policy, tee);
            status(&policy.statuses, Some((policy.grace_days, request.now)), claims, found);
            by_policy(policy, claims, found);
        }
    }
}

const fn of(policy: &Policy, tee: Tee) -> &DcapPolicy {
    match tee {
        Tee::Sgx => &policy.sgx.tcb,
        Tee::Tdx => &policy.tdx.tcb,
    }
}

/// A guest can be older than the platform below it.
fn relaunch(request: &Request<'_>, claims: &Claims, found: &mut Findings) {
    if claims.current.is_none() {
        return;
    }
    if !claims.relaunch_advised {
        let text = "starting the guest again would gain nothing";
        return found.passed(Rule::Relaunch, text);
    }
    let text = "the guest was started under a TDX module that is out of date; the platform has a newer one";
    match request.policy() {
        None => found.open(Rule::Relaunch, format!("{text}; whether that matters is not known")),
        Some(policy) if policy.tdx.allow_relaunch_advised => found.warned(Rule::Relaunch, text),
        Some(_) => found.failed(Rule::Relaunch, text),
    }
}

/// Whether every level that counts is in a state that is accepted. `grace` is how many days a platform may be behind,
/// and now; without it the states alone count.
fn status(
    accepted: &BTreeSet<TcbStatus>,
    grace: Option<(u32, u64)>,
    claims: &Claims,
    found: &mut Findings,
) {
    let mut faults = Vec::new();
    let states = states(claims);
    for &state in &states {
        // A platform whose keys are known can say anything.
        if state == TcbStatus::Revoked || !accepted.contains(&state) {
            faults.push(format!("the platform is {state}"));
        }
    }
    if let Some((days, now)) = grace
        && faults.is_empty()
    {
        for (name, level) in behind(claims, &states) {
            if now > level.date.saturating_add(u64::from(days) * DAY) {
                faults.push(format!(
                    "{name} is at the level of {}, longer ago than the {days} days that the policy grants",
                    level.date_text
                ));
            }
        }
    }
    let named = list(&states.iter().map(|state| state.name()).collect::<Vec<_>>());
    if !faults.is_empty() {
        let wanted = list(&accepted.iter().map(|state| state.name()).collect::<Vec<_>>());
        found.failed(Rule::TcbStatus, format!("{}; accepted: {wanted}", faults.join("; ")));
    } else if states.iter().all(|&state| state == TcbStatus::UpToDate) {
        found.passed(Rule::TcbStatus, format!("the platform is {named}"));
    } else {
        found
            .warned(Rule::TcbStatus, format!("the platform is {named}, which is accepted by name"));
    }
}

/// The states that have to be accepted. When the guest was started counts, and so does what it runs on now; but what
/// starting it again would mend is for [`relaunch`] to say.
fn states(claims: &Claims) -> BTreeSet<TcbStatus> {
    let current = claims.current.as_ref().map(|level| level.status);
    match (claims.relaunch_advised, current) {
        (true, Some(current)) => {
            let mut states = BTreeSet::from([current]);
            if claims.launch == TcbStatus::OutOfDateConfigurationNeeded
                && current == TcbStatus::UpToDate
            {
                states.insert(TcbStatus::ConfigurationNeeded);
            }
            states
        }
        _ => [Some(claims.launch), current].into_iter().flatten().collect(),
    }
}

/// The levels that are out of date, with their names.
fn behind<'a>(claims: &'a Claims, states: &BTreeSet<TcbStatus>) -> Vec<(&'static str, &'a Level)> {
    if !states.iter().any(|&state| is_late(state)) {
        return Vec::new();
    }
    let current = claims.current.as_ref().map(|level| ("the TDX module", level));
    let levels = [("the platform", &claims.platform), ("the quoting enclave", &claims.qe)];
    levels.into_iter().chain(current).filter(|(_, level)| is_late(level.status)).collect()
}

const fn is_late(status: TcbStatus) -> bool {
    matches!(status, TcbStatus::OutOfDate | TcbStatus::OutOfDateConfigurationNeeded)
}

fn by_policy(policy: &DcapPolicy, claims: &Claims, found: &mut Findings) {
    let (number, least) = (claims.evaluation_data_number, policy.min_evaluation_data_number);
    let failed = format!("Intel's state is number {number}, the policy asks for {least} at least");
    let passed = format!("Intel's state is number {number}, at least {least}");
    found.check(Rule::EvaluationDataNumber, number >= least, passed, failed);

    let open = advisories(claims);
    let denied: Vec<&str> = open
        .iter()
        .copied()
        .filter(|open| policy.deny_advisories.iter().any(|deny| deny.eq_ignore_ascii_case(open)))
        .collect();
    let failed = format!("open, and denied by the policy: {}", list(&denied));
    let passed = format!("none that the policy denies; open: {}", list(&open));
    found.check(Rule::Advisory, denied.is_empty(), passed, failed);

    let settings = [
        (claims.smt, policy.allow_smt, "hyper-threading is on"),
        (claims.dynamic, policy.allow_dynamic_platform, "processors can be added"),
        (claims.cached_keys, policy.allow_cached_keys, "its keys are kept by Intel"),
    ];
    let faults: Vec<&str> = settings
        .iter()
        .filter(|(set, allowed, _)| *set == Some(true) && !allowed)
        .map(|(_, _, text)| *text)
        .collect();
    let failed = format!("not accepted by the policy: {}", list(&faults));
    let passed = format!("the policy accepts that {}", configuration(claims));
    found.check(Rule::PlatformConfiguration, faults.is_empty(), passed, failed);
}

/// Every advisory that is open at a level that counts.
fn advisories(claims: &Claims) -> Vec<&str> {
    let levels = [Some(&claims.platform), Some(&claims.qe), claims.current.as_ref()];
    let of_levels = levels.into_iter().flatten().flat_map(|level| &level.advisories);
    let all: BTreeSet<&str> =
        claims.advisories.iter().chain(of_levels).map(String::as_str).collect();
    all.into_iter().collect()
}

fn configuration(claims: &Claims) -> String {
    let word = |set: Option<bool>| match set {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not said",
    };
    format!(
        "hyper-threading is on: {}; processors can be added: {}; its keys are kept by Intel: {}",
        word(claims.smt),
        word(claims.dynamic),
        word(claims.cached_keys)
    )
}

fn list(items: &[&str]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
