//! The rules of cgroup v2 that matter here, as a kernel keeps them (Documentation/admin-guide/cgroup-v2.rst), for
//! machines whose kernel has no v2 memory controller to test with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::files::Files;

pub(super) const MOUNT: &str = "/sys/fs/cgroup";
const CORE: [&str; 4] =
    ["cgroup.controllers", "cgroup.kill", "cgroup.procs", "cgroup.subtree_control"];
const OF_CONTROLLERS: [(&str, &[&str]); 3] = [
    ("cpu", &["cpu.max"]),
    (
        "memory",
        &["memory.events", "memory.max", "memory.oom.group", "memory.peak", "memory.swap.max"],
    ),
    ("pids", &["pids.max"]),
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) processes: BTreeSet<u32>,
    pub(super) shared: BTreeSet<String>,
    pub(super) settings: BTreeMap<String, String>,
    /// Whether it is ours to change.
    pub(super) writable: bool,
}

/// A machine: its cgroups by path below the mount, and files of `/proc`.
#[derive(Default)]
pub(super) struct Model {
    pub(super) groups: RefCell<BTreeMap<PathBuf, Group>>,
    files: BTreeMap<PathBuf, String>,
}

impl Model {
    /// A root that shares out all controllers, with us in `own`, whose parents are there too but not ours.
    pub(super) fn new(own: &str) -> Self {
        let mut model = Self::default();
        let all = OF_CONTROLLERS.map(|(name, _)| name.to_owned());
        let root = Group { shared: all.into(), ..Group::default() };
        model.groups.get_mut().insert(PathBuf::from(MOUNT), root);
        model.proc(
            "self/mountinfo",
            &format!("30 1 0:26 / {MOUNT} rw shared:9 - cgroup2 cgroup2 rw"),
        );
        model.proc("self/cgroup", &format!("0::{own}\n"));
        let mut path = PathBuf::from(MOUNT);
        for part in own.split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            model.groups.get_mut().insert(path.clone(), Group::default());
        }
        model.group(own, |group| _ = group.processes.insert(std::process::id()));
        model.process(std::process::id(), 77);
        model.process(77, 1);
        model
    }

    pub(super) fn proc(&mut self, name: &str, text: &str) {
        self.files.insert(Path::new("/proc").join(name), text.to_owned());
    }

    pub(super) fn process(&mut self, id: u32, parent: u32) {
        self.proc(&format!("{id}/stat"), &format!("{id} (a) name) S {parent} 0 0"));
    }

    /// Changes what the test is about.
    pub(super) fn group(&mut self, path: &str, change: impl FnOnce(&mut Group)) {
        change(self.groups.get_mut().entry(at(path)).or_default());
    }

    pub(super) fn look(&self, path: &str) -> Option<Group> {
        self.groups.borrow().get(&at(path)).cloned()
    }

    /// Controllers that are there to be shared out further.
    fn available(&self, group: &Path) -> BTreeSet<String> {
        match group == Path::new(MOUNT) {
            true => OF_CONTROLLERS.map(|(name, _)| name.to_owned()).into(),
            false => {
                let parent = group.parent().map(Path::to_owned).unwrap_or_default();
                self.groups.borrow().get(&parent).map(|up| up.shared.clone()).unwrap_or_default()
            }
        }
    }

    fn has_file(&self, group: &Path, name: &str) -> bool {
        let is_root = group == Path::new(MOUNT);
        let available = self.available(group);
        let of_controllers = OF_CONTROLLERS
            .iter()
            .any(|(one, names)| available.contains(*one) && names.contains(&name));
        CORE.contains(&name) && !(is_root && name == "cgroup.kill")
            || !is_root && (name == "cgroup.type" || of_controllers)
    }

    fn split<'p>(&self, path: &'p Path) -> io::Result<(&'p Path, &'p str)> {
        let (group, name) = (path.parent(), path.file_name().and_then(|name| name.to_str()));
        match (group, name) {
            (Some(group), Some(name))
                if self.groups.borrow().contains_key(group) && self.has_file(group, name) =>
            {
                Ok((group, name))
            }
            _ => Err(Errno::NOENT.into()),
        }
    }

    fn move_here(&self, group: &Path, text: &str) -> io::Result<()> {
        let id = match text.parse().map_err(|_| Errno::INVAL)? {
            0 => std::process::id(),
            id => id,
        };
        let mut groups = self.groups.borrow_mut();
        if group != Path::new(MOUNT) && !groups[group].shared.is_empty() {
            return Err(Errno::BUSY.into());
        }
        let from = groups.iter().find(|(_, group)| group.processes.contains(&id));
        let from = from.map(|(path, _)| path.clone()).ok_or(Errno::SRCH)?;
        let common = group.ancestors().find(|up| from.starts_with(up)).ok_or(Errno::ACCESS)?;
        if !groups[common].writable {
            return Err(Errno::ACCESS.into());
        }
        groups.get_mut(&from).ok_or(Errno::NOENT)?.processes.remove(&id);
        groups.get_mut(group).ok_or(Errno::NOENT)?.processes.insert(id);
        Ok(())
    }

    fn share(&self, group: &Path, text: &str) -> io::Result<()> {
        let available = self.available(group);
        let mut groups = self.groups.borrow_mut();
        let changed = groups.get_mut(group).ok_or(Errno::NOENT)?;
        if group != Path::new(MOUNT) && !changed.processes.is_empty() {
            return Err(Errno::BUSY.into());
        }
        for word in text.split_whitespace() {
            let name = word.strip_prefix('+').ok_or(Errno::INVAL)?;
            if !available.contains(name) {
                return Err(Errno::NOENT.into());
            }
            changed.shared.insert(name.to_owned());
        }
        Ok(())
    }
}

