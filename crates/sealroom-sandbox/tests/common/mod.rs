//! What the tests of real runs share: a job that is easy to write, and what came of it.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sealroom_packages::{Ready, RuntimeError, Runtimes};
use sealroom_sandbox::{
    CodeFile, Exit, Input, Job, Launcher, Limits, Outcome, Participants, ResultWriter, Results,
    Runtime, SandboxError, Source,
};
use serde_json::Value;

/// The launcher of this test program.
pub fn launcher() -> &'static Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(new_launcher)
}

pub fn new_launcher() -> Launcher {
    let program = Path::new(env!("CARGO_BIN_EXE_sealroom-sandbox-stage"));
    Launcher::start_with(program).expect("a launcher")
}

/// The runtime `default`, with its packages.
pub fn runtime() -> Runtime {
    static READY: OnceLock<Ready> = OnceLock::new();
    let ready = READY.get_or_init(|| ready("default").unwrap_or_else(|error| panic!("{error}")));
    ready.runtime().unwrap()
}

/// A runtime that set-up has made, if this machine can have it.
pub fn ready(name: &str) -> Result<Ready, RuntimeError> {
    Runtimes::locate(None)?.ready(&name.parse().unwrap())
}

/// Results by consumer and name, as they were committed.
pub type Written = BTreeMap<(u32, String), Vec<u8>>;

#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Written>>);

impl Shelf {
    pub fn take(&self) -> Written {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Results for Shelf {
    fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let (consumers, name) = (consumers.to_vec(), name.to_owned());
        Ok(Box::new(Item { shelf: self.clone(), consumers, name, bytes: Vec::new() }))
    }
}

struct Item {
    shelf: Shelf,
    consumers: Vec<u32>,
    name: String,
    bytes: Vec<u8>,
}

impl Write for Item {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ResultWriter for Item {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let places = self.consumers.iter().map(|consumer| (*consumer, self.name.clone()));
        let written = places.map(|place| (place, self.bytes.clone()));
        self.shelf.0.lock().unwrap().extend(written);
        Ok(())
    }
}

/// A job in the making. One provider, one consumer and modest limits unless told otherwise.
pub struct Room {
    pub code: Vec<(String, bool, Vec<u8>)>,
    pub inputs: Vec<(u32, String, Arc<dyn Source>)>,
    pub participants: Participants,
    pub limits: Limits,
    pub layers: Vec<String>,
}

/// As many different keys of nobody.
fn keys(first: u8, count: u32) -> Vec<[u8; 32]> {
    (0..count).map(|at| [first + at as u8; 32]).collect()
}

/// What came of a job.
pub struct Ran {
    pub outcome: Outcome,
    pub results: Written,
    pub log: String,
}

impl Room {
    pub fn new(run_py: &str) -> Self {
        let limits = Limits {
            wall: Duration::from_secs(60),
            memory_bytes: 2 << 30,
            processes: 64,
            cpus: None,
            scratch_bytes: 64 << 20,
            result_bytes: 16 << 20,
            result_count: 8,
            log_bytes: 64 << 10,
        };
        let code = vec![("run.py".to_owned(), false, run_py.as_bytes().to_vec())];
        let participants = Participants {
            computation: std::array::from_fn(|at| 15 - at as u8),
            code_provider: [0xc0; 32],
            ..Participants::default()
        };
        let room = Self { code, inputs: Vec::new(), participants, limits, layers: Vec::new() };
        room.providers(1).consumers(1)
    }

    pub fn sealed(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.code.push((path.to_owned(), true, text.as_ref().to_vec()));
        self
    }

    pub fn clear(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.code.push((path.to_owned(), false, text.as_ref().to_vec()));
        self
    }

    pub fn input(self, provider: u32, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.source(provider, name, Arc::new(bytes.as_ref().to_vec()))
    }

    pub fn source(mut self, provider: u32, name: &str, source: Arc<dyn Source>) -> Self {
        self.inputs.push((provider, name.to_owned(), source));
        let there_are = self.participants.data_providers.len() as u32;
        self.providers(there_are.max(provider + 1))
    }

    pub fn providers(mut self, count: u32) -> Self {
        self.participants.data_providers = keys(0xd0, count);
        self
    }

