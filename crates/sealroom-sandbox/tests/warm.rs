//! Jails that wait for their job: the same run, the same walls, sooner.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use common::{Room, Shelf, Written, launcher, runtime};
use sealroom_sandbox::{Exit, Input, Job, Launcher, Outcome, SandboxError, WarmJail};

fn warm(room: &Room, preload: &[&str]) -> WarmJail {
    launcher().warm(&runtime(), &room.limits, preload).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs in it; the results come along.
fn run_in(
    launcher: &Launcher,
    warm: WarmJail,
    room: Room,
) -> Result<(Outcome, Written), SandboxError> {
    let mut shelf = Shelf::default();
    let code = room.code.into_iter().map(|(path, sealed, bytes)| sealroom_sandbox::CodeFile {
        path,
        sealed,
        source: std::sync::Arc::new(bytes),
    });
    let inputs = room.inputs.into_iter();
    let job = Job {
        code: code.collect(),
        inputs: inputs.map(|(provider, name, source)| Input { provider, name, source }).collect(),
        participants: room.participants,
        limits: room.limits,
        layers: &room.layers,
        results: &mut shelf,
        cancel: &AtomicBool::new(false),
    };
    let outcome = launcher.run_in(warm, job)?;
    Ok((outcome, shelf.take()))
}

fn log_of(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.log).into_owned()
}

/// Expects success; the log.
fn says(preload: &[&str], room: Room) -> String {
    let warm = warm(&room, preload);
    let (outcome, _) = run_in(launcher(), warm, room).unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{}", log_of(&outcome));
    log_of(&outcome)
}

/// Jails that this test program has started, by the launcher it shares.
fn jails() -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let us = std::process::id();
    let parent = |path: &PathBuf| -> Option<u32> {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let is_jail = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let above = parent(path).map(|id| PathBuf::from(format!("/proc/{id}")));
        line.starts_with(b"sealroom-jail") && above.is_some_and(|up| parent(&up) == Some(us))
    };
    all.filter(is_jail).collect()
}

#[test]
fn a_warm_jail_runs_a_job_as_a_cold_one_does() {
    let code = "import sys, os, helper\nfrom sealroom import Enclave\n\
                with Enclave() as e:\n    e.write(next(e.read()).read() + helper.MORE)\n\
                print(sys.argv, sorted(os.listdir('.')), os.environ['RUN'], sys.stdin.read())\n";
    let room = || Room::new(code).sealed("helper.py", "MORE = b'!'").input(0, "a", "in");
    let cold = room().succeed();
    let warm = warm(&room(), &[]);
    let (outcome, results) = run_in(launcher(), warm, room()).unwrap();
    assert_eq!((outcome.exit.clone(), log_of(&outcome)), (Exit::Code(0), cold.log));
    assert_eq!((results.len(), results), (1, cold.results));
    assert!(outcome.peak_memory_bytes > 1 << 20);
}

#[test]
fn its_walls_are_those_of_a_cold_one() {
    for preload in [&[][..], &["sqlite3"]] {
        says(preload, Room::new(include_str!("programs/surroundings.py")));
    }
}

#[test]
fn its_time_begins_with_the_run() {
    let room = |code: &str| Room::new(code).limits(|limits| limits.wall = Duration::from_secs(2));
    let jail = warm(&room(""), &[]);
    let late = warm(&room(""), &[]);
    std::thread::sleep(Duration::from_millis(2500));
    let (outcome, _) = run_in(launcher(), jail, room("print('here')")).unwrap();
    assert_eq!((outcome.exit.clone(), log_of(&outcome)), (Exit::Code(0), "here\n".to_owned()));
    assert!(outcome.duration < Duration::from_secs(2), "{:?}", outcome.duration);
    let (outcome, _) = run_in(launcher(), late, room("import time\ntime.sleep(1000)")).unwrap();
    assert_eq!(outcome.exit, Exit::TimedOut);
}

#[test]
fn it_takes_no_job_with_other_limits() {
    let jail = warm(&Room::new(""), &[]);
    let room = Room::new("").limits(|limits| limits.result_count += 1);
    let refused = run_in(launcher(), jail, room).unwrap_err();
    assert_eq!(refused.to_string(), "the warm jail was made with other limits than the job has");
}

#[test]
fn one_that_died_is_replaced_and_one_that_is_dropped_dies() {
    // A launcher of its own: other tests have jails too.
    let launcher = common::new_launcher();
    let make = || {
        let before = jails();
        let jail = launcher.warm(&runtime(), &Room::new("").limits, &[]).unwrap();
        let new: Vec<_> = jails().into_iter().filter(|id| !before.contains(id)).collect();
        (jail, new)
    };
    let wait_for_end = |jails: &[PathBuf]| {
        let lives = |jail: &PathBuf| {
            let status = std::fs::read_to_string(jail.join("status")).unwrap_or_default();
            status.contains("VmSize:")
        };
        for _ in 0..1000 {
            if !jails.iter().any(lives) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{jails:?} are left");
    };
    let (jail, its) = make();
    // Other tests may start jails at the same moment: then there is no telling which is ours.
    if let [only] = &its[..] {
        let id = only.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
        wait_for_end(&its);
        let (outcome, _) = run_in(&launcher, jail, Room::new("print('cold')")).unwrap();
        assert_eq!((outcome.exit.clone(), log_of(&outcome)), (Exit::Code(0), "cold\n".to_owned()));
    }
    let (jail, its) = make();
    if let [_] = &its[..] {
        drop(jail);
        wait_for_end(&its);
    }
}

#[test]
fn what_was_preloaded_is_there_and_says_nothing() {
    let room = || Room::new("import sys\nprint('sqlite3' in sys.modules)");
    assert_eq!(says(&["sqlite3", "this", "no_such_module", "antigravity.none"], room()), "True\n");
    assert_eq!(says(&[], room()), "False\n");
}

#[test]
fn modules_of_the_code_come_before_what_was_preloaded() {
    let code = "import sqlite3, sys\nprint(sqlite3.WHO, len(sys.argv), 'this' in sys.modules)";
    let room = || Room::new(code).sealed("sqlite3.py", "WHO = 'mine'");
    assert_eq!(says(&["sqlite3", "this"], room()), "mine 1 False\n");
    // One that came along with another.
    let room =
        Room::new("import string\nprint(string.WHO)").clear("string/__init__.py", "WHO = 'my own'");
    assert_eq!(says(&["logging"], room), "my own\n");
}

#[test]
fn what_is_no_module_is_not_preloaded() {
    for name in ["", "-c", "os; exit()", "a..b", "a.", "../x", "é"] {
        let refused = launcher().warm(&runtime(), &Room::new("").limits, &[name]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("`{name}` cannot be preloaded: it is no module's name")
        );
    }
}

#[test]
fn nothing_is_told_to_a_jail_with_less_layers_than_were_promised() {
    let told = || {
        let mut room = Room::new("raise SystemExit(3)");
        room.layers = vec!["seccomp".to_owned(), "a-wall-that-is-not-there".to_owned()];
        room
    };
    let shelf = Shelf::default();
    let never = AtomicBool::new(false);
    let cold = told().run_into(shelf, launcher(), &runtime(), &never).err().unwrap();
    assert!(cold.to_string().contains("no a-wall-that-is-not-there"), "{cold}");
    let warm = run_in(launcher(), warm(&told(), &[]), told()).err().unwrap();
    assert!(warm.to_string().contains("no a-wall-that-is-not-there"), "{warm}");
    let mut kept = Room::new("");
    kept.layers = launcher().probe(&runtime()).unwrap().jail;
    kept.succeed();
}
