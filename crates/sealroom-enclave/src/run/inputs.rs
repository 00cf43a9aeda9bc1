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
    FileContext, FileKind, ParticipantId, Role,
    receipt::{Input as ReceiptInput, in_order},
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

pub(super) fn fetch_inputs(
    session: &Session<'_>,
    released: &[Released],
    listed: &mut Vec<ReceiptInput>,
    counted: &mut OpenedFiles,
) -> Result<Vec<Input>, RunFailure> {
    let providers: BTreeMap<u16, &Released> = released
        .iter()
        .filter(|r| r.id.role == Role::DataProvider)
        .map(|r| (r.id.index, r))
        .collect();
    let mut fetch = |input: ReceiptInput| {
        session.go_on()?;
        let provider = providers.get(&input.provider).copied().expect("its inventory names it");
        let entry = &input.file;
        let number = provider.inventory.iter().position(|file| file.name == entry.name);
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
            FileError::Open(source) => {
                let number = number.unwrap_or_default();
                RunFailure::Data { provider: index, number, source }
            }
            FileError::Substituted => {
                FetchError::Substituted { expected_by: "a data provider has listed" }.into()
            }
            FileError::Read(error) => FetchError::Server(HttpError::Transfer(error)).into(),
            FileError::Disk(error) => RunFailure::Disk(error),
        })?;
        count(counted, provider.id, opened.len());
        let name = entry.name.to_string();
        listed.push(input);
        Ok(Input { provider: index.into(), name, source: Arc::new(opened) })
    };
    let inventories = providers.iter().map(|(index, r)| (*index, r.inventory.as_slice()));
    in_order(inventories).into_iter().map(&mut fetch).collect()
}
