//! uv, pip and our own small programs as children: an end to each and all that it started when it has had enough time or disk, or nobody waits for it.

use crate::{environment::kept, error::ResolveError};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, prlimit, waitid,
};
use sealroom_protocol::package::{MAX_PACKAGE, MAX_PACKAGES_TOTAL};
use std::{
    ffi::OsString,
    fs, io,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether a tool has ended, and how much room it has taken.
const EVERY: Duration = Duration::from_millis(20);
/// Of those looks, every so many look at the disk too.
const DISK_EVERY: u32 = 10;
/// Of what a tool says, only the end is kept: that is where it gives its reason.
const MAX_SAID: usize = 64 << 10;
/// How long what has lost its parent may hold on to its output.
const REST: Duration = Duration::from_secs(2);

/// What a resolution may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of everything together: ten minutes at first.
    pub time: Duration,
    /// Bytes of all files of packages, at first as many as a lock can have.
    pub total: u64,
    /// Bytes of memory that a tool may ask for.
    pub memory: u64,
    /// Set it to true to end the work.
    pub stop: Arc<AtomicBool>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            total: MAX_PACKAGES_TOTAL,
            memory: 4 << 30,
            stop: Arc::default(),
        }
    }
}

/// How a tool has ended.
pub(crate) struct Ended {
    pub status: ExitStatus,
    /// The end of what it said, as it said it.
    pub said: String,
}

/// Runs tools until one of the limits is reached.
pub(crate) struct Runner {
    limits: Limits,
    deadline: Instant,
    environment: Vec<(OsString, OsString)>,
    /// The folders whose size is watched.
    folders: Vec<PathBuf>,
}

impl Runner {
    /// `variables` are those that tools may get, `temporary` is where they put what they do not keep.
    pub(crate) fn new(
        limits: &Limits,
        variables: impl Iterator<Item = (OsString, OsString)>,
        temporary: &Path,
        folders: Vec<PathBuf>,
    ) -> Self {
        let mut environment = kept(variables);
        environment.push(("TMPDIR".into(), temporary.into()));
        let deadline = Instant::now() + limits.time;
        Self { limits: limits.clone(), deadline, environment, folders }
    }

    /// What tools are given.
    pub(crate) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// Runs one, in its own process group, until it ends.
    ///
    /// # Errors
    /// [`ResolveError::Start`], [`ResolveError::Slow`], [`ResolveError::Stopped`], [`ResolveError::TooLarge`]; a tool
    /// that ends badly is no error here.
    pub(crate) fn run(
        &self,
        tool: &'static str,
        program: &Path,
        arguments: &[OsString],
        folder: &Path,
    ) -> Result<Ended, ResolveError> {
        self.check_time()?;
        let start = |source| ResolveError::Start { tool, source };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.process_group(0);
        let mut child = command.spawn().map_err(start)?;
        let said = child.stderr.take().map(tail);
        let mut group = Group::of(child).map_err(start)?;
        self.limit(group.pid);
        let mut looks = 0_u32;
        while !group.has_ended().map_err(start)? {
            self.check_time()?;
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(DISK_EVERY) {
                self.check_disk()?;
            }
            thread::sleep(EVERY);
        }
        let status = group.end().map_err(start)?;
        let said = said.and_then(|said| said.recv_timeout(REST).ok()).unwrap_or_default();
        Ok(Ended { status, said: String::from_utf8_lossy(&said).into_owned() })
    }

    fn check_time(&self) -> Result<(), ResolveError> {
        if self.limits.stop.load(Ordering::Relaxed) {
            return Err(ResolveError::Stopped);
        }
        if Instant::now() >= self.deadline {
            return Err(ResolveError::Slow(self.limits.time));
        }
        Ok(())
    }

    fn check_disk(&self) -> Result<(), ResolveError> {
        // pip has a file in its temporary folder too until it has all of them.
        let most = self.limits.total.saturating_mul(2);
        let found: u64 = self.folders.iter().map(|folder| bytes_in(folder)).sum();
        if found > most { Err(ResolveError::TooLarge(self.limits.total)) } else { Ok(()) }
    }

