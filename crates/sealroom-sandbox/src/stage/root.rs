//! The private root: a small tmpfs with read-only views of what Python needs and nothing else of this machine.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::StepError;

/// Where a run may write, inside its root.
pub(super) const SCRATCH: &str = "/run/scratch";
/// Where the machine's root stays while the private one is built.
const OLD: &str = "/old";
/// System folders with libraries and programs; merged systems have links instead of some.
pub(super) const SYSTEM: [&str; 4] = ["/usr", "/lib", "/lib64", "/bin"];
/// Device nodes that programs expect.
pub(super) const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];
/// Files of a run's own, at most; each takes kernel memory.
const MOST_FILES: u32 = 100_000;

const READ_ONLY: MountFlags = MountFlags::RDONLY.union(MountFlags::NOSUID).union(MountFlags::NODEV);
const WRITABLE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Builds the root and moves into it; `owner` is who will run there. Needs a mount namespace of our own.
pub(super) fn build(
    readable: &[PathBuf],
    scratch_bytes: u64,
    owner: (u32, u32),
) -> Result<(), StepError> {
    enter_empty_root()?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let system = SYSTEM.iter().map(|path| PathBuf::from(*path));
    // Libraries of the system are found, and fonts configured, through these; neither tells much of the machine.
    let settings = ["/etc/alternatives", "/etc/fonts"].map(PathBuf::from);
    let mut shown: Vec<PathBuf> = Vec::new();
    for path in system.chain(readable.iter().cloned()).chain(settings) {
        if !shown.iter().any(|above| path.starts_with(above)) && show(&path)? {
            shown.push(path);
        }
    }
    devices()?;
    proc();
    etc(owner)?;
    scratch(Path::new(SCRATCH), scratch_bytes, owner)?;
    scratch(Path::new("/dev/shm"), scratch_bytes, owner)?;
    leave_old_root()
}

/// A tmpfs becomes `/`, the machine's root `/old`. Nothing we mount is seen outside.
fn enter_empty_root() -> Result<(), StepError> {
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    rustix::mount::mount_change("/", private).map_err(StepError::at("make mounts private"))?;
    // Any folder will do: what it hides is still there under `/old`.
    let place = ["/tmp", "/mnt", "/run"].into_iter().find(|path| Path::new(path).is_dir());
    let place =
        place.ok_or("there is no /tmp, /mnt or /run").map_err(StepError::at("find a place"))?;
    mount("tmpfs", Path::new(place), MountFlags::NOSUID | MountFlags::NODEV, "size=4m,mode=0755")?;
    std::env::set_current_dir(place).map_err(StepError::at("enter the private root"))?;
    fs::create_dir(OLD.trim_start_matches('/')).map_err(StepError::at("make /old"))?;
    rustix::process::pivot_root(".", OLD.trim_start_matches('/'))
        .map_err(StepError::at("change the root"))?;
    std::env::set_current_dir("/").map_err(StepError::at("enter the private root"))
}

fn leave_old_root() -> Result<(), StepError> {
    rustix::mount::unmount(OLD, UnmountFlags::DETACH)
        .map_err(StepError::at("leave the old root"))?;
    fs::remove_dir(OLD).map_err(StepError::at("remove /old"))?;
    let flags = READ_ONLY | MountFlags::BIND;
    rustix::mount::mount_remount("/", flags, c"").map_err(StepError::at("make the root read-only"))
}

/// Shows a path of the machine read-only at its own place; false if the machine has none.
fn show(path: &Path) -> Result<bool, StepError> {
    let source = under_old(path);
    let Ok(found) = fs::symlink_metadata(&source) else { return Ok(false) };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(StepError::at(format!("make `{}`", parent.display())))?;
    }
    if found.is_symlink() {
        let target = fs::read_link(&source).map_err(StepError::at("read a link"))?;
        std::os::unix::fs::symlink(target, path).map_err(StepError::at("make a link"))?;
        return Ok(true);
    }
    fs::create_dir_all(path).map_err(StepError::at(format!("make `{}`", path.display())))?;
    rustix::mount::mount_bind_recursive(&source, path)
        .map_err(StepError::at(format!("show `{}`", path.display())))?;
    for (place, flags) in mounts_under(path)? {
        rustix::mount::mount_remount(&place, flags | READ_ONLY | MountFlags::BIND, c"")
            .map_err(StepError::at(format!("make `{}` read-only", place.display())))?;
    }
    Ok(true)
}

