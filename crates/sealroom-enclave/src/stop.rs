//! Why a run that is under way has to end before its time.

use sealroom_protocol::ParticipantId;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Shared by those who find out and the run that has to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    now: AtomicBool,
    lost: AtomicBool,
    revoked_by: Mutex<Option<ParticipantId>>,
}

impl Stop {
    /// The lease is gone for good: whatever is under way is in vain.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.now.store(true, Ordering::Release);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// A participant has taken its key back; the first one counts.
    pub(crate) fn revoke(&self, participant: ParticipantId) {
        let mut revoked_by = self.revoked_by.lock().unwrap_or_else(PoisonError::into_inner);
        revoked_by.get_or_insert(participant);
        self.now.store(true, Ordering::Release);
    }

    pub(crate) fn revoked_by(&self) -> Option<ParticipantId> {
        *self.revoked_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins: keys that were taken back before it are none of its own.
    pub(crate) fn begin(&self) {
        *self.revoked_by.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.now.store(self.is_lost(), Ordering::Release);
    }

    /// Set as soon as there is a reason.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.now
    }
}
