//! The system's git as a child: nothing of this machine's in its environment or configuration, and
//! an end to it and all that it started when it has had enough time, disk, or nobody to work for.

use super::{GitError, GitLimits, error::Complaint};
use crate::config::GitAccess;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How often the folder's size is looked at: what a fast network brings in that time is little
/// beside the limit.
const EVERY: Duration = Duration::from_millis(100);
/// Of what git says, only the end is kept: that is where it gives its reason.
const MAX_COMPLAINT: usize = 16 << 10;
/// Bytes of an answer of one line.
const MAX_TEXT: u64 = 4096;
/// Memory of one process. Large files are streamed; what needs more than this is a pack that was
/// made to need it.
const MAX_MEMORY: u64 = 1 << 30;
/// How long what was killed, or has lost its parent, may take to be gone.
const REST: Duration = Duration::from_secs(2);

/// What stays of the server's own environment: how to find git, and the way through a proxy.
const KEPT: [&str; 7] =
    ["PATH", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

const ENVIRONMENT: [(&str, &str); 13] = [
    // Texts are looked through for known words.
    ("LC_ALL", "C"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    // Empty: nobody is asked for a password, by no program and on no terminal.
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];

const CONFIGURATION: [&str; 19] = [
    "core.askPass=",
    // Larger files go through in pieces instead of as a whole in memory.
    "core.bigFileThreshold=16m",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.symlinks=false",
    "credential.helper=",
    // Packs stay packs: one file that grows, instead of many.
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    // No upkeep in the background, which would outlive the call.
    "gc.auto=0",
    "maintenance.auto=false",
    "gc.autoDetach=false",
    // GitHub answers at a repository's present address itself. It redirects only what was renamed or
    // moved, maybe to somebody else by now; that is for a person to look at.
    "http.followRedirects=false",
    // A transfer that stands still ends by itself even if the server was killed meanwhile.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "pack.threads=1",
    "protocol.allow=never",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
];

/// git, with one repository that lives as long as a fetch.
pub(super) struct Git {
    access: GitAccess,
    folder: PathBuf,
    limits: GitLimits,
    deadline: Instant,
    stop: CancellationToken,
}

/// Whether git can be run.
pub(super) async fn probe(access: &GitAccess) -> io::Result<()> {
    let mut command = Command::new(access.program());
    command.arg("--version").env_clear().envs(kept()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

/// Reads an answer that should be empty.
pub(super) fn nothing(mut output: File) -> Result<(), GitError> {
    io::copy(&mut output, &mut io::sink())?;
    Ok(())
}

/// Reads an answer of one line.
pub(super) fn text(output: File) -> Result<String, GitError> {
    let mut text = String::new();
    output.take(MAX_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

impl Git {
    /// Prepares the folder; everything that git does is in there.
    pub(super) fn new(
        access: GitAccess,
        folder: &Path,
        limits: GitLimits,
        deadline: Instant,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        fs::create_dir(folder.join("home"))?;
        Ok(Self { access, folder: folder.to_owned(), limits, deadline, stop })
    }

    /// Where this fetch keeps everything.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn limits(&self) -> GitLimits {
        self.limits
    }

    /// Runs git once. `read` gets its output, on a thread where it may block, and has to read it to
    /// its end; if it fails, git is ended.
    ///
    /// # Errors
    /// [`GitError::Failed`] if git ends badly; else what `read` or the limits say.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        arguments: &[&str],
        input: Stdio,
        read: impl FnOnce(File) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let mut child = self.command(arguments).stdin(input).spawn().map_err(GitError::Start)?;
        let mut group = Group::of(&child)?;
        self.limit(group.pid);
        let complaint = tokio::spawn(tail(child.stderr.take()));
        let output = child.stdout.take().ok_or(GitError::Cut)?.into_owned_fd()?;
        let reading = tokio::task::spawn_blocking(move || read(File::from(output)));
        let ended = tokio::select! {
            ended = wait(&mut child, &group, reading) => ended,
            why = self.watch() => Err(why),
        };
        // Killed before it is waited for: until then its number is no other's.
        if ended.is_err() {
            group.kill();
            child.wait().await?;
        }
        let complaint = group.rest(complaint).await;
        if self.is_too_large().await? {
            let limit = self.limits.max_bytes;
            return Err(GitError::TooLarge { what: "the repository", limit });
        }
        let (value, status) = ended?;
        match value {
            Ok(value) if status.success() => Ok(value),
            Ok(_) | Err(GitError::Cut) => Err(GitError::Failed(complaint)),
            Err(error) => Err(error),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (home, scheme) = (self.folder.join("home"), self.access.scheme());
        let mut command = Command::new(self.access.program());
        for setting in CONFIGURATION {
            command.args(["-c", setting]);
        }
        command.args(["-c", &format!("protocol.{scheme}.allow=always")]).args(arguments);
        command.env_clear().envs(kept()).envs(ENVIRONMENT);
        command.env("GIT_ALLOW_PROTOCOL", scheme);
        // Named, so that none is ever looked for in the folders above.
        command.env("GIT_DIR", self.folder.join("repository"));
        command.env("HOME", &home).env("XDG_CONFIG_HOME", &home).env("TMPDIR", &home);
        command.current_dir(&home).stdout(Stdio::piped()).stderr(Stdio::piped());
        // In its own group, with the helpers that it starts: one signal ends all.
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// The kernel's own limits: a second line, which holds even if this server is killed. They are
    /// set an instant after the start, long before git has read anything from outside.
    fn limit(&self, pid: Pid) {
        let seconds = self.limits.time.as_secs().saturating_add(1);
        let file = self.limits.max_bytes.saturating_add(1);
        let limits =
            [(Resource::Fsize, file), (Resource::Data, MAX_MEMORY), (Resource::Cpu, seconds)];
        for (resource, most) in limits {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            if let Err(error) = prlimit(Some(pid), resource, limit) {
                tracing::debug!("cannot limit {resource:?} of git: {error}");
            }
        }
    }

    /// Ends only if there is a reason to end git.
    async fn watch(&self) -> GitError {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return GitError::Gone,
                () = tokio::time::sleep_until(self.deadline) => {
                    return GitError::Slow(self.limits.time);
                }
                _ = ticks.tick() => {}
            }
            match self.is_too_large().await {
                Ok(false) => {}
                Ok(true) => {
                    let limit = self.limits.max_bytes;
                    return GitError::TooLarge { what: "the repository", limit };
                }
                Err(error) => return error,
            }
        }
    }

    async fn is_too_large(&self) -> Result<bool, GitError> {
        let (folder, limit) = (self.folder.clone(), self.limits.max_bytes);
        Ok(tokio::task::spawn_blocking(move || bytes_in(&folder) > limit).await?)
    }
}

fn kept() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Waits until the output is read and git has ended.
async fn wait<T>(
    child: &mut Child,
    group: &Group,
    reading: JoinHandle<Result<T, GitError>>,
) -> Result<(Result<T, GitError>, ExitStatus), GitError> {
    let value = reading.await?;
    if value.is_err() {
        group.signal();
    }
    Ok((value, child.wait().await?))
}

/// The end of what comes, to its end.
async fn tail(stderr: Option<ChildStderr>) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    let Some(mut stderr) = stderr else { return kept };
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_COMPLAINT));
    }
    kept
}

