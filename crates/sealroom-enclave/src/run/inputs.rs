//! What a run reads: the code and the data, fetched, checked and opened.

use super::RunFailure;
use crate::{
    fetch::{FetchError, StoredCode},
    formats::{FileError, FromStart, Opened},
    release::Released,
    session::Session,
};
use sealroom_http::HttpError;
use sealroom_protocol::{
    FileContext, FileKind, InventoryEntry, ParticipantId, Role, receipt::Input as ReceiptInput,
};
use sealroom_sandbox::{CodeFile as JobCode, Input, Source};
use std::{collections::BTreeMap, io, sync::Arc};

/// Sealed files that lie opened for a run: number and bytes for each participant.
pub(crate) type OpenedFiles = BTreeMap<ParticipantId, (u32, u64)>;

fn count(opened: &mut OpenedFiles, whose: ParticipantId, bytes: u64) {
    let (files, sum) = opened.entry(whose).or_default();
    *files += 1;
    *sum = sum.saturating_add(bytes);
}

pub(super) fn open_code(
    session: &Session<'_>,
    released: &[Released],
    counted: &mut OpenedFiles,
) -> Result<Vec<JobCode>, RunFailure> {
    let provider = released
        .iter()
        .find(|r| r.id.role == Role::CodeProvider)
        .expect("the manifest names a code provider, and every participant has released");
    let mut open = |file: &sealroom_protocol::CodeFile| {
        let path = file.path.as_str();
        let stored = session.code.stored(&file.path).ok_or(io::ErrorKind::NotFound);
        let source: Arc<dyn Source> = match stored.map_err(io::Error::from)? {
            StoredCode::Clear(content) => Arc::clone(content) as Arc<dyn Source>,
            StoredCode::Sealed(stored) => {
                let context = FileContext {
                    computation: session.state.computation,
                    participant: &provider.public_key,
                    kind: FileKind::Code,
                    path,
                };
                let sealed = FromStart { file: stored, at: 0 };
                let (listed, with) =
                    ((file.size, file.sha256), (provider.suite, &provider.file_key));
                let opened = Opened::open(sealed, listed, with, &context, session.work_dir);
                let opened = opened.map_err(|error| match error {
                    FileError::Open(source) => RunFailure::Code { path: path.to_owned(), source },
                    FileError::Substituted => {
                        FetchError::Substituted { expected_by: "the manifest lists" }.into()
                    }
                    FileError::Read(error) | FileError::Disk(error) => RunFailure::Disk(error),
                })?;
                count(counted, provider.id, opened.len());
                Arc::new(opened)
            }
        };
        Ok(JobCode { path: path.to_owned(), sealed: file.sealed, source })
    };
    session.code.files.iter().map(&mut open).collect()
}

/// Every listed file, in the order that the providers' own clocks give; ties go by provider.
fn in_order(released: &[Released]) -> Vec<(&Released, usize, &InventoryEntry)> {
    let mut files: Vec<_> = released
        .iter()
        .flat_map(|r| r.inventory.iter().enumerate().map(move |(number, entry)| (r, number, entry)))
        .collect();
    files.sort_by_key(|(_, _, entry)| entry.uploaded_at);
    files
}

pub(super) fn fetch_inputs(
    session: &Session<'_>,
    released: &[Released],
    listed: &mut Vec<ReceiptInput>,
    counted: &mut OpenedFiles,
) -> Result<Vec<Input>, RunFailure> {
    let mut fetch = |(provider, number, entry): (&Released, usize, &InventoryEntry)| {
        session.go_on()?;
        let content = session.server.data(provider.id, &entry.name).map_err(FetchError::from)?;
        let context = FileContext {
            computation: session.state.computation,
            participant: &provider.public_key,
            kind: FileKind::Data,
            path: entry.name.as_str(),
        };
        let index = provider.id.index;
        let (expected, with) = ((entry.size, entry.sha256), (provider.suite, &provider.file_key));
        let opened = Opened::open(content, expected, with, &context, session.work_dir);
        let opened = opened.map_err(|error| match error {
            FileError::Open(source) => RunFailure::Data { provider: index, number, source },
            FileError::Substituted => {
                FetchError::Substituted { expected_by: "a data provider has listed" }.into()
            }
            FileError::Read(error) => FetchError::Server(HttpError::Transfer(error)).into(),
            FileError::Disk(error) => RunFailure::Disk(error),
        })?;
        count(counted, provider.id, opened.len());
        listed.push(ReceiptInput { provider: index, file: entry.clone() });
        let name = entry.name.to_string();
        Ok(Input { provider: index.into(), name, source: Arc::new(opened) })
    };
    in_order(released).into_iter().map(&mut fetch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::{ParticipantId, Suite};
    use sealroom_seal::{Digest, FileKey, sign::PublicKey};

    fn provider(index: u16, files: &[(&str, u64)]) -> Released {
        let entry = |(name, uploaded_at): &(&str, u64)| InventoryEntry {
            name: name.parse().unwrap(),
            size: 0,
            sha256: Digest::of(b""),
            uploaded_at: *uploaded_at,
        };
        Released {
            id: ParticipantId { role: Role::DataProvider, index },
            suite: Suite::Hybrid,
            public_key: PublicKey::from_bytes([0; 32]),
            file_key: FileKey::random(),
            inventory: files.iter().map(entry).collect(),
        }
    }

    #[test]
    fn inputs_come_in_the_order_that_the_providers_signed() {
        let released =
            [provider(0, &[("a", 1), ("b", 5)]), provider(1, &[("c", 3), ("d", 5), ("e", 5)])];
        let names: Vec<&str> =
            in_order(&released).iter().map(|(_, _, e)| e.name.as_str()).collect();
        assert_eq!(names, ["a", "c", "b", "d", "e"]);
    }
}
