//! Attesters: where evidence for an enclave's identity comes from. Part of the trusted base.
#![forbid(unsafe_code)]

mod simulated;

pub use simulated::Simulated;

use sealroom_protocol::{Evidence, EvidenceKind};
use std::io;

/// Something that vouches for this program.
pub trait Attester: Send + Sync {
    /// What its evidence is.
    fn kind(&self) -> EvidenceKind;

    /// Fresh evidence that carries `report_data`.
    ///
    /// # Errors
    /// Every [`AttestError`]; nothing that carries anything else is ever returned.
    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError>;
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// A file of the system can't be used.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: std::path::PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What came back carries other data than was asked for.
    #[error("the evidence that came back is for somebody else's request")]
    OtherReportData,
    /// What came back can't be read.
    #[error("the evidence that came back is not readable: {0}")]
    Unreadable(String),
}

/// The attester `name`; `auto` takes the best that the machine offers.
///
/// # Errors
/// Every [`ChooseError`].
pub fn choose(name: &str) -> Result<Box<dyn Attester>, ChooseError> {
    match name {
        "auto" | "simulated" => Ok(Box::new(Simulated::new().map_err(ChooseError::Unusable)?)),
        other => Err(ChooseError::Unknown(other.to_owned())),
    }
}

/// Why there is no attester.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// There is none of that name.
    #[error("there is no attester `{0}`; this version has `simulated`")]
    Unknown(String),
    /// It can't work here.
    #[error("the attester can't be used here")]
    Unusable(#[source] AttestError),
}
