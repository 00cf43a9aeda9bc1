//! What a run left on the machine, seen from outside.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// Ids of live processes that call themselves `name`.
pub(crate) fn processes_named(name: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = format!("Name:\t{name}");
    ids.filter(|id| status_of_living(*id).is_some_and(|s| s.lines().next() == Some(&line)))
        .collect()
}

/// What the kernel says of a process; nothing of a dead one that nobody has collected: that has no memory left.
fn status_of_living(id: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.contains("VmSize:").then_some(status)
}

/// How often we look again before something is said to be left.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Folders of runs that have ended, which nobody has told of yet.
pub(crate) struct Leftovers(Mutex<BTreeSet<PathBuf>>);

impl Leftovers {
    /// What lies there already is not ours.
    pub(crate) fn known() -> Self {
        Self(Mutex::new(folders().collect()))
    }

    /// New ones, which stay: a jail that was killed may have been removing its folder a moment ago.
    pub(crate) fn found(&self) -> Vec<PathBuf> {
        let mut known = self.0.lock().unwrap();
        let mut found: Vec<PathBuf> = folders().filter(|path| !known.contains(path)).collect();
        for _ in 0..LOOKS {
            found.retain(|path| path.exists());
            if found.is_empty() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        known.extend(found.iter().cloned());
        found
    }
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
