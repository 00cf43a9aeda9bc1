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
    collections::BTreeSet,
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
            let mine = state.running().is_some_and(|run| run.number == number);
            if let (Event::KeyRevoked { participant }, true) = (&record.event, mine) {
                tracing::info!(run = number, "{participant} has taken its key back");
                stop.revoke(*participant);
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

/// What was taken back, for as long as the identity lives.
#[derive(Default)]
pub(crate) struct TakenBack {
    releases: BTreeSet<Digest>,
    owed: Vec<Owed>,
}

impl TakenBack {
    /// Looks at a record before it is applied to `state`.
    pub(crate) fn note(&mut self, state: &State, record: &Record) {
        let (Event::KeyRevoked { participant } | Event::DataReset { participant }) = record.event
        else {
            return;
        };
        let known = state.participant(participant);
        let releases: Vec<Digest> =
            known.map(|known| known.releases().collect()).unwrap_or_default();
        if releases.is_empty() {
            return;
        }
        self.releases.extend(&releases);
        let during_run = state.running().map(|run| run.number);
        self.owed.push(Owed { participant, releases, during_run });
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
    let during = |ended: &&Ended| Some(ended.number) == owed.during_run;
    let ended_run = ended.iter().find(during).map(|ended| {
        let (files, bytes) = ended.opened.get(&owed.participant).copied().unwrap_or_default();
        let (run, killed, results_left) = (ended.number, ended.killed, ended.handed_over);
        EndedRun { run, killed, files, bytes, results_left }
    });
    let succeeded = ended.iter().filter(|ended| ended.succeeded);
    let destruction = Destruction {
        computation: manifest.manifest().computation.uuid,
        manifest: manifest.digest(),
        participant: owed.participant,
        public_key: part.public_key,
        releases: owed.releases.clone(),
        at: crate::run::now(),
        ended_run,
        earlier_results: succeeded.map(|ended| ended.number).collect(),
    };
    Some(destruction.sign(&identity.signing))
}
