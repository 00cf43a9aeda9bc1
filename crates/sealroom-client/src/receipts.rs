//! Dossiers: checking a run with nothing but its file. Pure: no network, no profile, no clock.
//!
//! - [`verify`]: what the file says, and whether the evidence held when the run began
//! - [`judge`]: whether the evidence holds at another time, by what is known then
//! - [`affected`]: which of many runs a broken platform touches
//! - `fetch`: putting a file together, from what the server has

pub mod affected;
mod fetch;
mod run;
#[cfg(test)]
mod tests;

use sealroom_attest::{
    Check, Group, Judgement, Measure, Policy, Request, Roots, Verdict, policy::TcbStatus,
};
use sealroom_protocol::{
    Base64, ComputationId, Dossier, EvidenceKind, Receipt, manifest::CanonicalManifest,
};
use std::collections::BTreeSet;

/// By what evidence is judged.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance<'a> {
    /// The verifier's policy. Without one, evidence has to be genuine and the platform in one of `statuses`.
    pub policy: Option<&'a Policy>,
    /// The states of a platform that will do without a policy.
    pub statuses: &'a BTreeSet<TcbStatus>,
    /// Whether evidence that proves nothing will do.
    pub allow_simulated: bool,
    /// Whose word counts in the end: [`Roots::pinned`].
    pub roots: &'a Roots,
}

/// What checking a file has come to.
#[derive(Debug)]
pub struct Checked {
    /// Every check, those of the evidence as it was known when the run began among them.
    pub verdict: Verdict,
    /// The manifest, if it can be read.
    pub manifest: Option<CanonicalManifest>,
    /// The receipt, if the identity of the file has signed it.
    pub receipt: Option<Receipt>,
    /// What judging the evidence for that moment has come to.
    pub then: Option<Judgement>,
}

/// Checks a file: the receipt, what it stands on, and the evidence for the moment at which the run began, which is the last one
/// at which anybody could have refused.
#[must_use]
pub fn verify(dossier: &Dossier, accepted: &Acceptance<'_>) -> Checked {
    let canonical = match CanonicalManifest::parse(&dossier.identity.manifest) {
        Ok(canonical) => canonical,
        Err(error) => {
            let hint = "do not rely on it; the file was altered or made up";
            let failed =
                Check::failed(Group::Computation, "manifest-unreadable", error.to_string(), hint);
            let verdict = vec![failed].into();
            return Checked { verdict, manifest: None, receipt: None, then: None };
        }
    };
    let mut checks = run::check_manifest(canonical.manifest());
    let receipt = match dossier.receipt.verify::<Receipt>(&dossier.identity.keys.signing) {
        Ok(receipt) => receipt,
        Err(error) => {
            let hint = "do not rely on it; the receipt is of another identity, or was altered";
            checks.push(Check::failed(Group::Run, "receipt-signature", error.to_string(), hint));
            let (verdict, manifest) = (checks.into(), Some(canonical));
            return Checked { verdict, manifest, receipt: None, then: None };
        }
    };
    checks.extend(run::check(dossier, &canonical, &receipt));
    let began = u64::try_from(receipt.started_at.as_second()).unwrap_or_default();
    let then = judge(dossier, &canonical, accepted, dossier.endorsements(), began);
    checks.extend(then.verdict.checks.iter().cloned());
    let (verdict, manifest) = (checks.into(), Some(canonical));
    Checked { verdict, manifest, receipt: Some(receipt), then: Some(then) }
}

/// Judges the evidence of a file at the moment `now` (seconds since 1970), by `endorsements` as they were known then.
#[must_use]
pub fn judge(
    dossier: &Dossier,
    manifest: &CanonicalManifest,
    accepted: &Acceptance<'_>,
    endorsements: &[Base64],
    now: u64,
) -> Judgement {
    let identity = &dossier.identity;
    // The digest is computed here: nobody's word for it counts.
    let report_data = identity.keys.report_data(&manifest.digest(), &[]);
    let simulated = identity.evidence.kind == EvidenceKind::Simulated && accepted.allow_simulated;
    let with_simulated;
    let measure = match accepted.policy {
        policy if simulated => {
            let mut policy = policy.cloned().unwrap_or_default();
            policy.accept.insert(EvidenceKind::Simulated);
            with_simulated = policy;
            Measure::Policy(&with_simulated)
        }
        Some(policy) => Measure::Policy(policy),
        None => Measure::Genuine(accepted.statuses),
    };
    sealroom_attest::verify(&Request {
        evidence: &identity.evidence,
        endorsements,
        report_data: Some(&report_data),
        measure,
        now,
        roots: accepted.roots,
    })
}

/// Whether the file is of the run that was asked about.
#[must_use]
pub fn check_asked(receipt: &Receipt, computation: ComputationId, run: Option<u32>) -> Check {
    let (found, number) = (receipt.computation, receipt.run);
    if found == computation && run.is_none_or(|run| run == number) {
        let text = format!("it is of run {number} of {found}, which you asked about");
        return Check::passed(Group::Run, "run-asked", text);
    }
    let text =
        format!("it is of run {number} of {found}, which is not the one that you asked about");
    Check::failed(Group::Run, "other-run", text, "ask for the file of that run")
}

pub use run::check_results;
