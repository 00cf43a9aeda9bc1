//! Judging evidence: (evidence, endorsements, policy, now) → judgement. Pure: no clock, no network, no environment.
//!
//! - [`rule`]: what is checked, a closed list with stable codes
//! - [`verdict`]: checks and what they come to, for people and programs
//! - [`policy`]: what a relying party accepts
//! - [`roots`]: whose word counts in the end
//! - [`event_log`]: what a trust domain loaded, held against its registers
//! - `dcap` (SGX, TDX), `snp`, `azure` and `tpm`, [`gpu`], [`simulated`]: a kind of evidence each
//!
//! Whatever is not known, or can't be judged, is refused: the verifier fails closed.
#![forbid(unsafe_code)]

mod azure;
mod dcap;
pub mod event_log;
pub mod gpu;
mod judging;
pub mod policy;
pub mod roots;
pub mod rule;
pub mod simulated;
mod snp;
mod tpm;
pub mod verdict;

pub use policy::Policy;
pub use roots::Roots;
pub use rule::Rule;
pub use verdict::{Check, Group, Outcome, Verdict};

use judging::Findings;
use policy::TcbStatus;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Bytes that evidence or one endorsement can have at most; each kind has closer bounds.
pub const MAX_BYTES: usize = 1 << 20;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What the enclave shows.
    pub evidence: &'a Evidence,
    /// What vouches for it, as [`Evidence::endorsements`] has it; empty to use those that came with it.
    pub endorsements: &'a [Base64],
    /// What the evidence has to carry. Not known: what it carries is shown, and somebody has to compare it.
    pub report_data: Option<&'a [u8; 64]>,
    /// By what it is judged.
    pub measure: Measure<'a>,
    /// Seconds since 1970.
    pub now: u64,
    /// Whose word counts in the end.
    pub roots: &'a Roots,
}

/// By what evidence is judged.
#[derive(Clone, Copy, Debug)]
pub enum Measure<'a> {
    /// Whether it is genuine, with the platform in one of these states. What only a policy can decide stays open.
    Genuine(&'a BTreeSet<TcbStatus>),
    /// A policy. Nothing stays open but what the evidence has to carry, if the caller does not say.
    Policy(&'a Policy),
}

/// What judging has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The checks.
    pub verdict: Verdict,
    /// What the evidence says, by the names in `docs/attestation.md`. Only what is genuine if the verdict is.
    pub fields: Map<String, Value>,
    /// The platform's stable names: PPID and PIID (Intel), chip id (AMD); lower case hexadecimal.
    pub platforms: Vec<String>,
    /// When the newest part of the endorsements was issued, seconds since 1970.
    pub issued: Option<u64>,
    /// Until when it counts: the first moment at which a part of it runs out, seconds since 1970.
    pub expires: Option<u64>,
}

impl Request<'_> {
    /// What vouches for the evidence.
    fn endorsements(&self) -> &[Base64] {
        if self.endorsements.is_empty() { &self.evidence.endorsements } else { self.endorsements }
    }

    /// The policy, if there is one.
    fn policy(&self) -> Option<&Policy> {
        match self.measure {
            Measure::Genuine(_) => None,
            Measure::Policy(policy) => Some(policy),
        }
    }
}

/// Judges evidence.
#[must_use]
pub fn verify(request: &Request<'_>) -> Judgement {
    let mut found = Findings::default();
    judge(request, &mut found);
    found.into()
}

impl From<Findings> for Judgement {
    fn from(found: Findings) -> Self {
        let Findings { checks, fields, platforms, issued, expires } = found;
        Self { verdict: checks.into(), fields, platforms, issued, expires }
    }
}

fn judge(request: &Request<'_>, found: &mut Findings) {
    let kind = request.evidence.kind;
    let sizes = request.endorsements().iter().map(|one| one.0.len());
    let largest = sizes.chain([request.evidence.quote.0.len()]).max().unwrap_or_default();
    if largest > MAX_BYTES || request.endorsements().len() > 16 {
        let text =
            format!("a part has {largest} bytes, more than the {MAX_BYTES} that any can have");
        return found.failed(Rule::EvidenceSize, text);
    }
    if let Some(policy) = request.policy()
        && !policy.accept.contains(&kind)
        && kind != EvidenceKind::Simulated
    {
        let text =
            format!("the policy `{}` does not accept evidence of kind `{kind}`", policy.name);
        found.failed(Rule::EvidenceKind, text);
    }
    if let Some(expected) = request.report_data {
        // Zeros are what evidence carries that was made for nobody.
        let text = "what the evidence has to carry is known";
        found.check(
            Rule::ExpectedReportData,
            expected != &[0; 64],
            text,
            "only zeros are expected",
        );
    }
    match kind {
        EvidenceKind::Sgx | EvidenceKind::Tdx => dcap::judge(request, found),
        EvidenceKind::Snp => snp::judge(request, found),
        EvidenceKind::AzureTdx | EvidenceKind::AzureSnp => azure::judge(request, found),
        EvidenceKind::Tpm => tpm::judge(request, found),
        EvidenceKind::Simulated => simulated::judge(request, found),
    }
    if found.checks.is_empty() {
        found.failed(Rule::Internal, "nothing was checked");
    }
}

/// Compares all 64 bytes that the evidence carries with those that it has to carry.
fn check_report_data(request: &Request<'_>, found: &mut Findings, carried: &[u8; 64]) {
    match request.report_data {
        Some(expected) => {
            let passed = "the evidence names this manifest and these keys";
            let failed = "the evidence is for another manifest, other keys or another challenge";
            found.check(Rule::ReportData, carried == expected, passed, failed);
        }
        None => found.open(Rule::ReportData, "what the evidence should carry is not known here"),
    }
}
