//! Deciding: may this happen now, and what happens then?
//!
//! Who may call is decided before what state the computation is in, so that a stranger learns
//! nothing from the difference.

use crate::{
    command::{Command, Create},
    event::{Actor, DataFile, EnclaveId, Event, Withdrawal},
    state::{Closed, Participant, State},
};
use sealroom_protocol::{
    CodeFile, ComputationId, Digest, Email, Envelope, Lock, ParticipantId, Receipt, Release, Role,
    Suite, Timestamp,
    code::REQUIREMENTS,
    manifest::CanonicalManifest,
    receipt::RunStatus,
    release::{Expected, MAX_INVENTORY},
    text::visible,
};

/// Participants in one role.
pub const MAX_PARTICIPANTS: usize = 256;
/// Releases that a revocation names.
pub const MAX_RELEASES: usize = 64;
/// Characters of a computation's name.
pub const MAX_NAME: usize = 200;

/// What sort of refusal it is; the HTTP status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    /// The caller may not do this.
    Forbidden,
    /// Not now.
    WrongState,
    /// Never, with this content.
    Invalid,
}

/// Why a command is refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// What sort of refusal.
    pub kind: RejectionKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

type Decision = Result<Vec<Event>, Rejection>;

fn reject(kind: RejectionKind, message: impl Into<String>, hint: impl Into<String>) -> Rejection {
    Rejection { kind, message: message.into(), hint: hint.into() }
}

fn forbidden(message: impl Into<String>) -> Rejection {
    reject(RejectionKind::Forbidden, message, "ask the owner which role your account has")
}

fn wrong_state(message: impl Into<String>, hint: impl Into<String>) -> Rejection {
    reject(RejectionKind::WrongState, message, hint)
}

fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Rejection {
    reject(RejectionKind::Invalid, message, hint)
}

/// Creates a computation.
///
/// # Errors
/// [`RejectionKind::Invalid`] if it can't be one.
pub fn create(computation: ComputationId, owner: &Email, wanted: Create) -> Decision {
    let Create { name, code_provider, data_providers, result_consumers, dev_mode, policy } = wanted;
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("a name has 1 to {MAX_NAME} printable characters");
        return Err(invalid(message, "choose another name"));
    }
    for (role, emails) in
        [(Role::DataProvider, &data_providers), (Role::ResultConsumer, &result_consumers)]
    {
        if emails.is_empty() || emails.len() > MAX_PARTICIPANTS {
            let message = format!("a computation has 1 to {MAX_PARTICIPANTS} {role}s");
            return Err(invalid(message, format!("name each {role} once")));
        }
        let mut sorted: Vec<_> = emails.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("{} is a {role} twice", pair[0]);
            return Err(invalid(message, "an account has each role at most once"));
        }
    }
    policy
        .check()
        .map_err(|error| invalid(error.to_string(), "choose a limit within the range"))?;
    let consumers = u16::try_from(result_consumers.len()).unwrap_or(u16::MAX);
    policy
        .terms(Some(consumers))
        .map_err(|error| invalid(error.to_string(), "change the output contract as it says"))?;
    Ok(vec![Event::Created {
        computation,
        name,
        owner: owner.clone(),
        code_provider,
        data_providers,
        result_consumers,
        dev_mode,
        policy,
    }])
}

