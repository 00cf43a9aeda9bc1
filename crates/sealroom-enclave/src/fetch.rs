//! Ciphertext onto the local disk, checked against what is expected of it on the way.

use sealroom_http::HttpError;
use sealroom_protocol::{CodeFile, CodePath, Digest, InventoryEntry, archive};
use sealroom_seal::Hashed;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the server gives other bytes than {expected_by}")]
    Substituted { expected_by: &'static str },
    #[error("the server's archive is refused")]
    Archive(#[from] archive::ArchiveError),
    #[error("cannot write to the work folder")]
    Disk(#[source] io::Error),
    #[error("the server does not deliver")]
    Server(#[from] HttpError),
}

/// The code's stored files.
pub(crate) struct Code {
    pub(crate) files: Vec<CodeFile>,
    stored: BTreeMap<CodePath, File>,
}

impl Code {
    pub(crate) fn stored(&self, path: &CodePath) -> io::Result<File> {
        self.stored.get(path).ok_or(io::ErrorKind::NotFound)?.try_clone()
    }
}

/// Takes the code's archive apart. `expected` is what the server's own log says it is: a difference
/// is a fault that is better found now than in the manifest.
pub(crate) fn code(
    archive: impl Read,
    work_dir: &Path,
    expected: (&[CodeFile], Digest),
) -> Result<Code, FetchError> {
    let mut tee = Hashed::new(archive);
    let mut stored = BTreeMap::new();
    let files = archive::read(&mut tee, |entry| {
        let mut file = tempfile::tempfile_in(work_dir)?;
        io::copy(entry.content, &mut file)?;
        stored.insert(entry.path.clone(), file);
        Ok(())
    })?;
    io::copy(&mut tee, &mut io::sink()).map_err(FetchError::Disk)?;
    let (_, _, digest) = tee.finish();
    if (files.as_slice(), digest) != expected {
        return Err(FetchError::Substituted { expected_by: "its log says of the code" });
    }
    Ok(Code { files, stored })
}

/// Stores one data file if it is byte for byte what its provider listed.
pub(crate) fn data(
    content: impl Read,
    work_dir: &Path,
    expected: &InventoryEntry,
) -> Result<File, FetchError> {
    let mut file = tempfile::tempfile_in(work_dir).map_err(FetchError::Disk)?;
    // One byte more than listed would show that the file is longer.
    let mut content = Hashed::new(content.take(expected.size.saturating_add(1)));
    let mut buffer = vec![0; 256 << 10];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => file.write_all(&buffer[..n]).map_err(FetchError::Disk)?,
            Err(error) => return Err(HttpError::Transfer(error).into()),
        }
    }
    let (_, size, sha256) = content.finish();
    if (size, sha256) != (expected.size, expected.sha256) {
        return Err(FetchError::Substituted { expected_by: "a data provider has listed" });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(content: &[u8]) -> InventoryEntry {
        InventoryEntry {
            name: "a".parse().unwrap(),
            size: content.len() as u64,
            sha256: Digest::of(content),
            uploaded_at: 0,
        }
    }

    #[test]
    fn only_the_listed_bytes_are_stored() {
        let dir = tempfile::tempdir().unwrap();
        assert!(data(b"abc".as_slice(), dir.path(), &entry(b"abc")).is_ok());
        for other in [b"abd".as_slice(), b"ab", b"abcd", b""] {
            let error = data(other, dir.path(), &entry(b"abc")).unwrap_err();
            assert!(matches!(error, FetchError::Substituted { .. }), "{other:?}");
        }
    }
}
