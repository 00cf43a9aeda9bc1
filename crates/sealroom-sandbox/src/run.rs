//! One run, seen from the host: sockets made, jail launched, requests served, log drained, end told.

use std::io::PipeReader;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::channel::{self, Breach, Manifest};
use crate::error::SandboxError;
use crate::job::{Bound, Excess, Exit, Job, Outcome};
use crate::launcher::Launcher;
use crate::log;
use crate::spec::{Report, Start};
use crate::watch::{self, Story, Verdict};
use crate::wire;

/// A finished run and the walls it was in.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) layers: Vec<String>,
}

/// A jail that was asked for. Its interpreter may be starting or wait for the first answer; it was given nothing yet.
/// Dropped, it is killed: that is what a jail takes a hang-up for.
#[derive(Debug)]
pub(crate) struct Begun {
    channel: UnixStream,
    said: PipeReader,
    control: OwnedFd,
    story: Story,
}

/// Asks for a jail.
pub(crate) fn begin(launcher: &Launcher, start: &Start) -> Result<Begun, SandboxError> {
    let (channel, theirs) = UnixStream::pair().map_err(SandboxError::io("make a channel"))?;
    let (said, says) = std::io::pipe().map_err(SandboxError::io("make a log pipe"))?;
    let (control, jail) = wire::pair().map_err(SandboxError::io("make a control socket"))?;
    wire::send(&control, &(), &[theirs.as_fd(), says.as_fd()])
        .map_err(SandboxError::io("hand over the channel"))?;
    drop((theirs, says));
    launcher.launch(start, jail)?;
    Ok(Begun { channel, said, control, story: Story::default() })
}

impl Begun {
    /// Waits until the interpreter asks for its job.
    pub(crate) fn wait_until_it_asks(&mut self, at_most: Duration) -> Result<(), SandboxError> {
        let deadline = Instant::now() + at_most;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or_default();
            let mut ready = [
                PollFd::new(&self.control, PollFlags::IN),
                PollFd::new(&self.channel, PollFlags::IN),
            ];
            match rustix::event::poll(&mut ready, Some(&left)) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Err(SandboxError::NoReport),
                Ok(0) => {
                    let reason = format!("the interpreter is not ready after {at_most:?}");
                    return Err(SandboxError::Jail { reason });
                }
                Ok(_) => {}
            }
            let (told, asked) = (ready[0].revents(), ready[1].revents());
            if !told.is_empty() {
                match wire::receive::<Report>(&self.control) {
                    Ok(Some((Report::Failed { reason }, _))) => {
                        return Err(SandboxError::Jail { reason });
                    }
                    Ok(Some((report, _))) => self.story.note(report),
                    Ok(None) | Err(_) => return Err(SandboxError::NoReport),
                }
            } else if asked.contains(PollFlags::HUP) {
                return Err(SandboxError::NoReport);
            } else if !asked.is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether it still waits, as it did when it was last looked at.
    pub(crate) fn still_waits(&self) -> bool {
        let mut ready =
            [PollFd::new(&self.control, PollFlags::IN), PollFd::new(&self.channel, PollFlags::IN)];
        let polled = rustix::event::poll(&mut ready, Some(&Timespec::default()));
        polled.is_ok() && ready[0].revents().is_empty() && ready[1].revents() == PollFlags::IN
    }

    /// The run's time begins now, whenever the interpreter was started.
    pub(crate) fn begins_now(&mut self) {
        self.story.started = Some(Instant::now());
    }

    /// Serves the job and follows the jail to its end.
    pub(crate) fn run(self, manifest: &Manifest, job: Job<'_>) -> Result<Ran, SandboxError> {
        let Self { channel, said, control, story } = self;
        let Job { code, participants, limits, layers, results, cancel, .. } = job;
        let mut trace = None;
        let consumers = participants.result_consumers.len();
        let verdict = Verdict::new().map_err(SandboxError::io("make a way to wake the watch"))?;
        let done = AtomicBool::new(false);
        let hang_up = channel.try_clone().map_err(SandboxError::io("share the channel"))?;
        let (gate, opened) = mpsc::channel();
        let (story, log) = thread::scope(|scope| {
            let log = scope.spawn(|| log::drain(said, limits.log_bytes, &done));
            let story = scope.spawn(|| {
                let walls = (layers, gate);
                let story = watch::watch(&control, story, limits.wall, cancel, &verdict, walls);
                // Nobody is left who could speak; don't wait for one who holds the other end.
                let _ = hang_up.shutdown(std::net::Shutdown::Both);
                done.store(true, Ordering::Release);
                story
            });
            // Not a word before all walls are seen to stand.
            if opened.recv().is_ok() {
                let told = (&mut trace, &verdict);
                let served = channel::serve(&channel, manifest, consumers, &limits, results, told);
                if let Err(Breach(excess)) = served {
                    verdict.give(Exit::LimitExceeded(excess));
                }
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
}

fn exit(
    story: &Story,
    verdict: &Verdict,
    limits: &crate::job::Limits,
) -> Result<Exit, SandboxError> {
    if let Some(reason) = &story.failed {
        return Err(SandboxError::Jail { reason: reason.clone() });
    }
    // However it ended: not before everything of it has.
    if !story.closed {
        return Err(SandboxError::NoReport);
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
