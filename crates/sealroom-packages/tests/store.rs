//! Layers of packages, made by a real interpreter in a real jail: shared, kept, tidied, and refused as a whole.
//!
//! The machine has to be prepared (`make setup`).
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use sealroom_packages::{
    Fetch, Layer, LayerError, Ready, Reserved, Runtimes, Store, Workshop, layer::Recipe,
};
use sealroom_protocol::{
    Digest, Lock,
    package::{LOCK_VERSION, LockedPackage, Requester},
};
use sealroom_sandbox::Launcher;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A wheel in memory.
fn wheel(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense: MIT\n");
    let info = format!("{name}-1.0.dist-info/METADATA");
    for (path, content) in files.iter().copied().chain([(info.as_str(), metadata.as_str())]) {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Packages, and how often somebody came for one.
#[derive(Default)]
struct Shelf {
    lock: Vec<LockedPackage>,
    bytes: BTreeMap<Digest, Vec<u8>>,
    fetched: AtomicUsize,
}

impl Shelf {
    fn of(packages: &[(&str, &[(&str, &str)])]) -> Self {
        let mut shelf = Self::default();
        for (name, files) in packages {
            let bytes = wheel(name, files);
            let sha256 = Digest::of(&bytes);
            shelf.lock.push(LockedPackage {
                name: name.parse().unwrap(),
                version: "1.0".parse().unwrap(),
                file: format!("{name}-1.0-py3-none-any.whl").parse().unwrap(),
                size: bytes.len() as u64,
                sha256,
                via: [Requester::Code].into(),
            });
            shelf.bytes.insert(sha256, bytes);
        }
        shelf
    }

    fn lock(&self) -> Lock {
        Lock {
            version: LOCK_VERSION.to_owned(),
            runtime: "minimal".parse().unwrap(),
            python: "3".to_owned(),
            platform: "linux".to_owned(),
            requirements: Digest::of(b""),
            packages: self.lock.clone(),
        }
    }
}

impl Fetch for &Shelf {
    fn fetch(&mut self, package: &LockedPackage, out: &mut dyn io::Write) -> io::Result<()> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        out.write_all(&self.bytes[&package.sha256])
    }
}

/// The launcher of this test program.
fn launcher() -> &'static Launcher {
    static LAUNCHER: OnceLock<Launcher> = OnceLock::new();
    LAUNCHER.get_or_init(|| {
        let program = std::env::current_exe().unwrap();
        let stage = program.ancestors().nth(2).unwrap().join("sealroom-sandbox-stage");
        Launcher::start_with(&stage).expect("a launcher")
    })
}

/// What it takes to make layers.
struct Bench {
    ready: Ready,
    launcher: &'static Launcher,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtimes = Runtimes::locate(None).unwrap_or_else(|error| panic!("{error}"));
        let ready = runtimes.ready(&"minimal".parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { ready, launcher: launcher(), folder }
    }

    fn store(&self) -> Store {
        Store::open(self.folder.path()).unwrap()
    }

    fn layer(&self, shelf: &Shelf, below: Option<&Layer>) -> Result<Layer, LayerError> {
        let installed = &self.ready.installed;
        let reserved = Reserved::new(installed.reserved.iter().cloned());
        let recipe = Recipe {
            lock: &shelf.lock(),
            python_version: &installed.python_version,
            platform: &installed.platform,
            reserved: &reserved,
            below,
            tools: None,
        };
        let never = AtomicBool::new(false);
        let workshop = Workshop { launcher: self.launcher, bare: &self.ready.bare, cancel: &never };
        let mut from = shelf;
        self.store().layer(&recipe, &workshop, &mut from)
    }

    /// What is in the store but lock files.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_layer_has_its_packages_and_their_bytecode_and_everybody_may_read_it() {
    let bench = Bench::new();
    let broken = ("a/broken.py", "def (:\n");
    let shelf =
        Shelf::of(&[("a", &[("a/__init__.py", "x = 1\n"), broken]), ("b", &[("b.py", "")])]);
    let old = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let layer = bench.layer(&shelf, None).unwrap();
    rustix::process::umask(old);
    let tag = "cpython-3";
    let compiled = fs::read_dir(layer.folder().join("a/__pycache__")).unwrap();
    let names: Vec<String> =
        compiled.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() == 1 && names[0].starts_with(&format!("__init__.{tag}")), "{names:?}");
    for (path, wanted) in [("a", 0o755), ("a/__init__.py", 0o644), ("a/__pycache__", 0o755)] {
        assert_eq!(mode(&layer.folder().join(path)), wanted, "{path}");
    }
    let facts = layer.facts(&"a".parse().unwrap()).unwrap();
    assert_eq!((facts.license.as_deref(), facts.built.is_none()), (Some("MIT"), true));
}

