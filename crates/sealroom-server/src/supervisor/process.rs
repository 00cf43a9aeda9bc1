//! One enclave as a process: whether it lives, which one it is, how it is ended.

use rustix::process::{Pid, Signal, kill_process_group};
use sealroom_lifecycle::EnclaveId;
use std::{fs, path::Path, time::Instant};
use tokio::process::Child;

/// An enclave on this machine.
pub(super) struct Enclave {
    pub(super) id: EnclaveId,
    pub(super) pid: Pid,
    pub(super) process: Process,
    pub(super) since: Instant,
    pub(super) worked: bool,
}

pub(super) enum Process {
    Child(Child),
    /// Started by a server before this one.
    Inherited,
}

impl Enclave {
    /// How it has ended, if it has, and whether that is how it should.
    pub(super) fn ended(&mut self) -> Option<(String, bool)> {
        match &mut self.process {
            Process::Child(child) => match child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some((status.to_string(), status.success())),
                Err(error) => Some((error.to_string(), false)),
            },
            Process::Inherited if is_enclave(self.pid, self.id) => None,
            Process::Inherited => Some(("it is gone".to_owned(), true)),
        }
    }
}

/// Signals a whole group. Nobody left in it is as good.
pub(super) fn send(group: Pid, what: Signal) {
    if let Err(error) = kill_process_group(group, what) {
        tracing::debug!("no process in group {}: {error}", group.as_raw_nonzero());
    }
}

pub(super) fn read_pid(place: &Path) -> Option<(Pid, EnclaveId)> {
    let text = fs::read_to_string(place.join("pid")).ok()?;
    let (pid, id) = text.trim().split_once(' ')?;
    Some((Pid::from_raw(pid.parse().ok()?)?, EnclaveId(id.parse().ok()?)))
}

/// Whether the process is this enclave, and not another that got its number.
pub(super) fn is_enclave(pid: Pid, id: EnclaveId) -> bool {
    mentions(pid, &id.to_string())
}

pub(super) fn mentions(pid: Pid, text: &str) -> bool {
    let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|argument| argument == text.as_bytes())
}