/// Decides whether `command` by `actor` may happen now. No events means: it had happened already.
///
/// # Errors
/// A [`Rejection`]; who may call is looked at before anything else.
pub fn decide(state: &State, actor: &Actor, command: Command, now: Timestamp) -> Decision {
    let caller = Caller::admit(state, actor, &command)?;
    let goes_on = match state.closed {
        Closed::Open => true,
        // There is no key left to take back then, and nothing wrong with asking.
        _ if matches!(command, Command::Revoke { .. }) => true,
        Closed::Archived => matches!(command, Command::Remove | Command::FetchResult { .. }),
        Closed::Removed => matches!(command, Command::Remove),
    };
    if !goes_on {
        let message = "the computation is archived";
        return Err(wrong_state(message, "its owner can create a new one with `sealroom new`"));
    }
    match (command, caller) {
        (Command::Register { public_key, suite, .. }, Caller::Participant(me)) => {
            if let Some((known, known_suite, _)) = &me.registered {
                return if (*known, *known_suite) == (public_key, suite) {
                    Ok(vec![])
                } else {
                    Err(wrong_state(
                        format!("{} has registered with another key", me.id),
                        "use the profile that you joined with, or ask for a new computation",
                    ))
                };
            }
            if !state.policy.allows(suite) {
                let message = format!("the suite `{suite}` is not allowed in this computation");
                let hint = match suite {
                    Suite::Sodium => {
                        "join with `sealroom join`, or ask its owner for one that allows it"
                    }
                    Suite::Hybrid => "ask its owner for a computation that allows it",
                };
                return Err(invalid(message, hint));
            }
            let taken = |p: &Participant| p.registered.is_some_and(|(key, ..)| key == public_key);
            if state.participants.iter().any(taken) {
                let hint = "each role has a key of its own; `sealroom join` makes one";
                return Err(invalid("another participant has registered this key", hint));
            }
            Ok(vec![Event::Registered { participant: me.id, public_key, suite }])
        }
        (Command::UploadCode { files, archive, lock }, Caller::Participant(me)) => {
            must_be_registered(me)?;
            match &state.code {
                Some(code) if code.archive == archive => Ok(vec![]),
                Some(_) => Err(wrong_state(
                    "the code is there already",
                    "take it back first with `sealroom code reset`; everybody approves again then",
                )),
                None => {
                    lock.as_ref().map_or(Ok(()), |lock| must_fit(state, &files, lock))?;
                    let locked = lock.map(|lock| Event::EnvironmentLocked { lock });
                    Ok([Event::CodeUploaded { files, archive }].into_iter().chain(locked).collect())
                }
            }
        }
        (Command::RefuseEnvironment { reason }, Caller::Enclave(_)) => refuse_code(state, &reason),
        (Command::ResetCode, _) => {
            must_not_run(state)?;
            let Some(_) = state.code else { return Ok(vec![]) };
            Ok([vec![Event::CodeReset], withdraw(state, Withdrawal::CodeReset)].concat())
        }
        (Command::UploadData { file }, Caller::Participant(me)) => upload_data(me, file),
        (Command::ResetData, Caller::Participant(me)) => {
            must_not_run(state)?;
            if me.files.is_empty() && me.done_at.is_none() && me.release.is_none() {
                return Ok(vec![]);
            }
            Ok(vec![Event::DataReset { participant: me.id }])
        }
        (Command::DataDone, Caller::Participant(me)) => {
            if me.done_at.is_some() {
                return Ok(vec![]);
            }
            must_be_registered(me)?;
            if me.files.is_empty() {
                let hint = "push at least one file first with `sealroom data push`";
                return Err(wrong_state(format!("{} has pushed no data", me.id), hint));
            }
            Ok(vec![Event::DataDone { participant: me.id }])
        }
        (Command::Provision { release }, Caller::Participant(me)) => provision(state, me, release),
        (Command::Revoke { releases, .. }, Caller::Participant(me)) => {
            if releases.len() > MAX_RELEASES {
                let message = format!("a revocation names at most {MAX_RELEASES} releases");
                return Err(invalid(message, "name those that were made last"));
            }
            match me.release {
                None => Ok(vec![]),
                Some(_) => Ok(vec![Event::KeyRevoked { participant: me.id, releases }]),
            }
        }
        (Command::JudgeKey { participant, release, opens }, Caller::Enclave(enclave)) => {
            must_hold_identity(state, enclave)?;
            Ok(judge_key(state, participant, &release, opens))
        }
        (Command::FetchResult { run }, Caller::Participant(me)) => {
            let known = state.runs.iter().find(|known| known.number == run);
            match known.filter(|known| {
                known.end.as_ref().is_some_and(|end| end.status == RunStatus::Succeeded)
            }) {
                None => Err(wrong_state(
                    format!("run {run} has no results"),
                    "see why with `sealroom status`",
                )),
                Some(known) if known.fetched.contains_key(&me.id) => Ok(vec![]),
                Some(_) => Ok(vec![Event::ResultFetched { run, participant: me.id }]),
            }
        }
        (Command::RequestRun, _) => request_run(state),
        (Command::Archive, _) => {
            must_not_run(state)?;
            Ok([withdraw(state, Withdrawal::Archived), vec![Event::Archived]].concat())
        }
        (Command::Remove, _) => match state.closed {
            Closed::Open => {
                let hint = "archive it first with `sealroom archive`";
                Err(wrong_state("the computation is not archived", hint))
            }
            Closed::Archived => Ok(vec![Event::Removed]),
            Closed::Removed => Ok(vec![]),
        },
        (Command::PublishIdentity { manifest, keys, evidence }, Caller::Enclave(enclave)) => {
            if !state.needs_enclave() {
                let hint = "give the computation up and claim another";
                return Err(wrong_state("the computation is not waiting for an identity", hint));
            }
            let canonical = CanonicalManifest::parse(&manifest)
                .map_err(|error| invalid(error.to_string(), "the enclave has a fault"))?;
            if canonical.manifest().computation.uuid != state.computation {
                let message = "the manifest is of another computation";
                return Err(invalid(message, "the enclave has a fault"));
            }
            Ok(vec![Event::IdentityPublished { enclave, manifest, keys, evidence }])
        }
        (Command::StartRun, Caller::Enclave(enclave)) => start_run(state, enclave, now),
        (Command::FinishRun { run, receipt, keys_refused }, Caller::Enclave(enclave)) => {
            finish_run(state, enclave, run, receipt, keys_refused)
        }
        (Command::RecordDestruction { participant, record }, Caller::Enclave(enclave)) => {
            must_hold_identity(state, enclave)?;
            record_destruction(state, participant, record)
        }
        (Command::LoseEnclave { enclave }, _) => Ok(lose_enclave(state, enclave)),
        _ => Err(forbidden("the caller may not do this")),
    }
}

