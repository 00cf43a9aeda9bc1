//! Attesters: where evidence for an enclave's identity comes from. Part of the trusted base.
//!
//! Each asks its hardware for evidence over 64 bytes, reads what came back and compares it with what it asked: nothing
//! that carries anything else leaves here. Whether the evidence is worth believing is judged elsewhere.
//!
//! - [`choose`]: the attester of this machine
//! - [`Tsm`]: AMD SEV-SNP and Intel TDX, through the kernel's configfs-tsm
//! - [`Gramine`]: Intel SGX, through Gramine
//! - [`AzureVtpm`]: both of the former below Azure's paravisor, through its virtual TPM
//! - [`Simulated`]: no hardware
#![forbid(unsafe_code)]

mod azure;
mod error;
mod files;
mod gramine;
mod imds;
mod machine;
mod parsed;
mod simulated;
mod tpm;
mod tsm;

#[cfg(test)]
mod tests;

pub use azure::AzureVtpm;
pub use error::AttestError;
pub use gramine::Gramine;
pub use machine::{ChooseError, Chosen, NAMES, choose};
pub use simulated::Simulated;
pub use tpm::TpmError;
pub use tsm::Tsm;

use sealroom_protocol::{Evidence, EvidenceKind};

/// Something that vouches for this program.
pub trait Attester: Send + Sync {
    /// What its evidence is.
    fn kind(&self) -> EvidenceKind;

    /// What it is, for a log: a few words without full stop.
    fn description(&self) -> String;

    /// Fresh evidence that carries `report_data`.
    ///
    /// # Errors
    /// Every [`AttestError`]; nothing that carries anything else is ever returned.
    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError>;
}
