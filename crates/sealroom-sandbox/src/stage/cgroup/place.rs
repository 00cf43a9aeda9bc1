//! Where a run's cgroups may be made: below our own in each hierarchy of v1, below our own or one above it in v2.

use std::path::{Path, PathBuf};

use super::Controller;
use super::files::Files;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// The file to write oneself into. In v1 it takes a single thread, which costs the kernel less.
    pub(super) fn door(self) -> &'static str {
        match self {
            Self::One => "tasks",
            Self::Two => "cgroup.procs",
        }
    }
}

/// A cgroup to make others in, and what those can bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) version: Version,
    pub(super) controllers: Vec<Controller>,
}

/// The places of this process, at most one for each controller.
pub(super) fn find(files: &dyn Files) -> Vec<Place> {
    let hierarchies = hierarchies(files);
    let mut places: Vec<Place> = Vec::new();
    let mut left: Vec<Controller> = Controller::ALL.to_vec();
    for hierarchy in hierarchies.iter().filter(|hierarchy| hierarchy.version == Version::One) {
        let has = |one: &Controller| hierarchy.controllers.iter().any(|name| name == one.name());
        let (here, elsewhere): (Vec<_>, Vec<_>) = left.into_iter().partition(has);
        left = elsewhere;
        if !here.is_empty() {
            let path = hierarchy.own.clone();
            places.push(Place { path, version: Version::One, controllers: here });
        }
    }
    let two = hierarchies.iter().find(|hierarchy| hierarchy.version == Version::Two);
    places.extend(two.and_then(|two| open_above(files, two, &left)));
    places
}

/// The nearest cgroup, from our own upwards, that shares out memory and the number of processes, or else memory alone,
/// and that we may make others in and move to.
fn open_above(files: &dyn Files, two: &Hierarchy, wanted: &[Controller]) -> Option<Place> {
    let above = || two.own.ancestors().take_while(|path| path.starts_with(&two.mount));
    let shared = |path: &Path| {
        let shared = files.read(&path.join("cgroup.subtree_control")).unwrap_or_default();
        let has = |one: &&Controller| shared.split_whitespace().any(|name| name == one.name());
        wanted.iter().filter(has).copied().collect::<Vec<_>>()
    };
    [&[Controller::Memory, Controller::Pids][..], &[Controller::Memory]].iter().find_map(|least| {
        above().find_map(|path| {
            let controllers = shared(path);
            let enough = least.iter().all(|one| controllers.contains(one) || !wanted.contains(one));
            let usable = enough && !controllers.is_empty() && may_make(files, path);
            let place = || Place { path: path.to_owned(), version: Version::Two, controllers };
            usable.then(place)
        })
    })
}

/// Whether we may make a cgroup here and move processes from our own into it: who may write its list of processes may
/// both, unless the mount is read-only, which shows by the same.
fn may_make(files: &dyn Files, path: &Path) -> bool {
    files.may_write(&path.join("cgroup.procs"))
}

/// A mounted hierarchy and our place in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// Its controllers in v1; in v2 each cgroup has its own.
    controllers: Vec<String>,
    pub(super) mount: PathBuf,
    /// Our cgroup, as a path below the mount.
    pub(super) own: PathBuf,
}

/// All that this process can see.
pub(super) fn hierarchies(files: &dyn Files) -> Vec<Hierarchy> {
    let mounts = files.read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let memberships = files.read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let found = mounts.lines().filter_map(|line| {
        let (version, controllers, root, mount) = parse_mount(line)?;
        let path = memberships.lines().find_map(|line| own_path(line, version, &controllers))?;
        // A container may be shown a part only; what is outside of it is out of our reach.
        let below = Path::new(path).strip_prefix(root).ok()?;
        let own = if below == Path::new("") { mount.clone() } else { mount.join(below) };
        Some(Hierarchy { version, controllers, mount, own })
    });
    found.collect()
}

/// Of a line of `mountinfo`: version, options of the file system, root of what is mounted, where.
fn parse_mount(line: &str) -> Option<(Version, Vec<String>, &str, PathBuf)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let options = kind.nth(1)?.split(',').map(str::to_owned).collect();
    let mut place = place.split(' ').skip(3);
    Some((version, options, place.next()?, PathBuf::from(place.next()?)))
}

/// Our path, if this line of `/proc/self/cgroup` is about that hierarchy.
fn own_path<'a>(line: &'a str, version: Version, options: &[String]) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':');
    let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let about = match version {
        Version::One => {
            !controllers.is_empty()
                && controllers.split(',').all(|name| options.iter().any(|option| option == name))
        }
        Version::Two => id == "0" && controllers.is_empty(),
    };
    (about && !path.split('/').any(|part| part == "..")).then_some(path)
}
