//! A TPM's quote: the signature, the nonce, and the registers that it covers.

use super::key::AttestationKey;
use crate::{Request, Rule, judging::Findings, policy::PcrReference};
use ring::digest::{Context, SHA256, digest};
use sealroom_evidence::{
    tpm::{ALG_SHA256, Quote},
    vtpm::Bundle,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The quote, once it is known to be what `key` has signed.
pub(crate) fn check<'a>(
    bundle: &'a Bundle,
    key: &AttestationKey,
    found: &mut Findings,
) -> Option<Quote<'a>> {
    let Bundle { message, signature, .. } = bundle;
    if !key.verifies(&message.0, &signature.0) {
        found.failed(Rule::TpmQuote, "the TPM's statement is not signed by the attestation key");
        return None;
    }
    match Quote::parse(&message.0) {
        Ok(quote) => {
            found.passed(Rule::TpmQuote, "the TPM's statement is a quote, signed by that key");
            found.field("tpm_nonce", hex::encode(quote.extra_data));
            Some(quote)
        }
        Err(error) => {
            found.failed(Rule::TpmQuote, format!("the TPM's statement is no quote: {error}"));
            None
        }
    }
}

/// The nonce is the digest of what the evidence has to carry: those 64 bytes are too long for some TPMs.
pub(crate) fn check_nonce(request: &Request<'_>, quote: &Quote<'_>, found: &mut Findings) {
    let Some(expected) = request.report_data else {
        let text = "what the TPM's statement should carry is not known here";
        return found.open(Rule::ReportData, text);
    };
    let good = quote.extra_data == digest(&SHA256, expected).as_ref();
    let passed = "the TPM's statement names this manifest and these keys";
    let failed =
        "the TPM's statement is for another manifest, other keys or another challenge (its nonce)";
    found.check(Rule::ReportData, good, passed, failed);
}

/// Registers that a quote covers.
pub(crate) struct Covered<'a>(&'a BTreeMap<u8, [u8; 32]>);

/// The quote covers the registers that are shown, all of them and no other, in the SHA-256 bank alone.
pub(crate) fn check_pcrs<'a>(
    bundle: &'a Bundle,
    quote: &Quote<'_>,
    found: &mut Findings,
) -> Option<Covered<'a>> {
    let values = bundle.pcrs.values();
    let shown: BTreeSet<u8> = values.keys().copied().collect();
    let [bank] = quote.selections.as_slice() else {
        let text = format!(
            "the quote is over {} banks of registers, wanted is the one of SHA-256",
            quote.selections.len()
        );
        found.failed(Rule::PcrDigest, text);
        return None;
    };
    if bank.hash != ALG_SHA256 {
        let text = format!("the quote is over the bank {:#x}, wanted is SHA-256 (0xb)", bank.hash);
        found.failed(Rule::PcrDigest, text);
        return None;
    }
    if bank.pcrs != shown || shown.is_empty() {
        let (quoted, shown) = (list(&bank.pcrs), list(&shown));
        let text = format!("the quote is over registers {quoted}, those shown are {shown}");
        found.failed(Rule::PcrDigest, text);
        return None;
    }
    let mut all = Context::new(&SHA256);
    for value in values.values() {
        all.update(value);
    }
    let good = all.finish().as_ref() == quote.pcr_digest;
    let passed = format!("the quote covers the registers shown: {}", list(&shown));
    let failed = "the quote is over other values than those of the registers shown";
    if !found.check(Rule::PcrDigest, good, passed, failed) {
        return None;
    }
    let shown = values.iter().map(|(pcr, value)| (pcr.to_string(), hex::encode(value).into()));
    found.field("pcrs", shown.collect::<Map<String, Value>>());
    Some(Covered(values))
}

/// Whether the registers have values that the policy names; `None` where there is no policy.
pub(crate) fn check_references(
    references: Option<&[PcrReference]>,
    pcrs: &Covered<'_>,
    found: &mut Findings,
) {
    let Some(references) = references else {
        let text = "whether the TPM's registers are as expected is not known here";
        return found.open(Rule::Measurement, text);
    };
    // A reference without registers would fit all.
    if references.is_empty() || references.iter().any(|one| one.0.is_empty()) {
        let text = "the policy does not name what the TPM's registers have to be";
        return found.failed(Rule::ReferenceValues, text);
    }
    let count = references.len();
    let text = format!("the policy names {count} sets of TPM registers");
    found.passed(Rule::ReferenceValues, text);
    let differing = references.iter().map(|one| differing(one, pcrs)).min_by_key(BTreeSet::len);
    let differing = differing.unwrap_or_default();
    let passed = "the TPM's registers are as the policy names them";
    let failed = format!(
        "none of the {count} sets of TPM registers that the policy names fits; in the closest, registers {} differ",
        list(&differing)
    );
    found.check(Rule::Measurement, differing.is_empty(), passed, failed);
}

/// The registers that do not have the value of the reference.
fn differing(reference: &PcrReference, pcrs: &Covered<'_>) -> BTreeSet<u8> {
    let wrong = reference.0.iter().filter(|(pcr, wanted)| pcrs.0.get(pcr) != Some(wanted));
    wrong.map(|(pcr, _)| *pcr).collect()
}

/// `0-7, 11`, or `none`.
fn list(pcrs: &BTreeSet<u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for &pcr in pcrs {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(pcr) => *last = pcr,
            _ => runs.push((pcr, pcr)),
        }
    }
    let runs = runs.into_iter().map(|(first, last)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    });
    let text = runs.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "none".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_listed_in_runs() {
        assert_eq!(list(&BTreeSet::new()), "none");
        assert_eq!(list(&(0..24).collect()), "0-23");
        assert_eq!(list(&[0, 1, 2, 7, 11, 12].into()), "0-2, 7, 11-12");
    }
}