    pub fn consumers(mut self, count: u32) -> Self {
        self.participants.result_consumers = keys(0xe0, count);
        self
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub fn run(self) -> Ran {
        self.run_with(launcher(), &runtime(), &AtomicBool::new(false))
    }

    pub fn run_with(self, launcher: &Launcher, runtime: &Runtime, cancel: &AtomicBool) -> Ran {
        let shelf = Shelf::default();
        let ran = self.run_into(shelf.clone(), launcher, runtime, cancel);
        let mut ran = ran.unwrap_or_else(|error| panic!("{error}"));
        ran.results = shelf.take();
        ran
    }

    /// The same with results that go elsewhere, and for jails that may not come about.
    pub fn run_into(
        self,
        mut results: impl Results,
        launcher: &Launcher,
        runtime: &Runtime,
        cancel: &AtomicBool,
    ) -> Result<Ran, SandboxError> {
        let code = self.code.into_iter().map(|(path, sealed, bytes)| {
            let source: Arc<dyn Source> = Arc::new(bytes);
            CodeFile { path, sealed, source }
        });
        let inputs = self.inputs.into_iter();
        let job = Job {
            code: code.collect(),
            inputs: inputs
                .map(|(provider, name, source)| Input { provider, name, source })
                .collect(),
            participants: self.participants,
            limits: self.limits,
            layers: &self.layers,
            results: &mut results,
            cancel,
        };
        let outcome = launcher.run(runtime, job)?;
        let log = String::from_utf8_lossy(&outcome.log).into_owned();
        Ok(Ran { outcome, results: Written::new(), log })
    }

    /// Runs and expects success, telling the log otherwise.
    pub fn succeed(self) -> Ran {
        let ran = self.run();
        assert_eq!(ran.outcome.exit, Exit::Code(0), "{}", ran.log);
        ran
    }
}

impl Ran {
    /// The default result of a consumer.
    pub fn result(&self, consumer: u32) -> &[u8] {
        let name = "result.bin".to_owned();
        self.results.get(&(consumer, name)).map_or(b"<no result>", Vec::as_slice)
    }

    /// The same as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.result(0)).into_owned()
    }
}

/// Imports sealed modules of every shape.
pub fn packages() -> Room {
    Room::new(include_str!("../programs/packages.py"))
        .sealed("pkg/__init__.py", "WHO = 'package'\n")
        .sealed("pkg/a.py", "NAME = 'a of ' + __package__\n")
        .sealed("pkg/sub/__init__.py", "")
        .sealed("pkg/sub/deep.py", "from ..a import NAME as UP\nfrom . import __name__ as N\n")
        .sealed("pkg/tool.py", "ran = __name__\n")
        .sealed("names/space/part.py", "X = 1\n")
        .sealed("top.py", "# -*- coding: utf-8 -*-\ndef function():\n    raise KeyError('é')\n")
        .sealed("csv.py", "IS = 'mine'\n")
        .sealed("shadowed_json.py", "")
        .sealed("beside.py", "WHO = 'module'\n")
        .sealed("beside/__init__.py", "WHO = 'package'\n")
        .sealed("clear_pkg/inner.py", "Y = 2\n")
        .clear("clear_pkg/__init__.py", "")
}

/// Opens sealed resources in every usual way.
pub fn resources() -> Room {
    Room::new(include_str!("../programs/resources.py"))
        .sealed("pkg/__init__.py", "")
        .sealed("pkg/table.bin", (0..=255).collect::<Vec<u8>>())
        .sealed("pkg/words.txt", "wörds\n")
        .sealed("pkg/data/deep.txt", "deep\n")
        .sealed("weights.bin", "w")
}

/// Asks for every name of the 2022 library.
pub fn old_names() -> Room {
    let code = include_str!("../programs/old_names.py");
    let room = Room::new(code).input(0, "a", "one").input(1, "b", "two").input(0, "c", "three");
    let mut room = room.providers(3).consumers(2);
    // The fixed vector of `sodium`: its fingerprint is known.
    room.participants.data_providers[1] = [
        0x29, 0xac, 0xba, 0xe1, 0x41, 0xbc, 0xca, 0xf0, 0xb2, 0x2e, 0x1a, 0x94, 0xd3, 0x4d, 0x0b,
        0xc7, 0x36, 0x1e, 0x52, 0x6d, 0x0b, 0xfe, 0x12, 0xc8, 0x97, 0x94, 0xbc, 0x93, 0x22, 0x96,
        0x6d, 0xd7,
    ];
    room
}

const IMPORT_RULES: &str = include_str!("../programs/import_rules.json");

/// What can be imported from where, a case each.
pub fn import_cases() -> Vec<Value> {
    serde_json::from_str(IMPORT_RULES).unwrap()
}

/// Goes through all of them, each in its own folder.
pub fn import_rules() -> Room {
    let room = Room::new(include_str!("../programs/import_rules.py"));
    let room = room.clear("import_rules.json", IMPORT_RULES);
    import_cases().iter().enumerate().fold(room, |room, (number, case)| {
        let files = |kind: &str| case[kind].as_object().cloned().unwrap_or_default().into_iter();
        let at = |path: String| format!("case{number}/{path}");
        let room =
            files("sealed").fold(room, |room, (path, text)| room.sealed(&at(path), bytes(text)));
        files("clear").fold(room, |room, (path, text)| room.clear(&at(path), bytes(text)))
    })
}

/// Text as text; what is none, as numbers.
fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.into_bytes(),
        numbers => serde_json::from_value(numbers).unwrap(),
    }
}
