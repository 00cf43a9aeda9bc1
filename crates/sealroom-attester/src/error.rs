//! Why there is no evidence.

use crate::tpm::TpmError;
use sealroom_http::HttpError;
use std::{
    io,
    path::{Path, PathBuf},
};

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
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds more than such a file may; what that is the host may have chosen.
    #[error("`{path}` is longer than the {limit} bytes that it may have")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it may have.
        limit: usize,
    },
    /// The interface is there, the driver behind it is not.
    #[error("no driver of a confidential VM stands behind `{0}` (ENXIO)")]
    NoProvider(PathBuf),
    /// The kernel's driver is none that we know.
    #[error("the driver `{0}` is unknown here; known are `sev_guest` and `tdx_guest`")]
    UnknownProvider(String),
    /// The machine's kind of evidence is not what it was when the attester was chosen.
    #[error("the machine vouches as `{found}`, it did as `{wanted}` before")]
    OtherKind {
        /// What it is now.
        found: String,
        /// What it was.
        wanted: String,
    },
    /// The driver didn't take what a report was asked for.
    #[error(
        "the driver refuses the request in `{0}`: no report data, or a value that it does not allow (EINVAL)"
    )]
    Refused(PathBuf),
    /// Nothing came, again and again.
    #[error("`{path}` gave nothing in {tries} tries")]
    Busy {
        /// What was read.
        path: PathBuf,
        /// How often.
        tries: u32,
        /// The last answer.
        source: io::Error,
    },
    /// Somebody else's writes or measurements came between, again and again.
    #[error("`{path}` was changed by somebody else meanwhile, {tries} times")]
    Disturbed {
        /// What was changed.
        path: PathBuf,
        /// How often it was tried.
        tries: u32,
    },
    /// The machine allows no privilege level that there is.
    #[error("the lowest privilege level on this machine is {0}, the highest that there is is 3")]
    Floor(u32),
    /// What came back speaks for another privilege level.
    #[error("the report that came back is of privilege level {found}, asked was for {wanted}")]
    OtherLevel {
        /// Whose it is.
        found: u32,
        /// Whose it should be.
        wanted: u32,
    },
    /// What came back carries other data than was asked for.
    #[error("the evidence that came back is for somebody else's request")]
    OtherReportData,
    /// Gramine runs without attestation.
    #[error(
        "Gramine's attestation is `{0}`, it has to be `dcap` (`sgx.remote_attestation` in its manifest)"
    )]
    AttestationType(String),
    /// What came back can't be read.
    #[error("the evidence that came back is not readable: {0}")]
    Unreadable(String),
    /// The TPM did not do what it should.
    #[error("the TPM at `{path}` cannot be used")]
    Tpm {
        /// Its device or socket.
        path: PathBuf,
        /// Why not.
        source: TpmError,
    },
    /// The cloud's metadata service did not answer.
    #[error("the metadata service gives no {what}")]
    Metadata {
        /// What it was asked for.
        what: &'static str,
        /// Why not.
        source: HttpError,
    },
}

impl AttestError {
    /// An error that a file gave; the kernel's own words are told apart where they say more than their text.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }

    /// Whether we were not let in: whether there is anything is then unknown.
    pub(crate) fn is_denied(&self) -> bool {
        let source = match self {
            Self::File { source, .. }
            | Self::Tpm { source: TpmError::Device { source, .. }, .. } => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::PermissionDenied
    }
}
