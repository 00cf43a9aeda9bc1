//! The code provider's files as everybody sees them: paths, sizes and digests.

use crate::CodePath;
use sealroom_seal::Digest;
use serde::{Deserialize, Serialize};

/// The file that every run starts with. It stays in clear.
pub const ENTRYPOINT: &str = "run.py";
/// The packages that the code asks for. It stays in clear.
pub const REQUIREMENTS: &str = "requirements.txt";

/// One file of the code, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CodeFile {
    /// Its path in the code folder, without the suffix of sealed files.
    pub path: CodePath,
    /// Stored bytes.
    pub size: u64,
    /// SHA-256 of the stored bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
    /// Whether the stored bytes are sealed.
    pub sealed: bool,
}

/// One value for a whole code: SHA-256 over the canonical JSON of its files, sorted by path.
#[must_use]
pub fn code_digest(files: &[CodeFile]) -> Digest {
    let mut sorted: Vec<&CodeFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    Digest::of(&crate::canonical(&sorted))
}
