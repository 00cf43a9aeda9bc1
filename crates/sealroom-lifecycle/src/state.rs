//! What a computation is now: the fold of its events.

use crate::event::{Actor, DataFile, EnclaveId, Event, GENESIS, Record, Withdrawal};
use sealroom_protocol::{
    CodeFile, ComputationId, Destruction, Digest, Email, Envelope, Evidence, IdentityKeys, Lock,
    ParticipantId, Policy, PublicKey, Receipt, Release, Role, Suite, Timestamp,
    api::Phase,
    receipt::{RunStatus, SealedLog, SealedResult},
};
use std::collections::BTreeMap;

/// A computation as its events have made it.
#[derive(Clone, Debug)]
pub struct State {
    /// Its identifier.
    pub computation: ComputationId,
    /// The owner's name for it.
    pub name: String,
    /// Who created it.
    pub owner: Email,
    /// When.
    pub created_at: Timestamp,
    /// Whether it protects nothing.
    pub dev_mode: bool,
    /// Its limits.
    pub policy: Policy,
    /// Code provider, data providers, result consumers, in order.
    pub participants: Vec<Participant>,
    /// The code.
    pub code: Option<Code>,
    /// The identity that stands now.
    pub identity: Option<Identity>,
    /// Every run.
    pub runs: Vec<Run>,
    /// What enclaves have said of keys that were taken back.
    pub destroyed: Vec<Destroyed>,
    /// Whether it was closed, and whether its files are gone.
    pub closed: Closed,
    /// The newest record: sequence number and hash.
    pub head: (u64, Digest),
    /// Whether a run is wanted as soon as all is there.
    pub(crate) run_wanted: bool,
    /// Set when keys were refused: no new identity before somebody acts.
    pub(crate) halted: bool,
}

/// One participant.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Role and place.
    pub id: ParticipantId,
    /// Whose account.
    pub email: Email,
    /// Its key, formats and when they were registered.
    pub registered: Option<(PublicKey, Suite, Timestamp)>,
    /// Its files (data provider), in the order of their first upload, each with its time.
    pub files: Vec<(DataFile, Timestamp)>,
    /// When it said done (data provider).
    pub done_at: Option<Timestamp>,
    /// What it released to the identity that stands.
    pub release: Option<Released>,
    /// What it released after one that the enclave has accepted: takes its place once accepted too.
    pub candidate: Option<Released>,
    /// What it released to the identity that stands and took back, as long as the enclave has not said
    /// that it is destroyed.
    pub taken_back: Vec<Digest>,
}

/// An enclave's word for a key that is gone.
#[derive(Clone, Debug)]
pub struct Destroyed {
    /// Whose.
    pub participant: ParticipantId,
    /// When it was recorded.
    pub at: Timestamp,
    /// The signed record.
    pub record: Envelope,
}

/// A key that was released to the identity that stands.
#[derive(Clone, Debug)]
pub struct Released {
    /// The release.
    pub release: Release,
    /// When.
    pub at: Timestamp,
    /// Whether the enclave has said that it opens.
    pub accepted: bool,
}

/// The code.
#[derive(Clone, Debug)]
pub struct Code {
    /// Its files, sorted by path.
    pub files: Vec<CodeFile>,
    /// SHA-256 of the archive.
    pub archive: Digest,
    /// When it came.
    pub uploaded_at: Timestamp,
    /// The packages that it adds to its runtime's.
    pub lock: Option<Lock>,
    /// Why an enclave can't make an environment for it.
    pub refused: Option<String>,
}

/// An enclave identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Which enclave holds it.
    pub enclave: EnclaveId,
    /// The canonical manifest.
    pub manifest: String,
    /// SHA-256 of the manifest.
    pub digest: Digest,
    /// Its keys.
    pub keys: IdentityKeys,
    /// What it shows for itself.
    pub evidence: Evidence,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number, from 1.
    pub number: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// The identity that it ran under.
    pub identity: Identity,
    /// How it ended.
    pub end: Option<RunEnd>,
    /// When each result consumer first fetched a result.
    pub fetched: BTreeMap<ParticipantId, Timestamp>,
    /// Who took its key back while it was under way: it can't succeed any more.
    pub revoked_by: Vec<ParticipantId>,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub status: RunStatus,
    /// Its results.
    pub results: Vec<SealedResult>,
    /// The enclave's receipt; none after a crash.
    pub receipt: Option<Envelope>,
    /// The log, sealed for each of its readers.
    pub logs: Vec<SealedLog>,
}

