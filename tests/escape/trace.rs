//! What a run left on the machine, seen from outside.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::tier::ordinary_uid;

/// Ids of live processes that call themselves `name`.
pub(crate) fn processes_named(name: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = format!("Name:\t{name}");
    ids.filter(|id| status_of_living(*id).is_some_and(|s| s.lines().next() == Some(&line)))
        .collect()
}

/// Ends processes that outlived their run. They may fork faster than we look: all are stopped before one is killed.
pub(crate) fn end(name: &str) {
    let mut stopped = BTreeSet::new();
    for signal in [Signal::STOP, Signal::KILL] {
        for _ in 0..ROUNDS {
            let living = processes_named(name);
            let fresh: Vec<u32> = match signal {
                Signal::STOP => living.into_iter().filter(|id| stopped.insert(*id)).collect(),
                _ => living,
            };
            if fresh.is_empty() {
                break;
            }
            for id in fresh.into_iter().filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                let _ = rustix::process::kill_process(id, signal);
            }
        }
    }
}

/// What the kernel says of a process; nothing of a dead one that nobody has collected: that has no memory left.
fn status_of_living(id: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.contains("VmSize:").then_some(status)
}

/// More than a bomb of a few dozen processes can hold out.
const ROUNDS: u32 = 1000;
/// How often we look again before something is said to be left.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Scratch folders that the run of the process `name` left; removed once they are told of.
///
/// The prelude in it says whose it is. One without a prelude is that of whoever asks first, if its user is ours.
pub(crate) fn left_by(name: &str) -> Vec<PathBuf> {
    static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap();
    let ours = |path: &PathBuf| match std::fs::read_to_string(path.join("run.py")) {
        Ok(prelude) => prelude.contains(&format!("\"{name}\"")),
        Err(_) => path.metadata().is_ok_and(|found| found.uid() == ordinary_uid()),
    };
    let mut left: Vec<PathBuf> = folders().filter(|path| !told.contains(path)).collect();
    left.retain(ours);
    // A jail that was killed may have been removing its folder a moment ago.
    for _ in 0..LOOKS {
        left.retain(|path| path.exists());
        if left.is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    for path in &left {
        told.insert(path.clone());
        let _ = std::fs::remove_dir_all(path);
    }
    left
}

/// Scratch folders whose jail, the process in their name, is gone.
fn folders() -> impl Iterator<Item = PathBuf> {
    let places = ["/dev/shm".into(), std::env::temp_dir()];
    let entries = places.into_iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
    entries.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let jail = name.and_then(|name| name.strip_prefix("sealroom-")?.parse::<u32>().ok());
        jail.is_some_and(|jail| status_of_living(jail).is_none())
    })
}
