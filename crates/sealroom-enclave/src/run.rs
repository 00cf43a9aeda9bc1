//! One run: keys opened, inputs fetched, code executed, results sealed, receipt signed.

use crate::{
    fetch::{FetchError, StoredCode},
    formats::{FileError, FromStart, Opened, Sealing},
    release::{self, KeyRefusal, Released},
    results::SealedResults,
    session::Session,
};
use sealroom_http::HttpError;
use sealroom_lifecycle::{event::DataFile, wire::FinishRun};
use sealroom_protocol::{
    FileContext, FileKind, InventoryEntry, LogPolicy, Role, Timestamp,
    context::log_path,
    receipt::{Input as ReceiptInput, Receipt, RunStatus, SealedLog, SealedResult},
};
use sealroom_sandbox::{
    CodeFile as JobCode, Exit, Input, Job, Limits, Outcome, Participants, SandboxError, Source,
};
use sealroom_seal::stream::OpenError;
use std::{
    fs::File,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

/// Why a run has no results. The text goes to everybody who takes part, so it says nothing that the
/// code or the data said.
#[derive(Debug, thiserror::Error)]
enum RunFailure {
    #[error(transparent)]
    Keys(#[from] KeyRefusal),
    #[error("`{path}` of the code does not open with the code provider's key")]
    Code { path: String, source: OpenError },
    #[error("file {number} of data provider {provider} does not open with its key")]
    Data { provider: u16, number: usize, source: OpenError },
    #[error("an input could not be fetched")]
    Fetch(#[from] FetchError),
    #[error("the jail could not be started")]
    Sandbox(#[from] SandboxError),
    #[error("{reason}")]
    Exit { reason: String, exit_code: Option<i32> },
    #[error("the work folder cannot be used")]
    Disk(#[from] io::Error),
    // What the server says is not repeated: it would stand in a receipt, under the enclave's name.
    #[error("the server does not store the results")]
    Store(HttpError),
}

/// What a run left behind.
#[derive(Default)]
struct Products {
    inputs: Vec<ReceiptInput>,
    results: Vec<(SealedResult, File)>,
    log: Option<(File, DataFile)>,
}

/// Whether the keys that were released can be used again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Accepted,
    Refused,
}

/// Executes run `number` and publishes its end. An error is one of the server's; a failed run is not
/// an error here.
pub(crate) fn execute(session: &Session<'_>, number: u32) -> Result<Keys, HttpError> {
    let started_at = now();
    let mut products = Products::default();
    let outcome = attempt(session, number, &mut products);
    let keys = match outcome {
        Err(RunFailure::Keys(_)) => Keys::Refused,
        _ => Keys::Accepted,
    };
    let status = match outcome {
        Ok(()) => RunStatus::Succeeded,
        Err(failure) => {
            if let RunFailure::Store(error) | RunFailure::Fetch(FetchError::Server(error)) =
                &failure
            {
                tracing::warn!(run = number, "the server refuses: {error}");
            }
            products.results.clear();
            failed(&failure)
        }
    };
    let log = products.log.take().and_then(|log| put_log(session, number, log));
    match &status {
        RunStatus::Succeeded => tracing::info!(run = number, "run succeeded"),
        RunStatus::Failed { reason, .. } => tracing::info!(run = number, "run failed: {reason}"),
    }
    let receipt = Receipt {
        computation: session.state.computation,
        manifest: session.manifest.digest(),
        run: number,
        started_at,
        ended_at: now(),
        status,
        inputs: products.inputs,
        results: products.results.into_iter().map(|(result, _)| result).collect(),
        log: log.as_ref().map(|log| SealedLog { size: log.size, sha256: log.sha256 }),
    }
    .sign(&session.identity.signing);
    let finish = FinishRun { receipt, log, keys_refused: keys == Keys::Refused };
    // The server may be restarting: the end of a run is worth waiting for as long as the lease lives.
    loop {
        match session.server.finish_run(number, &finish) {
            Err(HttpError::Unreachable { .. }) if !session.is_lost() => {
                tracing::warn!(run = number, "the server is away, trying again");
            }
            result => return result.map(|()| keys),
        }
    }
}

fn now() -> Timestamp {
    let millis = Timestamp::now().as_millisecond();
    Timestamp::from_millisecond(millis).expect("a moment of today is in range")
}

fn failed(failure: &RunFailure) -> RunStatus {
    let mut reason = failure.to_string();
    let mut source = std::error::Error::source(failure);
    while let Some(error) = source {
        reason = format!("{reason}: {error}");
        source = error.source();
    }
    let exit_code = match failure {
        RunFailure::Exit { exit_code, .. } => *exit_code,
        _ => None,
    };
    RunStatus::Failed { reason, exit_code }
}

fn attempt(session: &Session<'_>, number: u32, products: &mut Products) -> Result<(), RunFailure> {
    let released = release::open_all(&session.state, &session.manifest, &session.identity)?;
    let code = open_code(session, &released)?;
    let inputs = fetch_inputs(session, &released, &mut products.inputs)?;
    let computation = session.state.computation;
    let mut results =
        SealedResults::new(computation, number, &released, session.work_dir.to_owned());
    let job = Job {
        code,
        inputs,
        participants: participants(session),
        limits: limits(session),
        results: &mut results,
        cancel: session.heartbeat.lost(),
    };
    let outcome = session.setting.launcher.run(session.setting.runtime, job)?;
    products.log = seal_log(session, number, &released, &outcome)?;
    judge(outcome.exit)?;
    products.results = results.into_finished()?;
    for (result, file) in &products.results {
        session
            .server
            .put_result(number, result.consumer, &result.name, file)
            .map_err(RunFailure::Store)?;
    }
    Ok(())
}

/// What the code may know of those who take part.
fn participants(session: &Session<'_>) -> Participants {
    let manifest = session.manifest.manifest();
    let keys = |role| {
        let of_role = manifest.participants().filter(move |(id, _)| id.role == role);
        of_role.map(|(_, part)| *part.public_key.as_bytes())
    };
    Participants {
        computation: *session.state.computation.as_bytes(),
        code_provider: keys(Role::CodeProvider).next().expect("the manifest names a code provider"),
        data_providers: keys(Role::DataProvider).collect(),
        result_consumers: keys(Role::ResultConsumer).collect(),
    }
}

fn limits(session: &Session<'_>) -> Limits {
    let policy = &session.manifest.manifest().policy;
    Limits {
        wall: Duration::from_secs(policy.max_run_seconds),
        memory_bytes: policy.max_memory_bytes,
        processes: policy.max_processes,
        scratch_bytes: policy.max_scratch_bytes,
        result_bytes: policy.max_result_bytes,
        result_count: policy.max_results,
        log_bytes: policy.max_log_bytes,
    }
}

fn judge(exit: Exit) -> Result<(), RunFailure> {
    let failure = |reason: String, exit_code| Err(RunFailure::Exit { reason, exit_code });
    match exit {
        Exit::Code(0) => Ok(()),
        Exit::Code(code) => failure(format!("the code ended with exit code {code}"), Some(code)),
        Exit::Signal(signal) => failure(format!("the code was ended by signal {signal}"), None),
        Exit::TimedOut => failure("the code took longer than the policy allows".to_owned(), None),
        Exit::Cancelled => failure("the run was cancelled".to_owned(), None),
        Exit::LimitExceeded(excess) => {
            failure(format!("the code went over a limit: {}", excess.bound), None)
        }
    }
}

fn open_code(session: &Session<'_>, released: &[Released]) -> Result<Vec<JobCode>, RunFailure> {
    let provider = released
        .iter()
        .find(|r| r.id.role == Role::CodeProvider)
        .expect("the manifest names a code provider, and every participant has released");
    let open = |file: &sealroom_protocol::CodeFile| {
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
                Arc::new(opened.map_err(|error| match error {
                    FileError::Open(source) => RunFailure::Code { path: path.to_owned(), source },
                    FileError::Substituted => {
                        FetchError::Substituted { expected_by: "the manifest lists" }.into()
                    }
                    FileError::Read(error) | FileError::Disk(error) => RunFailure::Disk(error),
                })?)
            }
        };
        Ok(JobCode { path: path.to_owned(), sealed: file.sealed, source })
    };
    session.code.files.iter().map(open).collect()
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

fn fetch_inputs(
    session: &Session<'_>,
    released: &[Released],
    listed: &mut Vec<ReceiptInput>,
) -> Result<Vec<Input>, RunFailure> {
    let fetch = |(provider, number, entry): (&Released, usize, &InventoryEntry)| {
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
        listed.push(ReceiptInput { provider: index, file: entry.clone() });
        let name = entry.name.to_string();
        Ok(Input { provider: index.into(), name, source: Arc::new(opened) })
    };
    in_order(released).into_iter().map(fetch).collect()
}

/// Seals what the code printed for whom the policy names; `None` if that is nobody.
fn seal_log(
    session: &Session<'_>,
    number: u32,
    released: &[Released],
    outcome: &Outcome,
) -> io::Result<Option<(File, DataFile)>> {
    let reader = match session.manifest.manifest().policy.logs {
        LogPolicy::None => return Ok(None),
        LogPolicy::CodeProvider => released.iter().find(|r| r.id.role == Role::CodeProvider),
    };
    let Some(reader) = reader else { return Ok(None) };
    let context = FileContext {
        computation: session.state.computation,
        participant: &reader.public_key,
        kind: FileKind::Log,
        path: &log_path(number),
    };
    let mut out = Sealing::begin(reader.suite, &reader.file_key, &context, session.work_dir)?;
    out.write_all(&outcome.log)?;
    if outcome.log_truncated {
        out.write_all(b"\n[the log was cut off here]\n")?;
    }
    let (file, size, sha256) = out.finish()?;
    let name = "log".parse().expect("a plain name");
    Ok(Some((file, DataFile { name, size, sha256 })))
}

/// Uploads a sealed log. A log that can't be stored is missing, and no reason to fail a run.
fn put_log(session: &Session<'_>, number: u32, (file, log): (File, DataFile)) -> Option<DataFile> {
    match session.server.put_log(number, &file) {
        Ok(()) => Some(log),
        Err(error) => {
            tracing::warn!(run = number, "no log is kept: {error}");
            None
        }
    }
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

    #[test]
    fn a_failure_says_its_causes_and_its_exit_code() {
        let failure = judge(Exit::Code(3)).unwrap_err();
        let reason = "the code ended with exit code 3".to_owned();
        assert_eq!(failed(&failure), RunStatus::Failed { reason, exit_code: Some(3) });
        let refused = RunFailure::Keys(KeyRefusal::Release {
            id: ParticipantId { role: Role::DataProvider, index: 1 },
            source: sealroom_protocol::release::ReleaseRefusal::DoesNotOpen,
        });
        let RunStatus::Failed { reason, .. } = failed(&refused) else { panic!("it failed") };
        assert_eq!(
            reason,
            "the key of the data provider 1 is refused: \
             the released key does not open with this identity"
        );
    }
}
