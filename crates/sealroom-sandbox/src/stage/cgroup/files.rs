//! The few things that are done with the kernel's files: named, so that tests can stand another kernel in.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use rustix::process::{Pid, Signal};

/// A kernel's files.
pub(in crate::stage) trait Files {
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Into a file that is there: the kernel makes them, never we.
    fn write(&self, path: &Path, text: &str) -> io::Result<()>;
    /// Whether a file is there and we may open it for writing.
    fn may_write(&self, path: &Path) -> bool;
    /// Where a link points to.
    fn link(&self, path: &Path) -> io::Result<String>;
    /// Makes a cgroup.
    fn make(&self, path: &Path) -> io::Result<()>;
    /// Removes a cgroup that has nobody in it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names of the cgroups directly below.
    fn folders(&self, path: &Path) -> Vec<String>;
    /// Kills a process that was found in a cgroup.
    fn kill(&self, process: u32);
}

/// Those of the kernel that runs us.
#[derive(Clone, Copy, Debug)]
pub(in crate::stage) struct System;

impl Files for System {
    fn read(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
    }

    fn may_write(&self, path: &Path) -> bool {
        fs::OpenOptions::new().write(true).open(path).is_ok()
    }

    fn link(&self, path: &Path) -> io::Result<String> {
        fs::read_link(path).map(|target| target.to_string_lossy().into_owned())
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn folders(&self, path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.filter_map(|folder| folder.file_name().into_string().ok()).collect()
    }

    fn kill(&self, process: u32) {
        // Zero stands for a process of another namespace; to us it would mean ourselves.
        if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
    }
}
