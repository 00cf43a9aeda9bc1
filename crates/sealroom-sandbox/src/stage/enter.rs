//! The last walls, Landlock and seccomp, and the interpreter behind them. Done by `__init` itself where it is the first
//! process of a namespace, which nobody in it can signal; else by stage `__enter`, of which it stays out of reach.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use serde::{Deserialize, Serialize};

use super::landlock::{self, Reach};
use super::{ENTER, StepError, root, seccomp};
use crate::spec::{Report, Start};
use crate::wire;

/// What is left to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entering {
    pub(super) start: Start,
    pub(super) scratch: PathBuf,
    /// Whether the machine's own file tree is what we are in.
    pub(super) lone: bool,
    /// The layers that hold already.
    pub(super) layers: Vec<String>,
}

/// What is to be started behind all walls.
#[derive(Debug)]
pub(super) struct Started {
    start: Start,
    scratch: PathBuf,
    lone: bool,
}

/// Stage `__enter`: standard input is the control socket, output the channel, error the log.
pub(super) fn main(args: &[String]) -> ExitCode {
    let failed = enter(args);
    let report = Report::Failed { reason: failed.to_string() };
    let _ = wire::send(std::io::stdin(), &report, &[]);
    ExitCode::FAILURE
}

/// Becomes the interpreter; returns if it can't.
fn enter(args: &[String]) -> StepError {
    let step = "read what to start";
    let begun = (|| {
        let entering = args.first().ok_or("it is missing").map_err(StepError::at(step))?;
        let started = walls(serde_json::from_str(entering).map_err(StepError::at(step))?)?;
        let own = |fd: std::io::Result<OwnedFd>| fd.map_err(StepError::at("share the channel"));
        let channel = own(std::io::stdout().as_fd().try_clone_to_owned())?;
        let log = own(std::io::stderr().as_fd().try_clone_to_owned())?;
        Ok((interpreter(&started, channel, log)?, started))
    })();
    match begun {
        Ok((mut interpreter, started)) => started.unstarted(&interpreter.exec()),
        Err(error) => error,
    }
}

/// Lets `__enter` take the last walls upon itself.
pub(super) fn apart(
    entering: &Entering,
    channel: OwnedFd,
    log: OwnedFd,
) -> Result<Child, StepError> {
    let what = serde_json::to_string(entering).map_err(StepError::at("write what to start"))?;
    Command::new("/proc/self/exe")
        .arg0("sealroom-enter")
        .args([ENTER, &what])
        .env_clear()
        .stdin(Stdio::inherit())
        .stdout(Stdio::from(channel))
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(StepError::at("start the last stage"))
}

/// Takes the last walls upon this process, and tells that all stand.
pub(super) fn walls(entering: Entering) -> Result<Started, StepError> {
    let Entering { start, scratch, lone, mut layers } = entering;
    // Compiled first: once the walls stand, nothing but installing is left to do.
    let filters = seccomp::compile()?;
    let shared_memory = Path::new("/dev/shm");
    let writable: &[&Path] = if lone { &[&scratch] } else { &[&scratch, shared_memory] };
    layers.push(landlock::enforce(&Reach {
        readable: &readable(&start, lone),
        listable: if lone { None } else { Some(Path::new("/")) },
        devices: &root::DEVICES,
        writable,
    })?);
    seccomp::install(&filters)?;
    layers.push("seccomp".to_owned());
    layers.sort();
    wire::send(std::io::stdin(), &Report::Started { layers }, &[])
        .map_err(StepError::at("tell that the run starts"))?;
    Ok(Started { start, scratch, lone })
}

/// The interpreter as it is to be started.
pub(super) fn interpreter(
    Started { start, scratch, .. }: &Started,
    channel: OwnedFd,
    log: OwnedFd,
) -> Result<Command, StepError> {
    let errors = log.try_clone().map_err(StepError::at("share the log"))?;
    let mut command = Command::new(&start.program);
    command
        .args(&start.args)
        .env_clear()
        // Nothing of ours is passed on. Text is UTF-8 for what Python starts too, which is found by PATH; scratch is
        // where one may write: TMPDIR, since there is no `/tmp`, and HOME for all that libraries keep of their own.
        // Those two would use folders of their own below HOME, which is the code's working directory too.
        .envs([("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")])
        .envs(["HOME", "MPLCONFIGDIR", "TMPDIR", "XDG_CACHE_HOME"].map(|name| (name, scratch)))
        .envs(start.variables.iter().map(|(name, value)| {
            (name, value.replace(crate::runtime::SCRATCH, &scratch.to_string_lossy()))
        }))
        .stdin(Stdio::from(channel))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors));
    Ok(command)
}

impl Started {
    /// Where there is no root of our own, the interpreter is reached by the machine's paths, and as another user.
    pub(super) fn unstarted(&self, error: &std::io::Error) -> StepError {
        let reason = match error.kind() {
            std::io::ErrorKind::PermissionDenied if self.lone => format!(
                "{error}: without namespaces a run has a user of its own; install Python where everybody may read it"
            ),
            _ => error.to_string(),
        };
        StepError::at(format!("start `{}`", self.start.program.display()))(reason)
    }
}

/// Trees to read. Without a root of our own, `/etc` and `/proc` are the machine's: next to nothing of them.
fn readable(start: &Start, lone: bool) -> Vec<PathBuf> {
    let system = root::SYSTEM.iter();
    let extra: &[&str] =
        if lone { &["/etc/fonts", "/etc/ld.so.cache"] } else { &["/etc", "/proc"] };
    system.chain(extra).map(PathBuf::from).chain(start.readable.iter().cloned()).collect()
}
