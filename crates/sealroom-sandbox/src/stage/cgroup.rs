//! A memory cgroup around a run, where the system lets us have one: the only bound on shared and anonymous-file memory.
//!
//! Speaks the v1 memory controller and, where our own cgroup is delegated to us and empty of others, v2.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A cgroup of our own with us in it; children are born into it.
pub(super) struct MemoryCgroup {
    path: PathBuf,
    parent: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What it saw.
pub(super) struct Closed {
    pub(super) peak: Option<u64>,
    pub(super) out_of_memory: bool,
}

impl MemoryCgroup {
    /// Makes one, bounds it and moves this process into it; `None` if any of that is not granted.
    pub(super) fn enter(limit: u64) -> Option<Self> {
        let name = format!("sealroom-{}", std::process::id());
        Self::places().into_iter().find_map(|(parent, version)| {
            let path = parent.join(&name);
            fs::create_dir(&path).ok()?;
            let cgroup = Self { path, parent, version };
            if cgroup.bound(limit).is_some() && cgroup.join(&cgroup.path).is_some() {
                return Some(cgroup);
            }
            let _ = fs::remove_dir(&cgroup.path);
            None
        })
    }

    /// Leaves it, removes it and tells what it saw. To be called when the run's processes are gone.
    pub(super) fn close(self) -> Closed {
        let number = |name| read(&self.path, name)?.trim().parse::<u64>().ok();
        let (peak, events) = match self.version {
            Version::One => {
                (number("memory.max_usage_in_bytes"), read(&self.path, "memory.oom_control"))
            }
            Version::Two => (number("memory.peak"), read(&self.path, "memory.events")),
        };
        let killed = events.as_deref().and_then(|events| {
            let line = events.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
            line.trim().parse::<u64>().ok()
        });
        let _ = self.join(&self.parent);
        for _ in 0..50 {
            // Busy until the kernel has let go of the last task.
            if fs::remove_dir(&self.path).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Closed { peak, out_of_memory: killed.is_some_and(|count| count > 0) }
    }

    fn bound(&self, limit: u64) -> Option<()> {
        let limit = limit.to_string();
        match self.version {
            Version::One => {
                write(&self.path, "memory.limit_in_bytes", &limit)?;
                // Refused where swap is not accounted; then there is none to fear.
                let _ = write(&self.path, "memory.memsw.limit_in_bytes", &limit);
            }
            Version::Two => {
                write(&self.path, "memory.max", &limit)?;
                let _ = write(&self.path, "memory.swap.max", "0");
                let _ = write(&self.path, "memory.oom.group", "1");
            }
        }
        Some(())
    }

    fn join(&self, group: &Path) -> Option<()> {
        write(group, "cgroup.procs", &std::process::id().to_string())
    }

    /// Our own cgroup in each hierarchy that has a memory controller.
    fn places() -> Vec<(PathBuf, Version)> {
        let Ok(memberships) = fs::read_to_string("/proc/self/cgroup") else { return Vec::new() };
        let places = memberships.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let path = path.trim_start_matches('/');
            if controllers.split(',').any(|controller| controller == "memory") {
                return Some((Path::new("/sys/fs/cgroup/memory").join(path), Version::One));
            }
            let two = Path::new("/sys/fs/cgroup").join(path);
            let has_memory =
                || read(&two, "cgroup.subtree_control")?.contains("memory").then_some(());
            (controllers.is_empty() && has_memory().is_some()).then_some((two, Version::Two))
        });
        places.collect()
    }
}

fn read(group: &Path, name: &str) -> Option<String> {
    fs::read_to_string(group.join(name)).ok()
}

fn write(group: &Path, name: &str, text: &str) -> Option<()> {
    fs::write(group.join(name), text).ok()
}
