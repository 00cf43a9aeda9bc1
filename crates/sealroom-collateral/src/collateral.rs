//! The format: a JSON text that says for which kind of evidence it is.
//!
//! ```text
//! {"version":1,"kind":"tdx","endorsements":["BASE64", …]}
//! ```
//! The items are those of [`Evidence::endorsements`](sealroom_protocol::Evidence), by kind.

use crate::{contents, pcs::QuoteCollateral};
use sealroom_protocol::{Base64, EvidenceKind};
use serde::{Deserialize, Serialize};

/// The only version there is.
const VERSION: u32 = 1;
/// Bytes of one item: the largest in use, an Intel set, has 25 KB.
const MAX_ITEM: usize = 1 << 20;
/// Items: a chain of certificates and its revocation lists.
const MAX_ITEMS: usize = 16;
/// Bytes of a file: one item of the largest size, in base64, and room for the others.
pub const MAX_FILE: usize = 2 << 20;

/// What vouches for evidence of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// 1.
    version: u32,
    /// For which evidence.
    pub kind: EvidenceKind,
    /// In the order of the kind's format.
    pub endorsements: Vec<Base64>,
}

/// Why a file is no collateral.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Too large to be any.
    #[error("it has {found} bytes, more than the {limit} that collateral can have")]
    Size {
        /// Bytes that there are.
        found: usize,
        /// Bytes that there can be.
        limit: usize,
    },
    /// Neither the format nor an Intel set.
    #[error(
        "it is neither collateral (`version`, `kind`, `endorsements`) nor an Intel set (`tcb_info`, …)"
    )]
    Format(#[source] serde_json::Error),
    /// A version from another time.
    #[error("it has version {0} of the format, and only 1 is known here")]
    Version(u32),
    /// Empty, or too much.
    #[error("it has {0} items, not 1 to 16")]
    Items(usize),
    /// An Intel set that does not say for which hardware it is.
    #[error("its TCB info is neither for SGX nor for TDX")]
    Tee,
    /// Evidence that no hardware vouches for.
    #[error("nothing vouches for evidence of kind `{0}`")]
    Kind(EvidenceKind),
}

impl Collateral {
    /// Collateral of these items.
    #[must_use]
    pub fn new(kind: EvidenceKind, endorsements: Vec<Vec<u8>>) -> Self {
        let endorsements = endorsements.into_iter().map(Base64).collect();
        Self { version: VERSION, kind, endorsements }
    }

    /// Reads a file: the format, or the bare set of dcap-qvl (`collateral.json`).
    ///
    /// # Errors
    /// Every [`ReadError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        check_size(bytes.len(), MAX_FILE)?;
        match serde_json::from_slice::<Self>(bytes) {
            Ok(found) => found.checked(),
            Err(error) => match serde_json::from_slice::<QuoteCollateral>(bytes) {
                Ok(set) => Self::of_intel(bytes, &set),
                Err(_) => Err(ReadError::Format(error)),
            },
        }
    }

    /// Whether it is for evidence of this kind. Azure's kinds take that of their hardware.
    #[must_use]
    pub fn serves(&self, evidence: EvidenceKind) -> bool {
        let hardware = |kind| match kind {
            EvidenceKind::AzureTdx => EvidenceKind::Tdx,
            EvidenceKind::AzureSnp => EvidenceKind::Snp,
            kind => kind,
        };
        hardware(self.kind) == hardware(evidence)
    }

    /// The file's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every field has a JSON form")
    }

    fn of_intel(bytes: &[u8], set: &QuoteCollateral) -> Result<Self, ReadError> {
        let kind = match contents::Issued::read(&set.tcb_info).map(|info| info.id) {
            Some(id) if id == "SGX" => EvidenceKind::Sgx,
            Some(id) if id == "TDX" => EvidenceKind::Tdx,
            _ => return Err(ReadError::Tee),
        };
        Self::new(kind, vec![bytes.to_vec()]).checked()
    }

    fn checked(self) -> Result<Self, ReadError> {
        if self.version != VERSION {
            return Err(ReadError::Version(self.version));
        }
        if matches!(self.kind, EvidenceKind::Simulated | EvidenceKind::Tpm) {
            return Err(ReadError::Kind(self.kind));
        }
        let items = self.endorsements.len();
        if items == 0 || items > MAX_ITEMS {
            return Err(ReadError::Items(items));
        }
        self.endorsements.iter().try_for_each(|item| check_size(item.0.len(), MAX_ITEM))?;
        Ok(self)
    }
}

fn check_size(found: usize, limit: usize) -> Result<(), ReadError> {
    if found > limit { Err(ReadError::Size { found, limit }) } else { Ok(()) }
}
