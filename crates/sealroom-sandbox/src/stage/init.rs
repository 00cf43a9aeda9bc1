//! Stage `__init`: the inside of the jail. Builds the root, gives up every right, starts Python, tells how it ended.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::WaitOptions;

use super::landlock::{self, Reach};
use super::{StepError, bind_to_parent, hide, namespaces, rights, root, seccomp};
use crate::spec::{Report, Start, Walls};
use crate::wire;

/// Runs what the arguments describe; standard input is the control socket, the channel and log are passed over it.
pub(super) fn main(args: &[String]) -> ExitCode {
    let control = std::io::stdin();
    let report = run(args).unwrap_or_else(|error| Report::Failed { reason: error.to_string() });
    match wire::send(&control, &report, &[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(args: &[String]) -> Result<Report, StepError> {
    bind_to_parent()?;
    hide()?;
    let [start, walls] = args else {
        return Err(StepError::at("read what to start")("it is missing"));
    };
    let start: Start = serde_json::from_str(start).map_err(StepError::at("read what to start"))?;
    let walls: Walls = serde_json::from_str(walls).map_err(StepError::at("read the walls"))?;
    let (channel, log) = descriptors()?;

    let mut layers = walls.namespaces.clone();
    for binding in walls.doors.iter().filter_map(|door| door.enter().ok()).flatten() {
        layers.push(binding.layer());
    }
    if walls.scratch.is_none() {
        layers.extend(namespaces::enter_cgroups());
    }
    let scratch = match &walls.scratch {
        Some(scratch) => scratch.clone(),
        None => {
            let uid = rustix::process::geteuid().as_raw();
            let gid = rustix::process::getegid().as_raw();
            let owner = walls.uid.map_or((uid, gid), |uid| (uid, uid));
            host_name();
            layers.push(namespaces::enter_mounts()?);
            root::build(&start.readable, start.scratch_bytes, owner)?;
            layers.push("private-root".to_owned());
            PathBuf::from(root::SCRATCH)
        }
    };
    std::env::set_current_dir(&scratch).map_err(StepError::at("enter scratch"))?;
    lock_down(&start, &walls, &scratch, &mut layers)?;
    layers.sort();

    let control = std::io::stdin();
    wire::send(&control, &Report::Started { layers }, &[])
        .map_err(StepError::at("tell that the run starts"))?;
    let status = python(&start, &scratch, channel, log)?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(StepError::at("ask for usage"))?;
    let peak_kib = u64::try_from(usage.max_rss()).unwrap_or(0);
    Ok(Report::Ended {
        code: status.code(),
        signal: status.signal(),
        peak_memory_bytes: peak_kib.saturating_mul(1024),
    })
}

/// The channel and the log, in this order, wait on the control socket.
fn descriptors() -> Result<(OwnedFd, OwnedFd), StepError> {
    let step = "receive the channel";
    let received = wire::receive::<()>(std::io::stdin()).map_err(StepError::at(step))?;
    let ((), passed) = received.ok_or("the host hung up").map_err(StepError::at(step))?;
    let [channel, log]: [OwnedFd; 2] =
        passed.try_into().map_err(|_| StepError::at(step)("not two descriptors"))?;
    Ok((channel, log))
}

/// The machine's names are none of the run's business. Ours to change only in a namespace of our own.
fn host_name() {
    let _ = rustix::system::sethostname(b"sealroom");
    let _ = rustix::system::setdomainname(b"");
}

/// Order matters: each step still has the rights that it needs, and none has more.
fn lock_down(
    start: &Start,
    walls: &Walls,
    scratch: &Path,
    layers: &mut Vec<String>,
) -> Result<(), StepError> {
    // Compiled first: once rights are gone, nothing but installing is left to do.
    let filters = seccomp::compile()?;
    rights::bound(start)?;
    layers.push("rlimits".to_owned());
    if rustix::process::geteuid().is_root() || !walls.namespaces.is_empty() {
        rights::drop_bounding_set()?;
    }
    if let Some(uid) = walls.uid {
        rights::become_user(uid)?;
        layers.push("uid-drop".to_owned());
    }
    rights::drop_capabilities()?;
    bind_to_parent()?;
    hide()?;
    rustix::thread::set_no_new_privs(true).map_err(StepError::at("forbid new privileges"))?;
    let shared_memory = Path::new("/dev/shm");
    let lone = walls.scratch.is_some();
    let writable: &[&Path] = if lone { &[scratch] } else { &[scratch, shared_memory] };
    layers.push(landlock::enforce(&Reach {
        readable: &readable(start, lone),
        listable: if lone { None } else { Some(Path::new("/")) },
        devices: &root::DEVICES,
        writable,
    })?);
    seccomp::install(&filters)?;
    layers.push("seccomp".to_owned());
    Ok(())
}

/// Trees to read. Without a root of our own, `/etc` and `/proc` are the machine's: next to nothing of them.
fn readable(start: &Start, lone: bool) -> Vec<PathBuf> {
    let system = root::SYSTEM.iter();
    let extra: &[&str] =
        if lone { &["/etc/fonts", "/etc/ld.so.cache"] } else { &["/etc", "/proc"] };
    system.chain(extra).map(PathBuf::from).chain(start.readable.iter().cloned()).collect()
}

/// Where there is no root of our own, the interpreter is reached by the machine's paths, and as another user.
fn unstarted(program: &Path, scratch: &Path, error: &std::io::Error) -> StepError {
    let reason = match error.kind() {
        std::io::ErrorKind::PermissionDenied if scratch != Path::new(root::SCRATCH) => format!(
            "{error}: without namespaces a run has a user of its own; install Python where everybody may read it"
        ),
        _ => error.to_string(),
    };
    StepError::at(format!("start `{}`", program.display()))(reason)
}

/// Starts the interpreter and waits for it, collecting orphans meanwhile.
fn python(
    start: &Start,
    scratch: &Path,
    channel: OwnedFd,
    log: OwnedFd,
) -> Result<ExitStatus, StepError> {
    let errors = log.try_clone().map_err(StepError::at("share the log"))?;
    let child = Command::new(&start.program)
        .args(&start.args)
        .env_clear()
        // Nothing of ours is passed on. Text is UTF-8 for what Python starts too, which is found by PATH; scratch is
        // where one may write: TMPDIR, since there is no `/tmp`, and HOME for all that libraries keep of their own.
        // Those two would use folders of their own below HOME, which is the code's working directory too.
        .envs([("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")])
        .envs(["HOME", "MPLCONFIGDIR", "TMPDIR", "XDG_CACHE_HOME"].map(|name| (name, scratch)))
        .stdin(Stdio::from(channel))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(|error| unstarted(&start.program, scratch, &error))?;
    let python = i32::try_from(child.id()).map_err(StepError::at("name the interpreter"))?;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_pid() == python => {
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StepError::at("wait for the interpreter")(error)),
        }
    }
}
