//! One run: keys opened, inputs fetched, code executed, results held against the contract and sealed, receipt
//! signed.

mod inputs;
mod logs;

use crate::{
    fetch::FetchError,
    release::{self, KeyRefusal},
    results::SealedResults,
    server::is_lease_lost,
    session::Session,
    stop::Stop,
    withdrawal::Watch,
};
use inputs::OpenedFiles;
use sealroom_http::HttpError;
use sealroom_lifecycle::wire::FinishRun;
use sealroom_output::Contracted;
use sealroom_protocol::{
    Digest, ParticipantId, Policy, Receipt, Role, Timestamp,
    contract::{Broken, ExitStatus},
    receipt::{Input as ReceiptInput, RunStatus, SealedLog, SealedResult},
    statement::Predicate as _,
};
use sealroom_sandbox::{Exit, Job, Limits, Participants, SandboxError};
use sealroom_seal::stream::OpenError;
use std::{
    fs::File,
    io,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

/// How long the word that a key was taken back may come after the server has refused a success because of it.
const WORD_OF_REVOCATION: Duration = Duration::from_secs(30);
/// How often a run that waits looks whether it has to end.
const TICK: Duration = Duration::from_millis(50);

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
    // The clause alone: what the data says to it stays here.
    #[error("a result breaks the output contract: {}", .0.clause)]
    Contract(Broken),
    #[error("{0} took its key back")]
    Revoked(ParticipantId),
    #[error("the run was cancelled")]
    Cancelled,
    #[error("the work folder cannot be used")]
    Disk(#[from] io::Error),
    // What the server says is not repeated: it would stand in a receipt, under the enclave's name.
    #[error("the server does not store the results")]
    Store(HttpError),
}

/// What a run left behind.
struct Products {
    /// The releases that were opened.
    releases: Vec<Digest>,
    inputs: Vec<ReceiptInput>,
    results: Vec<(SealedResult, File)>,
    logs: Vec<(SealedLog, File)>,
    opened: OpenedFiles,
    killed: bool,
    closed: bool,
    /// Whether the server has got a sealed result or log.
    handed_over: bool,
}

/// Whether the keys that were released can be used again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Accepted,
    Refused,
}

/// A run that is over, as far as a record of destruction speaks of it.
pub(crate) struct Ended {
    pub(crate) number: u32,
    pub(crate) keys: Keys,
    /// Whether its processes were ended from here.
    pub(crate) killed: bool,
    /// Whether nothing of it is alive any more.
    pub(crate) closed: bool,
    pub(crate) opened: OpenedFiles,
    pub(crate) handed_over: bool,
}

