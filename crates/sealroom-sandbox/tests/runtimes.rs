//! The packages of the runtimes do real work behind the walls: a program for each, and for `focal` the same bytes as that
//! Python gives outside of any jail.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use common::{Ran, Room, launcher};
use sealroom_packages::{Ready, RuntimeError, Runtimes};
use sealroom_sandbox::Exit;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Old code's runtime, where this machine has a Python for it.
fn focal() -> Option<&'static Ready> {
    static FOCAL: OnceLock<Option<Ready>> = OnceLock::new();
    let look = || match common::ready("focal") {
        Ok(ready) => Some(ready),
        Err(error @ RuntimeError::Absent { .. }) => {
            println!("not run in focal: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    FOCAL.get_or_init(look).as_ref()
}

fn default() -> &'static Ready {
    static DEFAULT: OnceLock<Ready> = OnceLock::new();
    DEFAULT.get_or_init(|| common::ready("default").unwrap_or_else(|error| panic!("{error}")))
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/packages")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(path: &Path) -> String {
    String::from_utf8(read(path)).unwrap()
}

/// A program of `programs/packages`, in a runtime, with these inputs.
fn run(ready: &Ready, program: &str, inputs: &[(u32, PathBuf)]) -> Ran {
    let mut room = Room::new(&text(&programs().join(program))).limits(|limits| {
        limits.memory_bytes = 4 << 30;
        limits.processes = 256;
    });
    for (provider, path) in inputs {
        room = room.input(*provider, path.file_name().unwrap().to_str().unwrap(), read(path));
    }
    room = with_folder(room, &programs().join("lexicon"), "lexicon");
    let ran = room.run_with(launcher(), &ready.runtime().unwrap(), &AtomicBool::new(false));
    let name = &ready.installed.name;
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{program} in {name}: {}", ran.log);
    ran
}

/// The files of a folder, sealed.
fn with_folder(mut room: Room, folder: &Path, below: &str) -> Room {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
        room = match entry.file_type().unwrap().is_dir() {
            true if path.ends_with("__pycache__") => room,
            true => with_folder(room, &entry.path(), &path),
            false => room.sealed(&path, read(&entry.path())),
        };
    }
    room
}

fn in_both(program: &str, inputs: &[&str]) -> Vec<Ran> {
    let inputs: Vec<(u32, PathBuf)> =
        inputs.iter().zip(0..).map(|(name, at)| (at, programs().join("data").join(name))).collect();
    [Some(default()), focal()]
        .into_iter()
        .flatten()
        .map(|ready| run(ready, program, &inputs))
        .collect()
}

#[test]
fn scipy_fits_a_curve() {
    in_both("scipy_fit.py", &["decay.csv"]);
}

#[test]
fn pandas_joins_tables() {
    in_both("pandas_join.py", &["patients.csv", "visits.csv"]);
}

#[test]
fn keras_learns_for_an_epoch() {
    let demo = Runtimes::locate(None).unwrap().root().parent().unwrap().join("demo");
    let inputs = [(0, demo.join("hospital-a.csv")), (1, demo.join("hospital-b.csv"))];
    for ready in [Some(default()), focal()].into_iter().flatten() {
        let ran = run(ready, "keras_epoch.py", &inputs);
        assert!(ran.results.contains_key(&(0, "model.weights.h5".to_owned())));
    }
}

#[test]
fn nltk_cuts_and_tags_with_sealed_corpora() {
    in_both("nltk_tokens.py", &[]);
}

#[test]
fn matplotlib_and_seaborn_draw() {
    for ran in in_both("figures.py", &[]) {
        assert_eq!(ran.results.len(), 2);
        for ((_, name), bytes) in &ran.results {
            assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 5_000, "{name}");
        }
    }
}

#[test]
fn dates_are_read_and_counted() {
    in_both("dates.py", &[]);
}

#[test]
fn requests_hears_that_there_is_no_network() {
    in_both("requests_offline.py", &[]);
}

#[test]
fn protobuf_writes_and_reads_messages() {
    in_both("protobuf_roundtrip.py", &[]);
}

#[test]
fn yaml_and_toml_come_back_as_they_went() {
    in_both("yaml_toml.py", &[]);
}

#[test]
fn pyarrow_keeps_tables() {
    run(default(), "arrow_parquet.py", &[(0, programs().join("data/visits.csv"))]);
}

