//! The extension module and the packages on every Python from 3.8 to 3.13 that this machine has, without site-packages.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use common::{Room, launcher, runtime};
use sealroom_sandbox::{Exit, Runtime};

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

fn minimal(description: &str, at: &Path) -> Runtime {
    std::fs::create_dir_all(at.join("default/site-packages")).unwrap();
    std::fs::write(at.join("default/runtime.json"), description).unwrap();
    let copied = Command::new("cp").arg("-R").arg(runtime().root().join("lib")).arg(at).status();
    assert!(copied.unwrap().success());
    Command::new("chmod").args(["-R", "a+rX"]).arg(at).status().unwrap();
    Runtime::locate(Some(at)).unwrap()
}

#[test]
fn every_interpreter_runs_the_same_programs() {
    let descriptions = descriptions();
    assert!(!descriptions.is_empty(), "this machine has no Python from 3.8 to 3.13");
    for description in descriptions {
        let folder = tempfile::tempdir().unwrap();
        let runtime = minimal(&description, folder.path());
        let version = runtime.python_version().to_owned();
        let report =
            launcher().probe(&runtime).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(report.python_version, version);
        assert!(report.packages.is_empty());
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
