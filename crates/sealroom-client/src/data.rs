//! Pushing data: files are sealed on their way out; nothing sealed touches the provider's disk.

use crate::{ClientError, Observed, Progress, Session};
use sealroom_http::{Body, Method, path_component};
use sealroom_protocol::{
    ComputationId, Digest, FileContext, FileKind, FileName, InventoryEntry, Role, Timestamp,
    api::StoredFile,
};
use sealroom_seal::{
    Hashed,
    stream::{SealReader, sealed_len},
};
use std::{fs::File, io, path::Path};

impl Session<'_> {
    /// Seals and uploads one file under its own name, or `name`. A file of the same name that was
    /// pushed before is replaced.
    ///
    /// # Errors
    /// Those of the file, the profile and the server.
    pub fn push_data(
        &self,
        id: ComputationId,
        path: &Path,
        name: Option<FileName>,
        progress: &dyn Progress,
    ) -> Result<InventoryEntry, ClientError> {
        let keys = self.profile.keys(id, Role::DataProvider)?;
        let name = name.map_or_else(|| file_name(path), Ok)?;
        let fault = |source| ClientError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(fault)?;
        let metadata = file.metadata().map_err(fault)?;
        if !metadata.is_file() {
            return Err(fault(io::Error::other("it is not a regular file")));
        }
        let size = sealed_len(metadata.len());
        let size = size.ok_or_else(|| fault(io::ErrorKind::FileTooLarge.into()))?;
        let context = FileContext {
            computation: id,
            participant: &keys.signing.public(),
            kind: FileKind::Data,
            path: name.as_str(),
        };
        let sealing = SealReader::new(file, &keys.file, &context.associated_data());
        let mut reader = Hashed::new(Observed { inner: sealing, progress });
        progress.begin(name.as_str(), size);
        let path = Self::path(id, &format!("/data/{}", path_component(name.as_str())));
        let body = Body::Stream { len: size, reader: &mut reader };
        let sent = self.http.call(Method::PUT, &path, body);
        progress.end();
        let stored: StoredFile = self.http.json(sent?)?;
        let (_, _, sha256) = reader.finish();
        if (stored.size, stored.sha256) != (size, sha256) {
            let problem =
                format!("the server has stored `{name}` with other content than was sent");
            return Err(ClientError::Audit(problem));
        }
        self.list_in_inventory(id, name, size, sha256)
    }

    fn list_in_inventory(
        &self,
        id: ComputationId,
        name: FileName,
        size: u64,
        sha256: Digest,
    ) -> Result<InventoryEntry, ClientError> {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut entry = InventoryEntry { name, size, sha256, uploaded_at: now };
        self.profile.remember(id, |memory| {
            let inventory = &mut memory.inventory;
            // Strictly later than the one before, so that the order is never a matter of luck.
            let last = inventory.iter().map(|e| e.uploaded_at).max();
            match inventory.iter_mut().find(|known| known.name == entry.name) {
                Some(known) => {
                    entry.uploaded_at = known.uploaded_at;
                    *known = entry.clone();
                }
                None => {
                    entry.uploaded_at = now.max(last.map_or(0, |last| last + 1));
                    inventory.push(entry.clone());
                }
            }
        })?;
        Ok(entry)
    }

    /// Says that all data is there.
    ///
    /// # Errors
    /// What the server says.
    pub fn data_done(&self, id: ComputationId) -> Result<(), ClientError> {
        self.post(id, "/data/done", Body::Empty)
    }

    /// Takes all data back, and the key with it.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn reset_data(&self, id: ComputationId) -> Result<(), ClientError> {
        self.delete(id, "/data")?;
        self.profile.remember(id, |memory| memory.inventory.clear())
    }
}

/// The name under which a file is pushed when none is given.
///
/// # Errors
/// [`ClientError::Name`] if its own name can't be sent.
pub fn file_name(path: &Path) -> Result<FileName, ClientError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(name.parse()?)
}