/// Who a command's actor turns out to be.
enum Caller<'a> {
    Owner,
    Participant(&'a Participant),
    Enclave(EnclaveId),
    Server,
}

impl<'a> Caller<'a> {
    fn admit(state: &'a State, actor: &Actor, command: &Command) -> Result<Self, Rejection> {
        let needed = Needed::by(command);
        match (actor, needed) {
            (Actor::Account(email), Needed::Role(role)) => state
                .participant_of(email, role)
                .map(Self::Participant)
                .ok_or_else(|| forbidden(format!("{email} is no {role} of this computation"))),
            (Actor::Account(email), Needed::Owner) if *email == state.owner => Ok(Self::Owner),
            (Actor::Account(_), Needed::Owner) => {
                Err(forbidden("only the owner of the computation may do this"))
            }
            (Actor::Enclave(id), Needed::Enclave) => Ok(Self::Enclave(*id)),
            (Actor::Server, Needed::Server) => Ok(Self::Server),
            _ => Err(forbidden("the caller may not do this")),
        }
    }
}

enum Needed {
    Owner,
    Role(Role),
    Enclave,
    Server,
}

impl Needed {
    fn by(command: &Command) -> Self {
        match command {
            Command::Register { role, .. } | Command::Revoke { role, .. } => Self::Role(*role),
            Command::Provision { release } => Self::Role(release.role()),
            Command::FetchResult { .. } => Self::Role(Role::ResultConsumer),
            Command::UploadCode { .. } | Command::ResetCode => Self::Role(Role::CodeProvider),
            Command::UploadData { .. } | Command::ResetData | Command::DataDone => {
                Self::Role(Role::DataProvider)
            }
            Command::RequestRun | Command::Archive | Command::Remove => Self::Owner,
            Command::PublishIdentity { .. }
            | Command::RefuseEnvironment { .. }
            | Command::JudgeKey { .. }
            | Command::StartRun
            | Command::FinishRun { .. }
            | Command::RecordDestruction { .. } => Self::Enclave,
            Command::LoseEnclave { .. } => Self::Server,
        }
    }
}

fn must_be_registered(me: &Participant) -> Result<(), Rejection> {
    match me.registered {
        Some(_) => Ok(()),
        None => Err(wrong_state(
            format!("{} has not joined yet", me.id),
            "join first with `sealroom join`",
        )),
    }
}

fn must_not_run(state: &State) -> Result<(), Rejection> {
    match state.running() {
        None => Ok(()),
        Some(run) => Err(wrong_state(
            format!("run {} is under way", run.number),
            "wait for its end with `sealroom status --watch`",
        )),
    }
}

/// Whether a lock is one for this code and what was agreed on.
fn must_fit(state: &State, files: &[CodeFile], lock: &Lock) -> Result<(), Rejection> {
    let again = "push the code again with `sealroom code push`";
    lock.check().map_err(|error| invalid(error.to_string(), again))?;
    let resolved = |file: &CodeFile| {
        file.path.as_str() == REQUIREMENTS && !file.sealed && file.sha256 == lock.requirements
    };
    if !files.iter().any(resolved) {
        return Err(invalid("the lock is not of the code's `requirements.txt`", again));
    }
    if lock.runtime != state.policy.runtime {
        let (found, wanted) = (&lock.runtime, &state.policy.runtime);
        let message =
            format!("the lock is for the runtime `{found}`, the computation has `{wanted}`");
        return Err(invalid(message, again));
    }
    let rules = &state.policy.packages;
    for package in &lock.packages {
        if let Some(why) = rules.refuses(&package.name, None) {
            return Err(invalid(why, "do without it, or ask the owner for another computation"));
        }
        if package.file.is_source() && !rules.allow_source.contains(&package.name) {
            let name = &package.name;
            return Err(invalid(
                format!("`{name}` would have to be built from source, which is not allowed"),
                format!("the owner allows it with `sealroom new --allow-source {name}`"),
            ));
        }
    }
    Ok(())
}

