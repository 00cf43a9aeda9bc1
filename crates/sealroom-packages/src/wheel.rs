//! One wheel (PEP 427): looked through before anything of it is written, then unpacked file by file.
//!
//! A wheel is a ZIP that somebody else has made. Its names, sizes, counts and flags are believed only as far as they
//! were checked here; what it would have an installer run or write elsewhere is refused or left out:
//!
//! | in the wheel | here |
//! |---|---|
//! | a path that leaves its folder, a link, an encrypted or oddly packed entry | refused |
//! | the same file twice, a file where there is a folder | refused |
//! | `sitecustomize`, `usercustomize`, a `.pth` file | refused |
//! | `*-nspkg.pth`, `distutils-precedence.pth` | left out: the first has no use since PEP 420, the second runs at start |
//! | a module or package named like one of Python's or ours | refused |
//! | `__pycache__` | left out: bytecode is compiled from the text that people can read |
//! | `NAME.data/purelib`, `NAME.data/platlib` | unpacked like the rest |
//! | `NAME.data/scripts`, `headers`, `data` | left out: there is no place for them |

use crate::{metadata::Metadata, platform::Platform};
use sealroom_protocol::{CodePath, PackageFile, PackageName, PackageVersion, text::visible};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};
use zip::{
    CompressionMethod, ZipArchive, read::Config, result::ZipError, unstable::read::ZipIterable,
};

/// Files in one wheel: several times the largest that are published.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of one wheel, unpacked: the largest that are published have about half of it.
pub(crate) const MAX_UNPACKED: u64 = 8 << 30;
/// Bytes of `METADATA`: it holds a description too.
const MAX_METADATA: u64 = 4 << 20;
/// Names that are ours, whatever Python brings.
const OURS: [&str; 3] = ["_sealroom", "cosmian_lib_sgx", "sealroom"];
/// Modules that Python would import by itself.
const CUSTOMIZE: [&str; 2] = ["sitecustomize", "usercustomize"];
/// A `.pth` file that setuptools brings: of no use to code that runs without `site`.
const PRECEDENCE: &str = "distutils-precedence.pth";

