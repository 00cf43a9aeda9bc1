//! A TPM that no hardware of a TEE vouches for: its word, and whoever named its key in the policy, is all there is.
//!
//! A program can be such a TPM as well as a chip can, and neither keeps the host out of the guest's memory. So this is
//! a class of its own: refused where genuine hardware is asked for, and by every policy that does not name the kind.
//!
//! - `key`: who signs
//! - `quote`: what the TPM says, and the registers that it covers; Azure's evidence has that too

pub(crate) mod key;
pub(crate) mod quote;

use crate::{Request, Rule, judging::Findings};
use key::AttestationKey;
use ring::digest;
use sealroom_evidence::vtpm::{Bundle, BundleError};
use sealroom_protocol::EvidenceKind;

pub(crate) fn judge(request: &Request<'_>, found: &mut Findings) {
    let text = "a TPM's word alone: no hardware keeps the host out of this enclave";
    match request.policy() {
        Some(policy) if policy.accept.contains(&EvidenceKind::Tpm) => {
            found.warned(Rule::HardwareRooted, text);
        }
        _ => found.failed(Rule::HardwareRooted, text),
    }
    let Some(bundle) = read(&request.evidence.quote.0, found) else { return };
    let Bundle { hcl: None, key: Some(key), td_quote: None, .. } = &bundle else {
        let text = "a TPM's evidence has a key, and neither `hcl` nor `td_quote`";
        return found.failed(Rule::EvidenceFormat, text);
    };
    found.passed(Rule::EvidenceFormat, "the bundle can be read");
    let Some(trusted) = check_key(request, &key.0, found) else { return };
    let Some(quote) = quote::check(&bundle, &trusted, found) else { return };
    quote::check_nonce(request, &quote, found);
    let Some(pcrs) = quote::check_pcrs(&bundle, &quote, found) else { return };
    let references = request.policy().map(|policy| policy.tpm.references.as_slice());
    quote::check_references(references, &pcrs, found);
}

/// Reads the bundle that TPM evidence is.
pub(crate) fn read(bytes: &[u8], found: &mut Findings) -> Option<Bundle> {
    match Bundle::parse(bytes) {
        Ok(bundle) => Some(bundle),
        Err(error @ BundleError::TooLong(_)) => {
            found.failed(Rule::EvidenceSize, error.to_string());
            None
        }
        Err(BundleError::Json(source)) => {
            found.failed(Rule::EvidenceFormat, format!("the bundle is not readable: {source}"));
            None
        }
        Err(error) => {
            found.failed(Rule::EvidenceFormat, error.to_string());
            None
        }
    }
}

/// The policy names the key by its digest; nothing else speaks for it.
fn check_key(request: &Request<'_>, spki: &[u8], found: &mut Findings) -> Option<AttestationKey> {
    let digest = digest::digest(&digest::SHA256, spki);
    let name = hex::encode(digest.as_ref());
    found.field("attestation_key", name.clone());
    let Some(key) = AttestationKey::from_spki(spki) else {
        let text = "the attestation key is neither RSA of 2048 bits or more nor on P-256";
        found.failed(Rule::AttestationKey, text);
        return None;
    };
    match request.policy().map(|policy| &policy.tpm.attestation_keys) {
        None => found.open(
            Rule::AttestationKey,
            format!("whether the attestation key may speak is not known here: {name}"),
        ),
        Some(keys) if keys.is_empty() => {
            found.failed(Rule::ReferenceValues, "the policy names no attestation key");
        }
        Some(keys) => {
            let known = keys.iter().any(|known| known == digest.as_ref());
            let passed = format!("the attestation key is one that the policy names: {name}");
            let failed = format!("the policy does not name the attestation key {name}");
            found.check(Rule::AttestationKey, known, passed, failed);
        }
    }
    Some(key)
}
