//! Stage `__launcher`: turns start messages into jails until its host is gone.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{JAIL, hide};
use crate::spec::{Report, Start};
use crate::wire;

/// How often ended jails are collected while nothing else happens.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// How long jails may take to see by themselves that their host is gone.
const LAST_RESPITE: Duration = Duration::from_secs(2);

/// Serves standard input, a sequenced-packet socket, to its end.
pub(super) fn main() -> ExitCode {
    close_inherited();
    // Not bound to the parent: the signal comes when the *thread* that started us ends. The socket's end tells enough.
    let _ = hide();
    let socket = std::io::stdin();
    let mut jails: Vec<Child> = Vec::new();
    loop {
        jails.retain_mut(|jail| matches!(jail.try_wait(), Ok(None)));
        let mut ready = [PollFd::new(&socket, PollFlags::IN)];
        match rustix::event::poll(&mut ready, Some(&TICK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => break,
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

/// A jail for one run, its control socket as standard input. If there is none, the socket says why.
fn launch(start: &Start, control: OwnedFd) -> Option<Child> {
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
    match jail {
        Ok(jail) => Some(jail),
        Err(error) => {
            let reason = format!("start a jail: {error}");
            let _ = wire::send(&answer, &Report::Failed { reason }, &[]);
            None
        }
    }
}

/// Lets jails end by themselves, then ends them; each takes all of its processes along.
fn end(jails: &mut Vec<Child>) {
    let deadline = Instant::now() + LAST_RESPITE;
    while !jails.is_empty() && Instant::now() < deadline {
        jails.retain_mut(|jail| matches!(jail.try_wait(), Ok(None)));
        std::thread::sleep(Duration::from_millis(10));
    }
    for jail in jails {
        let _ = jail.kill();
        let _ = jail.wait();
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
