//! What is tried on every parser and on the verifier: whatever comes in, nothing panics, and nothing made up is trusted.

use sealroom_attest::{Measure, Policy, Request, Roots, policy::TcbStatus};
use sealroom_collateral::Collateral;
use sealroom_evidence::{ccel, dcap, hcl, snp, tpm, vtpm::Bundle};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};

/// A moment at which much of the corpus is valid.
const NOW: u64 = 1_756_530_546;

pub fn snp_report(bytes: &[u8]) {
    drop(snp::Report::parse(bytes));
}

pub fn cert_table(bytes: &[u8]) {
    drop(snp::CertTable::parse(bytes));
}

pub fn dcap_quote(bytes: &[u8]) {
    if let Ok(quote) = dcap::Quote::parse(bytes) {
        assert!(quote.core.len() + quote.padding == bytes.len());
    }
}

pub fn event_log(bytes: &[u8]) {
    drop(ccel::Log::parse(bytes));
    assert!(sealroom_attest::event_log::check(bytes, &[[7; 48]; 4]).is_err());
}

pub fn tpm_quote(bytes: &[u8]) {
    drop(tpm::Quote::parse(bytes));
    drop(tpm::Signature::parse(bytes));
    drop(tpm::Public::parse(bytes));
}

pub fn hcl_report(bytes: &[u8]) {
    let _ = hcl::Report::parse(bytes);
}

pub fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_eq!(Bundle::parse(&bundle.to_bytes()).expect("it was written by us"), bundle);
    }
}

pub fn policy(bytes: &[u8]) {
    drop(std::str::from_utf8(bytes).map(Policy::parse));
}

pub fn collateral(bytes: &[u8]) {
    drop(Collateral::read(bytes));
}

/// The first byte chooses the kind, two more the length of the quote; the rest is cut into endorsements in the same way.
pub fn verify(bytes: &[u8]) {
    let Some((kind, mut rest)) = bytes.split_first() else { return };
    let kinds = [
        EvidenceKind::Sgx,
        EvidenceKind::Tdx,
        EvidenceKind::Snp,
        EvidenceKind::AzureTdx,
        EvidenceKind::AzureSnp,
        EvidenceKind::Tpm,
        EvidenceKind::Simulated,
    ];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let mut parts = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk() {
        let (part, more) = more.split_at(more.len().min(u16::from_le_bytes(*length).into()));
        parts.push(Base64(part.to_vec()));
        rest = more;
    }
    if parts.is_empty() {
        return;
    }
    let quote = parts.remove(0);
    let evidence = Evidence { kind, quote, endorsements: parts };
    let request = Request {
        evidence: &evidence,
        endorsements: &[],
        // Nobody's: whatever the evidence is, it does not carry this.
        report_data: Some(&[0x5e; 64]),
        measure: Measure::Genuine(&TcbStatus::ACCEPTABLE.into()),
        now: NOW,
        roots: &Roots::pinned(),
    };
    assert!(!sealroom_attest::verify(&request).verdict.is_trusted());
}
