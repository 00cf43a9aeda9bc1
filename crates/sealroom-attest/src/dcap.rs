//! Intel SGX and TDX: quotes, and what Intel says of the platform (DCAP).
//!
//! The signatures, chains, lists and levels are another crate's work, behind [`verifier::QuoteVerifier`]; what it leaves
//! open, and what is a relying party's to say, is here:
//!
//! - [`collateral`]: what vouches for a quote, read strictly
//! - [`chain`]: certificates as they are written, up to the pinned root
//! - [`verifier`], [`refusal`]: the other crate, and what its words come to
//! - [`guest`]: attributes of what runs
//! - [`tcb`]: the state of the platform
//! - [`reference`]: measurements and platforms that a policy names
//! - [`fields`]: what people are shown

mod chain;
mod collateral;
mod fields;
mod guest;
mod reference;
mod refusal;
mod tcb;
#[cfg(test)]
mod tests;
mod verifier;

use crate::{
    Request, Rule,
    judging::{Binding, Findings},
};
use collateral::Collateral;
use sealroom_evidence::dcap::{Body, Quote, QuoteError, Tee};
use sealroom_protocol::EvidenceKind;
use verifier::{Claims, DcapQvl, QuoteVerifier};

pub(crate) fn judge(request: &Request<'_>, found: &mut Findings) {
    judge_with(request, &request.evidence.quote.0, Binding::FromRequest, found);
}

/// Judges a quote that may be part of other evidence.
pub(crate) fn judge_with(
    request: &Request<'_>,
    quote: &[u8],
    expected: Binding<'_>,
    found: &mut Findings,
) {
    let Some(quote) = read(request, quote, found) else { return };
    fields::of_body(&quote, found);
    let Some(collateral) = endorsements(request, &quote, found) else { return };
    let verifier = DcapQvl {
        root: request.roots.intel.as_deref(),
        allow_service_td: guest::accepted_service_td(request, &quote.body).is_some(),
    };
    judge_by(&verifier, request, &quote, &collateral, expected, found);
}

/// Everything after reading, by a verifier.
fn judge_by(
    verifier: &impl QuoteVerifier,
    request: &Request<'_>,
    quote: &Quote<'_>,
    collateral: &Collateral,
    expected: Binding<'_>,
    found: &mut Findings,
) {
    if !chain::check(request.roots, quote, collateral, found) {
        return;
    }
    let claims = match verifier.verify(quote, collateral, request.now) {
        Ok(claims) => claims,
        // The guest is looked at by both; what is said here is more precise, and said once.
        Err(refusal) if refusal.is_of_guest() => {
            if !guest::check(request, &quote.body, found) {
                return;
            }
            return found.failed(refusal.rule, refusal.text);
        }
        Err(refusal) => return found.failed(refusal.rule, refusal.text),
    };
    passed(&quote.body, found);
    fields::of_claims(&claims, found);
    windows(request, &claims, found);
    platform(collateral, &claims, found);
    guest::check(request, &quote.body, found);
    tcb::check(request, quote.header.tee, &claims, found);
    reference::check(request, &quote.body, found);
    reference::check_platform(request, found);
    match expected {
        Binding::FromRequest => crate::check_report_data(request, found, quote.report_data()),
        Binding::Exactly(wanted) => {
            let passed = "the quote carries the digest of the paravisor's runtime data";
            let failed = "the quote carries something else than the digest of the runtime data";
            found.check(Rule::RuntimeData, quote.report_data() == wanted, passed, failed);
        }
    }
}

/// Cuts the quote into its parts, and sees that it is about what the evidence says.
fn read<'a>(request: &Request<'_>, quote: &'a [u8], found: &mut Findings) -> Option<Quote<'a>> {
    let quote = match Quote::parse(quote) {
        Ok(quote) => quote,
        Err(error) => {
            found.failed(rule_of(&error), error.to_string());
            return None;
        }
    };
    let (version, bytes) = (quote.header.version, quote.core.len());
    found.passed(Rule::EvidenceFormat, format!("a quote of {bytes} bytes, read to its end"));
    let text = format!("version {version}, signed with ECDSA P-256 by Intel's quoting enclave");
    found.passed(Rule::EvidenceVersion, text);
    let zeros = format!("{} zeros follow it", quote.padding);
    found.passed(Rule::EvidencePadding, zeros);
    let wanted = match request.evidence.kind {
        EvidenceKind::Sgx => Tee::Sgx,
        _ => Tee::Tdx,
    };
    let (name, kind) = (quote.header.tee.name(), request.evidence.kind);
    let failed = format!("evidence of kind `{kind}` with a quote about {name}");
    found
        .check(Rule::TeeType, quote.header.tee == wanted, format!("a quote about {name}"), failed)
        .then_some(quote)
}

