//! Cgroups around a run, where the system lets us have them: they bind what the kernel's bounds for each process
//! cannot, above all memory that is shared, anonymous or a file's.
//!
//! Speaks the separate hierarchies of v1 and the single one of v2. A run's `__jail` makes and bounds them, `__init`
//! enters, and `__jail` removes them when all is over; the launcher does in its place if it was killed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod delegate;
mod files;
#[cfg(test)]
mod model;
mod place;
#[cfg(test)]
mod tests;

pub(super) use delegate::prepare;
use files::Files;
pub(super) use files::System;
use place::{Place, Version};

/// Tasks of ours that count against the run's: `__init`.
const OUR_TASKS: u64 = 1;
/// Microseconds in which a run gets its share of the processors.
const PERIOD: u64 = 100_000;
/// How often a removal is tried: a cgroup is busy until the kernel has let go of its last task.
const ATTEMPTS: u32 = 200;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(1);

/// What a cgroup binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Controller {
    Cpu,
    Memory,
    Pids,
}

impl Controller {
    /// In the order of their worth.
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// The kernel's name of it.
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }

    /// The name of the layer that it is.
    pub(super) fn layer(self) -> String {
        format!("{}-cgroup", self.name())
    }
}

/// What a run may take of what cgroups bind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// All its pages, also of files in memory, bytes.
    pub(super) memory_bytes: u64,
    /// Processes and threads, without ours.
    pub(super) processes: u32,
    /// Whole processors; without a number as many as there are, shared with others as one group.
    pub(super) cpus: Option<u32>,
}

/// For `__init`: where to write, and what it is then bound by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    file: PathBuf,
    binds: Vec<Controller>,
}

impl Door {
    /// Moves this process, which must be alone in its address space, inside; what binds it from now on.
    pub(super) fn enter(&self) -> io::Result<&[Controller]> {
        // Zero is oneself. Where the file takes single threads, the kernel waits for nobody else's fork meanwhile,
        // which saves many milliseconds.
        System.write(&self.file, "0")?;
        Ok(&self.binds)
    }
}

/// The cgroups of one run.
pub(super) struct Cgroups {
    groups: Vec<Group>,
}

struct Group {
    path: PathBuf,
    version: Version,
    binds: Vec<Controller>,
}

/// What they saw.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) out_of_memory: bool,
}

impl Cgroups {
    /// Makes those that are granted, for the run of this process, and bounds them.
    pub(super) fn make(files: &dyn Files, bounds: &Bounds) -> Self {
        let name = name(files, std::process::id());
        let made = place::find(files).into_iter().filter_map(|place| {
            let path = place.path.join(&name);
            // One of the same name has nobody in it: whoever made it had our process id, and we have it now.
            let _ = files.remove(&path);
            files.make(&path).ok()?;
            Some(Group::bounded(files, path, &place, bounds))
        });
        let (groups, empty): (Vec<_>, Vec<_>) = made.partition(|group| !group.binds.is_empty());
        for group in empty {
            let _ = files.remove(&group.path);
        }
        Self { groups }
    }

    /// The ways in.
    pub(super) fn doors(&self) -> Vec<Door> {
        let door = |group: &Group| Door {
            file: group.path.join(group.version.door()),
            binds: group.binds.clone(),
        };
        self.groups.iter().map(door).collect()
    }

    /// What was seen so far.
    pub(super) fn seen(&self, files: &dyn Files) -> Seen {
        let binds_memory = |group: &&Group| group.binds.contains(&Controller::Memory);
        let Some(group) = self.groups.iter().find(binds_memory) else { return Seen::default() };
        let (peak, events) = match group.version {
            Version::One => ("memory.max_usage_in_bytes", "memory.oom_control"),
            Version::Two => ("memory.peak", "memory.events"),
        };
        let peak = files.read(&group.path.join(peak)).ok();
        let events = files.read(&group.path.join(events)).unwrap_or_default();
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        let killed = killed.and_then(|count| count.trim().parse::<u64>().ok());
        Seen {
            peak_memory_bytes: peak.and_then(|text| text.trim().parse().ok()),
            out_of_memory: killed.is_some_and(|count| count > 0),
        }
    }

    /// Kills who is left in them and removes them.
    pub(super) fn remove(self, files: &dyn Files) {
        for group in self.groups {
            end(files, &group.path);
        }
    }
}