    /// The kernel's own limits: a second line, which holds even if this process is killed. They are set an instant
    /// after the start, long before a tool has read anything from outside.
    fn limit(&self, pid: Pid) {
        let seconds = self.limits.time.as_secs().saturating_add(1);
        let limits = [
            (Resource::Fsize, MAX_PACKAGE),
            (Resource::Data, self.limits.memory),
            (Resource::Cpu, seconds),
            (Resource::Core, 0),
        ];
        for (resource, most) in limits {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            if let Err(error) = prlimit(Some(pid), resource, limit) {
                tracing::debug!("cannot limit {resource:?} of a tool: {error}");
            }
        }
    }
}

/// The end of what comes, once it has ended.
fn tail(mut stderr: ChildStderr) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stderr.read(&mut piece) {
            kept.extend_from_slice(&piece[..read]);
            kept.drain(..kept.len().saturating_sub(MAX_SAID));
        }
        // Nobody listens if it was given up.
        let _ = sender.send(kept);
    });
    receiver
}

/// Bytes of all files below a folder. What vanishes meanwhile counts for nothing.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let (mut total, mut folders) = (0_u64, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => total = total.saturating_add(about.len()),
                Err(_) => {}
            }
        }
    }
    total
}

/// A tool and all that it starts. Killed when dropped, unless it is known to have ended.
struct Group {
    child: Child,
    pid: Pid,
    over: bool,
}

impl Group {
    fn of(child: Child) -> io::Result<Self> {
        let pid = Pid::from_raw(child.id().cast_signed())
            .ok_or_else(|| io::Error::other("it has no process number"))?;
        Ok(Self { child, pid, over: false })
    }

    /// Leaves it unreaped: until then its number is no other's.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::Pid(self.pid), options)?.is_some())
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        if !self.over {
            if let Err(error) = kill_process_group(self.pid, Signal::KILL) {
                tracing::debug!("no process in group {}: {error}", self.pid.as_raw_nonzero());
            }
            self.over = true;
        }
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::debug!("cannot wait for a tool: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(limits: &Limits, script: &str) -> (Result<Ended, ResolveError>, Duration) {
        let folder = tempfile::tempdir().unwrap();
        let runner =
            Runner::new(limits, std::env::vars_os(), folder.path(), vec![folder.path().to_owned()]);
        let start = Instant::now();
        let arguments = ["-c".into(), script.into()];
        (runner.run("sh", Path::new("/bin/sh"), &arguments, folder.path()), start.elapsed())
    }

    #[test]
    fn what_a_tool_says_is_kept_from_its_end() {
        let (ended, _) =
            shell(&Limits::default(), "yes | head -c 100000 >&2; echo end >&2; exit 3");
        let ended = ended.unwrap();
        assert_eq!((ended.status.code(), ended.said.len()), (Some(3), MAX_SAID));
        assert!(ended.said.ends_with("y\nend\n"));
    }

    #[test]
    fn a_tool_that_takes_too_long_is_ended_with_its_children() {
        let alive = tempfile::NamedTempFile::new().unwrap();
        let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
        let name = alive.path().display();
        // The children would write on, were they not ended.
        let script =
            format!("(while :; do date >>{name}; sleep 0.05; done) & (sleep 60) & sleep 60");
        let (ended, took) = shell(&limits, &script);
        assert!(matches!(ended, Err(ResolveError::Slow(_))));
        assert!(took < Duration::from_secs(5), "{took:?}");
        let size = alive.path().metadata().unwrap().len();
        assert!(size > 0);
        thread::sleep(Duration::from_millis(300));
        assert_eq!(alive.path().metadata().unwrap().len(), size, "a child still runs");
    }

    #[test]
    fn a_child_that_outlives_its_tool_is_ended_and_not_waited_for() {
        let (ended, took) = shell(&Limits::default(), "sleep 60 & echo done >&2");
        assert_eq!(ended.unwrap().said, "done\n");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn too_much_disk_and_a_stop_end_a_tool() {
        let limits = Limits { total: 1000, ..Limits::default() };
        let (ended, _) = shell(&limits, "head -c 10000 /dev/zero >big; sleep 60");
        assert!(matches!(ended, Err(ResolveError::TooLarge(1000))));
        let limits = Limits::default();
        let stop = limits.stop.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
        });
        assert!(matches!(shell(&limits, "sleep 60").0, Err(ResolveError::Stopped)));
    }
}
