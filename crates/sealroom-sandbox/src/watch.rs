//! Follows a jail over its control socket and ends it when time, the caller or a breach says so.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

use crate::job::Exit;
use crate::spec::Report;
use crate::wire;

/// How often the cancel flag is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a killed jail may take to be gone. The kernel tears namespaces down in milliseconds, a loaded machine in more.
const LAST_RESPITE: Duration = Duration::from_secs(20);

/// Why a jail is being killed; the first reason stays.
#[derive(Debug)]
pub(crate) struct Verdict {
    exit: Mutex<Option<Exit>>,
    /// Becomes readable with it.
    given: OwnedFd,
}

impl Verdict {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self { exit: Mutex::default(), given: rustix::event::eventfd(0, flags)? })
    }

    /// Gives a reason, unless there is one.
    pub(crate) fn give(&self, exit: Exit) {
        if let Ok(mut verdict) = self.exit.lock() {
            verdict.get_or_insert(exit);
        }
        let _ = rustix::io::write(&self.given, &1u64.to_ne_bytes());
    }

    /// The reason given, if any.
    pub(crate) fn get(&self) -> Option<Exit> {
        self.exit.lock().ok().and_then(|verdict| verdict.clone())
    }

    /// Whether there is one: nothing that the program does counts any more.
    pub(crate) fn is_given(&self) -> bool {
        self.exit.lock().map_or(true, |verdict| verdict.is_some())
    }
}

/// What a jail told, and when.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) layers: Vec<String>,
    pub(crate) started: Option<Instant>,
    pub(crate) ended: Option<(Option<i32>, Option<i32>)>,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) out_of_memory: bool,
    pub(crate) failed: Option<String>,
    /// Whether no process of the run is left.
    pub(crate) closed: bool,
}

/// Follows the jail until all its processes are gone. Opens the gate once `layers` are seen to hold. `wall` is counted from the story's start, if it has one, else
/// from now until the jail tells of it.
pub(crate) fn watch(
    control: impl AsFd,
    mut story: Story,
    wall: Duration,
    cancel: &AtomicBool,
    verdict: &Verdict,
    (layers, gate): (&[String], Sender<()>),
) -> Story {
    let called = Instant::now();
    let mut killed: Option<Instant> = None;
    let mut gate = Some(gate);
    loop {
        if story.started.is_some()
            && let Some(gate) = gate.take()
        {
            match story.missing(layers) {
                Some(missing) => {
                    story.failed = Some(format!("it has no {missing} now, though it had before"));
                    verdict.give(Exit::Cancelled);
                }
                // Nobody listens if there is nobody to serve any more.
                None => drop(gate.send(())),
            }
        }
        let deadline = story.started.unwrap_or(called).checked_add(wall);
        if killed.is_none() && story.ended.is_none() {
            if cancel.load(Ordering::Acquire) {
                verdict.give(Exit::Cancelled);
            } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                verdict.give(Exit::TimedOut);
            }
        }
        if killed.is_none() && verdict.is_given() {
            // Half a hang-up: the jail sees it and kills, and can still tell us the rest.
            let _ = rustix::net::shutdown(&control, rustix::net::Shutdown::Write);
            killed = Some(Instant::now());
        }
        if killed.is_some_and(|at| at.elapsed() > LAST_RESPITE) {
            return story;
        }
        let left = deadline.map_or(TICK, |at| at.saturating_duration_since(Instant::now()));
        let runs = killed.is_none() && story.ended.is_none();
        let wait = if runs { left.min(TICK) } else { TICK };
        let wait = Timespec::try_from(wait).unwrap_or_default();
        // Once given, a verdict would wake us without end.
        let wake = if killed.is_none() { PollFlags::IN } else { PollFlags::empty() };
        let mut ready = [PollFd::new(&control, PollFlags::IN), PollFd::new(&verdict.given, wake)];
        let polled = rustix::event::poll(&mut ready, Some(&wait));
        if matches!(polled, Ok(1..)) && !ready[0].revents().is_empty() {
            match wire::receive::<Report>(&control) {
                Ok(Some((report, _))) => story.note(report),
                Ok(None) | Err(_) => return story,
            }
        }
    }
}

impl Story {
    /// The first of `layers` that the jail does not have.
    fn missing<'a>(&self, layers: &'a [String]) -> Option<&'a String> {
        layers.iter().find(|layer| !self.layers.contains(layer))
    }

    /// Adds a report to it.
    pub(crate) fn note(&mut self, report: Report) {
        match report {
            Report::Started { layers } => {
                self.layers = layers;
                self.started = Some(Instant::now());
            }
            Report::Ended { code, signal, peak_memory_bytes } => {
                self.ended = Some((code, signal));
                self.peak_memory_bytes = self.peak_memory_bytes.max(peak_memory_bytes);
            }
            Report::Closed { peak_memory_bytes, out_of_memory } => {
                self.closed = true;
                self.peak_memory_bytes = peak_memory_bytes.unwrap_or(self.peak_memory_bytes);
                self.out_of_memory = out_of_memory;
            }
            Report::Failed { reason } => self.failed = Some(reason),
        }
    }
}
