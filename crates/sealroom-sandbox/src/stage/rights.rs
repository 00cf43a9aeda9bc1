//! Gives up what a run must not have: identity, capabilities, resources without bound.

use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::StepError;
use crate::spec::Start;

/// Address space beside the memory limit: libraries, reserved arenas and stacks take addresses long before memory.
const ADDRESS_ALLOWANCE: u64 = 2 << 30;
/// Open files of one process.
const OPEN_FILES: u64 = 4096;
/// Our own processes that count against the run's number.
const OUR_PROCESSES: u64 = 2;

/// Sets the bounds that the kernel keeps for each process or user.
pub(super) fn bound(start: &Start) -> Result<(), StepError> {
    let address = start.memory_bytes.saturating_add(ADDRESS_ALLOWANCE);
    let bounds = [
        (Resource::Core, 0),
        (Resource::As, address),
        (Resource::Data, start.memory_bytes),
        (Resource::Nproc, u64::from(start.processes) + OUR_PROCESSES),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, start.scratch_bytes),
        (Resource::Cpu, start.cpu_seconds),
        (Resource::Memlock, 64 << 10),
        (Resource::Msgqueue, 0),
    ];
    for (resource, wanted) in bounds {
        // Ours may be lower already, and an ordinary user cannot raise it.
        let bound = match rustix::process::getrlimit(resource).maximum {
            Some(maximum) => wanted.min(maximum),
            None => wanted,
        };
        let limit = Rlimit { current: Some(bound), maximum: Some(bound) };
        rustix::process::setrlimit(resource, limit)
            .map_err(StepError::at(format!("bound {resource:?}")))?;
    }
    Ok(())
}

/// No capability can come back by any exec. Who may not do this, since its own rights were cut down already, has the
/// same from giving up new privileges, which is done next.
pub(super) fn drop_bounding_set() -> Result<(), StepError> {
    let ours = rustix::thread::capabilities(None).map_err(StepError::at("ask for capabilities"))?;
    if !ours.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for bit in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if rustix::thread::capability_is_in_bounding_set(one).unwrap_or(false) {
            rustix::thread::remove_capability_from_bounding_set(one)
                .map_err(StepError::at("drop the capability bounding set"))?;
        }
    }
    Ok(())
}

/// Becomes a user that is nobody else's and in no group.
pub(super) fn become_user(uid: u32) -> Result<(), StepError> {
    let step = || StepError::at::<rustix::io::Errno>(format!("become user {uid}"));
    let (user, group) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(uid));
    rustix::thread::set_thread_groups(&[]).map_err(step())?;
    rustix::thread::set_thread_res_gid(group, group, group).map_err(step())?;
    rustix::thread::set_thread_res_uid(user, user, user).map_err(step())
}

/// Empties every set of this process.
pub(super) fn drop_capabilities() -> Result<(), StepError> {
    // Kernels without ambient capabilities have none to clear.
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).map_err(StepError::at("drop capabilities"))
}
