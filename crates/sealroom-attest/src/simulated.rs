//! Evidence without hardware: what an enclave shows where there is nothing to vouch for it.
//!
//! Anyone can write such a quote. It carries the binding that real evidence has, so that everything around it works
//! alike, and it is refused unless the policy accepts its kind.

use crate::{Request, Rule, judging::Findings};
use sealroom_evidence::simulated::Quote;
use sealroom_protocol::EvidenceKind;

pub(crate) fn judge(request: &Request<'_>, found: &mut Findings) {
    let text = "SIMULATED: no hardware vouches for this enclave; its host can read everything";
    match request.policy() {
        Some(policy) if policy.accept.contains(&EvidenceKind::Simulated) => {
            found.warned(Rule::Simulated, text);
        }
        _ => found.failed(Rule::Simulated, text),
    }
    let Some(quote) = Quote::parse(&request.evidence.quote.0) else {
        return found.failed(Rule::EvidenceFormat, "the quote is not a simulated quote");
    };
    found.field("report_data", hex::encode(quote.report_data));
    found.field("program", hex::encode(quote.program));
    crate::check_report_data(request, found, quote.report_data);
}
