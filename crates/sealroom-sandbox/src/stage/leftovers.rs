//! Where there is no process-id namespace to end at once: finds a run's processes and kills them one by one.

use std::path::Path;

use rustix::process::{Pid, Signal, WaitOptions};

use super::StepError;

/// Rounds of killing; each takes at least one generation away, and the limit on processes bounds the generations.
const ROUNDS: usize = 1000;

/// Orphans below us become our children instead of leaving our sight.
pub(super) fn adopt() -> Result<(), StepError> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(StepError::at("adopt orphans"))
}

/// Kills children until there are none: theirs come to us as they die.
pub(super) fn kill() {
    for _ in 0..ROUNDS {
        for child in children() {
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn children() -> Vec<Pid> {
    let us = std::process::id();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent(*id) == Some(us)).filter_map(|id: i32| Pid::from_raw(id)).collect()
}

/// The fourth word of `stat`, counted after the name, which may hold anything.
fn parent(id: i32) -> Option<u32> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
