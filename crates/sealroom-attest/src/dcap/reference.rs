//! Measurements and platforms, compared with those that a policy names.

use crate::{
    Request, Rule,
    judging::Findings,
    policy::{SgxReference, TdxReference},
};
use sealroom_evidence::dcap::{Body, SgxReport, TdReport};

/// Compares what runs with what the policy names.
pub(super) fn check(request: &Request<'_>, body: &Body<'_>, found: &mut Findings) {
    let measured = match body {
        Body::Sgx(report) => format!(
            "MRENCLAVE {}, MRSIGNER {}, product {}, version {}",
            hex::encode(report.mr_enclave),
            hex::encode(report.mr_signer),
            report.isv_prod_id,
            report.isv_svn
        ),
        Body::Tdx(report) => {
            let registers: Vec<String> = report.rtmr.iter().map(hex::encode).collect();
            format!("MRTD {}, RTMR {}", hex::encode(report.mr_td), registers.join(" "))
        }
    };
    let Some(policy) = request.policy() else {
        let text = format!("whether this is what should run is not known: {measured}");
        return found.open(Rule::Measurement, text);
    };
    let (count, matches) = match body {
        Body::Sgx(report) => {
            let references = &policy.sgx.references;
            (references.len(), references.iter().any(|one| is_enclave(one, report)))
        }
        Body::Tdx(report) => {
            let references = &policy.tdx.references;
            (references.len(), references.iter().any(|one| is_domain(one, report)))
        }
    };
    let passed = format!("the policy names {count} that may run");
    let failed = "the policy names nothing that may run";
    if !found.check(Rule::ReferenceValues, count > 0, passed, failed) {
        return;
    }
    let failed = format!("none of the {count} that the policy names: {measured}");
    found.check(Rule::Measurement, matches, measured, failed);
}

fn is_enclave(reference: &SgxReference, report: &SgxReport<'_>) -> bool {
    match reference {
        SgxReference::Enclave { mrenclave } => mrenclave == report.mr_enclave,
        SgxReference::Signer { mrsigner, isv_prod_id, min_isv_svn } => {
            mrsigner == report.mr_signer
                && *isv_prod_id == report.isv_prod_id
                && report.isv_svn >= *min_isv_svn
        }
    }
}

fn is_domain(reference: &TdxReference, report: &TdReport<'_>) -> bool {
    let pairs = [
        (&reference.mrtd, report.mr_td),
        (&reference.rtmr[0], report.rtmr[0]),
        (&reference.rtmr[1], report.rtmr[1]),
        (&reference.rtmr[2], report.rtmr[2]),
        (&reference.rtmr[3], report.rtmr[3]),
        (&reference.mr_config_id, report.mr_config_id),
        (&reference.mr_owner, report.mr_owner),
        (&reference.mr_owner_config, report.mr_owner_config),
        (&reference.mr_seam, report.mr_seam),
    ];
    // One that names nothing of the guest would let anything run.
    let names_guest = pairs[..5].iter().any(|(wanted, _)| wanted.is_some());
    names_guest
        && pairs.iter().all(|(wanted, is)| wanted.as_ref().is_none_or(|wanted| wanted == *is))
}

/// Compares the platform with the lists of the policy.
pub(super) fn check_platform(request: &Request<'_>, found: &mut Findings) {
    let platforms = found.platforms.join(", ");
    let Some(policy) = request.policy() else {
        let text = format!("whether this platform is one of yours is not known: {platforms}");
        return found.open(Rule::PlatformAllowed, text);
    };
    let lists = &policy.platforms;
    let denied = found.platforms.iter().any(|one| lists.deny.contains(one));
    let failed = format!("the policy denies this platform: {platforms}");
    found.check(Rule::PlatformDenied, !denied, "the policy does not deny this platform", failed);
    if let Some(allow) = &lists.allow {
        let allowed = found.platforms.iter().any(|one| allow.contains(one));
        let failed = format!("none of the {} that the policy names: {platforms}", allow.len());
        found.check(
            Rule::PlatformAllowed,
            allowed,
            format!("the policy names {platforms}"),
            failed,
        );
    }
}