/// A path as `/proc/self/cgroup` has it, below the mount.
pub(super) fn at(path: &str) -> PathBuf {
    match path.trim_matches('/') {
        "" => PathBuf::from(MOUNT),
        path => Path::new(MOUNT).join(path),
    }
}

impl Files for Model {
    fn read(&self, path: &Path) -> io::Result<String> {
        if let Some(text) = self.files.get(path) {
            return Ok(text.clone());
        }
        let (group, name) = self.split(path)?;
        let groups = self.groups.borrow();
        let group_ = &groups[group];
        let words = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        Ok(match name {
            "cgroup.controllers" => words(&self.available(group)),
            "cgroup.subtree_control" => words(&group_.shared),
            "cgroup.procs" => group_.processes.iter().map(|id| format!("{id}\n")).collect(),
            name => group_.settings.get(name).cloned().unwrap_or_default(),
        })
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        if !self.may_write(path) {
            return Err(Errno::ACCESS.into());
        }
        let (group, name) = self.split(path)?;
        match name {
            "cgroup.procs" => self.move_here(group, text),
            "cgroup.subtree_control" => self.share(group, text),
            "cgroup.controllers" | "cgroup.type" => Err(Errno::INVAL.into()),
            name => {
                let mut groups = self.groups.borrow_mut();
                let group = groups.get_mut(group).ok_or(Errno::NOENT)?;
                if name == "cgroup.kill" {
                    group.processes.clear();
                } else {
                    group.settings.insert(name.to_owned(), text.to_owned());
                }
                Ok(())
            }
        }
    }

    fn may_write(&self, path: &Path) -> bool {
        self.split(path).is_ok_and(|(group, _)| self.groups.borrow()[group].writable)
    }

    fn link(&self, _: &Path) -> io::Result<String> {
        Ok("pid:[42]".to_owned())
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        let parent = path.parent().and_then(|up| groups.get(up)).ok_or(Errno::NOENT)?;
        if !parent.writable {
            return Err(Errno::ACCESS.into());
        }
        if groups.contains_key(path) {
            return Err(Errno::EXIST.into());
        }
        groups.insert(path.to_owned(), Group { writable: true, ..Group::default() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get(path).ok_or(Errno::NOENT)?;
        let has_below = groups.keys().any(|other| other.parent() == Some(path));
        if !group.processes.is_empty() || has_below {
            return Err(Errno::BUSY.into());
        }
        groups.remove(path);
        Ok(())
    }

    fn folders(&self, path: &Path) -> Vec<String> {
        let groups = self.groups.borrow();
        let below = groups.keys().filter(|other| other.parent() == Some(path));
        below.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
    }

    fn kill(&self, process: u32) {
        for group in self.groups.borrow_mut().values_mut() {
            group.processes.remove(&process);
        }
    }
}
