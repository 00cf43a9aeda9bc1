//! Walls that depend on what the machine grants: cgroups, a time namespace. Where it grants none, the jail says so.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::{Room, launcher, new_launcher, runtime};
use rustix::process::{Pid, Signal, kill_process};
use sealroom_sandbox::{Exit, Launcher};

const SLEEP: &str = "import time\ntime.sleep(1000)";

/// These tests look for new processes: one at a time, or they find each other's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the jail here has a layer; says so if not.
fn has(layer: &str) -> bool {
    let report = launcher().probe(&runtime()).unwrap();
    let has = report.jail.iter().any(|name| name == layer);
    if !has {
        println!("skipped: this machine grants no {layer}");
    }
    has
}

/// Processes below this one whose command line begins so.
fn ours(name: &str) -> Vec<u32> {
    let read =
        |id: u32, file: &str| std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
    let parent = |id: u32| -> Option<u32> {
        let stat = String::from_utf8_lossy(&read(id, "stat")).into_owned();
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let us = std::process::id();
    let below = |id: u32| std::iter::successors(Some(id), |id| parent(*id)).any(|up| up == us);
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id| read(*id, "cmdline").starts_with(name.as_bytes()) && below(*id))
        .collect()
}

/// Waits for something that a process does soon.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited for {what} in vain");
}

fn kill(id: u32) {
    kill_process(Pid::from_raw(id as i32).unwrap(), Signal::KILL).unwrap();
}

/// Folders of our cgroups anywhere in the hierarchies, which a jail with this process id has made.
fn cgroups_of(jail: u32) -> Vec<PathBuf> {
    fn look(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
        let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for folder in folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let name = folder.file_name().to_string_lossy().into_owned();
            if name.starts_with("sealroom-") && name.ends_with(end) {
                found.push(folder.path());
            } else {
                look(&folder.path(), end, found);
            }
        }
    }
    let mut found = Vec::new();
    look(Path::new("/sys/fs/cgroup"), &format!("-{jail}"), &mut found);
    found
}

/// Starts what never ends by itself, shows the jail's process, and tells how the run ended.
fn while_running(
    launcher: &Launcher,
    room: Room,
    show: impl FnOnce(u32) + Send,
) -> Result<Exit, String> {
    let before = ours("sealroom-jail");
    let cancel = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut new = || ours("sealroom-jail").into_iter().find(|id| !before.contains(id));
            show(until("the jail", &mut new));
            cancel.store(true, std::sync::atomic::Ordering::Release);
        });
        let run = std::panic::AssertUnwindSafe(|| room.run_with(launcher, &runtime(), &cancel));
        let ran = std::panic::catch_unwind(run);
        ran.map(|ran| ran.outcome.exit).map_err(|error| *error.downcast::<String>().unwrap())
    })
}

#[test]
fn each_cgroup_that_is_named_binds_the_interpreter_and_is_gone_after_the_run() {
    let _alone = alone();
    let named: Vec<&str> = ["memory", "pids", "cpu"]
        .into_iter()
        .filter(|name| has(&format!("{name}-cgroup")))
        .collect();
    if named.is_empty() {
        return;
    }
    let room = Room::new(SLEEP).limits(|limits| {
        (limits.memory_bytes, limits.processes, limits.cpus) = (1 << 30, 33, Some(1));
    });
    let launcher = new_launcher();
    let mut jail_id = 0;
    let exit = while_running(&launcher, room, |jail| {
        jail_id = jail;
        let python = until("the interpreter", || {
            ours(runtime_interpreter().as_str()).into_iter().find(|id| is_below(*id, jail))
        });
        let memberships = std::fs::read_to_string(format!("/proc/{python}/cgroup")).unwrap();
        let groups = cgroups_of(jail);
        let ours = |line: &&str| line.ends_with(&format!("-{jail}"));
        assert!(memberships.lines().filter(ours).count() >= 1, "{memberships}");
        let setting = |names: [&str; 2]| -> String {
            let read = |group: &PathBuf| {
                names.iter().find_map(|name| std::fs::read_to_string(group.join(name)).ok())
            };
            groups.iter().find_map(read).unwrap_or_default().trim().to_owned()
        };
        for name in &named {
            match *name {
                "memory" => {
                    assert_eq!(setting(["memory.limit_in_bytes", "memory.max"]), "1073741824");
                }
                "pids" => assert_eq!(setting(["pids.max", "pids.max"]), "34"),
                _ => assert!(setting(["cpu.cfs_quota_us", "cpu.max"]).starts_with("100000")),
            }
        }
        // The interpreter is in each of them, and who clears away is in none.
        for group in &groups {
            let inside = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
            assert!(inside.lines().any(|id| id == python.to_string()), "{inside}");
            assert!(!inside.lines().any(|id| id == jail.to_string()), "{inside}");
        }
    });
    assert_eq!(exit, Ok(Exit::Cancelled));
    assert_eq!(cgroups_of(jail_id), Vec::<PathBuf>::new());
}

