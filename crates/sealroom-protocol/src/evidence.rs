//! Evidence of what the enclave is, in the sense of RFC 9334: made by an attester, judged elsewhere.

use crate::{Base64, Digest};
use sealroom_seal::framed;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a piece of evidence comes from (design, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Intel SGX, a DCAP quote.
    Sgx,
    /// Intel TDX, a DCAP quote.
    Tdx,
    /// AMD SEV-SNP, an attestation report.
    Snp,
    /// Intel TDX under Azure's paravisor.
    AzureTdx,
    /// AMD SEV-SNP under Azure's paravisor.
    AzureSnp,
    /// A TPM quote: software-rooted.
    Tpm,
    /// No hardware at all: proves nothing, for trying things out.
    Simulated,
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
            Self::Snp => "snp",
            Self::AzureTdx => "azure-tdx",
            Self::AzureSnp => "azure-snp",
            Self::Tpm => "tpm",
            Self::Simulated => "simulated",
        })
    }
}

/// What an enclave shows for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How to read `quote`.
    pub kind: EvidenceKind,
    /// The attester's statement, in its own format.
    pub quote: Base64,
    /// Certificates and the like that came with it, in the order of the kind's format.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endorsements: Vec<Base64>,
}

impl Evidence {
    /// SHA-256 of what the attester said: framed("sealroom/evidence/v1" ‖ kind ‖ quote). Not of the endorsements, which others
    /// sign and anybody may replace by newer ones.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let kind = self.kind.to_string();
        Digest::of(&framed(&[b"sealroom/evidence/v1", kind.as_bytes(), &self.quote.0]))
    }
}
