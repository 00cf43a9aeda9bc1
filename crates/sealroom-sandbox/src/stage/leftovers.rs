//! Where there are no namespaces to end a run at once and take its files along: finds what is left, and clears it away.

use std::ffi::CString;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::process::{Pid, Signal, WaitOptions};

use super::{StepError, landlock};

/// How often the dead are collected while there are any left.
const PAUSE: Duration = Duration::from_millis(2);
/// Rounds before we say that something does not die.
const ROUNDS: usize = 5000;

/// How far our signals go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To everything that comes of us and to nothing else: all of it can be killed in one step.
    Ours,
    /// As far as the user's: processes have to be found and killed one by one.
    Users,
}

/// Orphans below us become our children instead of leaving our sight, and our signals reach nobody else.
pub(super) fn adopt() -> Result<Reach, StepError> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(StepError::at("adopt orphans"))?;
    Ok(if landlock::keep_signals_in()? { Reach::Ours } else { Reach::Users })
}

/// Kills until nothing is left. Everything that comes of the run is or becomes our child.
///
/// The kernel sends one signal to all under its lock, and who is about to die forks no more: what forks faster than
/// anybody can look is gone after one round.
pub(super) fn kill(reach: Reach) -> Result<(), StepError> {
    for _ in 0..ROUNDS {
        match reach {
            Reach::Ours => {
                let everybody = nix::unistd::Pid::from_raw(-1);
                let _ = nix::sys::signal::kill(everybody, nix::sys::signal::Signal::SIGKILL);
            }
            Reach::Users => {
                for child in children() {
                    let _ = rustix::process::kill_process(child, Signal::KILL);
                }
            }
        }
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return Ok(()),
            }
        }
        std::thread::sleep(PAUSE);
    }
    Err(StepError::at("end the run")("some of its processes do not die"))
}

/// Removes a folder with all that is in it, however deep it lies, whatever its names and however it was closed. Nobody
/// else works in it any more.
///
/// Never goes down: what is in a folder is moved up beside it, so that no path becomes longer than the kernel takes.
pub(super) fn clear(folder: &Path) -> Result<(), StepError> {
    let step = || format!("clear `{}`", folder.display());
    let cleared = (|| -> rustix::io::Result<()> {
        let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::chmod(folder, Mode::RWXU)?;
        let top = rustix::fs::open(folder, open, Mode::empty())?;
        let mut moved = 0u64;
        loop {
            let names = names(&top)?;
            if names.is_empty() {
                break;
            }
            for name in names {
                match rustix::fs::unlinkat(&top, &name, AtFlags::empty()) {
                    Ok(()) => continue,
                    Err(rustix::io::Errno::ISDIR) => {}
                    Err(error) => return Err(error),
                }
                rustix::fs::chmodat(&top, &name, Mode::RWXU, AtFlags::empty())?;
                let inner = rustix::fs::openat(&top, &name, open, Mode::empty())?;
                for below in self::names(&inner)? {
                    let found = rustix::fs::statat(&inner, &below, AtFlags::SYMLINK_NOFOLLOW)?;
                    // A folder has to be open to be moved: its `..` changes. A link is none, wherever it leads.
                    if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                        rustix::fs::chmodat(&inner, &below, Mode::RWXU, AtFlags::empty())?;
                    }
                    loop {
                        moved += 1;
                        let up = format!(".sealroom-{moved}");
                        let flags = RenameFlags::NOREPLACE;
                        match rustix::fs::renameat_with(&inner, &below, &top, &up, flags) {
                            Err(rustix::io::Errno::EXIST) => {}
                            result => break result?,
                        }
                    }
                }
                rustix::fs::unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
            }
        }
        rustix::fs::rmdir(folder)
    })();
    cleared.map_err(StepError::at(step()))
}

fn names(folder: impl std::os::fd::AsFd) -> rustix::io::Result<Vec<CString>> {
    let entries = Dir::read_from(folder)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_owned()));
    let mut names = names.collect::<rustix::io::Result<Vec<CString>>>()?;
    names.retain(|name| !matches!(name.to_bytes(), b"." | b".."));
    Ok(names)
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn whatever_lies_in_a_folder_is_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("scratch");
        fs::create_dir_all(folder.join("a/b/c")).unwrap();
        fs::write(folder.join("a/b/c/file"), "x").unwrap();
        fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff\n*")), "x").unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::set_permissions(&outside, Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("a/link")).unwrap();
        fs::create_dir(folder.join(".sealroom-1")).unwrap();
        fs::write(folder.join(".sealroom-2"), "in the way").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
        for closed in ["a/b/c", "a/b", "a", ""] {
            fs::set_permissions(folder.join(closed), Permissions::from_mode(0o000)).unwrap();
        }
        clear(&folder).unwrap();
        assert!(!folder.exists());
        let mode = fs::metadata(&outside).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "what a link leads to is not touched");
    }

    #[test]
    fn a_folder_deeper_than_any_path_is_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("scratch");
        fs::create_dir(&folder).unwrap();
        let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = rustix::fs::open(&folder, open, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "deep", open, Mode::empty()).unwrap();
        }
        clear(&folder).unwrap();
        assert!(!folder.exists());
    }
}