const fn rule_of(error: &QuoteError) -> Rule {
    match error {
        QuoteError::Empty | QuoteError::TooLong { .. } => Rule::EvidenceSize,
        QuoteError::Version(_)
        | QuoteError::KeyType(_)
        | QuoteError::TeeType(_)
        | QuoteError::Vendor(_)
        | QuoteError::BodyType(_)
        | QuoteError::AuthType(_)
        | QuoteError::CertificationType(_) => Rule::EvidenceVersion,
        QuoteError::SgxVersion { .. } | QuoteError::TdxVersion | QuoteError::Contradiction(_) => {
            Rule::TeeType
        }
        QuoteError::Padding { .. } => Rule::EvidencePadding,
        _ => Rule::EvidenceFormat,
    }
}

/// Reads what vouches for the quote, and sees that it is about the same technology.
fn endorsements(
    request: &Request<'_>,
    quote: &Quote<'_>,
    found: &mut Findings,
) -> Option<Collateral> {
    let [bytes] = request.endorsements() else {
        let count = request.endorsements().len();
        let text = format!("{count} endorsements, wanted is one: Intel's collateral as JSON");
        found.failed(Rule::EndorsementsPresent, text);
        return None;
    };
    found.passed(Rule::EndorsementsPresent, "Intel's collateral is there");
    let collateral = match Collateral::parse(&bytes.0) {
        Ok(collateral) => collateral,
        Err(error) => {
            found.failed(Rule::EndorsementsFormat, error.to_string());
            return None;
        }
    };
    found.passed(Rule::EndorsementsFormat, "it can be read, and says nothing twice");
    let (tcb, qe) = match quote.header.tee {
        Tee::Sgx => ("SGX", "QE"),
        Tee::Tdx => ("TDX", "TD_QE"),
    };
    let good = collateral.tcb.id == tcb && collateral.qe.id == qe;
    if !good {
        let found_ids = (&collateral.tcb.id, &collateral.qe.id);
        let text = format!("collateral for {found_ids:?}, wanted is {:?}", (tcb, qe));
        found.failed(Rule::TeeType, text);
    }
    good.then_some(collateral)
}

/// What a verifier has seen to once it has given its claims.
fn passed(body: &Body<'_>, found: &mut Findings) {
    found.passed(Rule::CollateralSignature, "Intel has signed TCB info and QE identity");
    found.passed(Rule::CertificateChain, "signed from Intel's root down to the platform");
    found.passed(Rule::RevocationList, "both lists of revoked certificates are there, and signed");
    found.passed(Rule::NotRevoked, "no certificate was revoked");
    found.passed(Rule::QeReport, "a quoting enclave on this platform vouches for the key");
    found.passed(Rule::QeIdentity, "it is Intel's");
    found.passed(Rule::EvidenceSignature, "the key has signed the quote");
    if matches!(body, Body::Tdx(_)) {
        found.passed(Rule::TdxModule, "the TDX module is Intel's, its version is known");
    }
}

/// Time is the verifier's work too, but it leaves out when lists were issued.
fn windows(request: &Request<'_>, claims: &Claims, found: &mut Findings) {
    let (now, issued, expires) = (request.now, claims.issued, claims.expires);
    found.window(issued, expires);
    let failed = format!("something was issued at {issued}, after now ({now})");
    let passed =
        format!("the newest part was issued {} hours ago", now.saturating_sub(issued) / 3600);
    found.check(Rule::NotYetValid, issued <= now, passed, failed);
    let failed = format!("something has run out at {expires}; now is {now}");
    let passed = format!("the next part runs out in {} hours", expires.saturating_sub(now) / 3600);
    found.check(Rule::NotExpired, now < expires, passed, failed);
}

/// TCB info is for a sort of platform: both of its names have to be those in the platform's certificate.
fn platform(collateral: &Collateral, claims: &Claims, found: &mut Findings) {
    let info = (&collateral.tcb.fmspc[..], &collateral.tcb.pce_id[..]);
    let certificate = (&claims.fmspc[..], &claims.pce_id[..]);
    let text = |(fmspc, pce): (&[u8], &[u8])| {
        format!("FMSPC {}, PCEID {}", hex::encode(fmspc), hex::encode(pce))
    };
    let failed = format!("collateral for {}, the platform is {}", text(info), text(certificate));
    let passed = format!("collateral and certificate are for {}", text(info));
    found.check(Rule::CollateralPlatform, info == certificate, passed, failed);
}
