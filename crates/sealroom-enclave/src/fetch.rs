//! Ciphertext onto the local disk, checked against what is expected of it on the way.
//!
//! The disk is the host's. What it could swap after the check is kept out of its reach: clear files are
//! sealed with a key of our own, and of each sealed file the header, which names the key of that very
//! version, stays in memory.

use crate::formats::{Opened, Stored};
use sealroom_http::HttpError;
use sealroom_protocol::{
    CodeFile, CodePath, Digest, InventoryEntry,
    archive::{self, Clear},
};
use sealroom_seal::{Hashed, stream};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
};

/// Largest archive: its files, and room for the headers of each.
const MAX_ARCHIVE: u64 = archive::MAX_TOTAL + (64 << 20);

/// Why something could not be fetched. What the server says is not repeated: it would end up in a
/// receipt, under the enclave's name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the server gives other bytes than {expected_by}")]
    Substituted { expected_by: &'static str },
    #[error("the server's archive is refused")]
    Archive(#[from] archive::ArchiveError),
    #[error("cannot write to the work folder")]
    Disk(#[source] io::Error),
    #[error("the server does not deliver")]
    Server(HttpError),
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        Self::Server(error)
    }
}

/// Writes all of `content` to a file that has no name.
fn store(content: &mut dyn Read, work_dir: &Path) -> Result<Stored, CopyError> {
    let mut file = tempfile::tempfile_in(work_dir).map_err(CopyError::Write)?;
    let mut header = [0; stream::HEADER_LEN];
    let mut known = 0;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let n = content.read(&mut buffer).map_err(CopyError::Read)?;
        if n == 0 {
            return Ok(Stored { file, header });
        }
        let missing = n.min(header.len() - known);
        header[known..known + missing].copy_from_slice(&buffer[..missing]);
        known += missing;
        file.write_all(&buffer[..n]).map_err(CopyError::Write)?;
    }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// A file of the code.
pub(crate) enum StoredCode {
    Clear(Arc<Opened>),
    Sealed(Stored),
}

/// The code's stored files.
pub(crate) struct Code {
    pub(crate) files: Vec<CodeFile>,
    stored: BTreeMap<CodePath, StoredCode>,
}

impl Code {
    pub(crate) fn stored(&self, path: &CodePath) -> Option<&StoredCode> {
        self.stored.get(path)
    }
}

/// Takes the code's archive apart. `expected` is what the server's own log says it is: a difference
/// is a fault that is better found now than in the manifest.
pub(crate) fn code(
    archive: impl Read,
    clear: Clear,
    work_dir: &Path,
    expected: (&[CodeFile], Digest),
) -> Result<Code, FetchError> {
    let mut tee = Hashed::new(archive.take(MAX_ARCHIVE));
    let mut stored = BTreeMap::new();
    let files = archive::read(&mut tee, clear, |entry| {
        let file = if entry.sealed {
            let written = store(entry.content, work_dir);
            StoredCode::Sealed(written.map_err(|error| match error {
                CopyError::Read(error) | CopyError::Write(error) => error,
            })?)
        } else {
            StoredCode::Clear(Arc::new(Opened::keep(entry.content, work_dir)?))
        };
        stored.insert(entry.path.clone(), file);
        Ok(())
    });
    let files = files?;
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
) -> Result<Stored, FetchError> {
    // One byte more than listed would show that the file is longer.
    let mut content = Hashed::new(content.take(expected.size.saturating_add(1)));
    let stored = store(&mut content, work_dir).map_err(|error| match error {
        CopyError::Read(error) => HttpError::Transfer(error).into(),
        CopyError::Write(error) => FetchError::Disk(error),
    })?;
    let (_, size, sha256) = content.finish();
    if (size, sha256) != (expected.size, expected.sha256) {
        return Err(FetchError::Substituted { expected_by: "a data provider has listed" });
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::{ComputationId, FileContext, FileKind, PublicKey, Suite};
    use sealroom_seal::FileKey;

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
            let refused = data(other, dir.path(), &entry(b"abc"));
            assert!(matches!(refused, Err(FetchError::Substituted { .. })), "{other:?}");
        }
    }

    #[test]
    fn an_older_version_of_a_file_does_not_pass_for_the_checked_one() {
        use std::os::unix::fs::FileExt as _;
        let (dir, key) = (tempfile::tempdir().unwrap(), FileKey::random());
        let participant = PublicKey::from_bytes([1; 32]);
        let context = FileContext {
            computation: ComputationId::random(),
            participant: &participant,
            kind: FileKind::Data,
            path: "a",
        };
        let seal = |text: &[u8]| {
            let place = context.associated_data();
            let mut writer = stream::SealWriter::new(Vec::new(), &key, &place).unwrap();
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        };
        let (new, old) = (seal(b"new"), seal(b"old"));
        let stored = data(new.as_slice(), dir.path(), &entry(&new)).unwrap();
        let open = || stored.open(Suite::Hybrid, &key, &context, dir.path());
        assert!(open().is_ok());
        stored.file.write_all_at(&old, 0).unwrap();
        assert!(open().is_err());
    }
}