/// Characters of a refusal's reason that are kept.
const MAX_REASON: usize = 4000;

fn refuse_code(state: &State, reason: &str) -> Decision {
    match &state.code {
        Some(_) if state.needs_enclave() => {
            let reason = reason.lines().map(visible).collect::<Vec<_>>().join("\n");
            Ok(vec![Event::EnvironmentRefused {
                reason: reason.chars().take(MAX_REASON).collect(),
            }])
        }
        // It was said before, or other code has come since.
        _ => Ok(vec![]),
    }
}

fn withdraw(state: &State, reason: Withdrawal) -> Vec<Event> {
    state.identity.iter().map(|_| Event::IdentityWithdrawn { reason }).collect()
}

fn upload_data(me: &Participant, file: DataFile) -> Decision {
    must_be_registered(me)?;
    if me.done_at.is_some() {
        let known = me.files.iter().any(|(known, _)| *known == file);
        return if known {
            Ok(vec![])
        } else {
            Err(wrong_state(
                format!("{} has said that its data is complete", me.id),
                "take it back first with `sealroom data reset`, then push all files again",
            ))
        };
    }
    match me.files.iter().find(|(known, _)| known.name == file.name) {
        Some((known, _)) if *known == file => return Ok(vec![]),
        None if me.files.len() >= MAX_INVENTORY => {
            let message =
                format!("{} has pushed {MAX_INVENTORY} files, the most there can be", me.id);
            return Err(invalid(message, "put several into one archive"));
        }
        _ => {}
    }
    Ok(vec![Event::DataUploaded { participant: me.id, file }])
}

fn provision(state: &State, me: &Participant, release: Release) -> Decision {
    let (Some(identity), Some((public_key, suite, _))) = (&state.identity, &me.registered) else {
        return Err(wrong_state(
            "there is no enclave identity to release a key to",
            "see what is missing with `sealroom status`",
        ));
    };
    let known = [&me.release, &me.candidate];
    if known.into_iter().flatten().any(|known| known.release == release) {
        return Ok(vec![]);
    }
    must_not_run(state)?;
    if state.is_exhausted() {
        return Err(wrong_state(
            "every run that was approved has taken place",
            "the owner asks for a new round of approvals with `sealroom run`",
        ));
    }
    // The 2022 client releases its key when it likes: its list of files is not part of what it signs.
    let lists_files = me.id.role == Role::DataProvider && suite.binds_places();
    if lists_files && me.done_at.is_none() {
        return Err(wrong_state(
            format!("{} has not said that its data is complete", me.id),
            "say so first with `sealroom data done`",
        ));
    }
    let expected = Expected {
        computation: state.computation,
        role: me.id.role,
        participant: public_key,
        manifest: identity.digest,
        identity: &identity.keys.signing,
    };
    let hint = "look at the identity that stands now with `sealroom verify`, then approve again";
    release
        .clone()
        .check(*suite, &expected)
        .map_err(|refusal| invalid(refusal.to_string(), hint))?;
    if let Some(problem) = inventory_differs(me, &release) {
        let hint = "push what is missing again with `sealroom data push`";
        return Err(invalid(problem, hint));
    }
    Ok(vec![Event::KeyProvisioned { participant: me.id, release }])
}

/// How a data provider's signed inventory differs from what is stored. The enclave checks for itself;
/// this tells the provider early.
fn inventory_differs(me: &Participant, release: &Release) -> Option<String> {
    let Release::Hybrid(release) = release else { return None };
    if me.id.role != Role::DataProvider {
        return None;
    }
    if me.files.len() != release.inventory.len() {
        let (listed, stored) = (release.inventory.len(), me.files.len());
        return Some(format!("the inventory lists {listed} files, {stored} are stored"));
    }
    let stored = |name| me.files.iter().map(|(file, _)| file).find(|file| file.name == name);
    release.inventory.iter().find_map(|entry| match stored(entry.name.clone()) {
        None => Some(format!("`{}` is in the inventory, but not stored", entry.name)),
        Some(file) if (file.size, file.sha256) != (entry.size, entry.sha256) => {
            Some(format!("`{}` is stored with other content than the inventory says", entry.name))
        }
        Some(_) => None,
    })
}