/// Why a wheel is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WheelError {
    /// Not a ZIP, or cut short.
    #[error("it is damaged, or no wheel")]
    Damaged(#[source] ZipError),
    /// Reading it failed.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// Unpacking it failed.
    #[error("`{path}` cannot be written")]
    Write {
        /// What.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Not a wheel by its name.
    #[error("it is no wheel")]
    NotAWheel,
    /// For another Python or machine.
    #[error("it is for {found}, not for CPython {python} on {platform}")]
    OtherPlatform {
        /// Its tags.
        found: String,
        /// The interpreter that it would be for.
        python: String,
        /// The machine that it would be for.
        platform: String,
    },
    /// Over a limit.
    #[error("it has more than {0} files")]
    TooManyFiles(usize),
    /// Over a limit.
    #[error("its files have more than {0} bytes")]
    TooLarge(u64),
    /// A name that leads out of its folder, or that nobody can read.
    #[error("`{0}` in it is no path within its folder")]
    Path(String),
    /// A link, an encrypted entry, a way of packing that wheels don't use.
    #[error("`{path}` in it is {what}")]
    Entry {
        /// Which.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The same place twice.
    #[error("`{0}` is in it twice, or as a file and a folder")]
    Twice(String),
    /// It would run when Python starts.
    #[error("`{0}` in it would run when Python starts")]
    RunsAtStart(String),
    /// It would take another's place.
    #[error("`{path}` in it has the name of {whose}")]
    Shadows {
        /// Which.
        path: String,
        /// Whose name.
        whose: &'static str,
    },
    /// What it says of itself is missing, or says something else than its name.
    #[error("it says that it is {found}, its name says {name} {version}")]
    OtherPackage {
        /// What it says.
        found: String,
        /// What its name says.
        name: PackageName,
        /// What its name says.
        version: PackageVersion,
    },
}

/// What packages must not be called.
#[derive(Clone, Debug)]
pub struct Reserved(BTreeSet<String>);

impl Reserved {
    /// The names of Python's own modules, as the interpreter has told them; ours are among them.
    pub fn new(stdlib: impl IntoIterator<Item = String>) -> Self {
        Self(stdlib.into_iter().collect())
    }

    fn whose(&self, name: &str) -> Option<&'static str> {
        match name {
            name if OURS.contains(&name) => Some("a package of Sealroom's"),
            name if self.0.contains(name) => Some("a module of Python's own"),
            _ => None,
        }
    }
}

/// A wheel that was looked through.
pub struct Wheel {
    zip: ZipArchive<BufReader<File>>,
    /// Entries to unpack: number, and place in the folder of packages.
    files: Vec<(usize, CodePath)>,
    metadata: Metadata,
    unpacked: u64,
}

impl std::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wheel").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

impl Wheel {
    /// Looks a wheel through.
    ///
    /// # Errors
    /// Every [`WheelError`] but that of writing.
    pub fn open(
        file: File,
        name: &PackageFile,
        platform: &Platform,
        reserved: &Reserved,
    ) -> Result<Self, WheelError> {
        let tags = name.wheel().ok_or(WheelError::NotAWheel)?;
        if !platform.takes(&tags) {
            let parts = [&tags.pythons, &tags.abis, &tags.platforms].map(|part| part.join("."));
            return Err(WheelError::OtherPlatform {
                found: parts.join("-"),
                python: platform.python_text(),
                platform: format!(
                    "{} with glibc {}.{}",
                    platform.text(),
                    platform.glibc.0,
                    platform.glibc.1
                ),
            });
        }
        let mut file = BufReader::new(file);
        // Before a list of them is made in memory.
        if ZipIterable::try_new(&mut file, Config::default()).map_err(damaged)?.len() > MAX_ENTRIES
        {
            return Err(WheelError::TooManyFiles(MAX_ENTRIES));
        }
        let mut zip = ZipArchive::new(file).map_err(damaged)?;
        // Two directories of one name: which one counts would depend on who reads.
        if zip.has_duplicate_names() {
            return Err(WheelError::Twice("a file".to_owned()));
        }
        let mut listing = Listing::default();
        for index in 0..zip.len() {
            listing.admit(index, &zip, reserved)?;
        }
        let files = listing.finish()?;
        let metadata = read_metadata(&mut zip, &files, &tags.name, &tags.version)?;
        Ok(Self { zip, files, metadata, unpacked: listing.total })
    }

    /// The licence, if it says one.
    #[must_use]
    pub fn license(&self) -> Option<&str> {
        self.metadata.license.as_deref()
    }

    /// Bytes that it takes unpacked, by its own word until it is.
    #[must_use]
    pub fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Where its files go.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &CodePath> {
        self.files.iter().map(|(_, path)| path)
    }

    /// Writes its files below `folder`. None may be there already.
    pub(crate) fn unpack(mut self, folder: &Path) -> Result<(), WheelError> {
        let mut made = BTreeSet::new();
        for (index, path) in std::mem::take(&mut self.files) {
            let target = folder.join(path.as_str());
            let write = |source| WheelError::Write { path: path.to_string(), source };
            if let Some(parent) = target.parent().filter(|parent| !made.contains(*parent)) {
                fs::create_dir_all(parent).map_err(write)?;
                made.insert(parent.to_owned());
            }
            let mut entry = self.zip.by_index(index).map_err(damaged)?;
            let (size, mode) = (entry.size(), entry.unix_mode().unwrap_or(0o644));
            let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
            let options = File::options().write(true).create_new(true).mode(mode).clone();
            let mut out = options.open(&target).map_err(write)?;
            // No more than it has promised: that is what was counted. The reader compares its checksum at the end.
            let copied = copy(&mut (&mut entry).take(size), &mut out, write)?;
            let mut rest = [0];
            let more = entry.read(&mut rest).map_err(WheelError::Read)?;
            if copied != size || more != 0 {
                return Err(WheelError::Entry {
                    path: path.to_string(),
                    what: "of another size than it promises",
                });
            }
        }
        Ok(())
    }
}

/// Copies, telling apart whose fault it is if that fails.
fn copy(
    from: &mut impl io::Read,
    to: &mut File,
    write: impl Fn(io::Error) -> WheelError,
) -> Result<u64, WheelError> {
    let (mut piece, mut copied) = (vec![0; 64 << 10], 0);
    loop {
        match from.read(&mut piece).map_err(WheelError::Read)? {
            0 => return Ok(copied),
            n => {
                to.write_all(&piece[..n]).map_err(&write)?;
                copied += n as u64;
            }
        }
    }
}

fn damaged(error: ZipError) -> WheelError {
    match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            WheelError::Read(error)
        }
        error => WheelError::Damaged(error),
    }
}

/// The entries of a wheel so far.
#[derive(Default)]
struct Listing {
    files: BTreeMap<CodePath, usize>,
    total: u64,
}

