//! The packages that will touch the data: are they those that were agreed on, and does anything speak against them?

use super::Expectation;
use sealroom_advisories::{Advisories, Certainty, Finding};
use sealroom_attest::{Check, Group};
use sealroom_protocol::{
    Digest, Lock, Manifest,
    manifest::{EnvironmentPart, PackagePart},
    package::{PackageRules, Severity},
};
use std::collections::BTreeSet;

/// Packages that a text names; the others are counted.
const NAMED: usize = 8;

pub(super) fn check(manifest: &Manifest, expected: &Expectation<'_>) -> Vec<Check> {
    let environment = &manifest.environment;
    let mut checks = vec![check_list(manifest)];
    checks.extend(expected.pushed_lock.map(|lock| check_lock(environment, lock)));
    checks.push(check_rules(manifest, &expected.bounds.packages));
    let thresholds = [&expected.bounds.packages, &manifest.policy.packages];
    let threshold = thresholds.iter().filter_map(|rules| rules.refuse_advisories).min();
    checks.push(check_advisories(environment, expected.advisories, threshold));
    checks
}

fn check_list(manifest: &Manifest) -> Check {
    let environment = &manifest.environment;
    if !environment.is_consistent() || environment.profile != manifest.policy.runtime {
        let text =
            "the list of packages contradicts itself, or is of another runtime than was agreed on";
        let hint = "do not approve; the enclave has a fault";
        return Check::failed(Group::Packages, "packages-inconsistent", text, hint);
    }
    let (count, profile) = (environment.packages.len(), &environment.profile);
    let added = environment.packages.iter().filter(|package| !package.of_profile).count();
    let added = match added {
        0 => "none of them brought by the code".to_owned(),
        added => format!("{added} of them brought by the code"),
    };
    let text = format!(
        "runtime `{profile}`, Python {}, {count} packages, {added}; `sealroom packages` lists them",
        environment.python
    );
    Check::passed(Group::Packages, "packages", text)
}

/// The code provider knows what it has locked.
fn check_lock(environment: &EnvironmentPart, lock: &Lock) -> Check {
    let file = |package: &PackagePart| {
        let (file, sha256) = match &package.built_from {
            Some(source) => (&source.file, source.sha256),
            None => (&package.file, package.sha256),
        };
        (package.name.clone(), file.clone(), sha256)
    };
    let found: BTreeSet<_> =
        environment.packages.iter().filter(|package| !package.of_profile).map(file).collect();
    let locked = lock.packages.iter();
    let locked: BTreeSet<(_, _, Digest)> =
        locked.map(|p| (p.name.clone(), p.file.clone(), p.sha256)).collect();
    if found == locked {
        let text = "the packages that the code brings are those that you locked";
        return Check::passed(Group::Packages, "packages-as-locked", text);
    }
    let differs = found.symmetric_difference(&locked).map(|(name, ..)| name.to_string());
    let text = format!("the packages are not those that you locked: {}", some(differs));
    let hint = "see who pushed last with `sealroom audit`; do not approve";
    Check::failed(Group::Packages, "packages-differ", text, hint)
}

fn check_rules(manifest: &Manifest, mine: &PackageRules) -> Check {
    let rules = [mine, &manifest.policy.packages];
    let refused = manifest.environment.packages.iter().find_map(|package| {
        let license = package.license.as_deref();
        rules.iter().find_map(|rules| rules.refuses(&package.name, license))
    });
    match refused {
        None => {
            Check::passed(Group::Packages, "packages-allowed", "no package or licence is forbidden")
        }
        Some(why) => Check::failed(
            Group::Packages,
            "package-forbidden",
            why,
            "ask the code provider to do without it, or change `packages` in `policy.json` of your profile",
        ),
    }
}

/// One known vulnerability of one package of an environment.
#[derive(Clone, Debug)]
pub struct Vulnerable<'a> {
    /// The package.
    pub package: &'a PackagePart,
    /// What is known.
    pub finding: Finding,
}

/// What is known of the packages of an environment.
#[must_use]
pub fn vulnerable<'a>(
    environment: &'a EnvironmentPart,
    advisories: &Advisories,
) -> Vec<Vulnerable<'a>> {
    let of = |package: &'a PackagePart| {
        let findings = advisories.affecting(&package.name, &package.version).into_iter();
        findings.map(move |finding| Vulnerable { package, finding })
    };
    environment.packages.iter().flat_map(of).collect()
}

fn check_advisories(
    environment: &EnvironmentPart,
    advisories: Option<&Advisories>,
    threshold: Option<Severity>,
) -> Check {
    let Some(advisories) = advisories else {
        let text = "known vulnerabilities were not looked up: no advisories are imported";
        let hint = "import them with `sealroom advisories import FILE`";
        let check = Check::failed(Group::Packages, "advisories-missing", text, hint);
        // Who asks for it has to have some.
        return if threshold.is_some() { check } else { check.warned() };
    };
    let as_of = advisories.as_of().strftime("%Y-%m-%d");
    let found = vulnerable(environment, advisories);
    if found.is_empty() {
        let text = format!("no known vulnerabilities, by advisories as of {as_of}");
        return Check::passed(Group::Packages, "advisories", text);
    }
    let text = |open: &[&Vulnerable<'_>]| {
        let name = |v: &&Vulnerable<'_>| {
            let severity = v.finding.severity.map_or("unrated".to_owned(), |s| s.to_string());
            let unclear = match v.finding.certainty {
                Certainty::Certain => "",
                Certainty::Unclear => ", perhaps",
            };
            format!(
                "{} {} ({}, {severity}{unclear})",
                v.package.name, v.package.version, v.finding.id
            )
        };
        some(open.iter().map(name))
    };
    let bad: Vec<&Vulnerable<'_>> =
        found.iter().filter(|v| threshold.is_some_and(|t| v.finding.is_at_least(t))).collect();
    let hint = "see them with `sealroom packages`; ask the code provider for other versions";
    match (threshold, bad.as_slice()) {
        (Some(threshold), [_, ..]) => {
            let text = format!(
                "known vulnerabilities of severity {threshold} or above, by advisories as of {as_of}: {}",
                text(&bad)
            );
            Check::failed(Group::Packages, "advisories-open", text, hint)
        }
        _ => {
            let all: Vec<&Vulnerable<'_>> = found.iter().collect();
            let text =
                format!("known vulnerabilities, by advisories as of {as_of}: {}", text(&all));
            Check::failed(Group::Packages, "advisories-open", text, hint).warned()
        }
    }
}

/// The first few, and how many more there are.
fn some(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
