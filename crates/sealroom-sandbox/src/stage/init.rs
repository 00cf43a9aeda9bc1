//! Stage `__init`: the inside of the jail. Builds the root, gives up every right, starts Python, tells how it ended.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitCode, ExitStatus};

use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::WaitOptions;

use super::enter::{self, Entering};
use super::{StepError, bind_to_parent, hide, namespaces, rights, root};
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
    give_up_rights(&start, &walls, &mut layers)?;
    let entering = Entering { start, scratch, lone: walls.scratch.is_some(), layers };
    let interpreter = match entering.lone {
        true => enter::apart(&entering, channel, log)?,
        false => {
            let start = enter::walls(entering)?;
            let mut interpreter = enter::interpreter(&start, channel, log)?;
            interpreter.spawn().map_err(|error| start.unstarted(&error))?
        }
    };
    let status = wait_for(&interpreter)?;
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
fn give_up_rights(start: &Start, walls: &Walls, layers: &mut Vec<String>) -> Result<(), StepError> {
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
    rustix::thread::set_no_new_privs(true).map_err(StepError::at("forbid new privileges"))
}

/// Waits for the interpreter, collecting orphans meanwhile.
fn wait_for(interpreter: &Child) -> Result<ExitStatus, StepError> {
    let python = i32::try_from(interpreter.id()).map_err(StepError::at("name the interpreter"))?;
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
