//! Load a computation, let the lifecycle decide, store what it says, tell those who wait.
//!
//! The engine adds no rule of its own. It makes sure that what was decided on a state is stored only
//! if that is still the state: the key of the event table refuses the second of two writers, who then
//! decides again on what the first has made.

mod along;
mod rooms;
mod store;

pub(crate) use along::Along;

use crate::{
    blobs::Blobs,
    db::{
        Db,
        files::{self, File, Place},
        leases::{self, Lease},
        log,
    },
    problem::{Answer, Failure},
};
use bytes::Bytes;
use rooms::Rooms;
use sealroom_lifecycle::{Actor, Command, Record, State, command::Create, decide};
use sealroom_protocol::{ComputationId, Email, Timestamp};
use std::{sync::Arc, time::Duration};
use store::{Outcome, frees_files};
use tokio::sync::watch;

/// Writers of one computation on several servers may get in each other's way this many times.
const TRIES: u32 = 20;
/// How long to trust that nothing happens on another server.
const OTHER_SERVERS: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

struct Inner {
    db: Db,
    blobs: Blobs,
    lease: Duration,
    rooms: Rooms,
    /// Changes when somebody may find work.
    work: watch::Sender<u64>,
    /// Changes when a challenge was asked or answered.
    challenges: watch::Sender<u64>,
}