/// Whether a computation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// It goes on.
    Open,
    /// The owner has closed it.
    Archived,
    /// Its files are gone.
    Removed,
}

/// Why a log of events is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There is nothing.
    #[error("the log is empty")]
    Empty,
    /// The first event creates, and no other does.
    #[error("event {seq} is out of place: a log begins with `created` and has it once")]
    Creation {
        /// Which.
        seq: u64,
    },
    /// One is missing, or two are exchanged.
    #[error("event {expected} is missing, event {found} is in its place")]
    Gap {
        /// The number that comes next.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// Not chained to the one before.
    #[error("event {seq} does not continue the one before it")]
    Unchained {
        /// Which.
        seq: u64,
    },
    /// Altered after it was written.
    #[error("event {seq} was altered: its hash does not fit its content")]
    Altered {
        /// Which.
        seq: u64,
    },
    /// An event that this state can't have.
    #[error("event {seq} cannot follow what came before: {problem}")]
    Impossible {
        /// Which.
        seq: u64,
        /// Why.
        problem: &'static str,
    },
}

/// Folds a whole log.
///
/// # Errors
/// Every [`ChainError`].
pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<State, ChainError> {
    let mut records = records.into_iter();
    let mut state = State::begin(records.next().ok_or(ChainError::Empty)?)?;
    records.try_for_each(|record| state.apply(record))?;
    Ok(state)
}

