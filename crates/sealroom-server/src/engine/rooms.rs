//! What is kept in memory of computations: the newest state, who writes, who waits.
//!
//! Nothing here is needed to be right, only to be fast: the database has the last word.

use sealroom_lifecycle::State;
use sealroom_protocol::ComputationId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// States that are kept.
const CACHED: usize = 4096;

/// All that is kept.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<ComputationId, Arc<Room>>>);

/// What is kept in memory of one computation.
pub(super) struct Room {
    state: Mutex<Option<Arc<State>>>,
    /// One writer at a time on this server.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// The newest sequence number that this server has stored.
    pub(super) head: watch::Sender<u64>,
}

impl Rooms {
    /// The room of a computation. It is not forgotten while somebody holds it.
    pub(super) fn enter(&self, id: ComputationId) -> Arc<Room> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() > CACHED {
            rooms.retain(|_, room| Arc::strong_count(room) > 1);
        }
        rooms.entry(id).or_default().clone()
    }

    /// Forgets a computation that does not exist.
    pub(super) fn forget(&self, id: ComputationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Default for Room {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            head: watch::Sender::new(0),
        }
    }
}

impl Room {
    pub(super) fn cached(&self) -> Option<Arc<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn remember(&self, state: &Arc<State>) {
        let mut cached = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.as_ref().is_none_or(|cached| cached.head.0 < state.head.0) {
            *cached = Some(state.clone());
        }
        let seq = state.head.0;
        self.head.send_if_modified(|head| {
            let newer = *head < seq;
            *head = seq.max(*head);
            newer
        });
    }
}
