//! Keeping the lease alive, and noticing when it is gone.

use crate::{
    server::{Leased, is_lease_lost},
    stop::Stop,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// Beats until it is dropped.
pub(crate) struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Heartbeat {
    /// Beats three times a lease, and tells `run` when it is lost.
    pub(crate) fn start(server: Arc<Leased>, lease: Duration, run: Arc<Stop>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || beat(&server, lease, &run, &stopped));
        Self { stop: Some(stop), thread: Mutex::new(Some(thread)) }
    }
}

fn beat(server: &Leased, lease: Duration, run: &Stop, stopped: &mpsc::Receiver<()>) {
    let mut last = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(lease / 3) {
        match server.heartbeat() {
            Ok(()) => last = Instant::now(),
            Err(error) if is_lease_lost(&error) || last.elapsed() > lease * 4 => {
                tracing::warn!("the lease is lost: {error}");
                run.lose();
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