/// The mount at `path` and all below, with the flags that an unprivileged remount has to keep.
fn mounts_under(path: &Path) -> Result<Vec<(PathBuf, MountFlags)>, StepError> {
    let table = fs::read_to_string(under_old(Path::new("/proc/self/mountinfo")))
        .map_err(StepError::at("read the list of mounts"))?;
    let mounts = table.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(4);
        let place = PathBuf::from(unescape(words.next()?));
        let flags = words.next()?.split(',').fold(MountFlags::empty(), |flags, word| {
            flags
                | match word {
                    "noexec" => MountFlags::NOEXEC,
                    "noatime" => MountFlags::NOATIME,
                    "nodiratime" => MountFlags::NODIRATIME,
                    "relatime" => MountFlags::RELATIME,
                    _ => MountFlags::empty(),
                }
        });
        place.starts_with(path).then_some((place, flags))
    });
    Ok(mounts.collect())
}

/// `mountinfo` writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn devices() -> Result<(), StepError> {
    fs::create_dir_all("/dev/shm").map_err(StepError::at("make /dev"))?;
    for device in DEVICES {
        let step = || format!("show `{device}`");
        fs::write(device, b"").map_err(StepError::at(step()))?;
        rustix::mount::mount_bind(under_old(Path::new(device)), device)
            .map_err(StepError::at(step()))?;
    }
    for (link, target) in [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")] {
        std::os::unix::fs::symlink(target, Path::new("/dev").join(link))
            .map_err(StepError::at("make links in /dev"))?;
    }
    Ok(())
}

/// Processes of the run's own namespace only, and only its own facts about them. Systems that grant none do without:
/// nothing but paths to open descriptors needs it.
fn proc() {
    let place = Path::new("/proc");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let made = fs::create_dir(place).is_ok();
    let _ = made
        && (mount("proc", place, flags, "hidepid=2,subset=pid").is_ok()
            || mount("proc", place, flags, "").is_ok());
}

fn etc((uid, gid): (u32, u32)) -> Result<(), StepError> {
    let step = || StepError::at::<std::io::Error>("write /etc");
    fs::create_dir_all("/etc").map_err(step())?;
    let user = format!("run:x:{uid}:{gid}::{SCRATCH}:/usr/sbin/nologin\n");
    fs::write("/etc/passwd", user).map_err(step())?;
    fs::write("/etc/group", format!("run:x:{gid}:\n")).map_err(step())?;
    // Without it the dynamic linker looks in its usual folders, slower.
    let cache = "/etc/ld.so.cache";
    let _ = fs::copy(under_old(Path::new(cache)), cache);
    Ok(())
}

fn scratch(place: &Path, bytes: u64, (uid, gid): (u32, u32)) -> Result<(), StepError> {
    fs::create_dir_all(place).map_err(StepError::at(format!("make `{}`", place.display())))?;
    let options = format!("size={bytes},nr_inodes={MOST_FILES},mode=0700,uid={uid},gid={gid}");
    mount("tmpfs", place, WRITABLE, &options)
}

fn mount(kind: &str, place: &Path, flags: MountFlags, options: &str) -> Result<(), StepError> {
    let options = CString::new(options).map_err(StepError::at("write mount options"))?;
    rustix::mount::mount(kind, place, kind, flags, options.as_c_str())
        .map_err(StepError::at(format!("mount {kind} at `{}`", place.display())))
}

fn under_old(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}
