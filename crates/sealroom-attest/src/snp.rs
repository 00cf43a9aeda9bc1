//! AMD SEV-SNP: a report, signed by a chip's key (VCEK) or by a cloud provider's (VLEK), which AMD vouches for.
//!
//! - `endorsements`: finds the certificates, in a list or in the host's table
//! - `certificate`: X.509 as AMD writes it
//! - `chain`: from AMD's pinned root down to the key that signs, dates and revocation
//! - `vek`: what the last certificate says of the chip and its firmware
//! - `platform`, `guest`: what the report says, once it is known to be the chip's word
//!
//! Implements the VCEK and KDS interface specification (AMD 57230) over reports of the firmware ABI (AMD 56860).

mod certificate;
mod chain;
mod endorsements;
mod guest;
mod platform;
mod vek;

use crate::{
    Request, Rule,
    judging::{Binding, Findings},
};
use chain::Chain;
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use sealroom_evidence::snp::{Report, ReportError, SigningKey, Tcb};
use serde_json::json;

/// ECDSA on P-384 with SHA-384, the only algorithm that there is.
const SIGNATURE_ALGO: u32 = 1;

pub(crate) fn judge(request: &Request<'_>, found: &mut Findings) {
    judge_with(request, &request.evidence.quote.0, Binding::FromRequest, found);
}

/// Judges a report that may be part of other evidence. Its endorsements are the request's.
pub(crate) fn judge_with(
    request: &Request<'_>,
    report: &[u8],
    expected: Binding<'_>,
    found: &mut Findings,
) {
    let Some(read) = parse(report, found) else { return };
    show(&read, found);
    // 1. AMD vouches for a key; 2. which has signed this report. What the report says counts only then.
    let Some(chain) = chain::check(request, read.signing_key, found) else { return };
    found.field("product", chain.product.name());
    if !check_signature(report, &read, &chain, found) {
        return;
    }
    check_signing_key(request, &read, &chain, found);
    platform::check_product(request, &read, &chain, found);
    platform::check_chip(request, &read, &chain, found);
    platform::check_tcb(request, &read, &chain, found);
    platform::check_configuration(request, &read, found);
    guest::check(request, &read, found);
    check_binding(request, &read, expected, found);
}

fn parse(bytes: &[u8], found: &mut Findings) -> Option<Report> {
    let report = match Report::parse(bytes) {
        Ok(report) => report,
        Err(error) => {
            let rule = match error {
                ReportError::Length { .. } => Rule::EvidenceSize,
                ReportError::Version { .. } => Rule::EvidenceVersion,
                ReportError::SigningKey { .. } => Rule::SigningKey,
                ReportError::KeyInfo { .. }
                | ReportError::Policy { .. }
                | ReportError::Reserved { .. }
                | ReportError::SignaturePadding { .. } => Rule::EvidenceFormat,
            };
            found.failed(rule, error.to_string());
            return None;
        }
    };
    found.passed(Rule::EvidenceSize, format!("the report has {} bytes", bytes.len()));
    found.passed(Rule::EvidenceFormat, "the report can be read, and what is reserved is zero");
    let (version, algorithm) = (report.version as u32, report.signature_algo);
    let good = algorithm == SIGNATURE_ALGO;
    let passed = format!("report version {version}, signature algorithm {algorithm}");
    let failed = format!("signature algorithm {algorithm}, wanted {SIGNATURE_ALGO}");
    found.check(Rule::EvidenceVersion, good, passed, failed).then_some(report)
}

/// Shows what the report says, believed or not.
fn show(report: &Report, found: &mut Findings) {
    found.field("version", report.version as u32);
    found.field("signer", signer(report.signing_key));
    found.field("vmpl", report.vmpl);
    found.field("policy", format!("{:#x}", report.policy.raw()));
    found.field("plat_info", format!("{:#x}", report.platform_info.0));
    found.field("guest_svn", report.guest_svn);
    for (name, bytes) in [
        ("report_data", report.report_data.as_slice()),
        ("measurement", &report.measurement),
        ("host_data", &report.host_data),
        ("report_id", &report.report_id),
        ("chip_id", &report.chip_id),
        ("id_key_digest", &report.id_key_digest),
    ] {
        found.field(name, hex::encode(bytes));
    }
    if let Some(cpuid) = report.cpuid {
        found.field("cpuid", json!(cpuid));
    }
    if let Some(mitigations) = report.launch_mit_vector {
        found.field("launch_mit_vector", mitigations);
    }
    if let Some(mitigations) = report.current_mit_vector {
        found.field("current_mit_vector", mitigations);
    }
}