/// The list of the issue that asked for it: nothing may drift.
#[test]
fn focal_has_the_versions_of_the_old_service() {
    let Some(focal) = focal() else { return };
    let wanted = [
        ("h5py", "2.10.0"),
        ("keras", "2.2.4"),
        ("matplotlib", "3.1.2"),
        ("nltk", "3.4.5"),
        ("numpy", "1.17.4"),
        ("pandas", "0.25.3"),
        ("protobuf", "3.6.1"),
        ("python-dateutil", "2.7.3"),
        ("pyyaml", "5.3.1"),
        ("requests", "2.22.0"),
        ("scipy", "1.3.3"),
        ("seaborn", "0.10.0"),
        ("theano", "1.0.5"),
        ("toml", "0.10.0"),
    ];
    for (name, version) in wanted {
        let found = focal.installed.lock.packages.iter().find(|p| p.name.as_str() == name);
        assert_eq!(found.map(|package| package.version.as_str()), Some(version), "{name}");
    }
    assert!(focal.installed.python_version.starts_with("3.8."));
}

#[test]
fn the_bare_runtime_has_nothing_but_the_standard_library() {
    let minimal = common::ready("minimal").unwrap();
    let code = "import json, sqlite3\ntry:\n    import numpy\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit(3)\n";
    let ran =
        Room::new(code).run_with(launcher(), &minimal.runtime().unwrap(), &AtomicBool::new(false));
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{}", ran.log);
}

#[test]
fn focal_gives_the_bytes_that_it_gives_outside() {
    let Some(focal) = focal() else { return };
    let vectors = Path::new(ROOT).join("vectors/runtimes/focal");
    let mut seen = 0;
    for entry in fs::read_dir(&vectors).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let scenario: Value = serde_json::from_slice(&read(&entry.path())).unwrap();
        compare(focal, &scenario, &vectors);
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} scenarios");
}

fn compare(focal: &Ready, scenario: &Value, vectors: &Path) {
    let why = &scenario["why"];
    let code = Path::new(ROOT).join(scenario["code"].as_str().unwrap());
    let mut room = match code.is_dir() {
        true => code_folder(&code),
        false => Room::new(&text(&code)),
    };
    for input in scenario["inputs"].as_array().unwrap() {
        let (provider, path) = (input[0].as_u64().unwrap(), input[1].as_str().unwrap());
        let path = Path::new(ROOT).join(path);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        room = room.input(u32::try_from(provider).unwrap(), &name, read(&path));
    }
    let consumers = u32::try_from(scenario["consumers"].as_u64().unwrap()).unwrap();
    let room = room.consumers(consumers);
    let ran = room.run_with(launcher(), &focal.runtime().unwrap(), &AtomicBool::new(false));
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{why}: {}", ran.log);
    let wanted = scenario["results"].as_array().unwrap();
    assert_eq!(ran.results.len(), wanted.len(), "{why}");
    for result in wanted {
        let consumer = u32::try_from(result["consumer"].as_u64().unwrap()).unwrap();
        let name = result["name"].as_str().unwrap().to_owned();
        let bytes = read(&vectors.join(result["file"].as_str().unwrap()));
        let found = ran.results.get(&(consumer, name.clone()));
        assert!(found == Some(&bytes), "{why}: `{name}` of consumer {consumer} differs");
    }
}

/// `run.py` in clear, everything else sealed.
fn code_folder(folder: &Path) -> Room {
    let mut room = Room::new(&text(&folder.join("run.py")));
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_str().unwrap().to_owned();
        room = match (name.as_str(), entry.file_type().unwrap().is_dir()) {
            ("run.py" | "__pycache__", _) => room,
            (_, true) => with_folder(room, &entry.path(), &name),
            (_, false) => room.sealed(&name, read(&entry.path())),
        };
    }
    room
}

/// What runs in the jail to build and to compile packages, tried without one, on the interpreter of each runtime.
#[test]
fn building_and_compiling_do_what_they_say() {
    for ready in [Some(default()), focal()].into_iter().flatten() {
        let tools = ready.tools.as_ref().unwrap().folder().to_owned();
        for (program, argument) in [("build.py", Some(tools)), ("compile.py", None)] {
            let mut python = std::process::Command::new(&ready.installed.interpreter);
            python.args(["-I", "-S"]).arg(Path::new(ROOT).join("tests/python").join(program));
            let output = python.args(argument).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{program} on {}: {said}",
                ready.installed.python_version
            );
        }
    }
}
