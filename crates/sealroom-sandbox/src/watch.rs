//! Follows a jail over its control socket and ends it when time, the caller or a breach says so.

use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::job::Exit;
use crate::spec::Report;
use crate::wire;

/// How often the cancel flag is looked at.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How long a killed jail may take to be gone. The kernel tears namespaces down in milliseconds, a loaded machine in more.
const LAST_RESPITE: Duration = Duration::from_secs(20);

/// Why a jail is being killed; the first reason stays.
#[derive(Debug, Default)]
pub(crate) struct Verdict(Mutex<Option<Exit>>);

impl Verdict {
    /// Gives a reason, unless there is one.
    pub(crate) fn give(&self, exit: Exit) {
        if let Ok(mut verdict) = self.0.lock() {
            verdict.get_or_insert(exit);
        }
    }

    /// The reason given, if any.
    pub(crate) fn get(&self) -> Option<Exit> {
        self.0.lock().ok().and_then(|verdict| verdict.clone())
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
}

/// Follows the jail until all its processes are gone.
pub(crate) fn watch(
    control: impl AsFd,
    wall: Duration,
    cancel: &AtomicBool,
    verdict: &Verdict,
) -> Story {
    let mut story = Story::default();
    let mut deadline = Instant::now().checked_add(wall);
    let mut killed: Option<Instant> = None;
    loop {
        let mut ready = [PollFd::new(&control, PollFlags::IN)];
        let events = rustix::event::poll(&mut ready, Some(&TICK));
        if matches!(events, Ok(1..)) {
            match wire::receive::<Report>(&control) {
                Ok(Some((report, _))) => note(&mut story, report),
                Ok(None) | Err(_) => return story,
            }
            if killed.is_none() && story.started.is_some() {
                deadline = story.started.and_then(|started| started.checked_add(wall));
            }
            continue;
        }
        if killed.is_none() && story.ended.is_none() {
            if cancel.load(Ordering::Acquire) {
                verdict.give(Exit::Cancelled);
            } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                verdict.give(Exit::TimedOut);
            }
        }
        if killed.is_none() && verdict.get().is_some() {
            // Half a hang-up: the jail sees it and kills, and can still tell us the rest.
            let _ = rustix::net::shutdown(&control, rustix::net::Shutdown::Write);
            killed = Some(Instant::now());
        }
        if killed.is_some_and(|at| at.elapsed() > LAST_RESPITE) {
            return story;
        }
    }
}

fn note(story: &mut Story, report: Report) {
    match report {
        Report::Started { layers } => {
            story.layers = layers;
            story.started = Some(Instant::now());
        }
        Report::Ended { code, signal, peak_memory_bytes } => {
            story.ended = Some((code, signal));
            story.peak_memory_bytes = story.peak_memory_bytes.max(peak_memory_bytes);
        }
        Report::Closed { peak_memory_bytes, out_of_memory } => {
            story.peak_memory_bytes = peak_memory_bytes.unwrap_or(story.peak_memory_bytes);
            story.out_of_memory = out_of_memory;
        }
        Report::Failed { reason } => story.failed = Some(reason),
    }
}