fn runtime_interpreter() -> String {
    common::ready("default").unwrap().installed.interpreter.display().to_string()
}

fn is_below(id: u32, ancestor: u32) -> bool {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    std::iter::successors(Some(id), |id| parent(*id)).any(|up| up == ancestor)
}

#[test]
fn a_jail_that_is_killed_leaves_no_cgroup() {
    let _alone = alone();
    if !has("memory-cgroup") {
        return;
    }
    let launcher = new_launcher();
    let mut killed = 0;
    let exit = while_running(&launcher, Room::new(SLEEP), |jail| {
        killed = jail;
        until("its cgroups", || (!cgroups_of(jail).is_empty()).then_some(()));
        until("the interpreter", || {
            ours(runtime_interpreter().as_str()).into_iter().find(|id| is_below(*id, jail))
        });
        kill(jail);
        until("their end", || cgroups_of(jail).is_empty().then_some(()));
    });
    assert!(!matches!(exit, Ok(Exit::Code(_))), "{exit:?}");
    assert_eq!(cgroups_of(killed), Vec::<PathBuf>::new());
}

#[test]
fn what_a_killed_launcher_leaves_the_next_one_removes() {
    let _alone = alone();
    if !has("memory-cgroup") {
        return;
    }
    let before = ours("sealroom-launcher");
    let launcher = new_launcher();
    let its_process = until("the launcher's process", || {
        ours("sealroom-launcher").into_iter().find(|id| !before.contains(id))
    });
    let mut left = Vec::new();
    let exit = while_running(&launcher, Room::new(SLEEP), |jail| {
        until("the interpreter", || {
            ours(runtime_interpreter().as_str()).into_iter().find(|id| is_below(*id, jail))
        });
        // Both at once: nobody is left to clear away.
        let stop = |id: u32| kill_process(Pid::from_raw(id as i32).unwrap(), Signal::STOP).unwrap();
        stop(its_process);
        left = cgroups_of(jail);
        kill(jail);
        kill(its_process);
    });
    assert!(!matches!(exit, Ok(Exit::Code(_))), "{exit:?}");
    assert!(!left.is_empty());
    until("an empty cgroup", || {
        left.iter()
            .all(|group| {
                std::fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|ids| ids.is_empty())
            })
            .then_some(())
    });
    drop(launcher);
    let next = new_launcher();
    Room::new("").run_with(&next, &runtime(), &AtomicBool::new(false));
    assert!(left.iter().all(|group| !group.exists()), "{left:?}");
}

#[test]
fn clocks_begin_near_zero_and_whoever_waits_for_them_wakes() {
    let _alone = alone();
    if !has("time-namespace") {
        return;
    }
    let code = r#"
import asyncio, concurrent.futures, threading, time
assert 0 <= time.monotonic() < 120, time.monotonic()
assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) < 120
assert abs(time.time() - HOST) < 120
before = time.monotonic()
time.sleep(.01)
assert not threading.Event().wait(.02)
lock = threading.Lock()
lock.acquire()
assert not lock.acquire(timeout=.02)
asyncio.run(asyncio.sleep(.02))
assert time.monotonic() - before >= .07
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    assert pool.submit(time.sleep, .01).result(timeout=60) is None
"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Room::new(&code.replace("HOST", &now.as_secs().to_string())).succeed();
}