impl State {
    /// The state after the first record.
    ///
    /// # Errors
    /// [`ChainError`] if it is no first record.
    pub fn begin(record: &Record) -> Result<Self, ChainError> {
        let Event::Created {
            computation,
            name,
            owner,
            code_provider,
            data_providers,
            result_consumers,
            dev_mode,
            policy,
        } = &record.event
        else {
            return Err(ChainError::Creation { seq: record.seq });
        };
        check_chain(record, 0, GENESIS)?;
        let of_role = |role, emails: &[Email]| -> Vec<Participant> {
            let new = |(email, index): (&Email, u16)| Participant {
                id: ParticipantId { role, index },
                email: email.clone(),
                registered: None,
                files: Vec::new(),
                done_at: None,
                release: None,
                candidate: None,
                taken_back: Vec::new(),
            };
            emails.iter().zip(0..).map(new).collect()
        };
        let participants = [
            of_role(Role::CodeProvider, std::slice::from_ref(code_provider)),
            of_role(Role::DataProvider, data_providers),
            of_role(Role::ResultConsumer, result_consumers),
        ]
        .concat();
        Ok(Self {
            computation: *computation,
            name: name.clone(),
            owner: owner.clone(),
            created_at: record.at,
            dev_mode: *dev_mode,
            policy: policy.clone(),
            participants,
            code: None,
            identity: None,
            runs: Vec::new(),
            destroyed: Vec::new(),
            closed: Closed::Open,
            head: (record.seq, record.hash),
            run_wanted: true,
            halted: false,
        })
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// Every [`ChainError`] but `Empty`; the state is then as it was.
    pub fn apply(&mut self, record: &Record) -> Result<(), ChainError> {
        let (seq, hash) = self.head;
        check_chain(record, seq + 1, hash)?;
        let impossible = |problem| ChainError::Impossible { seq: record.seq, problem };
        self.fold(&record.event, record.at).map_err(impossible)?;
        self.head = (record.seq, record.hash);
        Ok(())
    }

    fn fold(&mut self, event: &Event, at: Timestamp) -> Result<(), &'static str> {
        match event {
            Event::Created { .. } => return Err("it was created before"),
            Event::Registered { participant, public_key, suite } => {
                self.participant_mut(*participant)?.registered = Some((*public_key, *suite, at));
            }
            Event::CodeUploaded { files, archive } => {
                let (files, archive) = (files.clone(), *archive);
                self.code =
                    Some(Code { files, archive, uploaded_at: at, lock: None, refused: None });
                self.halted = false;
                self.run_wanted = true;
            }
            Event::EnvironmentLocked { lock } => {
                lock.check().map_err(|_| "its lock is none")?;
                let code = self.code.as_mut().ok_or("there is no code to lock packages for")?;
                if code.lock.is_some() || self.identity.is_some() {
                    return Err("the packages were locked before");
                }
                code.lock = Some(lock.clone());
            }
            Event::EnvironmentRefused { reason } => {
                let code = self.code.as_mut().ok_or("there is no code to refuse")?;
                code.refused = Some(reason.clone());
            }
            Event::CodeReset => self.code = None,
            Event::IdentityPublished { enclave, manifest, keys, evidence } => {
                self.identity = Some(Identity {
                    enclave: *enclave,
                    digest: Digest::of(manifest.as_bytes()),
                    manifest: manifest.clone(),
                    keys: keys.clone(),
                    evidence: evidence.clone(),
                });
            }
            Event::IdentityWithdrawn { reason } => {
                self.identity = None;
                for participant in &mut self.participants {
                    participant.take_keys_back();
                    participant.taken_back.clear();
                }
                self.halted = *reason == Withdrawal::KeysRefused;
                self.run_wanted = true;
            }
            Event::DataUploaded { participant, file } => {
                let files = &mut self.participant_mut(*participant)?.files;
                match files.iter_mut().find(|(known, _)| known.name == file.name) {
                    Some((known, _)) => *known = file.clone(),
                    None => files.push((file.clone(), at)),
                }
            }
            Event::DataReset { participant } => {
                let participant = self.participant_mut(*participant)?;
                participant.files.clear();
                participant.done_at = None;
                participant.take_keys_back();
            }
            Event::DataDone { participant } => {
                self.participant_mut(*participant)?.done_at = Some(at);
            }
            Event::KeyProvisioned { participant, release } => {
                let released = Released { release: release.clone(), at, accepted: false };
                let participant = self.participant_mut(*participant)?;
                match &participant.release {
                    Some(standing) if standing.accepted => participant.candidate = Some(released),
                    _ => participant.release = Some(released),
                }
            }
            Event::KeyAccepted { participant } => {
                let participant = self.participant_mut(*participant)?;
                let tried = participant.candidate.take().or(participant.release.take());
                let tried = tried.ok_or("no key is released")?;
                participant.release = Some(Released { accepted: true, ..tried });
            }
            Event::KeyRefused { participant } => {
                let participant = self.participant_mut(*participant)?;
                if participant.candidate.take().is_none() {
                    participant.release = None;
                }
            }
            Event::KeyRevoked { participant, .. } => {
                self.participant_mut(*participant)?.take_keys_back();
                if let Some(open) = self.runs.last_mut().filter(|run| run.end.is_none()) {
                    open.revoked_by.push(*participant);
                }
            }
            Event::KeyDestroyed { participant, record } => {
                let said = self.check_destruction(*participant, record);
                let gone = said.ok_or("its record is not the enclave's")?.releases;
                let participant = self.participant_mut(*participant)?;
                participant.taken_back.retain(|release| !gone.contains(release));
                let (participant, record) = (participant.id, record.clone());
                self.destroyed.push(Destroyed { participant, at, record });
            }
            Event::RunRequested => {
                self.run_wanted = true;
                self.halted = false;
            }
            Event::RunStarted { run } => {
                let identity = self.identity.clone().ok_or("no identity stands")?;
                self.runs.push(Run {
                    number: *run,
                    started_at: at,
                    identity,
                    end: None,
                    fetched: BTreeMap::new(),
                    revoked_by: Vec::new(),
                });
                self.run_wanted = false;
            }
            Event::RunFinished { run, receipt } => {
                let open = self.open_run(*run)?;
                let said = open.check_receipt(receipt).ok_or("its receipt is not the enclave's")?;
                let Receipt { status, results, logs, .. } = said;
                let leaves = status == RunStatus::Succeeded || !logs.is_empty();
                if leaves && !open.revoked_by.is_empty() {
                    return Err("nothing may leave a run during which a key was taken back");
                }
                let receipt = Some(receipt.clone());
                open.end = Some(RunEnd { at, status, results, receipt, logs });
            }
            Event::ResultFetched { run, participant } => {
                let known = self.runs.iter_mut().find(|known| known.number == *run);
                known.ok_or("there is no such run")?.fetched.entry(*participant).or_insert(at);
            }
            Event::RunLost { run } => {
                let reason = "the enclave was lost during the run".to_owned();
                let status = RunStatus::Failed { reason, exit_code: None };
                let open = self.open_run(*run)?;
                let (results, receipt, logs) = (vec![], None, vec![]);
                open.end = Some(RunEnd { at, status, results, receipt, logs });
            }
            Event::Archived => self.closed = Closed::Archived,
            Event::Removed => self.closed = Closed::Removed,
        }
        Ok(())
    }

