//! Stage `__jail`: the outside of one run's jail. Enters the namespaces, starts `__init`, watches for the host's
//! hang-up, and clears away what is left.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};
use rustix::thread::CapabilitySet;

use super::cgroup::{Bounds, Cgroups, System};
use super::{INIT, StepError, bind_to_parent, hide, leftovers, namespaces};
use crate::spec::{Report, Start, Walls};
use crate::wire;

/// First of the uids that runs get, one each, far above those of people and services.
const FIRST_UID: u32 = 0x4000_0000;
const NOBODY: u32 = 65534;

/// Runs the jail described by the first argument; standard input is its control socket.
pub(super) fn main(args: &[String]) -> ExitCode {
    let control = std::io::stdin();
    let report = match args.first().map(|spec| serde_json::from_str(spec)) {
        Some(Ok(start)) => {
            run(&start).unwrap_or_else(|error| Report::Failed { reason: error.to_string() })
        }
        _ => Report::Failed { reason: "read what to start".to_owned() },
    };
    match wire::send(&control, &report, &[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(start: &Start) -> Result<Report, StepError> {
    let launcher = process(rustix::process::getppid(), "the launcher")?;
    let bounds =
        Bounds { memory_bytes: start.memory_bytes, processes: start.processes, cpus: start.cpus };
    // Not for us: a kernel that kills all of a cgroup at once must leave somebody to tell of it.
    let cgroups = Cgroups::make(&System, &bounds);
    let ended = walled(start, &cgroups, &launcher);
    let seen = cgroups.seen(&System);
    cgroups.remove(&System);
    ended?;
    Ok(Report::Closed {
        peak_memory_bytes: seen.peak_memory_bytes,
        out_of_memory: seen.out_of_memory,
    })
}

/// Enters the namespaces, lets `__init` build the rest inside, and clears away what would stay.
fn walled(start: &Start, cgroups: &Cgroups, launcher: &OwnedFd) -> Result<(), StepError> {
    let uid = own_uid();
    let namespaces = namespaces::enter(uid.is_none())?;
    hide()?;
    let lone = namespaces.is_empty();
    // Where killing us would not end the run's processes, we stay to see the launcher go and end them ourselves.
    if !lone {
        bind_to_parent()?;
    }
    let scratch = lone.then(|| scratch_directory(uid)).transpose()?;
    let reach = lone.then(leftovers::adopt).transpose()?;
    let walls = Walls {
        // A user namespace has no other uid than ours.
        uid: uid.filter(|_| !namespaces.iter().any(|name| name == namespaces::USER)),
        namespaces,
        doors: cgroups.doors(),
        scratch: scratch.clone(),
    };
    let ended = inside(start, &walls, launcher);
    // Not among the living, who could change what a path leads to.
    let cleared = reach
        .map_or(Ok(()), leftovers::kill)
        .and_then(|()| scratch.as_deref().map_or(Ok(()), leftovers::clear));
    ended.and(cleared)
}

/// A uid for this run alone, where we may take one; nobody's where a container has no such high ones; none if we may
/// not change ours.
fn own_uid() -> Option<u32> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN;
    let ours = rustix::thread::capabilities(None).ok()?;
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    let wanted = [FIRST_UID + std::process::id(), NOBODY];
    let uid = wanted.into_iter().find(|uid| is_mapped(&map, *uid))?;
    ours.effective.contains(needed).then_some(uid)
}

/// Whether a `uid_map`, lines of first uid inside, first outside, count, has `uid` inside.
fn is_mapped(map: &str, uid: u32) -> bool {
    map.lines().any(|line| {
        let mut words = line.split_whitespace().map(str::parse::<u64>);
        match (words.next(), words.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => {
                (first..first.saturating_add(count)).contains(&u64::from(uid))
            }
            _ => false,
        }
    })
}

/// Starts `__init` and waits for its end, or kills it when the host hangs up. Its death takes its namespace along.
fn inside(start: &Start, walls: &Walls, launcher: &OwnedFd) -> Result<(), StepError> {
    let write = |step| StepError::at::<serde_json::Error>(step);
    let start = serde_json::to_string(start).map_err(write("write what to start"))?;
    let walls = serde_json::to_string(walls).map_err(write("write the walls"))?;
    let mut init = Command::new("/proc/self/exe")
        .arg0("sealroom-init")
        .args([INIT, &start, &walls])
        .env_clear()
        // No change, but with it a child is forked instead of sharing our memory, and only then older kernels let it
        // into the new time namespace.
        .gid(rustix::process::getegid().as_raw())
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(StepError::at("start init"))?;
    let watched = watch(&init, launcher);
    if watched.is_err() || watched.as_ref().is_ok_and(|hung_up| *hung_up) {
        let _ = init.kill();
    }
    let status = init.wait().map_err(StepError::at("wait for init"))?;
    // By the kernel, short of memory: the run has ended with it.
    if let (Ok(false), Some(signal)) = (&watched, status.signal()) {
        let ended = Report::Ended { code: None, signal: Some(signal), peak_memory_bytes: 0 };
        wire::send(std::io::stdin(), &ended, &[]).map_err(StepError::at("tell how it ended"))?;
    }
    watched.map(drop)
}

/// A descriptor that becomes readable when the process ends.
fn process(pid: Option<Pid>, name: &str) -> Result<OwnedFd, StepError> {
    let pid = pid.ok_or("it has no id here").map_err(StepError::at(format!("watch {name}")))?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .map_err(StepError::at(format!("watch {name}")))
}

/// Blocks until `init` has ended (false), or the host has hung up or the launcher is gone (true).
fn watch(init: &Child, launcher: &OwnedFd) -> Result<bool, StepError> {
    let init = process(i32::try_from(init.id()).ok().and_then(Pid::from_raw), "init")?;
    let control = std::io::stdin();
    loop {
        // Only the hang-up: messages on the socket are for init.
        let mut ready = [
            PollFd::new(&control, PollFlags::RDHUP),
            PollFd::from_borrowed_fd(init.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(launcher.as_fd(), PollFlags::IN),
        ];
        match rustix::event::poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(StepError::at("watch the jail")(error)),
            Ok(_) if !ready[1].revents().is_empty() => return Ok(false),
            Ok(_) => return Ok(true),
        }
    }
}

/// A directory of the run's own where none can be mounted: in memory if possible.
fn scratch_directory(uid: Option<u32>) -> Result<PathBuf, StepError> {
    use std::os::unix::fs::DirBuilderExt;

    let name = format!("sealroom-{}", std::process::id());
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let place = places.iter().find(|place| place.is_dir());
    let path =
        place.ok_or("there is no /dev/shm and no /tmp").map_err(StepError::at("make scratch"))?;
    let path = path.join(name);
    let step = || format!("make `{}`", path.display());
    std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(StepError::at(step()))?;
    if let Some(uid) = uid {
        std::os::unix::fs::chown(&path, Some(uid), Some(uid)).map_err(StepError::at(step()))?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_ours_to_take_only_where_it_is_mapped() {
        let machine = "         0          0 4294967295\n";
        let container = "0 100000 65536\n";
        let lone = "1000 1000 1\n";
        assert!(is_mapped(machine, FIRST_UID) && is_mapped(machine, NOBODY));
        assert!(!is_mapped(container, FIRST_UID) && is_mapped(container, NOBODY));
        assert!(!is_mapped(lone, NOBODY) && is_mapped(lone, 1000) && !is_mapped("", 0));
    }
}