#[test]
fn the_same_packages_are_made_once_however_many_ask() {
    let bench = Bench::new();
    let shelf = Shelf::of(&[("a", &[("a.py", "")])]);
    thread::scope(|scope| {
        let tasks: Vec<_> =
            (0..4).map(|_| scope.spawn(|| bench.layer(&shelf, None).unwrap())).collect();
        // Each keeps it until all have it: who uses a layer is in nobody's way.
        let layers: Vec<Layer> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        assert!(layers.windows(2).all(|pair| pair[0].key() == pair[1].key()));
    });
    assert_eq!(shelf.fetched.load(Ordering::Relaxed), 1);
    assert_eq!(bench.left().len(), 1);
    let other = Shelf::of(&[("a", &[("a.py", "# other\n")])]);
    bench.layer(&other, None).unwrap();
    assert_eq!(bench.left().len(), 2);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let bench = Bench::new();
    let twice = Shelf::of(&[("a", &[("shared.py", "1")]), ("b", &[("shared.py", "2")])]);
    let refused = bench.layer(&twice, None);
    assert!(matches!(refused, Err(LayerError::Conflict { .. })), "{refused:?}");

    let mut swapped = Shelf::of(&[("a", &[("a.py", "")])]);
    swapped.bytes.values_mut().for_each(|bytes| bytes[40] ^= 1);
    let refused = bench.layer(&swapped, None).unwrap_err();
    assert!(matches!(refused, LayerError::Hash { .. }) && !refused.is_refusal(), "{refused}");

    let mut longer = Shelf::of(&[("a", &[("a.py", "")])]);
    longer.bytes.values_mut().for_each(|bytes| bytes.extend([0; 4096]));
    let refused = bench.layer(&longer, None);
    assert!(matches!(refused, Err(LayerError::Fetch { .. })), "{refused:?}");

    let evil = Shelf::of(&[("a", &[("evil.pth", "import os\n")])]);
    let refused = bench.layer(&evil, None).unwrap_err();
    assert!(matches!(refused, LayerError::Wheel { .. }) && refused.is_refusal(), "{refused}");
    assert_eq!(bench.left(), Vec::<String>::new());
}

#[test]
fn nothing_of_the_layer_below_is_replaced() {
    let bench = Bench::new();
    let below = bench.layer(&Shelf::of(&[("a", &[("space/a.py", "")])]), None).unwrap();
    let shelf = Shelf::of(&[("b", &[("space/a.py", "print('mine')\n")])]);
    let refused = bench.layer(&shelf, Some(&below));
    assert!(matches!(refused, Err(LayerError::Conflict { .. })), "{refused:?}");
    // A namespace is shared, its files are not.
    bench.layer(&Shelf::of(&[("c", &[("space/c.py", "")])]), Some(&below)).unwrap();
}

#[test]
fn what_a_crash_has_left_is_made_anew() {
    let bench = Bench::new();
    let shelf = Shelf::of(&[("a", &[("a.py", "")])]);
    let key = bench.layer(&shelf, None).unwrap().key();
    let place = bench.folder.path().join(key.to_string());
    fs::remove_file(place.join("layer.json")).unwrap();
    fs::write(place.join("site-packages/half.py"), "").unwrap();
    for left in [None, Some(""), Some("{}")] {
        if let Some(left) = left {
            fs::write(place.join("layer.json"), left).unwrap();
        }
        assert!(bench.store().find(key).unwrap().is_none());
    }
    let layer = bench.layer(&shelf, None).unwrap();
    assert!(layer.folder().join("a.py").is_file() && !layer.folder().join("half.py").exists());
    assert_eq!(shelf.fetched.load(Ordering::Relaxed), 2);
}

#[test]
fn layers_that_nobody_uses_make_room_the_oldest_first() {
    let bench = Bench::new();
    let shelf = |name: &str| Shelf::of(&[(name, &[(&*format!("{name}.py"), &"#".repeat(1000))])]);
    let old = bench.layer(&shelf("old"), None).unwrap().key();
    thread::sleep(std::time::Duration::from_millis(20));
    let held = bench.layer(&shelf("held"), None).unwrap();
    thread::sleep(std::time::Duration::from_millis(20));
    let new = bench.layer(&shelf("new"), None).unwrap().key();
    let store = bench.store();
    let there = |key| store.find(key).unwrap().is_some();
    store.tidy(1 << 20).unwrap();
    assert!(there(old) && there(new), "there was room");
    // Looking has made `old` the newest.
    thread::sleep(std::time::Duration::from_millis(20));
    drop(store.find(new));
    store.tidy(2500).unwrap();
    assert!(!there(old) && there(new));
    store.tidy(0).unwrap();
    assert!(!there(new));
    assert!(held.folder().join("held.py").is_file(), "somebody uses it");
    drop(held);
    store.tidy(0).unwrap();
    assert_eq!(bench.left(), Vec::<String>::new());
}