/// Executes run `number` and publishes its end. An error is one of the server's; a failed run is not
/// an error here.
pub(crate) fn execute(session: &Session<'_>, number: u32) -> Result<Ended, HttpError> {
    let started_at = now();
    session.stop.begin(number);
    let watch = Watch::start(session, number);
    let mut products = Products {
        releases: vec![],
        inputs: vec![],
        results: vec![],
        logs: vec![],
        opened: OpenedFiles::new(),
        killed: false,
        closed: true,
        handed_over: false,
    };
    let outcome = attempt(session, number, &mut products);
    // The same moment for all that follows: how long uploading takes would say how much there is.
    let ended_at = now();
    let uploaded = outcome.and_then(|()| upload(session, number, &mut products));
    let keys = match uploaded {
        Err(RunFailure::Keys(_)) => Keys::Refused,
        _ => Keys::Accepted,
    };
    let mut status = match uploaded {
        Ok(()) => RunStatus::Succeeded,
        Err(failure) => failed(session, number, &failure),
    };
    let logs = std::mem::take(&mut products.logs);
    let mut logs = match session.stop.revoked_by() {
        Some(_) => vec![],
        None => {
            // Before: whoever answers with an error may have got them.
            products.handed_over |= !logs.is_empty();
            logs::put(session, number, logs)
        }
    };
    loop {
        let succeeded = status == RunStatus::Succeeded;
        let results = products.results.iter().filter(|_| succeeded);
        let receipt = Receipt {
            computation: session.state.computation,
            manifest: session.manifest.digest(),
            basis: session.basis,
            run: number,
            run_of_identity: session.runs,
            releases: products.releases.clone(),
            published_at: session.published_at,
            started_at,
            ended_at,
            status: status.clone(),
            sbom: Some(session.sbom),
            inputs: products.inputs.clone(),
            results: results.map(|(result, _)| result.clone()).collect(),
            logs: logs.clone(),
        };
        let receipt = receipt.sign(&session.identity.signing);
        match finish(session, FinishRun { receipt, keys_refused: keys == Keys::Refused }, number) {
            // A key was taken back, and the log has that before this end: the log decides.
            Err(error) if (succeeded || !logs.is_empty()) && is_conflict(&error) => {
                let who = wait_for_revocation(&session.stop).ok_or(error)?;
                status = failed(session, number, &RunFailure::Revoked(who));
                logs = vec![];
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    drop(watch);
    let succeeded = status == RunStatus::Succeeded;
    if succeeded {
        tracing::info!(run = number, "run succeeded");
    }
    let Products { opened, killed, closed, handed_over, .. } = products;
    Ok(Ended { number, keys, killed, closed, opened, handed_over })
}

/// Tells the server. It may be restarting: the end of a run is worth waiting for as long as the lease lives.
fn finish(session: &Session<'_>, finish: FinishRun, number: u32) -> Result<(), HttpError> {
    loop {
        match session.server.finish_run(number, &finish) {
            Err(HttpError::Unreachable { .. }) if !session.stop.is_lost() => {
                tracing::warn!(run = number, "the server is away, trying again");
            }
            result => return result,
        }
    }
}

fn is_conflict(error: &HttpError) -> bool {
    error.status() == Some(409) && !is_lease_lost(error)
}

fn wait_for_revocation(stop: &Stop) -> Option<ParticipantId> {
    let deadline = Instant::now() + WORD_OF_REVOCATION;
    loop {
        let who = stop.revoked_by();
        if who.is_some() || stop.is_lost() || Instant::now() >= deadline {
            return who;
        }
        thread::sleep(TICK);
    }
}

pub(crate) fn now() -> Timestamp {
    let millis = Timestamp::now().as_millisecond();
    Timestamp::from_millisecond(millis).expect("a moment of today is in range")
}

/// What everybody hears of a failure.
fn failed(session: &Session<'_>, number: u32, failure: &RunFailure) -> RunStatus {
    if let RunFailure::Store(error) | RunFailure::Fetch(FetchError::Server(error)) = failure {
        tracing::warn!(run = number, "the server refuses: {error}");
    }
    let status = told(failure, session.terms.exit_status());
    if let RunStatus::Failed { reason, .. } = &status {
        tracing::info!(run = number, "run failed: {reason}");
    }
    status
}

fn told(failure: &RunFailure, exit_status: ExitStatus) -> RunStatus {
    let (reason, exit_code) = match (failure, exit_status) {
        (RunFailure::Exit { .. }, ExitStatus::Folded) => {
            ("the code did not succeed".to_owned(), None)
        }
        (RunFailure::Exit { reason, exit_code }, ExitStatus::Code) => (reason.clone(), *exit_code),
        (failure, _) => (with_causes(failure), None),
    };
    RunStatus::Failed { reason, exit_code }
}

fn with_causes(failure: &RunFailure) -> String {
    let mut reason = failure.to_string();
    let mut source = std::error::Error::source(failure);
    while let Some(error) = source {
        reason = format!("{reason}: {error}");
        source = error.source();
    }
    reason
}

fn attempt(session: &Session<'_>, number: u32, products: &mut Products) -> Result<(), RunFailure> {
    let begun = Instant::now();
    let released = release::open_all(
        &session.state,
        &session.taken_back,
        &session.manifest,
        &session.identity,
    )?;
    products.releases = released.iter().map(|released| released.digest).collect();
    let code = inputs::open_code(session, &released, &mut products.opened)?;
    let inputs =
        inputs::fetch_inputs(session, &released, &mut products.inputs, &mut products.opened)?;
    session.go_on()?;
    let computation = session.state.computation;
    let sealed = SealedResults::new(
        computation,
        number,
        &released,
        session.terms.clone(),
        session.work_dir.to_owned(),
    );
    let mut results = Contracted::new(session.terms.clone(), sealed);
    let participants = participants(session);
    let consumers = u16::try_from(participants.result_consumers.len()).unwrap_or(u16::MAX);
    let job = Job {
        code,
        inputs,
        participants,
        limits: limits(&session.manifest.manifest().policy),
        layers: &session.manifest.manifest().runtime.jail.layers,
        results: &mut results,
        cancel: session.stop.flag(),
    };
    let setting = session.setting;
    products.closed = false;
    let outcome = match session.warm.take() {
        Some(warm) => setting.launcher.run_in(warm, job)?,
        None => setting.launcher.run(&session.environment.runtime, job)?,
    };
    products.closed = true;
    products.killed = matches!(outcome.exit, Exit::Cancelled);
    products.logs = logs::seal(session, number, &released, &outcome)?;
    round_up(session, begun);
    session.go_on()?;
    if let Some(broken) = results.broken() {
        return Err(RunFailure::Contract(broken));
    }
    judge(outcome.exit)?;
    let sealed = results.finish(consumers).map_err(RunFailure::Contract)?;
    products.results = sealed.into_finished()?;
    Ok(())
}

/// Hands sealed results to the server, as long as no key is taken back.
fn upload(session: &Session<'_>, number: u32, products: &mut Products) -> Result<(), RunFailure> {
    for (result, file) in &products.results {
        session.go_on()?;
        products.handed_over = true;
        session
            .server
            .put_result(number, result.consumer, &result.name, file)
            .map_err(RunFailure::Store)?;
    }
    session.go_on()
}

/// Waits until the time that the run is seen to have taken says no more than the contract lets it.
fn round_up(session: &Session<'_>, begun: Instant) {
    let taken = begun.elapsed();
    let rounded = session.terms.rounded(taken);
    let until = begun + rounded;
    while Instant::now() < until && !session.stop.flag().load(Ordering::Acquire) {
        thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
    }
}

impl Session<'_> {
    /// Whether the run that is under way may go on.
    fn go_on(&self) -> Result<(), RunFailure> {
        match self.stop.revoked_by() {
            Some(who) => Err(RunFailure::Revoked(who)),
            None if self.stop.is_lost() => Err(RunFailure::Cancelled),
            None => Ok(()),
        }
    }
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

/// What a run may take under `policy`.
pub(crate) fn limits(policy: &Policy) -> Limits {
    Limits {
        wall: Duration::from_secs(policy.max_run_seconds),
        memory_bytes: policy.max_memory_bytes,
        processes: policy.max_processes,
        cpus: policy.max_cpus,
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
        Exit::Cancelled => Err(RunFailure::Cancelled),
        Exit::LimitExceeded(excess) => {
            failure(format!("the code went over a limit: {}", excess.bound), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_causes_and_its_exit_code() {
        let failure = judge(Exit::Code(3)).unwrap_err();
        let reason = "the code ended with exit code 3".to_owned();
        let failed = RunStatus::Failed { reason, exit_code: Some(3) };
        assert_eq!(told(&failure, ExitStatus::Code), failed);
        let refused = RunFailure::Keys(KeyRefusal::Release {
            id: ParticipantId { role: Role::DataProvider, index: 1 },
            source: sealroom_protocol::release::ReleaseRefusal::DoesNotOpen,
        });
        let RunStatus::Failed { reason, .. } = told(&refused, ExitStatus::Code) else {
            panic!("it failed")
        };
        assert_eq!(
            reason,
            "the key of the data provider 1 is refused: \
             the released key does not open with this identity"
        );
    }

    #[test]
    fn a_folded_exit_status_says_that_it_failed_and_nothing_else() {
        let ends = [Exit::Code(3), Exit::Code(77), Exit::Signal(9), Exit::TimedOut];
        let told: Vec<RunStatus> =
            ends.map(|exit| told(&judge(exit).unwrap_err(), ExitStatus::Folded)).to_vec();
        let reason = "the code did not succeed".to_owned();
        assert!(
            told.iter()
                .all(|told| *told == RunStatus::Failed { reason: reason.clone(), exit_code: None })
        );
    }
}
