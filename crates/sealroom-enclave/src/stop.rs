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
    /// The run that is under way, and who has taken its key back during it.
    run: Mutex<(u32, Option<ParticipantId>)>,
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

    /// A participant has taken its key back during run `number`; the first one counts, and no other run's.
    pub(crate) fn revoke(&self, number: u32, participant: ParticipantId) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if run.0 == number {
            run.1.get_or_insert(participant);
            self.now.store(true, Ordering::Release);
        }
    }

    pub(crate) fn revoked_by(&self) -> Option<ParticipantId> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Run `number` begins.
    pub(crate) fn begin(&self, number: u32) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        *run = (number, None);
        self.now.store(false, Ordering::Release);
        // Looked at after the flag is down: whoever loses the lease meanwhile raises it again.
        if self.is_lost() {
            self.now.store(true, Ordering::Release);
        }
    }

    /// Set as soon as there is a reason.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.now
    }
}
