//! A guest under Azure's paravisor: hardware vouches for the paravisor's key, and that key for the guest's virtual TPM.
//!
//! ```text
//! manufacturer → SNP report or TDX quote: report data = SHA-256(runtime data) ‖ 32 zeros
//!              → runtime data: `HCLAkPub`, how the machine is set up
//!              → TPM quote by that key: nonce = SHA-256(what the evidence has to carry), registers
//! ```
//!
//! The hardware's report may be as old as the boot: only the TPM's quote is fresh.
//!
//! - `runtime`: what the paravisor says
//! - `tdreport`: on TDX, the report that the quote was made from

mod runtime;
mod tdreport;

use crate::{
    Outcome, Request, Rule, dcap,
    judging::{Binding, Findings},
    snp,
    tpm::{self, quote},
};
use ring::digest::{SHA256, digest};
use runtime::Runtime;
use sealroom_evidence::{
    hcl::{self, Hardware, HashType, Report},
    vtpm::Bundle,
};
use sealroom_protocol::EvidenceKind;

pub(crate) fn judge(request: &Request<'_>, found: &mut Findings) {
    let Some(bundle) = tpm::read(&request.evidence.quote.0, found) else { return };
    let Some((report, td_quote)) = parts(request, &bundle, found) else { return };
    // 1. The hardware vouches for the runtime data. What it says counts only then.
    if !check_hardware(request, &report, td_quote, found) {
        return;
    }
    found.passed(Rule::HardwareRooted, "hardware vouches for the paravisor, not a TPM alone");
    // 2. The runtime data names a key, and says how the machine is set up.
    let Some(runtime) = read_runtime(&report, found) else { return };
    runtime.check_configuration(request, found);
    let Some(key) = runtime.check_key(found) else { return };
    // 3. That key speaks for the virtual TPM.
    let Some(quote) = quote::check(&bundle, &key, found) else { return };
    quote::check_nonce(request, &quote, found);
    let Some(pcrs) = quote::check_pcrs(&bundle, &quote, found) else { return };
    let references = request.policy().map(|policy| policy.azure.references.as_slice());
    quote::check_references(references, &pcrs, found);
}

/// The paravisor's report, and on TDX the quote.
fn parts<'a>(
    request: &Request<'_>,
    bundle: &'a Bundle,
    found: &mut Findings,
) -> Option<(Report<'a>, Option<&'a [u8]>)> {
    let Some(hcl) = &bundle.hcl else {
        let text = "a TPM's word alone: the evidence has no hardware report (`hcl`)";
        found.failed(Rule::HardwareRooted, text);
        return None;
    };
    if bundle.key.is_some() {
        let text = "the evidence brings a `key` of its own; the paravisor's is in `hcl`";
        found.failed(Rule::EvidenceFormat, text);
        return None;
    }
    let report = match Report::parse(&hcl.0) {
        Ok(report) => report,
        Err(error) => {
            let rule = match error {
                hcl::FormatError::TooLong(_) => Rule::EvidenceSize,
                _ => Rule::EvidenceFormat,
            };
            found.failed(rule, error.to_string());
            return None;
        }
    };
    let wanted = match request.evidence.kind {
        EvidenceKind::AzureTdx => Hardware::Tdx,
        _ => Hardware::Snp,
    };
    if report.hardware() != wanted {
        let text = format!(
            "the evidence is of kind `{}`, the paravisor runs on {:?}",
            request.evidence.kind,
            report.hardware()
        );
        found.failed(Rule::TeeType, text);
        return None;
    }
    let td_quote = bundle.td_quote.as_ref().map(|quote| quote.0.as_slice());
    match (wanted, td_quote) {
        (Hardware::Tdx, None) => {
            let text = "there is a TDREPORT without a quote (`td_quote`): nobody has signed it";
            found.failed(Rule::HardwareRooted, text);
            return None;
        }
        (Hardware::Snp, Some(_)) => {
            found.failed(Rule::EvidenceFormat, "there is a TDX quote beside an SNP report");
            return None;
        }
        _ => {}
    }
    found.passed(Rule::EvidenceFormat, "the bundle and the paravisor's report can be read");
    Some((report, td_quote))
}

/// Whether the runtime data is what the hardware vouches for.
fn check_hardware(
    request: &Request<'_>,
    report: &Report<'_>,
    td_quote: Option<&[u8]>,
    found: &mut Findings,
) -> bool {
    if report.hash_type() != HashType::Sha256 {
        let text = format!(
            "the runtime data is hashed with {:?}; known is Sha256, whose digest fits",
            report.hash_type()
        );
        found.failed(Rule::RuntimeData, text);
        return false;
    }
    let mut expected = [0; 64];
    expected[..32].copy_from_slice(digest(&SHA256, report.runtime_json()).as_ref());
    let before = found.checks.len();
    match td_quote {
        Some(quote) => {
            dcap::judge_with(request, quote, Binding::Exactly(&expected), found);
            tdreport::check(report.hardware_report(), quote, found);
        }
        None => {
            let report = report.hardware_report();
            snp::judge_with(request, report, Binding::Exactly(&expected), found);
        }
    }
    // It gets as far as that only with a report whose signature holds.
    let bound = |outcome| {
        let mut checks = found.checks[before..].iter();
        checks.any(|check| check.code == Rule::RuntimeData.code() && check.outcome == outcome)
    };
    bound(Outcome::Passed) && !bound(Outcome::Failed)
}

fn read_runtime(report: &Report<'_>, found: &mut Findings) -> Option<Runtime> {
    match Runtime::parse(report.runtime_json()) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            let text = format!("the paravisor's runtime data is not readable: {error}");
            found.failed(Rule::EvidenceFormat, text);
            None
        }
    }
}