    fn participant_mut(&mut self, id: ParticipantId) -> Result<&mut Participant, &'static str> {
        let found = self.participants.iter_mut().find(|p| p.id == id);
        found.ok_or("no such participant")
    }

    fn open_run(&mut self, number: u32) -> Result<&mut Run, &'static str> {
        let open = self.runs.last_mut().filter(|run| run.number == number && run.end.is_none());
        open.ok_or("no such run is under way")
    }

    /// What `record` says, if the identity that stands signed it about `participant`.
    pub(crate) fn check_destruction(
        &self,
        participant: ParticipantId,
        record: &Envelope,
    ) -> Option<Destruction> {
        let identity = self.identity.as_ref()?;
        let said: Destruction = record.verify(&identity.keys.signing).ok()?;
        let mine = said.computation == self.computation && said.manifest == identity.digest;
        (mine && said.participant == participant).then_some(said)
    }

    /// The participant `id`.
    #[must_use]
    pub fn participant(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.iter().find(|p| p.id == id)
    }

    /// The participant that the account `email` is in `role`.
    #[must_use]
    pub fn participant_of(&self, email: &Email, role: Role) -> Option<&Participant> {
        self.participants.iter().find(|p| p.email == *email && p.id.role == role)
    }

    /// Whether the account `email` owns the computation or takes part in it.
    #[must_use]
    pub fn concerns(&self, email: &Email) -> bool {
        self.owner == *email || self.participants.iter().any(|p| p.email == *email)
    }

    /// The participants of one role, in order.
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(move |p| p.id.role == role)
    }

    /// Whether all is there for an enclave to make its identity.
    #[must_use]
    pub fn needs_enclave(&self) -> bool {
        self.closed == Closed::Open
            && self.identity.is_none()
            && !self.halted
            && self.code.as_ref().is_some_and(|code| code.refused.is_none())
            && self.participants.iter().all(|p| p.registered.is_some())
    }

    /// The run that is under way.
    #[must_use]
    pub fn running(&self) -> Option<&Run> {
        self.runs.last().filter(|run| run.end.is_none())
    }

    /// Runs under the identity that stands.
    #[must_use]
    pub fn runs_of_identity(&self) -> u32 {
        // By key, not by manifest: a new round of approvals has the same manifest.
        let now = self.identity.as_ref().map(|identity| identity.keys.signing);
        let count = self.runs.iter().filter(|run| Some(run.identity.keys.signing) == now).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether the identity that stands has had all the runs that were approved.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.identity.is_some() && self.runs_of_identity() >= self.policy.max_runs
    }

    /// Whether the enclave may start a run now.
    #[must_use]
    pub fn ready_to_run(&self) -> bool {
        let provided = |p: &Participant| {
            p.release.is_some() && (p.id.role != Role::DataProvider || p.done_at.is_some())
        };
        self.closed == Closed::Open
            && self.identity.is_some()
            && self.run_wanted
            && self.running().is_none()
            && !self.is_exhausted()
            && self.participants.iter().all(provided)
    }

    /// Where the computation stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let last = self.runs.last();
        match self.closed {
            Closed::Archived => return Phase::Archived,
            Closed::Removed => return Phase::Removed,
            Closed::Open => {}
        }
        if last.is_some_and(|run| run.end.is_none()) || self.ready_to_run() {
            return Phase::Running;
        }
        let end = last.and_then(|run| run.end.as_ref());
        if let Some(end) = end.filter(|_| !self.run_wanted || self.halted) {
            return match end.status {
                RunStatus::Succeeded => Phase::Succeeded,
                RunStatus::Failed { .. } => Phase::Failed,
            };
        }
        match (self.needs_enclave(), &self.identity) {
            (true, _) => Phase::WaitingForEnclave,
            (false, Some(_)) => Phase::Collecting,
            (false, None) => Phase::Preparing,
        }
    }

    /// What has to happen before the next run, a line each; empty when nothing has to.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        if matches!(
            self.phase(),
            Phase::Archived | Phase::Removed | Phase::Running | Phase::Succeeded | Phase::Failed
        ) {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for p in &self.participants {
            let data = p.id.role == Role::DataProvider;
            if p.registered.is_none() {
                lines.push(format!("{} has to join as {}", p.email, p.id));
            } else if data && p.done_at.is_none() {
                lines.push(format!("{} has to push data and say done", p.email));
            }
        }
        if self.code.is_none() {
            let provider = self.of_role(Role::CodeProvider).map(|p| p.email.to_string());
            lines.extend(provider.map(|email| format!("{email} has to push the code")));
        }
        if let Some(reason) = self.code.as_ref().and_then(|code| code.refused.as_ref()) {
            let provider = self.of_role(Role::CodeProvider).map(|p| p.email.to_string());
            lines.extend(provider.map(|email| {
                format!("{email} has to take the code back and push other code: {reason}")
            }));
        }
        if self.identity.is_some() {
            let unreleased = self.participants.iter().filter(|p| p.release.is_none());
            lines.extend(
                unreleased.map(|p| format!("{} has to verify and approve as {}", p.email, p.id)),
            );
        } else if self.needs_enclave() {
            lines.push(match &self.policy.runtime {
                runtime if runtime.is_default() => "an enclave has to make its identity".to_owned(),
                runtime => {
                    format!("an enclave with the runtime `{runtime}` has to make its identity")
                }
            });
        }
        lines
    }
}

