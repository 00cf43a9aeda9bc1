//! Enters new namespaces, as root directly, as anybody else through a user namespace.

use nix::sched::{CloneFlags, unshare};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::StepError;

/// Name of the layer that an ordinary user needs first.
pub(super) const USER: &str = "user-namespace";

/// Not among those that `nix` names.
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

const NAMES: [(CloneFlags, &str); 5] = [
    (CloneFlags::CLONE_NEWIPC, "ipc-namespace"),
    (CloneFlags::CLONE_NEWNET, "network-namespace"),
    (CloneFlags::CLONE_NEWPID, "pid-namespace"),
    (CloneFlags::CLONE_NEWUSER, USER),
    (CloneFlags::CLONE_NEWUTS, "uts-namespace"),
];

/// Enters all but the mount and cgroup namespaces, or none where the system grants none; returns the names of those
/// entered.
///
/// `by_user` allows the way through a user namespace. Not for one who can take another uid: there it would stay root's,
/// whose processes nothing counts, and a uid of the run's own is worth more.
///
/// The new process-id and time namespaces are for children only. Mounts stay the machine's: the jail has to clear away in them,
/// and a change of root would reach every process that shares a namespace with the one that makes it.
pub(super) fn enter(by_user: bool) -> Result<Vec<String>, StepError> {
    let common = CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS;
    // Asked before: in a namespace without maps everybody is the same nobody.
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut entered = CloneFlags::empty();
    if uid == 0 && unshare(common).is_ok() {
        entered = common;
    } else if by_user && may_map(uid) && unshare(CloneFlags::CLONE_NEWUSER | common).is_ok() {
        map_user(uid, gid)?;
        entered = common | CloneFlags::CLONE_NEWUSER;
    }
    let names = NAMES.iter().filter(|(flag, _)| entered.contains(*flag));
    let mut names: Vec<String> = names.map(|(_, name)| (*name).to_owned()).collect();
    if !names.is_empty() && new_time() {
        names.push("time-namespace".to_owned());
    }
    Ok(names)
}

/// Clocks that count from the machine's start begin anew: its age is none of the run's business. For children only.
/// No secret, though: who looks for it finds the difference in `/proc/self/timens_offsets`. False where the kernel has no such namespace, or does not let us set its clocks.
fn new_time() -> bool {
    use rustix::time::{ClockId, clock_gettime};

    let set_back = |clock| -clock_gettime(clock).tv_sec;
    let monotonic = set_back(ClockId::Monotonic);
    let since_boot = set_back(ClockId::Boottime);
    let offsets = format!("monotonic {monotonic} 0\nboottime {since_boot} 0\n");
    unshare(CLONE_NEWTIME).is_ok() && std::fs::write("/proc/self/timens_offsets", offsets).is_ok()
}

/// Enters a cgroup namespace, so that the run's cgroups look like the root. For `__init`, once it is in them.
pub(super) fn enter_cgroups() -> Option<String> {
    unshare(CloneFlags::CLONE_NEWCGROUP).is_ok().then(|| "cgroup-namespace".to_owned())
}

/// Enters a mount namespace and returns its name. For `__init`, once the others are there.
pub(super) fn enter_mounts() -> Result<String, StepError> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(StepError::at("enter a mount namespace"))?;
    Ok("mount-namespace".to_owned())
}

/// Whether a user may be known in a new user namespace: root may not without this right, since Linux 5.12.
fn may_map(uid: u32) -> bool {
    let may = |sets: CapabilitySets| sets.effective.contains(CapabilitySet::SETFCAP);
    uid != 0 || rustix::thread::capabilities(None).is_ok_and(may)
}

/// In the new user namespace we are who we were. There is no way back from one in which we are nobody.
///
/// The kernel lets a process write its maps only while it is dumpable.
fn map_user(uid: u32, gid: u32) -> Result<(), StepError> {
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ];
    for (path, text) in maps {
        std::fs::write(path, text).map_err(StepError::at(format!("write `{path}`")))?;
    }
    keep_rights()
}

/// Lets `__init` have, over our namespaces alone, what it needs to build its root: only root keeps rights by itself.
fn keep_rights() -> Result<(), StepError> {
    let step = || StepError::at::<rustix::io::Errno>("keep rights for init");
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETPCAP;
    let mut sets = rustix::thread::capabilities(None).map_err(step())?;
    sets.inheritable |= needed;
    rustix::thread::set_capabilities(None, sets).map_err(step())?;
    for one in needed.iter() {
        rustix::thread::configure_capability_in_ambient_set(one, true).map_err(step())?;
    }
    Ok(())
}
