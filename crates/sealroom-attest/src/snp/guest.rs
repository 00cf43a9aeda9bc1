//! What a report says of the guest: who may look into it, who asked, what it is.

use crate::{
    Request, Rule,
    judging::Findings,
    policy::{SnpPolicy, SnpReference},
};
use sealroom_evidence::snp::Report;

/// The lowest privilege level that there is.
const LAST_LEVEL: u32 = 3;
/// What the level is when no guest has asked.
const HOST: u32 = u32::MAX;

pub(super) fn check(request: &Request<'_>, report: &Report, found: &mut Findings) {
    let policy = report.policy;
    let passed = "the host may not read the guest";
    let failed = "the guest policy allows debugging: the host may read the guest";
    found.check(Rule::NotDebug, !policy.debug(), passed, failed);
    let passed = "no migration agent may take the guest elsewhere";
    let failed = "the guest policy allows a migration agent";
    found.check(Rule::NotMigratable, !policy.migrate_ma(), passed, failed);
    check_level(request, report.vmpl, found);
    let Some(policy) = request.policy() else {
        let raw = report.policy.raw();
        let text = format!("whether this guest policy is accepted is not known here: {raw:#x}");
        found.open(Rule::GuestAttributes, text);
        let measurement = hex::encode(report.measurement);
        let text = format!("whether this guest is expected is not known here: {measurement}");
        return found.open(Rule::Measurement, text);
    };
    check_attributes(&policy.snp, report, found);
    check_measurement(&policy.snp, report, found);
}

fn check_level(request: &Request<'_>, level: u32, found: &mut Findings) {
    let text = format!("level {level} of the guest has asked for the report");
    match request.policy() {
        _ if level == HOST => {
            found.failed(Rule::Vmpl, "the host has asked for the report, not the guest");
        }
        _ if level > LAST_LEVEL => {
            let text =
                format!("level {level} has asked for the report; there are 0 to {LAST_LEVEL}");
            found.failed(Rule::Vmpl, text);
        }
        Some(policy) if level > policy.snp.max_vmpl => {
            let most = policy.snp.max_vmpl;
            found.failed(Rule::Vmpl, format!("{text}; the policy accepts up to {most}"));
        }
        None if level > 0 => {
            found.open(Rule::Vmpl, format!("{text}; whether that is accepted is not known here"));
        }
        _ => found.passed(Rule::Vmpl, text),
    }
}

fn check_attributes(policy: &SnpPolicy, report: &Report, found: &mut Findings) {
    let guest = report.policy;
    let mut fits = true;
    for (wrong, text) in [
        (guest.cxl_allow() && !policy.allow_cxl, "the guest may use CXL memory"),
        (
            !guest.single_socket() && policy.require_single_socket,
            "the guest may run on more than one socket",
        ),
    ] {
        if wrong {
            fits = false;
            found.failed(Rule::GuestAttributes, text);
        }
    }
    if fits {
        let text = format!("the guest policy is as it should be: {:#x}", guest.raw());
        found.passed(Rule::GuestAttributes, text);
    }
}

fn check_measurement(policy: &SnpPolicy, report: &Report, found: &mut Findings) {
    let (svn, least) = (report.guest_svn, policy.min_guest_svn);
    let current = svn >= least;
    if !current {
        let text = format!("the guest has version (GUEST_SVN) {svn}, the policy asks for {least}");
        found.failed(Rule::Measurement, text);
    }
    if policy.references.is_empty() {
        let text = "the policy names no guest that may run";
        return found.failed(Rule::ReferenceValues, text);
    }
    let count = policy.references.len();
    found.passed(Rule::ReferenceValues, format!("the policy names {count} guests that may run"));
    let measurement = hex::encode(report.measurement);
    if !policy.references.iter().any(|one| matches(one, report)) {
        let text = format!(
            "none of the {count} guests that the policy names has the launch digest {measurement}, host data {}, \
             identity key {} and author's key {}",
            hex::encode(report.host_data),
            hex::encode(report.id_key_digest),
            hex::encode(report.author_key_digest),
        );
        found.failed(Rule::Measurement, text);
    } else if current {
        let text = format!("the guest is one that the policy names: {measurement}, version {svn}");
        found.passed(Rule::Measurement, text);
    }
}

fn matches(reference: &SnpReference, report: &Report) -> bool {
    let SnpReference { measurement, host_data, id_key_digest, author_key_digest } = reference;
    *measurement == report.measurement
        && host_data.is_none_or(|wanted| wanted == report.host_data)
        && id_key_digest.is_none_or(|wanted| wanted == report.id_key_digest)
        && author_key_digest.is_none_or(|wanted| wanted == report.author_key_digest)
}