fn judge_key(
    state: &State,
    participant: ParticipantId,
    release: &Digest,
    opens: bool,
) -> Vec<Event> {
    let untried = state.participant(participant).and_then(|p| p.untried());
    match untried.filter(|untried| untried.release.digest() == *release) {
        Some(_) if opens => vec![Event::KeyAccepted { participant }],
        Some(_) => vec![Event::KeyRefused { participant }],
        None => vec![],
    }
}

fn request_run(state: &State) -> Decision {
    must_not_run(state)?;
    if state.is_exhausted() {
        return Ok([vec![Event::RunRequested], withdraw(state, Withdrawal::NewRound)].concat());
    }
    if state.run_wanted && !state.halted {
        return Ok(vec![]);
    }
    Ok(vec![Event::RunRequested])
}

fn start_run(state: &State, enclave: EnclaveId, now: Timestamp) -> Decision {
    must_hold_identity(state, enclave)?;
    // The answer to the first call may have been lost.
    if state.running().is_some() {
        return Ok(vec![]);
    }
    if !state.ready_to_run() {
        let message = "not every key and every `done` is there";
        return Err(wrong_state(message, "wait for the missing ones"));
    }
    if state.policy.expires_at.is_some_and(|end| now >= end) {
        let message = "the computation has expired";
        return Err(wrong_state(message, "its owner can create a new one with `sealroom new`"));
    }
    let run = state.runs.last().map_or(1, |run| run.number + 1);
    Ok(vec![Event::RunStarted { run }])
}

fn must_hold_identity(state: &State, enclave: EnclaveId) -> Result<(), Rejection> {
    match &state.identity {
        Some(identity) if identity.enclave == enclave => Ok(()),
        _ => Err(wrong_state(
            "this enclave's identity no longer stands",
            "give the computation up and claim another",
        )),
    }
}

fn finish_run(
    state: &State,
    enclave: EnclaveId,
    run: u32,
    receipt: Envelope,
    keys_refused: bool,
) -> Decision {
    let repeated = |known: &crate::state::Run| {
        known.number == run
            && known.end.as_ref().is_some_and(|end| end.receipt.as_ref() == Some(&receipt))
    };
    if state.runs.last().is_some_and(repeated) {
        return Ok(vec![]);
    }
    must_hold_identity(state, enclave)?;
    let Some(open) = state.running().filter(|open| open.number == run) else {
        return Err(wrong_state(format!("run {run} is not under way"), "the enclave has a fault"));
    };
    let fault = || invalid("the receipt is not of this run", "the enclave has a fault");
    let said: Receipt = receipt.verify(&open.identity.keys.signing).map_err(|_| fault())?;
    if said.run != run
        || said.manifest != open.identity.digest
        || said.computation != state.computation
    {
        return Err(fault());
    }
    let leaves = said.status == RunStatus::Succeeded || !said.logs.is_empty();
    if let (true, Some(who)) = (leaves, open.revoked_by.first()) {
        let message = format!("{who} took its key back during run {run}: nothing of it may leave");
        return Err(wrong_state(message, "destroy the key, and finish the run as failed"));
    }
    let refused = if keys_refused { withdraw(state, Withdrawal::KeysRefused) } else { vec![] };
    Ok([vec![Event::RunFinished { run, receipt }], refused].concat())
}

fn record_destruction(state: &State, participant: ParticipantId, record: Envelope) -> Decision {
    let said = state.check_destruction(participant, &record).ok_or_else(|| {
        invalid("the record is not of a key of this identity's", "the enclave has a fault")
    })?;
    // Once for each key: the answer to the first call may have been lost.
    let owed = state.participant(participant).is_some_and(|participant| {
        participant.taken_back.iter().any(|release| said.releases.contains(release))
    });
    Ok(if owed { vec![Event::KeyDestroyed { participant, record }] } else { vec![] })
}

fn lose_enclave(state: &State, enclave: EnclaveId) -> Vec<Event> {
    let held = state.identity.as_ref().is_some_and(|identity| identity.enclave == enclave);
    let lost_run = state.running().map(|run| Event::RunLost { run: run.number });
    // An enclave that has had all its runs has left on purpose; its identity stays for the record.
    if !held || (lost_run.is_none() && state.is_exhausted()) {
        return vec![];
    }
    let withdrawn = withdraw(state, Withdrawal::EnclaveLost);
    lost_run.into_iter().chain(withdrawn).collect()
}