impl Engine {
    pub(crate) fn new(db: Db, blobs: Blobs, lease: Duration) -> Self {
        let (work, challenges) = (watch::Sender::new(0), watch::Sender::new(0));
        Self(Arc::new(Inner { db, blobs, lease, rooms: Rooms::default(), work, challenges }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    pub(crate) fn lease_lasts(&self) -> Duration {
        self.0.lease
    }

    /// Creates a computation.
    pub(crate) async fn create(&self, owner: &Email, wanted: Create) -> Answer<Arc<State>> {
        let id = ComputationId::random();
        let mut events = sealroom_lifecycle::create(id, owner, wanted)?.into_iter();
        let first = events.next().ok_or_else(Failure::broken)?;
        let record = Record::chain(None, now(), Actor::Account(owner.clone()), first);
        let state = State::begin(&record).map_err(|error| broken_log(id, &error))?;
        let engine = self.clone();
        detached(async move {
            let mut write = engine.db().write().await?;
            log::append(&mut write, id, &[record]).await?;
            log::project(&mut write, &state).await?;
            log::project_concerns(&mut write, &state).await?;
            write.commit().await?;
            let state = Arc::new(state);
            engine.0.rooms.enter(id).remember(&state);
            Ok(state)
        })
        .await
    }

    /// The computation as it is now.
    pub(crate) async fn load(&self, id: ComputationId) -> Answer<Option<Arc<State>>> {
        let room = self.0.rooms.enter(id);
        let mut state = room.cached();
        loop {
            let after = state.as_ref().map(|state| state.head.0);
            let records = self.db().records_after(id, after).await?;
            if records.is_empty() {
                break;
            }
            let mut rest = records.iter();
            let mut next = match (&state, rest.next()) {
                (Some(state), Some(first)) => {
                    let mut next = State::clone(state);
                    next.apply(first).map_err(|error| broken_log(id, &error))?;
                    next
                }
                (None, Some(first)) => {
                    State::begin(first).map_err(|error| broken_log(id, &error))?
                }
                (_, None) => break,
            };
            rest.try_for_each(|record| next.apply(record))
                .map_err(|error| broken_log(id, &error))?;
            state = Some(Arc::new(next));
        }
        match &state {
            Some(state) => room.remember(state),
            None => self.0.rooms.forget(id),
        }
        Ok(state)
    }

    /// Does what `command` says, if the lifecycle allows it. Once this has begun it ends, whether or
    /// not the caller still listens.
    pub(crate) async fn execute(
        &self,
        id: ComputationId,
        actor: Actor,
        command: Command,
        along: Along,
    ) -> Answer<Arc<State>> {
        let engine = self.clone();
        detached(async move { engine.execute_to_the_end(id, actor, command, along).await }).await
    }

    async fn execute_to_the_end(
        &self,
        id: ComputationId,
        actor: Actor,
        command: Command,
        along: Along,
    ) -> Answer<Arc<State>> {
        let room = self.0.rooms.enter(id);
        let _turn = room.writing.lock().await;
        for attempt in 0..TRIES {
            let state = self.load(id).await?.ok_or_else(Failure::no_computation)?;
            let events = decide(&state, &actor, command.clone(), now())?;
            let mut next = State::clone(&state);
            let frees_files = events.iter().any(frees_files);
            let records =
                next.append(now(), &actor, events).map_err(|error| broken_log(id, &error))?;
            if records.is_empty() && along.held.is_none() && along.dropped.is_none() {
                return Ok(state);
            }
            match self.store(&next, &records, &along, frees_files).await? {
                Outcome::Conflict => {
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 5)).await;
                }
                Outcome::Stored(loose) => {
                    let next = Arc::new(next);
                    room.remember(&next);
                    if next.needs_enclave() || along.dropped.is_some() {
                        self.0.work.send_modify(|n| *n += 1);
                    }
                    let engine = self.clone();
                    tokio::spawn(async move { engine.blobs().delete(engine.db(), &loose).await });
                    return Ok(next);
                }
            }
        }
        Err(Failure::contended())
    }

    /// Stages a file of the run that is under way.
    pub(crate) async fn stage(&self, lease: Lease, file: File) -> Answer<bool> {
        let engine = self.clone();
        detached(async move {
            let mut write = engine.db().write().await?;
            if !leases::renew(&mut write, &lease, engine.0.lease).await? {
                return Err(Failure::lease_lost());
            }
            let new = files::insert(&mut write, &file).await?;
            write.commit().await?;
            Ok(new)
        })
        .await
    }

    /// Stages a package for code that is to come.
    pub(crate) async fn stage_package(&self, file: File) -> Answer<bool> {
        let engine = self.clone();
        detached(async move {
            let mut write = engine.db().write().await?;
            let new = files::insert(&mut write, &file).await?;
            write.commit().await?;
            Ok(new)
        })
        .await
    }

    /// Keeps collateral with its computation, in the place of what was there, if the computation still has the evidence
    /// that it is for.
    pub(crate) async fn keep_collateral(&self, file: File) -> Answer<bool> {
        let engine = self.clone();
        detached(async move {
            let room = engine.0.rooms.enter(file.computation);
            let _turn = room.writing.lock().await;
            let state = engine.load(file.computation).await?;
            if !state.is_some_and(|state| files::is_used(&state, &file.place)) {
                return Ok(false);
            }
            let mut write = engine.db().write().await?;
            let loose = files::replace(&mut write, &file).await?;
            write.commit().await?;
            engine.blobs().delete(engine.db(), &loose).await;
            Ok(true)
        })
        .await
    }

    /// The bytes of the file at a place that has one, if there is any.
    pub(crate) async fn read_file_at(
        &self,
        id: ComputationId,
        place: &Place,
    ) -> Answer<Option<Bytes>> {
        let Some(blob) = self.db().blob_at(id, place).await? else { return Ok(None) };
        match self.blobs().read(&blob).await {
            Ok(content) => Ok(Some(content.bytes().await?)),
            // Replaced or removed since.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The records after `after`; waits up to `wait` for one if there is none.
    pub(crate) async fn records_after(
        &self,
        id: ComputationId,
        after: Option<u64>,
        wait: Duration,
    ) -> Answer<Vec<Record>> {
        // Held while we wait: only a room that nobody is in may be forgotten.
        let room = self.0.rooms.enter(id);
        let mut head = room.head.subscribe();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            head.mark_unchanged();
            let records = self.db().records_after(id, after).await?;
            let now = tokio::time::Instant::now();
            if !records.is_empty() || now >= deadline {
                return Ok(records);
            }
            let pause = self.patience(deadline - now);
            // Ends on a change, or when it is time to look at what other servers have done.
            drop(tokio::time::timeout(pause, head.changed()).await);
        }
    }

    /// Hears when there may be work for an enclave.
    pub(crate) fn work(&self) -> watch::Receiver<u64> {
        self.0.work.subscribe()
    }

    /// Hears when a challenge may have been asked or answered.
    pub(crate) fn challenges(&self) -> watch::Receiver<u64> {
        self.0.challenges.subscribe()
    }

    /// Says that a challenge was asked or answered.
    pub(crate) fn note_challenge(&self) {
        self.0.challenges.send_modify(|n| *n += 1);
    }

    /// How long to wait for news before looking at what other servers have done.
    pub(crate) fn patience(&self, wait: Duration) -> Duration {
        match self.db().backend() {
            crate::db::Backend::Sqlite => wait,
            crate::db::Backend::Postgres => wait.min(OTHER_SERVERS),
        }
    }
}

/// A stored log that can't be folded is our own fault, or somebody's who wrote into the database.
fn broken_log(id: ComputationId, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::internal(&format!("computation {id} has a damaged log"), error)
}

/// Now, as records have it: whole milliseconds.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(crate::db::now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Runs to its end even if the connection that asked for it is gone.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Answer<T>> + Send + 'static,
) -> Answer<T> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Failure::internal("a task failed", &error)))
}