impl Listing {
    fn admit(
        &mut self,
        index: usize,
        zip: &ZipArchive<BufReader<File>>,
        reserved: &Reserved,
    ) -> Result<(), WheelError> {
        let entry = zip.by_index_data(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let text = name.strip_suffix('/').unwrap_or(&name);
        let path: CodePath = text.parse().map_err(|_| WheelError::Path(shown(&name)))?;
        let odd = |what| Err(WheelError::Entry { path: shown(&name), what });
        if entry.encrypted() {
            return odd("encrypted");
        }
        if entry.is_symlink() {
            return odd("a link");
        }
        let kind = entry.unix_mode().unwrap_or_default() & 0o170_000;
        if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return odd("neither a file nor a folder");
        }
        if entry.is_dir() {
            return Ok(());
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return odd("packed in a way that wheels don't use");
        }
        self.total = self.total.saturating_add(entry.size());
        if self.total > MAX_UNPACKED {
            return Err(WheelError::TooLarge(MAX_UNPACKED));
        }
        let Some(path) = place(path)? else { return Ok(()) };
        check_name(&path, reserved)?;
        match self.files.insert(path.clone(), index) {
            Some(_) => Err(WheelError::Twice(path.to_string())),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Vec<(usize, CodePath)>, WheelError> {
        for path in self.files.keys() {
            let text = path.as_str();
            let mut folders = text.match_indices('/').map(|(at, _)| &text[..at]);
            let both = folders.find(|folder| {
                folder.parse().is_ok_and(|folder: CodePath| self.files.contains_key(&folder))
            });
            if let Some(both) = both {
                return Err(WheelError::Twice(both.to_owned()));
            }
        }
        let files = std::mem::take(&mut self.files);
        Ok(files.into_iter().map(|(path, index)| (index, path)).collect())
    }
}

/// Where an entry goes; nowhere if it is left out.
fn place(path: CodePath) -> Result<Option<CodePath>, WheelError> {
    let mut parts = path.as_str().splitn(3, '/');
    let (first, second, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let path = match (first.strip_suffix(".data"), second, rest) {
        (Some(_), Some("purelib" | "platlib"), Some(rest)) => {
            rest.parse().map_err(|_| WheelError::Path(shown(rest)))?
        }
        (Some(_), Some("scripts" | "headers" | "data"), _) => return Ok(None),
        (Some(_), _, _) => return Err(WheelError::Path(path.to_string())),
        (None, ..) => path,
    };
    let bytecode = path.as_str().split('/').any(|part| part == "__pycache__");
    let at_top = !path.as_str().contains('/');
    let of_no_use = path.as_str().ends_with("-nspkg.pth") || path.as_str() == PRECEDENCE;
    let left_out = bytecode || (at_top && of_no_use);
    Ok((!left_out).then_some(path))
}

fn check_name(path: &CodePath, reserved: &Reserved) -> Result<(), WheelError> {
    let text = path.as_str();
    let (first, is_folder) = match text.split_once('/') {
        Some((first, _)) => (first, true),
        None => (text, false),
    };
    if !is_folder && text.ends_with(".pth") {
        return Err(WheelError::RunsAtStart(text.to_owned()));
    }
    // `name.py`, `name.pyc`, `name.abi3.so`, `name.cpython-313-x86_64-linux-gnu.so`
    let importable = [".py", ".pyc", ".so"].iter().any(|end| first.ends_with(end));
    let name = match (is_folder, importable) {
        (true, _) => first,
        (false, true) => first.split('.').next().unwrap_or_default(),
        (false, false) => return Ok(()),
    };
    if CUSTOMIZE.contains(&name) {
        return Err(WheelError::RunsAtStart(text.to_owned()));
    }
    match reserved.whose(name) {
        Some(whose) => Err(WheelError::Shadows { path: text.to_owned(), whose }),
        None => Ok(()),
    }
}

/// The one `METADATA` that there must be, in a folder of the wheel's own name.
fn read_metadata(
    zip: &mut ZipArchive<BufReader<File>>,
    files: &[(usize, CodePath)],
    name: &PackageName,
    version: &PackageVersion,
) -> Result<Metadata, WheelError> {
    let other = |found: &str| WheelError::OtherPackage {
        found: found.to_owned(),
        name: name.clone(),
        version: version.clone(),
    };
    let mut infos = files.iter().filter_map(|(index, path)| {
        let (folder, file) = path.as_str().split_once('/')?;
        let folder = folder.strip_suffix(".dist-info")?;
        (file == "METADATA").then_some((*index, folder))
    });
    let (Some((index, folder)), None) = (infos.next(), infos.next()) else {
        return Err(other("nothing, or several things"));
    };
    // So that nothing else in it can pass for another package's.
    let mut folders = files.iter().filter_map(|(_, path)| path.as_str().split_once('/'));
    let foreign = folders
        .find(|(top, _)| top.ends_with(".dist-info") && *top != format!("{folder}.dist-info"));
    if let Some((foreign, _)) = foreign {
        return Err(other(foreign));
    }
    let entry = zip.by_index(index).map_err(damaged)?;
    let mut bytes = Vec::new();
    entry.take(MAX_METADATA).read_to_end(&mut bytes).map_err(WheelError::Read)?;
    let text = String::from_utf8_lossy(&bytes);
    let metadata = Metadata::parse(&text).ok_or_else(|| other("nothing that can be read"))?;
    let (said, of) = folder.rsplit_once('-').unwrap_or((folder, ""));
    let same_folder =
        said.parse::<PackageName>().is_ok_and(|said| said == *name) && same(of, version.as_str());
    if metadata.name != *name || !same(metadata.version.as_str(), version.as_str()) || !same_folder
    {
        return Err(other(&format!("{} {}", metadata.name, metadata.version)));
    }
    Ok(metadata)
}

/// Versions that differ in nothing but how a local part is written in a file name.
fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], ".");
    plain(a) == plain(b)
}

fn shown(text: &str) -> String {
    visible(&text.chars().take(80).collect::<String>())
}

#[cfg(test)]
pub(crate) mod tests;
