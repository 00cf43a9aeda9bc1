//! One run, seen from the host: sockets made, jail launched, requests served, log drained, end told.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::channel::{self, Breach, Manifest};
use crate::error::SandboxError;
use crate::job::{Bound, Excess, Exit, Job, Outcome};
use crate::launcher::Launcher;
use crate::log;
use crate::spec::Start;
use crate::watch::{self, Story, Verdict};
use crate::wire;

/// A finished run and the walls it was in.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) layers: Vec<String>,
}

/// Runs `start` with the channel of `job`.
pub(crate) fn run(launcher: &Launcher, start: Start, job: Job<'_>) -> Result<Ran, SandboxError> {
    let manifest = Manifest::of(&job)?;
    let (channel, theirs) = UnixStream::pair().map_err(SandboxError::io("make a channel"))?;
    let (said, says) = std::io::pipe().map_err(SandboxError::io("make a log pipe"))?;
    let (control, jail) = wire::pair().map_err(SandboxError::io("make a control socket"))?;
    wire::send(&control, &(), &[theirs.as_fd(), says.as_fd()])
        .map_err(SandboxError::io("hand over the channel"))?;
    drop((theirs, says));
    launcher.launch(&start, jail)?;

    let Job { code, participants, limits, results, cancel, .. } = job;
    let mut trace = None;
    let consumers = participants.result_consumers.len();
    let verdict = Verdict::default();
    let done = AtomicBool::new(false);
    let hang_up = channel.try_clone().map_err(SandboxError::io("share the channel"))?;
    let (story, log) = thread::scope(|scope| {
        let log = scope.spawn(|| log::drain(said, limits.log_bytes, &done));
        let story = scope.spawn(|| {
            let story = watch::watch(&control, limits.wall, cancel, &verdict);
            // Nobody is left who could speak; don't wait for one who holds the other end.
            let _ = hang_up.shutdown(std::net::Shutdown::Both);
            done.store(true, Ordering::Release);
            story
        });
        if let Err(Breach(excess)) =
            channel::serve(&channel, &manifest, consumers, &limits, results, &mut trace)
        {
            verdict.give(Exit::LimitExceeded(excess));
        }
        (story.join(), log.join())
    });
    let panicked = || SandboxError::Io {
        action: "follow the run",
        source: std::io::Error::other("a thread of the host panicked"),
    };
    let story = story.map_err(|_| panicked())?;
    let log = log.map_err(|_| panicked())?;
    let exit = exit(&story, &verdict, &limits)?;
    let outcome = Outcome {
        exit,
        log: log.bytes,
        log_truncated: log.truncated,
        raised: trace.map(|trace| trace.scrubbed(&code)),
        duration: story.started.map(|at| at.elapsed()).unwrap_or_default(),
        peak_memory_bytes: story.peak_memory_bytes,
    };
    Ok(Ran { outcome, layers: story.layers })
}

fn exit(
    story: &Story,
    verdict: &Verdict,
    limits: &crate::job::Limits,
) -> Result<Exit, SandboxError> {
    if let Some(reason) = &story.failed {
        return Err(SandboxError::Jail { reason: reason.clone() });
    }
    if let Some(exit) = verdict.get() {
        return Ok(exit);
    }
    let xcpu = rustix::process::Signal::XCPU.as_raw();
    match story.ended {
        Some((Some(code), _)) if code == 0 || !story.out_of_memory => Ok(Exit::Code(code)),
        _ if story.out_of_memory => {
            let words = format!("the run takes more than {} bytes of memory", limits.memory_bytes);
            Ok(Exit::LimitExceeded(Excess { bound: Bound::Memory, words }))
        }
        Some((_, Some(signal))) if signal == xcpu => {
            let words = "the run takes more processor time than its wall time allows".to_owned();
            Ok(Exit::LimitExceeded(Excess { bound: Bound::ProcessorTime, words }))
        }
        Some((_, Some(signal))) => Ok(Exit::Signal(signal)),
        _ => Err(SandboxError::NoReport),
    }
}
