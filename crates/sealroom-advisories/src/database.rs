//! The database: what one import gave, as a file that is read again for each look-up.

use crate::{
    entry::Entry,
    finding::{self, Finding},
    text::Line,
    version::Asked,
};
use jiff::Timestamp;
use sealroom_protocol::{PackageName, PackageVersion};
use sealroom_seal::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The version of the database's file that this crate writes and reads.
pub const FORMAT: &str = "sealroom/advisories/v1";
/// Bytes of a database that are read: several times what all advisories about Python packages take.
pub const MAX_DATABASE: u64 = 256 << 20;

/// Known vulnerabilities of Python packages, as one import left them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    version: String,
    imported_at: Timestamp,
    as_of: Timestamp,
    source: Source,
    packages: BTreeMap<PackageName, Vec<Entry>>,
}

/// What a database was imported from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    name: Line,
    sha256: Digest,
}

/// Why a database could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// There is none, or the disk fails.
    #[error("cannot read the advisories in `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Over [`MAX_DATABASE`].
    #[error("`{}` has more than {MAX_DATABASE} bytes, no file of advisories does", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Cut short, altered, or something else.
    #[error("`{}` is no file of imported advisories", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Written by another version of this program.
    #[error(
        "the advisories in `{}` have format `{found}`, this program reads `{FORMAT}`",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// It could not be replaced; the one that was there still is.
    #[error("cannot write the advisories to `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The field that every version has.
#[derive(Deserialize)]
struct Header {
    version: String,
}

impl Source {
    pub(crate) fn new(name: &str, sha256: Digest) -> Self {
        Self { name: Line::from(name), sha256 }
    }

    /// The name of the file or folder; it can be printed as it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// SHA-256 of the file. Of a folder, SHA-256 over its `.json` files, sorted by path: for each the length of its
    /// path within the folder (u32 BE), the path, and the 32 bytes of the SHA-256 of the file.
    #[must_use]
    pub const fn sha256(&self) -> Digest {
        self.sha256
    }
}

impl Advisories {
    /// Puts together what was read. Entries come sorted by their advisory within each package.
    pub(crate) fn new(
        source: Source,
        now: Timestamp,
        packages: BTreeMap<PackageName, Vec<Entry>>,
    ) -> Self {
        let dates = || packages.values().flatten().map(|entry| entry.modified);
        // A date that is yet to come would make the rest look fresh for ever.
        let as_of = dates().filter(|date| *date <= now).max().unwrap_or(now);
        Self { version: FORMAT.to_owned(), imported_at: now, as_of, source, packages }
    }

    /// When it was imported, by the clock of whoever did.
    #[must_use]
    pub const fn imported_at(&self) -> Timestamp {
        self.imported_at
    }

    /// How recent it is: when the advisory in it that was changed last was changed. Dates after the import don't count.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// What it was imported from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// How many advisories are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.packages.values().flatten().map(|entry| &entry.id).collect::<BTreeSet<_>>().len()
    }

    /// How many packages they are about.
    #[must_use]
    pub fn packages(&self) -> usize {
        self.packages.len()
    }

    /// The vulnerabilities that affect a version of a package, each once; sorted by [`Finding::id`].
    ///
    /// A version is affected if an advisory lists it or has it in a range of its ecosystem's order, which is that of
    /// PEP 440; a local build, such as `1.0+cpu`, counts as what it was built of. What can't be decided is among them,
    /// as [`Certainty::Unclear`](crate::Certainty::Unclear).
    #[must_use]
    pub fn affecting(&self, name: &PackageName, version: &PackageVersion) -> Vec<Finding> {
        let entries = self.packages.get(name).map(Vec::as_slice).unwrap_or_default();
        finding::of(entries, &Asked::new(version))
    }

    /// Reads a database that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// Every [`DatabaseError`] but `Write`.
    pub fn load(path: &Path) -> Result<Self, DatabaseError> {
        let read = |source| DatabaseError::Read { path: path.to_owned(), source };
        let mut text = Vec::new();
        let file = File::open(path).map_err(read)?;
        file.take(MAX_DATABASE + 1).read_to_end(&mut text).map_err(read)?;
        if text.len() as u64 > MAX_DATABASE {
            return Err(DatabaseError::TooLong { path: path.to_owned() });
        }
        let content = |source| DatabaseError::Content { path: path.to_owned(), source };
        let Header { version } = serde_json::from_slice(&text).map_err(content)?;
        if version != FORMAT {
            let found = Line::from(version).as_str().to_owned();
            return Err(DatabaseError::Version { path: path.to_owned(), found });
        }
        serde_json::from_slice(&text).map_err(content)
    }

    /// Writes it, in the place of what was there. Whoever reads meanwhile reads one or the other.
    ///
    /// # Errors
    /// [`DatabaseError::Write`]; what was there then still is.
    pub fn save(&self, path: &Path) -> Result<(), DatabaseError> {
        self.replace(path).map_err(|source| DatabaseError::Write { path: path.to_owned(), source })
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        // Nothing in it is secret: where users share a machine, one imports for all.
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}
