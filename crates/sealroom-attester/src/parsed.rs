//! What came back is read, and compared with what was asked: the host may have answered something else.

use crate::AttestError;
use sealroom_evidence::{
    dcap::{Quote, Tee},
    snp::Report,
};
use std::fmt;

/// What came back is not in its format.
pub(crate) fn unreadable(error: impl fmt::Display) -> AttestError {
    AttestError::Unreadable(error.to_string())
}

fn expect(found: &[u8; 64], wanted: &[u8; 64]) -> Result<(), AttestError> {
    match found == wanted {
        true => Ok(()),
        false => Err(AttestError::OtherReportData),
    }
}

/// A report of SEV-SNP over `report_data`.
pub(crate) fn snp(bytes: &[u8], report_data: &[u8; 64]) -> Result<Report, AttestError> {
    let report = Report::parse(bytes).map_err(unreadable)?;
    expect(&report.report_data, report_data)?;
    Ok(report)
}

/// A quote of TDX over `report_data`, without what the host filled it up with.
pub(crate) fn tdx(bytes: &[u8], report_data: &[u8; 64]) -> Result<Vec<u8>, AttestError> {
    dcap(bytes, report_data, Tee::Tdx)
}

/// A quote of SGX over `report_data`.
pub(crate) fn sgx(bytes: &[u8], report_data: &[u8; 64]) -> Result<Vec<u8>, AttestError> {
    dcap(bytes, report_data, Tee::Sgx)
}

fn dcap(bytes: &[u8], report_data: &[u8; 64], tee: Tee) -> Result<Vec<u8>, AttestError> {
    let quote = Quote::parse(bytes).map_err(unreadable)?;
    if quote.header.tee != tee {
        let (found, wanted) = (quote.header.tee.name().to_owned(), tee.name().to_owned());
        return Err(AttestError::OtherKind { found, wanted });
    }
    expect(quote.report_data(), report_data)?;
    Ok(quote.core.to_vec())
}
