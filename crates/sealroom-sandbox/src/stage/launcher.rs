//! Stage `__launcher`: turns start messages into jails until its host is gone.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};

use super::cgroup::{self, System};
use super::{JAIL, hide};
use crate::spec::{Report, Start};
use crate::wire;

/// How long jails may take to see by themselves that their host is gone.
const LAST_RESPITE: Duration = Duration::from_secs(2);

/// A jail that has not been collected yet.
struct Jail {
    child: Child,
    /// Becomes readable at its end.
    end: OwnedFd,
}

/// Serves standard input, a sequenced-packet socket, to its end.
pub(super) fn main() -> ExitCode {
    close_inherited();
    // Not bound to the parent: the signal comes when the *thread* that started us ends. The socket's end tells enough.
    let _ = hide();
    cgroup::prepare(&System);
    cgroup::sweep(&System);
    let socket = std::io::stdin();
    let mut jails: Vec<Jail> = Vec::new();
    loop {
        let mut ready = vec![PollFd::new(&socket, PollFlags::IN)];
        ready.extend(jails.iter().map(|jail| PollFd::new(&jail.end, PollFlags::IN)));
        match rustix::event::poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => break,
        }
        let asked = !ready[0].revents().is_empty();
        collect(&mut jails);
        if !asked {
            continue;
        }
        match wire::receive::<Start>(&socket) {
            Ok(Some((start, mut descriptors))) if descriptors.len() == 1 => {
                jails.extend(descriptors.pop().and_then(|control| launch(&start, control)));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    end(&mut jails);
    ExitCode::SUCCESS
}

/// Forgets the jails that have ended. One that was killed could not clear away by itself.
fn collect(jails: &mut Vec<Jail>) {
    jails.retain_mut(|jail| match jail.child.try_wait() {
        Ok(None) => true,
        Ok(Some(status)) if status.success() => false,
        Ok(Some(_)) | Err(_) => {
            cgroup::clear_after(&System, jail.child.id());
            false
        }
    });
}

/// A jail for one run, its control socket as standard input. If there is none, the socket says why.
fn launch(start: &Start, control: OwnedFd) -> Option<Jail> {
    let answer = control.try_clone().ok()?;
    let spec = serde_json::to_string(start).ok()?;
    let jail = Command::new("/proc/self/exe")
        .arg0("sealroom-jail")
        .args([JAIL, &spec])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(control))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let jail = jail.and_then(|mut child| match ended(&child) {
        Ok(end) => Ok(Jail { child, end }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    });
    match jail {
        Ok(jail) => Some(jail),
        Err(error) => {
            let reason = format!("start a jail: {error}");
            let _ = wire::send(&answer, &Report::Failed { reason }, &[]);
            None
        }
    }
}

fn ended(child: &Child) -> std::io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// Lets jails end by themselves, then ends them; each takes all of its processes along.
fn end(jails: &mut Vec<Jail>) {
    let deadline = Instant::now() + LAST_RESPITE;
    while !jails.is_empty() && Instant::now() < deadline {
        collect(jails);
        std::thread::sleep(Duration::from_millis(2));
    }
    for jail in jails {
        let _ = jail.child.kill();
        let _ = jail.child.wait();
        cgroup::clear_after(&System, jail.child.id());
    }
}

/// Closes whatever the host left open for its children by mistake, so that no jail can have it.
fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that listed the folder is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}
