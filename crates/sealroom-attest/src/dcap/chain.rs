//! Certificates as they are written, up to the pinned root.
//!
//! Whether they are signed is the verifier's to say. It takes the chain as a bag of certificates, though, and does not
//! look at the root that comes with it: bytes that nobody reads could be anything.

use super::collateral::Collateral;
use crate::{Roots, Rule, judging::Findings};
use ring::digest;
use sealroom_evidence::dcap::{PCK_CHAIN, Quote};
use sealroom_protocol::Base64;

/// SHA-256 of Intel's SGX Root CA, DER: that which dcap-qvl has built in.
const INTEL_ROOT: [u8; 32] = [
    0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49, 0xe9, 0x5b, 0x80, 0x7a, 0x35,
    0x0e, 0x74, 0x24, 0x96, 0x43, 0x99, 0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3,
];

/// Looks at the three chains that are relied on. Says whether the verifier can go on from there.
pub(super) fn check(
    roots: &Roots,
    quote: &Quote<'_>,
    collateral: &Collateral,
    found: &mut Findings,
) -> bool {
    let pck = match platform_chain(quote, collateral) {
        Ok(chain) => chain,
        Err((rule, text)) => {
            found.failed(rule, text);
            return false;
        }
    };
    let raw = &collateral.raw;
    let signers =
        [("TCB info", &raw.tcb_info_issuer_chain), ("QE identity", &raw.qe_identity_issuer_chain)];
    let mut ends = vec![("the platform", pck[2].clone())];
    for (name, pem) in signers {
        match read_pem(pem.as_bytes()).as_deref() {
            Some([_, root]) => ends.push((name, root.clone())),
            _ => {
                let text = format!("the chain for {name} is not a signer and a root in PEM");
                found.failed(Rule::CertificateChain, text);
                return false;
            }
        }
    }
    if let Some((name, _)) = ends.iter().find(|(_, root)| !is_pinned(roots, root)) {
        let text = format!("the chain for {name} ends in a root that is not Intel's");
        found.failed(Rule::PinnedRoot, text);
        return false;
    }
    found.passed(Rule::PinnedRoot, "every chain ends in the root of Intel's that is pinned");
    true
}

fn is_pinned(roots: &Roots, root: &[u8]) -> bool {
    match &roots.intel {
        Some(pinned) => pinned == root,
        None => digest::digest(&digest::SHA256, root).as_ref() == INTEL_ROOT,
    }
}

/// The platform's: leaf, intermediate, root. In the quote, or with the collateral where the quote has none; where both
/// have it, both have to say the same, for the verifier reads one of them alone.
fn platform_chain(
    quote: &Quote<'_>,
    collateral: &Collateral,
) -> Result<[Vec<u8>; 3], (Rule, String)> {
    let of_three = |chain: Option<Vec<Vec<u8>>>, place: &str| {
        chain.and_then(|chain| <[Vec<u8>; 3]>::try_from(chain).ok()).ok_or_else(|| {
            let text = format!("{place} is not leaf, intermediate and root in PEM");
            (Rule::CertificateChain, text)
        })
    };
    let beside = match &collateral.raw.pck_certificate_chain {
        Some(pem) => {
            Some(of_three(read_pem(pem.as_bytes()), "the platform's chain with the collateral")?)
        }
        None => None,
    };
    let kind = quote.auth.certification_type;
    let inside = if kind == PCK_CHAIN {
        let chain = read_canonical(quote.auth.certification);
        Some(of_three(chain, "the platform's chain in the quote")?)
    } else {
        None
    };
    match (inside, beside) {
        (Some(inside), Some(beside)) if inside != beside => {
            let text = "the quote has one chain of the platform's, the collateral another";
            Err((Rule::CertificateChain, text.to_owned()))
        }
        (Some(chain), _) | (None, Some(chain)) => Ok(chain),
        (None, None) => {
            let text = format!(
                "the quote has no chain of the platform's (certification data of type {kind}), \
                 nor has the collateral"
            );
            Err((Rule::EndorsementsPresent, text))
        }
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Certificates in PEM, DER each, whatever the white space.
fn read_pem(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = str::from_utf8(pem).ok()?.trim_ascii();
    let mut chain = Vec::new();
    while !rest.is_empty() {
        let (inner, after) = rest.strip_prefix(BEGIN)?.split_once(END)?;
        let text: String = inner.split_ascii_whitespace().collect();
        let bytes: Base64 = serde_json::from_value(text.into()).ok()?;
        chain.push(bytes.0);
        rest = after.trim_ascii_start();
    }
    Some(chain)
}

/// The same, if the text is the one that quoting enclaves write: lines of 64, a line feed after each, perhaps a zero at
/// the end. So no bit of the quote is free.
fn read_canonical(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let pem = pem.strip_suffix(b"\0").unwrap_or(pem);
    let chain = read_pem(pem)?;
    let mut written = Vec::with_capacity(pem.len());
    for certificate in &chain {
        written.extend_from_slice(BEGIN.as_bytes());
        written.push(b'\n');
        for line in Base64(certificate.clone()).to_string().as_bytes().chunks(64) {
            written.extend_from_slice(line);
            written.push(b'\n');
        }
        written.extend_from_slice(END.as_bytes());
        written.push(b'\n');
    }
    (written == pem).then_some(chain)
}
