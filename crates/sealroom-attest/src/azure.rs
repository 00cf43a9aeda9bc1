//! TODO

use crate::{Request, Rule, judging::Findings};

pub(crate) fn judge(_request: &Request<'_>, found: &mut Findings) {
    found.failed(Rule::EvidenceKind, "this kind cannot be judged yet");
}
