//! Real evidence, as a template: what it is bound to is put in, which spoils its signature; nobody here looks at that.

use std::fs;

pub(super) const MINE: [u8; 64] = [0x3a; 64];
pub(super) const OTHER: [u8; 64] = [0x07; 64];

/// Where report data is in a report of SNP.
pub(super) const SNP: usize = 0x50;
/// Where it is in a quote of TDX (version 4).
pub(super) const TDX: usize = 48 + 520;
/// Where it is in a quote of SGX (version 3).
pub(super) const SGX: usize = 48 + 320;

pub(super) fn file(name: &str) -> Vec<u8> {
    fs::read(format!("{}/../../vectors/attestation/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(super) fn snp_report() -> Vec<u8> {
    file("snp/genoa-v3-certtable/report.bin")
}

pub(super) fn certificates() -> Vec<u8> {
    file("snp/genoa-v3-certtable/auxblob.bin")
}

/// Padded by the host.
pub(super) fn tdx_quote() -> Vec<u8> {
    file("tdx/gcp-v4-2026/quote.bin")
}

pub(super) fn sgx_quote() -> Vec<u8> {
    file("sgx/icelake-v3-swhardening/quote.bin")
}

pub(super) fn put(into: &mut [u8], at: usize, bytes: &[u8]) {
    into[at..at + bytes.len()].copy_from_slice(bytes);
}
