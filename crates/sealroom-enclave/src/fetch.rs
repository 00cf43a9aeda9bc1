//! The code, taken apart onto the local disk; data files, opened on their way.
//!
//! The disk is the host's. Clear files are sealed there with a key of our own; sealed ones, whose key comes
//! later, are compared once more with the manifest's digests when they are opened.

use crate::formats::Opened;
use sealroom_http::HttpError;
use sealroom_protocol::{
    CodeFile, CodePath, Digest,
    archive::{self, Clear},
};
use sealroom_seal::Hashed;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
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

/// A file of the code.
pub(crate) enum StoredCode {
    Clear(Arc<Opened>),
    Sealed(File),
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
            let mut file = tempfile::tempfile_in(work_dir)?;
            io::copy(entry.content, &mut file)?;
            StoredCode::Sealed(file)
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