impl Group {
    /// The cgroup at `path`, with as many of the wanted bounds as it takes.
    fn bounded(files: &dyn Files, path: PathBuf, place: &Place, bounds: &Bounds) -> Self {
        let version = place.version;
        let binds = place.controllers.iter().copied();
        let binds = binds.filter(|one| bind(files, &path, version, *one, bounds).is_ok());
        Self { version, binds: binds.collect(), path }
    }
}

/// Where swap is not accounted for, a bound holds as long as there is none: a line in the list is its heading.
fn no_swap(files: &dyn Files, error: io::Error) -> io::Result<()> {
    match files.read(Path::new("/proc/swaps")) {
        Ok(swaps) if swaps.lines().count() > 1 => Err(error),
        _ => Ok(()),
    }
}

fn bind(
    files: &dyn Files,
    group: &Path,
    version: Version,
    controller: Controller,
    bounds: &Bounds,
) -> io::Result<()> {
    let write = |name: &str, text: String| files.write(&group.join(name), &text);
    let memory = bounds.memory_bytes.to_string();
    let quota = bounds.cpus.map(|cpus| u64::from(cpus.max(1)) * PERIOD);
    match (controller, version) {
        (Controller::Memory, Version::One) => {
            write("memory.limit_in_bytes", memory.clone())?;
            write("memory.memsw.limit_in_bytes", memory).or_else(|error| no_swap(files, error))?;
        }
        (Controller::Memory, Version::Two) => {
            write("memory.max", memory)?;
            write("memory.swap.max", "0".to_owned()).or_else(|error| no_swap(files, error))?;
            // All or nobody: what is left of a program is seldom what its author meant.
            let _ = write("memory.oom.group", "1".to_owned());
        }
        (Controller::Pids, _) => {
            write("pids.max", (u64::from(bounds.processes) + OUR_TASKS).to_string())?;
        }
        (Controller::Cpu, Version::One) => {
            if let Some(quota) = quota {
                write("cpu.cfs_period_us", PERIOD.to_string())?;
                write("cpu.cfs_quota_us", quota.to_string())?;
            }
        }
        (Controller::Cpu, Version::Two) => {
            if let Some(quota) = quota {
                write("cpu.max", format!("{quota} {PERIOD}"))?;
            }
        }
    }
    Ok(())
}

/// Kills and removes what the jail with this process id has left, if it left anything.
pub(super) fn clear_after(files: &dyn Files, jail: u32) {
    let name = name(files, jail);
    for place in place::find(files) {
        end(files, &place.path.join(&name));
    }
}

/// Removes cgroups whose makers are gone: those of a launcher that was killed. Empty ones alone; others stay.
pub(super) fn sweep(files: &dyn Files) {
    let ours = name_prefix(files);
    for place in place::find(files) {
        for folder in files.folders(&place.path) {
            let maker = folder.strip_prefix(&ours).and_then(|id| id.parse::<u32>().ok());
            if maker.is_some_and(|maker| is_gone(files, maker)) {
                // Refused by the kernel while anybody is in it.
                let _ = files.remove(&place.path.join(folder));
            }
        }
    }
}

/// Whether a process has ended, even if nobody has asked yet how: an orphan may wait long for that.
fn is_gone(files: &dyn Files, process: u32) -> bool {
    let stat = files.read(Path::new(&format!("/proc/{process}/stat"))).unwrap_or_default();
    // The state comes after the name, which may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['X', 'Z']))
}

/// Takes a cgroup away with everybody in it.
fn end(files: &dyn Files, group: &Path) {
    for _ in 0..ATTEMPTS {
        match files.remove(group) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => {}
        }
        // All at once where the kernel can, one by one where not: who was forked meanwhile has the next round.
        if files.write(&group.join("cgroup.kill"), "1").is_err() {
            let tasks = files.read(&group.join("cgroup.procs")).unwrap_or_default();
            for id in tasks.lines().filter_map(|id| id.parse().ok()) {
                files.kill(id);
            }
        }
        std::thread::sleep(BETWEEN_ATTEMPTS);
    }
}

/// Names the jail's process and, since others may count processes too, the namespace it has its number in.
fn name(files: &dyn Files, jail: u32) -> String {
    format!("{}{jail}", name_prefix(files))
}

fn name_prefix(files: &dyn Files) -> String {
    let namespace = files.link(Path::new("/proc/self/ns/pid")).unwrap_or_default();
    let number: String = namespace.chars().filter(char::is_ascii_digit).collect();
    format!("sealroom-{number}-")
}
