//! The escape suite: attempts to break out of the jail, each of which must be stopped, and for the reason that its
//! author gave. README.md says how to add one and how to run one.
#![allow(clippy::panic, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod attempt;
mod bait;
#[path = "../../crates/sealroom-sandbox/tests/common/mod.rs"]
mod common;
mod storage;
mod tier;
mod trace;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use attempt::Attempt;
use bait::Bait;
use common::{Room, runtime};
use sealroom_sandbox::Exit;
use tier::{Started, Tier, Walls};

/// Attempts of one family at the same time.
const AT_ONCE: usize = 2;
/// Without a uid or namespace of its own, a run's number of processes is that of its user: one fills the other's.
const AT_ONCE_OF_ONE_USER: usize = 1;
/// Runs only attempts whose name contains this.
const ONLY: &str = "SEALROOM_ESCAPE";

macro_rules! families {
    ($($family:ident),* $(,)?) => {
        const FAMILIES: &[(&str, &str)] =
            &[$((stringify!($family), include_str!(concat!("attempts/", stringify!($family), ".toml")))),*];
        $(mod $family {
            const TEXT: &str = include_str!(concat!("attempts/", stringify!($family), ".toml"));
            #[test]
            fn as_root() {
                super::every_attempt_is_stopped(TEXT, super::Tier::Root);
            }
            #[test]
            fn as_an_ordinary_user() {
                super::every_attempt_is_stopped(TEXT, super::Tier::User);
            }
            #[test]
            fn without_namespaces() {
                super::every_attempt_is_stopped(TEXT, super::Tier::WithoutNamespaces);
            }
        })*
    };
}

families!(
    channel, exhaustion, files, kernel, network, privileges, processes, races, secrets, traces
);

#[test]
fn attempts_are_many_and_each_says_by_known_words_what_stops_it() {
    let all: Vec<Attempt> = FAMILIES.iter().flat_map(|(_, text)| attempt::parse(text)).collect();
    let names: BTreeSet<&str> = all.iter().map(|attempt| attempt.name.as_str()).collect();
    println!("{} attempts", all.len());
    assert!(all.len() >= 90, "{}", all.len());
    assert_eq!(names.len(), all.len(), "two attempts of one name");
    for attempt in &all {
        let mistake = attempt.all_expected().find_map(attempt::Blocked::mistake);
        assert_eq!(mistake, None, "{}: not a word of the list in README.md", attempt.name);
        assert!(!attempt.why.is_empty(), "{}", attempt.name);
    }
}

fn every_attempt_is_stopped(family: &str, tier: Tier) {
    let Some(started) = tier.start(&runtime()) else {
        println!(
            "not run: the tests were not started by root, so only the jail of an ordinary user is tried"
        );
        return;
    };
    println!("{tier:?}: walls as {:?}, {}", started.walls, started.layers.join(", "));
    let only = std::env::var(ONLY).unwrap_or_default();
    let attempts = attempt::parse(family).into_iter().filter(|a| a.name.contains(&only));
    let (attempts, others): (Vec<_>, Vec<_>) = attempts.partition(|a| a.applies(&started.layers));
    for other in &others {
        println!("{}: not run, nothing to try here", other.name);
    }
    let failures = Mutex::new(Vec::new());
    let queue = Mutex::new(attempts.iter());
    let at_once = match started.walls {
        Walls::WithoutNamespaces => AT_ONCE_OF_ONE_USER,
        Walls::Root | Walls::User => AT_ONCE,
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let Some(attempt) = queue.lock().unwrap().next() else { break };
                    let found = [stopped(attempt, &started), works(attempt, &started)];
                    failures.lock().unwrap().extend(found.into_iter().filter_map(Result::err));
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.extend(Bait::laid().touched());
    println!("{} attempts", attempts.len());
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Runs an attempt; an error says what it did instead of what it was to be stopped by.
fn stopped(attempt: &Attempt, started: &Started) -> Result<(), String> {
    let name = &attempt.name;
    let failed = |error| format!("{name}: the host says: {error} ({})", attempt.why);
    if let Some(before) = &attempt.before {
        let room = room(before, attempt, &process_name());
        let room = room.input(0, "secret", Bait::laid().secret());
        let ran = storage::run(room, false, started).map_err(failed)?;
        if ran.outcome.exit != Exit::Code(0) {
            return Err(format!("{name}: the run before it: {}\n{}", attempt::told(&ran), ran.log));
        }
    }
    let process = process_name();
    let room = room(&attempt.program, attempt, &process);
    let ran = storage::run(room, attempt.slow_storage, started).map_err(failed)?;

    let wrong = |what: String| Err(format!("{name}: {what} ({})\n{}", attempt.why, ran.log));
    let survivors = trace::processes_named(&process);
    if !survivors.is_empty() {
        trace::end(&process);
        return wrong(format!("processes {survivors:?} outlived the run"));
    }
    let expected = attempt.expected(started.walls);
    if !expected.explains(&ran) {
        let words = attempt::excess(&ran).unwrap_or_default();
        return wrong(format!("{} {words} instead of {expected}", attempt::told(&ran)));
    }
    let left = trace::left_by(&process);
    if !left.is_empty() {
        return wrong(format!("its folder is left: {left:?}"));
    }
    let results: Vec<_> = ran.results.keys().map(|(_, name)| name.as_str()).collect();
    if results != attempt.results {
        return wrong(format!("the host has the results {results:?}"));
    }
    Ok(())
}

/// Runs the harmless twin of an attempt.
fn works(attempt: &Attempt, started: &Started) -> Result<(), String> {
    if !attempt.twin_applies(&started.layers) {
        return Ok(());
    }
    let name = &attempt.name;
    let room = room(&attempt.twin, attempt, &process_name());
    let room = room.limits(|limits| limits.wall = attempt::USUAL_WALL);
    let ran = storage::run(room, false, started)
        .map_err(|error| format!("{name}: its harmless twin: the host says: {error}"))?;
    match ran.outcome.exit {
        Exit::Code(0) => Ok(()),
        _ => Err(format!("{name}: its harmless twin: {}\n{}", attempt::told(&ran), ran.log)),
    }
}

/// A job whose process goes by `name`.
fn room(program: &str, attempt: &Attempt, name: &str) -> Room {
    let prelude = include_str!("prelude.py").replace("@PROCESS@", name);
    let room = Room::new(&prelude).clear("attempt.py", Bait::laid().tell(program));
    let room = room.sealed("sealed_module.py", "WORD = 'sealed'\n").input(0, "data", "an input");
    room.limits(|limits| *limits = attempt.limits())
}

/// The kernel keeps fifteen bytes of it.
fn process_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("x{:x}-{number}", std::process::id())
}
