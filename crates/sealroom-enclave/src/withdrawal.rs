//! Keys that are taken back: a run that is under way ends, the key is destroyed, and that is signed.
//!
//! What makes a key come back is the released box, which the server has, and the identity's private key. So the
//! enclave refuses a box that was taken back for as long as it lives, whatever a log says later; who approves again
//! makes a new one.

use crate::{identity::Identity, run::Ended, server::Leased, session::Session, stop::Stop};
use sealroom_lifecycle::{Event, Record, State};
use sealroom_protocol::{
    Destruction, Digest, Envelope, ParticipantId, destruction::EndedRun,
    manifest::CanonicalManifest, statement::Predicate as _,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Follows the log while run `number` is under way, and stops it when a key is taken back.
pub(crate) struct Watch {
    done: Arc<AtomicBool>,
}

impl Watch {
    pub(crate) fn start(session: &Session<'_>, number: u32) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (server, state) = (Arc::clone(&session.server), session.state.clone());
        let (stop, over) = (Arc::clone(&session.stop), Arc::clone(&done));
        // Nobody waits for it: it ends with the call that it is in.
        thread::spawn(move || watch(&server, state, number, &stop, &over));
        Self { done }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
    }
}

fn watch(server: &Leased, mut state: State, number: u32, stop: &Stop, done: &AtomicBool) {
    while !done.load(Ordering::Acquire) && !stop.is_lost() {
        let Ok(events) = server.events(Some(state.head.0)) else {
            thread::sleep(Duration::from_secs(1));
            continue;
        };
        for record in &events.records {
            // A log that does not hold together is refused by whoever follows it next.
            if done.load(Ordering::Acquire) || state.apply(record).is_err() {
                return;
            }
            match &record.event {
                // Also one that stands before the start of the run, which has the keys of `state` as it was.
                Event::KeyRevoked { participant, .. } | Event::DataReset { participant } => {
                    tracing::info!(run = number, "{participant} has taken its key back");
                    stop.revoke(number, *participant);
                }
                Event::RunFinished { run, .. } | Event::RunLost { run } if *run == number => return,
                _ => {}
            }
        }
    }
}

/// A key that was taken back, and of which nothing has been said yet.
pub(crate) struct Owed {
    pub(crate) participant: ParticipantId,
    releases: Vec<Digest>,
    during_run: Option<u32>,
}

/// What was released to the identity and taken back, for as long as it lives.
#[derive(Default)]
pub(crate) struct TakenBack {
    /// Every release that was ever shown: one that a later one has replaced opens as well.
    seen: BTreeMap<ParticipantId, BTreeSet<Digest>>,
    releases: BTreeSet<Digest>,
    owed: Vec<Owed>,
}

impl TakenBack {
    /// Looks at a record before it is applied to `state`; `ended` are the runs that are over.
    pub(crate) fn note(&mut self, state: &State, record: &Record, ended: &[Ended]) {
        let (participant, named) = match &record.event {
            Event::KeyProvisioned { participant, release } => {
                self.seen.entry(*participant).or_default().insert(release.digest());
                return;
            }
            Event::KeyRevoked { participant, releases } => (*participant, releases.as_slice()),
            Event::DataReset { participant } => (*participant, &[][..]),
            _ => return,
        };
        let mut gone = self.seen.get(&participant).cloned().unwrap_or_default();
        gone.extend(named);
        if gone.is_empty() {
            return;
        }
        self.releases.extend(&gone);
        // The run that was executed while this record came, whether or not the log has its start before it.
        let newest = state.runs.last().map_or(0, |run| run.number);
        let executed = ended.last().map(|ended| ended.number).filter(|number| *number > newest);
        let during_run = state.running().map(|run| run.number).or(executed);
        self.owed.push(Owed { participant, releases: gone.into_iter().collect(), during_run });
    }

    pub(crate) fn contains(&self, release: &Digest) -> bool {
        self.releases.contains(release)
    }

    /// The oldest key that nothing has been said of.
    pub(crate) fn owed(&self) -> Option<&Owed> {
        self.owed.first()
    }

    /// It has been said.
    pub(crate) fn settled(&mut self) {
        self.owed.remove(0);
    }
}

/// Signs that a key is gone. To be called when nothing of it is left: between runs, where no key is open.
pub(crate) fn sign(
    owed: &Owed,
    manifest: &CanonicalManifest,
    identity: &Identity,
    ended: &[Ended],
) -> Option<Envelope> {
    let part = manifest.manifest().participant(owed.participant)?;
    // Something of a run may still be alive: nothing can be said to be gone.
    if ended.iter().any(|ended| !ended.closed) {
        return None;
    }
    let during = |ended: &&Ended| Some(ended.number) == owed.during_run;
    let ended_run = ended.iter().find(during).map(|ended| {
        let (files, bytes) = ended.opened.get(&owed.participant).copied().unwrap_or_default();
        let (run, killed, results_left) = (ended.number, ended.killed, ended.handed_over);
        EndedRun { run, killed, files, bytes, results_left }
    });
    let left =
        ended.iter().filter(|ended| ended.handed_over && Some(ended.number) != owed.during_run);
    let destruction = Destruction {
        computation: manifest.manifest().computation.uuid,
        manifest: manifest.digest(),
        participant: owed.participant,
        public_key: part.public_key,
        releases: owed.releases.clone(),
        at: crate::run::now(),
        ended_run,
        earlier_results: left.map(|ended| ended.number).collect(),
    };
    Some(destruction.sign(&identity.signing))
}
