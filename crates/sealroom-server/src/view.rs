//! What a computation looks like to a caller.

use crate::{db::Db, problem::Answer};
use sealroom_lifecycle::{
    State,
    state::{self, RunEnd},
};
use sealroom_protocol::{
    Email, ParticipantId, Role,
    api::{
        Account, Computation, DestroyedKey, Enclave, Head, Identity, Participant, Phase,
        RegisteredKey, Run, RunDetail, StoredFile,
    },
    receipt::RunStatus,
};
use sealroom_seal::sodium::fingerprint;
use std::collections::BTreeMap;

/// The phase's name on the wire and in metrics.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Preparing => "preparing",
        Phase::WaitingForEnclave => "waiting_for_enclave",
        Phase::Collecting => "collecting",
        Phase::Running => "running",
        Phase::Succeeded => "succeeded",
        Phase::Failed => "failed",
        Phase::Archived => "archived",
        Phase::Removed => "removed",
    }
}

/// The computation as `viewer` sees it.
pub(crate) async fn computation(db: &Db, state: &State, viewer: &Email) -> Answer<Computation> {
    let accounts = accounts(db, state).await?;
    let view = |p: &state::Participant| participant(p, state, accounts.get(&p.id).cloned());
    let mut participants: Vec<_> = state.participants.iter().map(view).collect();
    let mut of_role = |role: Role| -> Vec<Participant> {
        participants.extract_if(.., |p| p.id.role == role).collect()
    };
    let mut code_provider = of_role(Role::CodeProvider);
    let code_provider = code_provider.pop().ok_or_else(crate::problem::Failure::broken)?;
    let (seq, hash) = state.head;
    Ok(Computation {
        uuid: state.computation,
        name: state.name.clone(),
        created_at: state.created_at,
        owner: Account { uuid: db.account_id(&state.owner).await?, email: state.owner.clone() },
        dev_mode: state.dev_mode,
        policy: state.policy.clone(),
        phase: state.phase(),
        waiting_for: state.waiting_for(),
        code_provider,
        data_providers: of_role(Role::DataProvider),
        result_consumers: of_role(Role::ResultConsumer),
        code: state.code.as_ref().map(|code| code.files.clone()).unwrap_or_default(),
        enclave: Enclave { identity: state.identity.as_ref().map(identity) },
        runs: state.runs.iter().map(|known| run(known, &accounts)).collect(),
        destroyed_keys: state.destroyed.iter().map(destroyed).collect(),
        my_roles: roles(state, viewer),
        head: Head { seq, hash },
    })
}

/// The account of each participant that has one.
type Accounts = BTreeMap<ParticipantId, String>;

async fn accounts(db: &Db, state: &State) -> Answer<Accounts> {
    let mut accounts = Accounts::new();
    for p in &state.participants {
        if let Some(account) = db.account_id(&p.email).await? {
            accounts.insert(p.id, account);
        }
    }
    Ok(accounts)
}

fn roles(state: &State, viewer: &Email) -> Vec<String> {
    let owner = (state.owner == *viewer).then(|| "ComputationOwner".to_owned());
    let mine = Role::ALL.into_iter().filter(|role| state.participant_of(viewer, *role).is_some());
    owner.into_iter().chain(mine.map(|role| role.wire_name().to_owned())).collect()
}

fn participant(p: &state::Participant, state: &State, uuid: Option<String>) -> Participant {
    let code = state.code.as_ref().filter(|_| p.id.role == Role::CodeProvider);
    Participant {
        uuid,
        email: p.email.clone(),
        id: p.id,
        public_key: p.registered.map(|(content, _, uploaded_at)| RegisteredKey {
            content,
            fingerprint: fingerprint(&content).to_vec(),
            uploaded_at,
        }),
        suite: p.registered.map(|(_, suite, _)| suite),
        code_uploaded_at: code.map(|code| code.uploaded_at),
        starting_uploading_at: p.files.iter().map(|(_, at)| *at).min(),
        done_uploading_at: p.done_at,
        result_downloaded_at: state.runs.last().and_then(|run| run.fetched.get(&p.id)).copied(),
        symmetric_key_uploaded_at: p.release.as_ref().map(|released| released.at),
        files: p.files.iter().map(|(file, _)| stored(file)).collect(),
    }
}

fn destroyed(gone: &state::Destroyed) -> DestroyedKey {
    let state::Destroyed { participant, at, record } = gone.clone();
    DestroyedKey { participant, at, record }
}

/// A data file as the interface shows it.
pub(crate) fn stored(file: &sealroom_lifecycle::event::DataFile) -> StoredFile {
    StoredFile { name: file.name.clone(), size: file.size, sha256: file.sha256 }
}

fn identity(identity: &state::Identity) -> Identity {
    Identity {
        public_key: identity.keys.signing.as_bytes().to_vec(),
        keys: identity.keys.clone(),
        manifest: identity.manifest.clone(),
        quote: identity.evidence.quote.to_string(),
        evidence: identity.evidence.clone(),
    }
}

fn run(run: &state::Run, accounts: &Accounts) -> Run {
    let end = run.end.as_ref();
    let (exit_code, output) = match end.map(|end| &end.status) {
        None => (None, String::new()),
        Some(RunStatus::Succeeded) => (Some(0), String::new()),
        Some(RunStatus::Failed { reason, exit_code }) => {
            (Some(exit_code.unwrap_or(1)), reason.clone())
        }
    };
    let fetched = run.fetched.iter();
    let fetched = fetched.filter_map(|(id, at)| Some((accounts.get(id)?.clone(), *at)));
    // A run that did not succeed has no results, whatever its receipt says.
    let succeeded = |end: &&RunEnd| end.status == RunStatus::Succeeded;
    Run {
        number: run.number,
        uuid: run.number.to_string(),
        created_at: run.started_at,
        ended_at: end.map(|end| end.at),
        status: end.map(|end| end.status.clone()),
        results: end.filter(succeeded).map(|end| end.results.clone()).unwrap_or_default(),
        has_log: end.is_some_and(|end| !end.logs.is_empty()),
        exit_code,
        output,
        results_fetches_datetimes_by_result_consumers_uuid: fetched.collect(),
    }
}

/// All that is needed to check a run.
pub(crate) async fn run_detail(db: &Db, state: &State, known: &state::Run) -> Answer<RunDetail> {
    Ok(RunDetail {
        run: run(known, &accounts(db, state).await?),
        identity: identity(&known.identity),
        receipt: known.end.as_ref().and_then(|end| end.receipt.clone()),
    })
}
