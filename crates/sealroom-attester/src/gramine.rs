//! Gramine's `/dev/attestation`: Intel SGX (Gramine documentation, "Attestation and Secret Provisioning").

use crate::{
    AttestError, Attester,
    files::{Files, System, word},
    parsed,
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Where Gramine has it.
pub(crate) const FOLDER: &str = "dev/attestation";

/// A quote has about 4700 bytes.
const MAX_QUOTE: usize = 16 << 10;

/// The files are the process's: no other process sees them, all its threads share them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Asks Gramine.
#[derive(Debug)]
pub struct Gramine {
    folder: PathBuf,
}

impl Gramine {
    /// Asks in `folder` (`/dev/attestation`).
    ///
    /// # Errors
    /// [`AttestError::AttestationType`] if Gramine runs without DCAP attestation, [`AttestError::File`] if it can't be
    /// asked.
    pub fn at(folder: &Path) -> Result<Self, AttestError> {
        let path = folder.join("attestation_type");
        match word(&System, &path).map_err(AttestError::file("read", &path))?.as_str() {
            "dcap" => Ok(Self { folder: folder.to_owned() }),
            other => Err(AttestError::AttestationType(sealroom_protocol::text::visible(other))),
        }
    }
}

impl Attester for Gramine {
    fn kind(&self) -> EvidenceKind {
        EvidenceKind::Sgx
    }

    fn description(&self) -> String {
        format!("Intel SGX through Gramine at `{}`", self.folder.display())
    }

    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError> {
        let (asked, answer) = (self.folder.join("user_report_data"), self.folder.join("quote"));
        let quote = {
            let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            System.write(&asked, report_data).map_err(AttestError::file("write", &asked))?;
            System.read(&answer, MAX_QUOTE).map_err(|source| match source.kind() {
                std::io::ErrorKind::FileTooLarge => {
                    AttestError::TooLong { path: answer.clone(), limit: MAX_QUOTE }
                }
                _ => AttestError::file("read", &answer)(source),
            })?
        };
        let quote = Base64(parsed::sgx(&quote, report_data)?);
        Ok(Evidence { kind: EvidenceKind::Sgx, quote, endorsements: Vec::new() })
    }
}
