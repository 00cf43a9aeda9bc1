//! Ordinary work of data scientists is not hindered by the jail: one program each, unchanged.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so"
)]

mod common;

use common::{Ran, Room, launcher, runtime};

/// Runs a program, which raises where something is not as outside of a jail; nothing may be said on the way.
fn work(code: &str) -> Ran {
    let ran = Room::new(code).succeed();
    assert_eq!(ran.log, "");
    ran
}

#[test]
fn linear_algebra_on_several_threads() {
    work(include_str!("programs/linear_algebra.py"));
}

#[test]
fn tables_are_joined_grouped_and_stored() {
    work(include_str!("programs/tables.py"));
}

#[test]
fn figures_of_many_kinds_are_drawn() {
    let ran = Room::new(include_str!("programs/figures.py")).succeed();
    assert_eq!(ran.log, "");
    assert_eq!(ran.results.len(), 6);
    for ((_, name), bytes) in &ran.results {
        let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        assert_eq!((size(16), size(20)), (640, 480), "{name}");
    }
}

#[test]
fn pools_of_processes_compute() {
    // Locks and shared memory of several processes lie in `/dev/shm`, which only a root of the run's own has.
    let report = launcher().probe(&runtime()).unwrap();
    if !report.jail.iter().any(|layer| layer == "private-root") {
        println!("not run: this machine grants no private root, so there is no /dev/shm");
        return;
    }
    work(include_str!("programs/process_pools.py"));
}

#[test]
fn databases_are_kept_in_scratch() {
    work(include_str!("programs/databases.py"));
}

#[test]
fn models_are_pickled_and_loaded_by_a_child() {
    work(include_str!("programs/models.py"));
}

#[test]
fn programs_are_started_and_listened_to() {
    work(include_str!("programs/child_programs.py"));
}

#[test]
fn files_are_packed_copied_and_thrown_away() {
    work(include_str!("programs/archives.py"));
}

#[test]
fn times_zones_and_languages_are_known() {
    work(include_str!("programs/times_and_languages.py"));
}
