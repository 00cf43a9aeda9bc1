//! The TAR that carries the code: regular files alone, sealed ones with the suffix `.enc`.
//!
//! Everything in an archive comes from outside. It is read raw, header by header, so that no length
//! that it claims is believed: names have limits, extended headers have limits, and a size is refused
//! before a byte of it is read.

use crate::{CodeFile, CodePath, Suite, name::NameError};
use sealroom_seal::Hashed;
use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
};
use tar::EntryType;

/// Files in one archive.
pub const MAX_FILES: usize = 4096;
/// Stored bytes of all files together: modules, tables and model weights.
pub const MAX_TOTAL: u64 = 2 << 30;
/// Bytes of an extended header: a path and a few numbers.
const MAX_EXTENSION: u64 = 16 << 10;
/// What sealed files end with.
pub const SEALED_SUFFIX: &str = ".enc";

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Not a TAR, or cut short.
    #[error("the archive is damaged or cut short")]
    Damaged(#[source] io::Error),
    /// What it is read from or written to failed.
    #[error("cannot handle the archive's content")]
    Io(#[source] io::Error),
    /// A name that can't be one.
    #[error("the archive has a bad name")]
    Name(#[from] NameError),
    /// A name that is no text.
    #[error("the archive has a name that is not UTF-8")]
    NotUtf8,
    /// A link, a device, a folder.
    #[error("`{path}` is a {what}, only regular files can be in an archive")]
    NotAFile {
        /// Its name.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The same file a second time, sealed or not.
    #[error("`{0}` is in the archive twice")]
    Duplicate(CodePath),
    /// A file where there is a folder too.
    #[error("`{0}` is a file and a folder at once")]
    FileAndFolder(CodePath),
    /// Too many.
    #[error("the archive has more than {MAX_FILES} files")]
    TooManyFiles,
    /// Too large.
    #[error("the archive claims {claimed} bytes or more, at most {MAX_TOTAL} are accepted")]
    TooLarge {
        /// The sum of the sizes up to the file that went over.
        claimed: u64,
    },
    /// An extended header larger than any honest one.
    #[error("the archive has an extended header of {0} bytes")]
    Extension(u64),
    /// Nothing to start a run with.
    #[error("the code has no `run.py` at its top")]
    NoEntrypoint,
    /// A module that would travel in clear.
    #[error("`{0}` is not sealed")]
    NotSealed(CodePath),
    /// A file that must be readable to all.
    #[error("`{0}` is sealed, but it has to stay in clear")]
    NotClear(CodePath),
}

/// One file of an archive while it is being read.
pub struct ArchiveEntry<'a> {
    /// Its path, without the suffix of sealed files.
    pub path: &'a CodePath,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Stored bytes.
    pub size: u64,
    /// Gives the stored bytes.
    pub content: &'a mut dyn Read,
}

/// Which files of an archive may stay in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// `run.py` and `requirements.txt` at the top, and these must: the native suite.
    Entrypoint,
    /// Any; `run.py` at the top must. The 2022 client lets its user choose.
    Any,
}

impl From<Suite> for Clear {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::Hybrid => Self::Entrypoint,
            Suite::Sodium => Self::Any,
        }
    }
}

