//! What the parties of a computation say to each other, as types: whoever holds one of these holds a
//! valid one. No I/O, no clock, no randomness but for new identifiers.
//!
//! - [`id`], [`name`]: computations, participants, e-mail addresses, file names
//! - [`policy`]: what the participants agree to
//! - [`contract`]: what may leave a run
//! - [`package`]: the packages that the code runs with
//! - [`archive`], [`code`]: the code provider's files and the TAR that carries them
//! - [`manifest`], [`identity`], [`evidence`]: what the enclave says it is
//! - [`suite`]: the formats that a participant uses
//! - [`release`]: a participant giving its key to an identity that it has verified
//! - [`context`]: what ties a sealed file to its place
//! - [`statement`]: what an enclave signs; [`receipt`] of a run, [`destruction`] of a key
//! - [`dossier`]: a run's receipt with all that it takes to check it, in one file
//! - [`jail`]: what holds the code
//! - [`api`], [`problem`]: bodies of the HTTP interface
//! - [`text`]: showing what somebody else has written
#![forbid(unsafe_code)]

pub mod api;
pub mod archive;
pub mod code;
pub mod context;
pub mod contract;
pub mod destruction;
pub mod dossier;
pub mod evidence;
pub mod id;
pub mod identity;
pub mod jail;
pub mod manifest;
pub mod name;
pub mod package;
pub mod policy;
pub mod problem;
pub mod receipt;
pub mod release;
pub mod statement;
pub mod suite;
pub mod text;

mod bytes;

pub use bytes::Base64;
pub use code::CodeFile;
pub use context::{FileContext, FileKind};
pub use contract::Contract;
pub use destruction::Destruction;
pub use dossier::Dossier;
pub use evidence::{Evidence, EvidenceKind};
pub use id::{ComputationId, Email, ParticipantId, Role};
pub use identity::{Challenge, IdentityKeys};
pub use jail::{JailLevel, JailPart};
pub use manifest::Manifest;
pub use name::{CodePath, FileName};
pub use package::{Lock, PackageFile, PackageName, PackageVersion, RuntimeName};
pub use policy::{LogDetail, LogPolicy, Policy};
pub use problem::Problem;
pub use receipt::Receipt;
pub use release::{InventoryEntry, KeyRelease, Release};
pub use statement::Envelope;
pub use suite::Suite;

pub use sealroom_seal::{Digest, sign::PublicKey, sign::Signature};

/// The moment an event happened: RFC 3339, UTC, milliseconds.
pub type Timestamp = jiff::Timestamp;

/// RFC 8785 (JCS) bytes of a value: what is hashed and signed.
///
/// # Panics
/// Never for the types of this crate, which have string keys and finite numbers.
pub(crate) fn canonical(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("protocol types have a canonical form")
}