fn show_tcb(name: &str, tcb: Tcb, found: &mut Findings) {
    let Tcb { fmc, bootloader, tee, snp, microcode } = tcb;
    let value = json!({"fmc": fmc, "bl": bootloader, "tee": tee, "snp": snp, "ucode": microcode});
    found.field(name, value);
}

const fn signer(key: SigningKey) -> &'static str {
    match key {
        SigningKey::Vcek => "VCEK",
        SigningKey::Vlek => "VLEK",
        SigningKey::None => "none",
    }
}

fn check_signature(bytes: &[u8], report: &Report, chain: &Chain, found: &mut Findings) -> bool {
    let signature = [report.signature.r, report.signature.s].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, chain.vek.public_key.as_slice());
    let good = bytes.get(..Report::SIGNED).is_some_and(|it| key.verify(it, &signature).is_ok());
    let signer = signer(chain.kind);
    let passed = format!("the report is signed by the key of the {signer} certificate");
    let failed = format!("the report is not signed by the key of the {signer} certificate");
    found.check(Rule::EvidenceSignature, good, passed, failed)
}

fn check_signing_key(request: &Request<'_>, report: &Report, chain: &Chain, found: &mut Findings) {
    let (named, certified) = (signer(report.signing_key), signer(chain.kind));
    if report.signing_key != chain.kind {
        let text = format!("the report names {named} as its key, the certificate is a {certified}");
        return found.failed(Rule::SigningKey, text);
    }
    let named = format!("the report names {named} as its key, and so does the certificate");
    match (chain.kind, request.policy()) {
        (SigningKey::Vlek, None) => {
            let text =
                format!("{named}; whether a provider's key (VLEK) may sign is not known here");
            found.open(Rule::SigningKey, text);
        }
        (SigningKey::Vlek, Some(policy)) if !policy.snp.allow_vlek => {
            let text = "signed by a provider's key (VLEK), which the policy does not accept";
            found.failed(Rule::SigningKey, text);
        }
        _ => found.passed(Rule::SigningKey, named),
    }
}

fn check_binding(
    request: &Request<'_>,
    report: &Report,
    expected: Binding<'_>,
    found: &mut Findings,
) {
    match expected {
        Binding::FromRequest => crate::check_report_data(request, found, &report.report_data),
        Binding::Exactly(wanted) => {
            let passed = "the hardware's report names exactly this runtime data";
            let failed = "the hardware's report is for other runtime data";
            found.check(Rule::RuntimeData, report.report_data == *wanted, passed, failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Measure, Roots};
    use sealroom_protocol::{Base64, Evidence, EvidenceKind};
    use sealroom_testpki::amd::{Fake, NOW};
    use std::collections::BTreeSet;

    /// The report of a paravisor carries its digest, whatever the request expects of the whole.
    #[test]
    fn a_report_inside_other_evidence_has_a_binding_of_its_own() {
        let mut fake = Fake::vcek(sealroom_evidence::snp::Product::Milan);
        fake.report.report_data = [7; 64];
        let signed = fake.sign();
        let mut roots = Roots::pinned();
        roots.amd[0].1 = signed.pin();
        let evidence = Evidence {
            kind: EvidenceKind::AzureSnp,
            quote: Base64(Vec::new()),
            endorsements: signed.list().into_iter().map(Base64).collect(),
        };
        let statuses = BTreeSet::new();
        let request = Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: Some(&[8; 64]),
            measure: Measure::Genuine(&statuses),
            now: NOW,
            roots: &roots,
        };
        let mut changed = [7; 64];
        changed[63] = 6;
        for (wanted, good) in [([7; 64], true), (changed, false), ([8; 64], false)] {
            let mut found = Findings::default();
            judge_with(&request, &signed.report, Binding::Exactly(&wanted), &mut found);
            let failed: Vec<_> = found
                .checks
                .iter()
                .filter(|check| check.outcome == crate::Outcome::Failed)
                .map(|check| check.code)
                .collect();
            let runtime_data = vec![Rule::RuntimeData.code()];
            assert_eq!(failed, if good { vec![] } else { runtime_data });
            assert!(found.checks.iter().all(|check| check.code != Rule::ReportData.code()));
        }
    }
}
