//! Known vulnerabilities of Python packages, from files in the OSV schema: what a participant imports once and looks
//! packages up in, without asking anybody.
//!
//! - [`Advisories`]: the database, its file, and the look-up
//! - [`Imported`], [`Counts`], [`ImportError`]: what an import gives, and why it gives nothing
//! - [`Finding`], [`Certainty`]: what is known of one version of one package
//!
//! This is the participant's side: the enclave knows no advisories. No network and no clock; files are those that the
//! caller names. The schema, and how it says that versions are compared: <https://ossf.github.io/osv-schema/>. Versions
//! are ordered as PEP 440 orders them, names are compared as in PEP 503.
//!
//! Where a record can be read in two ways, it is read in the one that finds more: an advisory that does not say clearly
//! what it affects is reported, marked [`Certainty::Unclear`], and one without a rating meets every threshold.
#![forbid(unsafe_code)]

mod database;
mod entry;
mod finding;
mod id;
mod import;
mod osv;
mod range;
mod record;
mod severity;
mod text;
mod version;

pub use database::{Advisories, DatabaseError, FORMAT, MAX_DATABASE, Source};
pub use finding::{Certainty, Finding};
pub use id::{AdvisoryId, BadId};
pub use import::{
    Counts, Exceeded, ImportError, Imported, MAX_ARCHIVE, MAX_RECORD, MAX_RECORDS, MAX_TOTAL,
};
pub use record::RecordError;
pub use zip::result::ZipError;
