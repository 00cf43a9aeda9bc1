//! Reading advisories from files that others have made.

mod archive;
mod budget;
mod collect;
mod folder;
mod json;

pub use budget::{Exceeded, MAX_ARCHIVE, MAX_RECORD, MAX_RECORDS, MAX_TOTAL};
pub use collect::Counts;

use crate::{
    database::{Advisories, Source},
    record::RecordError,
    text::Line,
};
use budget::{Budget, Limits};
use collect::Collector;
use jiff::Timestamp;
use sealroom_seal::{Digest, digest::Hashed};
use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};
use zip::result::ZipError;

/// What an import gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The database, in memory yet.
    pub advisories: Advisories,
    /// What was read for it.
    pub counts: Counts,
}

/// Why an import gave nothing. Places are said as `record 3 of all.json` or `PYSEC-2018-28.json in all.zip`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The disk fails, or what is compressed is broken.
    #[error("cannot read {place}")]
    Read {
        /// What.
        place: String,
        /// What the system or the decompression says.
        source: io::Error,
    },
    /// A record is none, or can't be used.
    #[error("cannot use {place}")]
    Record {
        /// Which.
        place: String,
        /// Why.
        source: RecordError,
    },
    /// More than is read.
    #[error("{place} is too large")]
    TooLarge {
        /// Where it was noticed.
        place: String,
        /// What there is too much of.
        source: Exceeded,
    },
    /// No archive, or a file in it is none.
    #[error("cannot unpack {place}")]
    Archive {
        /// Which.
        place: String,
        /// Why.
        source: ZipError,
    },
    /// An archive that has two files of one name: readers would differ in which they read.
    #[error("{place} has two files of the same name")]
    Twice {
        /// Which.
        place: String,
    },
    /// A link within a folder: it could lead anywhere, and would be missed if it were passed over.
    #[error("{place} is a link, only files and folders are read")]
    Link {
        /// Which.
        place: String,
    },
    /// Neither a file nor a folder.
    #[error("{place} is neither a file nor a folder")]
    Special {
        /// Which.
        place: String,
    },
    /// Nothing in it says anything about a Python package.
    #[error("{place} has no advisory about a Python package (ecosystem `PyPI`): {counts}")]
    Nothing {
        /// Where.
        place: String,
        /// What there was.
        counts: Counts,
    },
}

impl Advisories {
    /// Reads the advisories in `path`: a file with one record, a JSON array of records, or records one after another
    /// (JSON lines); a folder, of which the `.json` files are read wherever they are in it; or a `.zip` of such files,
    /// which is what <https://osv.dev> publishes for each ecosystem. Which of them it is, the content says.
    ///
    /// Records about other ecosystems and those that were withdrawn are counted, not kept. Of two with the same `id`,
    /// the one that was changed later counts. The same content at the same `now` gives the same database.
    ///
    /// # Errors
    /// Every [`ImportError`]: one record that can't be used makes the whole import fail, since what it warns of would
    /// be missing.
    pub fn import(path: &Path, now: Timestamp) -> Result<Imported, ImportError> {
        import_within(path, now, Limits::default())
    }
}

fn import_within(path: &Path, now: Timestamp, limits: Limits) -> Result<Imported, ImportError> {
    let name = name_of(path);
    let budget = Budget::new(limits);
    let mut collector = Collector::default();
    let kind = fs::metadata(path).map_err(read(&name))?.file_type();
    let sha256 = if kind.is_dir() {
        folder::read(path, &name, &mut collector, &budget)?
    } else if kind.is_file() {
        file(path, &name, &mut collector, &budget)?
    } else {
        return Err(ImportError::Special { place: name });
    };
    let (packages, counts) = collector.finish();
    if counts.kept == 0 {
        return Err(ImportError::Nothing { place: name, counts });
    }
    Ok(Imported {
        advisories: Advisories::new(Source::new(&bare(path), sha256), now, packages),
        counts,
    })
}

fn file(
    path: &Path,
    name: &str,
    collector: &mut Collector,
    budget: &Budget,
) -> Result<Digest, ImportError> {
    let mut file = File::open(path).map_err(read(name))?;
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(read(name))?;
    file.rewind().map_err(read(name))?;
    if archive::is_archive(&magic) {
        return archive::read(file, name, collector, budget);
    }
    text(file, name, collector, budget)
}

/// Reads one file of JSON, and tells its digest.
fn text(
    file: File,
    name: &str,
    collector: &mut Collector,
    budget: &Budget,
) -> Result<Digest, ImportError> {
    let mut hashed = Hashed::new(file);
    json::records(BufReader::new(&mut hashed), name, collector, budget)?;
    Ok(hashed.finish().2)
}

/// What a path is called in messages.
fn name_of(path: &Path) -> String {
    format!("`{}`", bare(path))
}

fn bare(path: &Path) -> String {
    let name: PathBuf = path.file_name().map_or_else(|| path.to_owned(), PathBuf::from);
    Line::from(name.to_string_lossy().as_ref()).as_str().to_owned()
}

fn read(place: &str) -> impl Fn(io::Error) -> ImportError {
    move |source| ImportError::Read { place: place.to_owned(), source }
}

#[cfg(test)]
mod tests;
