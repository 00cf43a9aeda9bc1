//! The few things that are done with the kernel's files: named, so that tests can stand another kernel in.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

/// A kernel's files.
pub(crate) trait Files: Send + Sync {
    /// The whole file, read in one go; [`io::ErrorKind::FileTooLarge`] if it is longer than `limit` bytes, whether
    /// the kernel says so or we do.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>>;
    /// In one write, into a file that is there, and closed: some files take effect only then.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes a folder.
    fn make(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder that one has made.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// Those of the kernel that runs us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System;

impl Files for System {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One more than allowed, to see that there is more.
        File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        match bytes.len() > limit {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Neither created nor cut: the kernel makes them, never we.
        match OpenOptions::new().write(true).open(path)?.write(bytes)? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}

/// The kernel's words and numbers are short.
pub(crate) const MAX_WORD: usize = 128;

/// A file of a few words, without the end of its line.
pub(crate) fn word(files: &dyn Files, path: &Path) -> io::Result<String> {
    let bytes = files.read(path, MAX_WORD)?;
    let text = String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(text.trim_end_matches(['\n', '\0']).to_owned())
}

/// A file that holds one number.
pub(crate) fn number<N: std::str::FromStr>(files: &dyn Files, path: &Path) -> io::Result<N> {
    word(files, path)?.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}
