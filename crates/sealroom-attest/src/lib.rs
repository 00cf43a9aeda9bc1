//! Judging evidence: (evidence, expected report data, policy) → verdict. Pure: no clock, no network.
//!
//! - [`verdict`]: checks and what they come to, for people and programs
//! - [`simulated`]: the attester without hardware, which proves nothing
//!
//! Kinds of evidence that this version can't judge are refused: the verifier fails closed.
#![forbid(unsafe_code)]

pub mod simulated;
pub mod verdict;

pub use verdict::{Check, Group, Outcome, Verdict};

use sealroom_protocol::{Evidence, EvidenceKind};

/// What a relying party accepts.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whether evidence that proves nothing is enough. For trying things out.
    pub danger_allow_simulated: bool,
}

/// Judges `evidence`, which must carry `report_data`.
#[must_use]
pub fn verify(evidence: &Evidence, report_data: &[u8; 64], policy: &Policy) -> Verdict {
    match evidence.kind {
        EvidenceKind::Simulated => simulated::verify(evidence, report_data, policy),
        kind => Verdict::from(vec![Check::failed(
            Group::Hardware,
            "evidence-kind-unsupported",
            format!("evidence of kind `{kind}` cannot be judged by this version"),
            "use a version that can; do not approve without a verdict",
        )]),
    }
}