impl Participant {
    /// The release that the enclave has yet to try.
    #[must_use]
    pub fn untried(&self) -> Option<&Released> {
        self.candidate.as_ref().or(self.release.as_ref().filter(|standing| !standing.accepted))
    }

    /// What it has released to the identity that stands, by digest.
    pub fn releases(&self) -> impl Iterator<Item = Digest> {
        let both = self.release.iter().chain(&self.candidate);
        both.map(|released| released.release.digest())
    }

    fn take_keys_back(&mut self) {
        let gone: Vec<Digest> = self.releases().collect();
        self.taken_back.extend(gone);
        self.release = None;
        self.candidate = None;
    }
}

impl Run {
    /// What `receipt` says, if this run's identity signed it about this run.
    fn check_receipt(&self, receipt: &Envelope) -> Option<Receipt> {
        let said: Receipt = receipt.verify(&self.identity.keys.signing).ok()?;
        (said.run == self.number && said.manifest == self.identity.digest).then_some(said)
    }
}

fn check_chain(record: &Record, seq: u64, previous: Digest) -> Result<(), ChainError> {
    if record.seq != seq {
        return Err(ChainError::Gap { expected: seq, found: record.seq });
    }
    if record.previous != previous {
        return Err(ChainError::Unchained { seq });
    }
    if record.hash != record.computed_hash() {
        return Err(ChainError::Altered { seq });
    }
    Ok(())
}

impl State {
    /// Takes in events that [`crate::decide()`] has accepted; returns their records.
    ///
    /// # Errors
    /// [`ChainError::Impossible`] would be a mistake in `decide`.
    pub fn append(
        &mut self,
        at: Timestamp,
        actor: &Actor,
        events: Vec<Event>,
    ) -> Result<Vec<Record>, ChainError> {
        let mut next = self.clone();
        let records = events
            .into_iter()
            .map(|event| {
                let record = Record::chain(Some(next.head), at, actor.clone(), event);
                next.apply(&record).map(|()| record)
            })
            .collect::<Result<Vec<_>, _>>()?;
        *self = next;
        Ok(records)
    }
}
