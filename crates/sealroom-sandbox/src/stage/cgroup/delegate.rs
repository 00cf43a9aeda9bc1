//! v2 lets a cgroup have either processes or others below it with controllers. One that was delegated to us is made
//! ready: its processes go into a leaf, and its controllers to whatever comes beside.

use std::path::Path;

use super::Controller;
use super::files::Files;
use super::place::{self, Hierarchy, Version};

/// Where the processes go that are in our cgroup already. Not of the pattern that is swept.
const LEAF: &str = "sealroom-host";
/// How often the list of processes is gone through: some may be forked meanwhile.
const ROUNDS: usize = 10;

/// Makes our own cgroup ready for runs, if it is ours alone and no other is ready. For the launcher, once.
pub(in crate::stage) fn prepare(files: &dyn Files) {
    let hierarchies = place::hierarchies(files);
    let Some(two) = hierarchies.iter().find(|hierarchy| hierarchy.version == Version::Two) else {
        return;
    };
    let memory = |place: &place::Place| place.controllers.contains(&Controller::Memory);
    if place::find(files).iter().any(memory) {
        return;
    }
    let controllers = available(files, &two.own);
    if !controllers.contains(&Controller::Memory) || !is_delegated(files, two) {
        return;
    }
    let leaf = two.own.join(LEAF);
    if files.make(&leaf).is_err() && !files.may_write(&leaf.join("cgroup.procs")) {
        return;
    }
    let enable: Vec<String> = controllers.iter().map(|one| format!("+{}", one.name())).collect();
    let enabled = move_all(files, &two.own, &leaf)
        && files.write(&two.own.join("cgroup.subtree_control"), &enable.join(" ")).is_ok();
    if !enabled {
        move_all(files, &leaf, &two.own);
        let _ = files.remove(&leaf);
    }
}

fn available(files: &dyn Files, group: &Path) -> Vec<Controller> {
    let names = files.read(&group.join("cgroup.controllers")).unwrap_or_default();
    let has = |one: &&Controller| names.split_whitespace().any(|name| name == one.name());
    Controller::ALL.iter().filter(has).copied().collect()
}

/// Whether we may share it out, and nobody else is in it: this process, those above it, those below it. The root of all
/// is never ours: it has the kernel's own threads.
fn is_delegated(files: &dyn Files, two: &Hierarchy) -> bool {
    let may = |name: &str| files.may_write(&two.own.join(name));
    // Only the root of the whole hierarchy has no type.
    let is_root = files.read(&two.own.join("cgroup.type")).is_err();
    let inside = processes(files, &two.own);
    let us = std::process::id();
    let above: Vec<u32> = std::iter::successors(Some(us), |id| parent(files, *id)).collect();
    let below =
        |id: u32| std::iter::successors(Some(id), |id| parent(files, *id)).any(|up| up == us);
    !is_root
        && may("cgroup.procs")
        && may("cgroup.subtree_control")
        && !inside.is_empty()
        && inside.into_iter().all(|id| id != 0 && (above.contains(&id) || below(id)))
}

/// Moves everybody; false if somebody is left.
fn move_all(files: &dyn Files, from: &Path, to: &Path) -> bool {
    for _ in 0..ROUNDS {
        let inside = processes(files, from);
        if inside.is_empty() {
            return true;
        }
        for id in inside {
            // One that ended meanwhile needs no moving.
            let _ = files.write(&to.join("cgroup.procs"), &id.to_string());
        }
    }
    processes(files, from).is_empty()
}

fn processes(files: &dyn Files, group: &Path) -> Vec<u32> {
    let list = files.read(&group.join("cgroup.procs")).unwrap_or_default();
    list.lines().filter_map(|id| id.parse().ok()).collect()
}

/// The fourth word of `stat`, counted after the name, which may hold anything. None at the top.
fn parent(files: &dyn Files, id: u32) -> Option<u32> {
    let stat = files.read(Path::new(&format!("/proc/{id}/stat"))).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok().filter(|id| *id != 0)
}
