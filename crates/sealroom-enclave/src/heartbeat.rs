//! Keeping the lease alive, and noticing when it is gone.

use crate::server::{Leased, is_lease_lost};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// Beats until it is dropped.
pub(crate) struct Heartbeat {
    lost: Arc<AtomicBool>,
    stop: Option<mpsc::Sender<()>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Heartbeat {
    /// Beats three times a lease.
    pub(crate) fn start(server: Arc<Leased>, lease: Duration) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = mpsc::channel();
        let flag = Arc::clone(&lost);
        let thread = thread::spawn(move || beat(&server, lease, &flag, &stopped));
        Self { lost, stop: Some(stop), thread: Mutex::new(Some(thread)) }
    }

    /// Set once the lease is lost: whatever is under way is in vain.
    pub(crate) fn lost(&self) -> &AtomicBool {
        &self.lost
    }
}

fn beat(server: &Leased, lease: Duration, lost: &AtomicBool, stopped: &mpsc::Receiver<()>) {
    let mut last = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(lease / 3) {
        match server.heartbeat() {
            Ok(()) => last = Instant::now(),
            Err(error) if is_lease_lost(&error) || last.elapsed() > lease * 4 => {
                tracing::warn!("the lease is lost: {error}");
                lost.store(true, Ordering::Relaxed);
                return;
            }
            Err(error) => tracing::warn!("heartbeat failed: {error}"),
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}