/// Bytes of all files below a folder. What vanishes meanwhile counts for nothing.
fn bytes_in(folder: &Path) -> u64 {
    let (mut total, mut folders) = (0u64, vec![folder.to_owned()]);
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

/// git and its helpers. Killed when dropped, unless they are known to have ended.
struct Group {
    pid: Pid,
    over: bool,
}

impl Group {
    fn of(child: &Child) -> Result<Self, GitError> {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| GitError::Start(io::Error::other("git ended at once")))?;
        Ok(Self { pid, over: false })
    }

    fn signal(&self) {
        if let Err(error) = kill_process_group(self.pid, Signal::KILL) {
            tracing::debug!("no process in group {}: {error}", self.pid.as_raw_nonzero());
        }
    }

    fn kill(&mut self) {
        self.signal();
        self.over = true;
    }

    /// Waits for the helpers too. All of them hold the stderr that git was given: when it is closed,
    /// they are gone. One that still holds it keeps the group's number from being used again.
    async fn rest(&mut self, mut complaint: JoinHandle<Vec<u8>>) -> Complaint {
        let rest = tokio::time::timeout(REST, &mut complaint).await;
        if rest.is_err() {
            self.signal();
            complaint.abort();
        }
        self.over = true;
        Complaint::new(&rest.ok().and_then(Result::ok).unwrap_or_default())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.signal();
        }
    }
}