/// Reads an archive, hands each file to `each`, and returns the files sorted by path.
///
/// What `each` leaves unread is hashed all the same. Nothing of the archive counts if this fails.
///
/// # Errors
/// Every [`ArchiveError`].
pub fn read<R: Read>(
    tar: R,
    clear: Clear,
    mut each: impl FnMut(ArchiveEntry<'_>) -> io::Result<()>,
) -> Result<Vec<CodeFile>, ArchiveError> {
    let mut archive = tar::Archive::new(tar);
    let mut files = Listing::default();
    let mut long_name: Option<Vec<u8>> = None;
    for entry in archive.entries().map_err(ArchiveError::Damaged)?.raw(true) {
        let mut entry = entry.map_err(ArchiveError::Damaged)?;
        let size = entry.header().entry_size().map_err(ArchiveError::Damaged)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_local_extensions() || kind.is_gnu_longname() {
            let extension = read_extension(&mut entry, size)?;
            long_name = if kind.is_gnu_longname() {
                Some(extension.split(|b| *b == 0).next().unwrap_or_default().to_vec())
            } else {
                pax_path(&extension)?.or(long_name)
            };
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
        let name = String::from_utf8(name).map_err(|_| ArchiveError::NotUtf8)?;
        if kind != EntryType::Regular && kind != EntryType::Continuous {
            return Err(ArchiveError::NotAFile { path: shown(&name), what: what(kind) });
        }
        let (path, sealed) = files.admit(&name, clear, size)?;
        let mut content = Hashed::new(&mut entry);
        each(ArchiveEntry { path: &path, sealed, size, content: &mut content })
            .map_err(ArchiveError::Io)?;
        io::copy(&mut content, &mut io::sink()).map_err(ArchiveError::Damaged)?;
        let (_, read, sha256) = content.finish();
        if read != size {
            return Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        files.files.push(CodeFile { path, size, sha256, sealed });
    }
    files.finish()
}

#[derive(Default)]
struct Listing {
    files: Vec<CodeFile>,
    paths: BTreeSet<CodePath>,
    total: u64,
}

impl Listing {
    fn admit(
        &mut self,
        name: &str,
        clear: Clear,
        size: u64,
    ) -> Result<(CodePath, bool), ArchiveError> {
        let (path, sealed): (CodePath, bool) = match name.strip_suffix(SEALED_SUFFIX) {
            Some(path) => (path.parse()?, true),
            None => (name.parse()?, false),
        };
        let must_be_clear = match clear {
            Clear::Entrypoint => path.is_clear(),
            Clear::Any => path.as_str() == crate::code::ENTRYPOINT,
        };
        match (must_be_clear, sealed) {
            (false, false) if clear == Clear::Entrypoint => {
                return Err(ArchiveError::NotSealed(path));
            }
            (true, true) => return Err(ArchiveError::NotClear(path)),
            _ => {}
        }
        if !self.paths.insert(path.clone()) {
            return Err(ArchiveError::Duplicate(path));
        }
        if self.paths.len() > MAX_FILES {
            return Err(ArchiveError::TooManyFiles);
        }
        self.total = self.total.saturating_add(size);
        if self.total > MAX_TOTAL {
            return Err(ArchiveError::TooLarge { claimed: self.total });
        }
        Ok((path, sealed))
    }

    fn finish(mut self) -> Result<Vec<CodeFile>, ArchiveError> {
        for path in &self.paths {
            let text = path.as_str();
            let folders = text.match_indices('/').filter_map(|(at, _)| text[..at].parse().ok());
            if let Some(both) = folders.into_iter().find(|folder| self.paths.contains(folder)) {
                return Err(ArchiveError::FileAndFolder(both));
            }
        }
        if !self.files.iter().any(|f| f.path.as_str() == crate::code::ENTRYPOINT) {
            return Err(ArchiveError::NoEntrypoint);
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.files)
    }
}

fn read_extension(entry: &mut impl Read, size: u64) -> Result<Vec<u8>, ArchiveError> {
    if size > MAX_EXTENSION {
        return Err(ArchiveError::Extension(size));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(ArchiveError::Damaged)?;
    Ok(bytes)
}

/// The `path` record of a PAX header. Sizes are not taken from there: what fits here fits a plain
/// header, and two sizes for one file are one too many.
fn pax_path(bytes: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut path = None;
    for record in tar::PaxExtensions::new(bytes) {
        let record = record.map_err(ArchiveError::Damaged)?;
        match record.key_bytes() {
            b"path" => path = Some(record.value_bytes().to_vec()),
            b"size" => return Err(ArchiveError::Extension(bytes.len() as u64)),
            _ => {}
        }
    }
    Ok(path)
}

fn shown(name: &str) -> String {
    crate::text::visible(&name.chars().take(80).collect::<String>())
}

fn what(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "hard link",
        EntryType::Symlink => "symbolic link",
        EntryType::Char | EntryType::Block => "device",
        EntryType::Directory => "folder",
        EntryType::Fifo => "pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "special entry",
    }
}

/// Writes an archive that [`read`] accepts. Two archives of the same files are the same bytes but
/// for what sealing makes random.
pub struct ArchiveWriter<W: Write>(tar::Builder<W>);

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive on `out`.
    pub fn new(out: W) -> Self {
        Self(tar::Builder::new(out))
    }

    /// Adds a file of exactly `size` stored bytes.
    ///
    /// # Errors
    /// Those of `content` and of the writer.
    pub fn add(
        &mut self,
        path: &CodePath,
        sealed: bool,
        size: u64,
        content: impl Read,
    ) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        let suffix = if sealed { SEALED_SUFFIX } else { "" };
        self.0.append_data(&mut header, format!("{path}{suffix}"), content)
    }

    /// Writes the end and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listing(tar: &[u8]) -> Result<Vec<CodeFile>, ArchiveError> {
        read(tar, Clear::Entrypoint, |_| Ok(()))
    }

    fn archive(files: &[(&str, bool, &[u8])]) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new());
        for (path, sealed, content) in files {
            writer.add(&path.parse().unwrap(), *sealed, content.len() as u64, *content).unwrap();
        }
        writer.finish().unwrap()
    }

    /// One entry with any header that a hostile writer might make.
    fn entry(name: &str, kind: EntryType, claimed: u64, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(claimed);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }

    fn with_entrypoint(more: &[Vec<u8>]) -> Vec<u8> {
        [entry("run.py", EntryType::Regular, 4, b"pass"), more.concat(), vec![0; 1024]].concat()
    }

    #[test]
    fn what_is_written_is_read_sorted_with_digests() {
        let long = format!("{}/m.py", "d".repeat(200));
        let tar = archive(&[("run.py", false, b"pass"), (&long, true, b"s"), ("a.py", true, b"t")]);
        let mut contents = Vec::new();
        let files = read(tar.as_slice(), Clear::Entrypoint, |e| {
            let mut text = String::new();
            e.content.read_to_string(&mut text)?;
            contents.push(text);
            Ok(())
        })
        .unwrap();
        assert_eq!(contents, ["pass", "s", "t"]);
        let paths: Vec<&str> = files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a.py", &long, "run.py"]);
        assert_eq!(files[0].sha256, sealroom_seal::Digest::of(b"t"));
        assert!(files[0].sealed && !files[2].sealed);
    }

    #[test]
    fn each_trick_is_refused_for_its_own_reason() {
        let regular = |name: &str| entry(name, EntryType::Regular, 1, b"x");
        let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
            ("absolute", vec![regular("/etc/cron.enc")], "the archive has a bad name"),
            ("parent", vec![regular("a/../../b.enc")], "the archive has a bad name"),
            (
                "symlink",
                vec![entry("l.enc", EntryType::Symlink, 0, b"")],
                "`l.enc` is a symbolic link",
            ),
            ("hard link", vec![entry("l.enc", EntryType::Link, 0, b"")], "`l.enc` is a hard link"),
            ("device", vec![entry("d.enc", EntryType::Char, 0, b"")], "`d.enc` is a device"),
            ("folder", vec![entry("d", EntryType::Directory, 0, b"")], "`d` is a folder"),
            ("sparse", vec![entry("s.enc", EntryType::GNUSparse, 0, b"")], "`s.enc` is a sparse"),
            ("duplicate", vec![regular("a.enc"), regular("a.enc")], "`a` is in the archive twice"),
            ("file and folder", vec![regular("a.enc"), regular("a/b.enc")], "`a` is a file and"),
            ("clear module", vec![regular("a.py")], "`a.py` is not sealed"),
            ("sealed entrypoint", vec![regular("run.py.enc")], "`run.py` is sealed"),
            (
                "100 GB",
                vec![entry("a.enc", EntryType::Regular, 100 << 30, b"")],
                "the archive claims",
            ),
            (
                "huge header",
                vec![entry("x", EntryType::XHeader, 8 << 30, b"")],
                "the archive has an ext",
            ),
            ("cut", vec![entry("a.enc", EntryType::Regular, 9000, b"x")], "the archive is damaged"),
            (
                "pax size",
                vec![entry("x", EntryType::XHeader, 13, b"13 size=9999\n")],
                "the archive has an ext",
            ),
        ];
        assert!(listing(&with_entrypoint(&[])).is_ok(), "the untouched sample");
        for (name, more, message) in cases {
            let error = listing(&with_entrypoint(&more)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{name}: {error}");
        }
    }

    #[test]
    fn the_2022_client_may_leave_any_file_in_clear_and_must_leave_the_entrypoint() {
        let any =
            |files: &[(&str, bool, &[u8])]| read(archive(files).as_slice(), Clear::Any, |_| Ok(()));
        let files = any(&[
            ("run.py", false, b"pass"),
            ("a/run.py", false, b""),
            ("a/helper.py", false, b""),
            ("requirements.txt", true, b"x"),
            ("b.py", true, b"x"),
        ]);
        assert_eq!(files.unwrap().iter().filter(|file| file.sealed).count(), 2);
        let sealed = any(&[("run.py", true, b"pass")]);
        assert!(matches!(sealed, Err(ArchiveError::NotClear(_))));
    }

    #[test]
    fn ten_thousand_entries_are_too_many() {
        let more: Vec<Vec<u8>> =
            (0..10_000).map(|i| entry(&format!("{i}.enc"), EntryType::Regular, 0, b"")).collect();
        let error = listing(&with_entrypoint(&more)).unwrap_err();
        assert!(matches!(error, ArchiveError::TooManyFiles));
    }

    #[test]
    fn code_needs_an_entrypoint() {
        for tar in [archive(&[("a.py", true, b"x")]), vec![], vec![0; 1024]] {
            assert!(matches!(listing(&tar), Err(ArchiveError::NoEntrypoint)));
        }
        assert!(matches!(listing(&[0x55; 4096]), Err(ArchiveError::Damaged(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, spoil: Vec<(prop::sample::Index, u8)>) {
            let _ = listing(&bytes);
            bytes = archive(&[("run.py", false, b"pass"), ("a.py", true, b"x")]);
            for (at, byte) in spoil {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = listing(&bytes);
        }
    }
}
