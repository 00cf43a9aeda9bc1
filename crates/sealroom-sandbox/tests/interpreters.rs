//! The extension module and the packages on every Python from 3.8 to 3.13 that this machine has, without site-packages.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use common::{Room, launcher};
use sealroom_packages::Runtimes;
use sealroom_sandbox::{Exit, Runtime};
use serde_json::Value;

const DESCRIBE: &str = "import json, os, sys; assert (3, 8) <= sys.version_info[:2] <= (3, 13); \
    print(json.dumps(dict(interpreter=os.path.realpath(sys._base_executable), \
    base_prefix=os.path.realpath(sys.base_prefix), version='%d.%d.%d' % sys.version_info[:3])))";

/// What each interpreter says about itself, once each.
fn descriptions() -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let versions = std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let built = versions.map(|version| version.path().join("bin/python3"));
    let mut found: Vec<String> = built
        .chain([PathBuf::from("/usr/bin/python3"), PathBuf::from("/usr/local/bin/python3")])
        .filter_map(|python| Command::new(python).args(["-I", "-c", DESCRIBE]).output().ok())
        .filter(|said| said.status.success())
        .map(|said| String::from_utf8_lossy(&said.stdout).into_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The interpreter that a description is of, and its version.
fn bare(description: &str) -> (Runtime, String) {
    let found: Value = serde_json::from_str(description).unwrap();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    let path = |field: &str| PathBuf::from(text(field));
    let lib = Runtimes::locate(None).unwrap().lib();
    let runtime = Runtime::new(&lib, &path("interpreter"), &path("base_prefix")).unwrap();
    (runtime, text("version"))
}

#[test]
fn every_interpreter_runs_the_same_programs() {
    let descriptions = descriptions();
    assert!(!descriptions.is_empty(), "this machine has no Python from 3.8 to 3.13");
    for description in descriptions {
        let (runtime, version) = bare(&description);
        let report =
            launcher().probe(&runtime).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(report.python_version, version);
        let stdlib = |name: &str| report.stdlib.iter().any(|known| known == name);
        assert!(stdlib("json") && stdlib("_thread") && !stdlib("numpy"), "{version}");
        let programs = [
            ("files", like_bytes_io()),
            ("modules", common::packages()),
            ("resources", common::resources()),
            ("old names", common::old_names()),
            ("import rules", common::import_rules()),
        ];
        for (name, room) in programs {
            let ran = room.run_with(launcher(), &runtime, &AtomicBool::new(false));
            assert_eq!(ran.outcome.exit, Exit::Code(0), "{version} {name}: {}", ran.log);
        }
        println!("{version} runs them");
    }
}

fn like_bytes_io() -> Room {
    let lines = b"some line of text\n".repeat(80_000);
    let code = include_str!("programs/like_bytes_io.py");
    Room::new(code).input(0, "small", &lines[..1000]).input(0, "large", &lines)
}
