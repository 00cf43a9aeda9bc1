//! The `simulated` attester: what an enclave shows where there is no hardware to vouch for it.
//!
//! ```text
//! quote   "sealroom simulated quote v1\0" ‖ report data (64) ‖ SHA-256 of the enclave program (32)
//! ```
//! Anyone can write such a quote. It carries the binding that real evidence has, so that everything
//! around it works alike, and it is refused unless the relying party asks for it.

use crate::{Check, Group, Policy, Verdict};
use sealroom_protocol::{Base64, Digest, Evidence, EvidenceKind};

const MAGIC: &[u8; 28] = b"sealroom simulated quote v1\0";
const LEN: usize = MAGIC.len() + 64 + 32;

/// Makes a simulated quote.
#[must_use]
pub fn evidence(report_data: &[u8; 64], program: &Digest) -> Evidence {
    let quote = [MAGIC.as_slice(), report_data, program.as_bytes()].concat();
    Evidence { kind: EvidenceKind::Simulated, quote: Base64(quote), endorsements: vec![] }
}

/// The report data and the program digest in a quote.
fn parse(quote: &[u8]) -> Option<(&[u8; 64], Digest)> {
    let rest = quote.strip_prefix(MAGIC).filter(|_| quote.len() == LEN)?;
    let (report_data, program) = rest.split_first_chunk()?;
    Some((report_data, Digest::from_bytes(program.try_into().ok()?)))
}

pub(crate) fn verify(evidence: &Evidence, report_data: &[u8; 64], policy: &Policy) -> Verdict {
    let no_hardware = Check::failed(
        Group::Hardware,
        "simulated",
        "SIMULATED: no hardware vouches for this enclave; its host can read everything",
        "for trying things out with data that is not secret, add --allow-simulated",
    );
    let hardware = if policy.danger_allow_simulated { no_hardware.warned() } else { no_hardware };
    let again = "do not approve; the server shows evidence that was made for something else";
    let binding = match parse(&evidence.quote.0) {
        None => Check::failed(
            Group::Identity,
            "evidence-malformed",
            "the quote is not a simulated quote",
            again,
        ),
        Some((found, _)) if found != report_data => Check::failed(
            Group::Identity,
            "report-data-mismatch",
            "the evidence is for another manifest or other keys",
            again,
        ),
        Some((_, program)) => Check::passed(
            Group::Identity,
            "report-data",
            format!("the evidence names this manifest and these keys (program {program})"),
        ),
    };
    Verdict::from(vec![hardware, binding])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes(
        evidence: &Evidence,
        report_data: &[u8; 64],
        allow: bool,
    ) -> (bool, Vec<&'static str>) {
        let policy = Policy { danger_allow_simulated: allow };
        let verdict = crate::verify(evidence, report_data, &policy);
        (verdict.is_trusted(), verdict.failures().map(|check| check.code).collect())
    }

    #[test]
    fn simulated_evidence_is_refused_unless_asked_for() {
        let evidence = evidence(&[1; 64], &Digest::of(b"program"));
        assert_eq!(codes(&evidence, &[1; 64], false), (false, vec!["simulated"]));
        assert_eq!(codes(&evidence, &[1; 64], true), (true, vec![]));
    }

    #[test]
    fn evidence_for_another_identity_is_refused_even_then() {
        let mut report_data = [1; 64];
        let evidence = evidence(&report_data, &Digest::of(b"program"));
        report_data[63] = 0;
        assert_eq!(codes(&evidence, &report_data, true), (false, vec!["report-data-mismatch"]));
    }

    #[test]
    fn kinds_that_cannot_be_judged_are_refused() {
        let mut evidence = evidence(&[1; 64], &Digest::of(b"program"));
        evidence.kind = EvidenceKind::Snp;
        assert_eq!(codes(&evidence, &[1; 64], true), (false, vec!["evidence-kind-unsupported"]));
    }

    proptest! {
        #[test]
        fn no_other_bytes_are_a_quote(at: prop::sample::Index, bit in 0..8u8, cut: bool) {
            let mut evidence = evidence(&[1; 64], &Digest::of(b"program"));
            let at = at.index(LEN);
            if cut {
                evidence.quote.0.truncate(at);
            } else {
                evidence.quote.0[at] ^= 1 << bit;
            }
            // The program digest is information only: nothing vouches for it.
            let harmless = !cut && at >= LEN - 32;
            prop_assert_eq!(codes(&evidence, &[1; 64], true).0, harmless);
        }
    }
}
