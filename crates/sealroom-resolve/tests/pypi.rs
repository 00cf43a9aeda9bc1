//! Against the real index, by hand: `cargo test --release -p sealroom-resolve --test pypi -- --ignored --nocapture`.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so"
)]

mod common;

use common::{target, tools};
use sealroom_protocol::{
    Digest,
    package::{Lock, Requester},
};
use sealroom_resolve::{
    Limits, Requirements, compile_runtime_lock, fetch_again, fetch_locked, resolve,
};
use std::{collections::BTreeSet, fs, path::Path, time::Instant};

#[test]
#[ignore = "needs the real index"]
fn statsmodels_on_top_of_a_base() {
    let base = [("numpy", "2.4.4"), ("pandas", "3.0.2"), ("scipy", "1.17.1")];
    let target = target("3.13.0", &base);
    let folder = tempfile::tempdir().unwrap();
    let requirements = Requirements::parse(b"statsmodels\n").unwrap();
    let start = Instant::now();
    let fetched =
        resolve(&requirements, &target, &tools(), &Limits::default(), folder.path()).unwrap();
    println!("{:?}\n{}", start.elapsed(), fetched.lock.to_text());
    assert!(fetched.lock.packages.iter().any(|package| package.name.as_str() == "statsmodels"));
    for (name, _) in base {
        assert!(fetched.lock.packages.iter().all(|package| package.name.as_str() != name));
    }
}

/// The packages of Debian's or Ubuntu's focal, on its Python.
const FOCAL: &str = "scipy==1.3.3\nnumpy==1.17.4\npandas==0.25.3\nkeras==2.2.4\nnltk==3.4.5\n\
    matplotlib==3.1.2\nseaborn==0.10.0\npython-dateutil==2.7.3\nrequests==2.22.0\nprotobuf==3.6.1\n\
    toml==0.10.0\nPyYAML==5.3.1\ntheano==1.0.5\nh5py==2.10.0\n";

#[test]
#[ignore = "needs the real index"]
fn focal_with_two_source_distributions() {
    let mut target = target("3.8.18", &[]);
    let sources = ["nltk", "pyyaml", "theano"];
    target.allow_source = sources.map(|name| name.parse().unwrap()).into();
    let folder = tempfile::tempdir().unwrap();
    let requirements = Requirements::parse(FOCAL.as_bytes()).unwrap();
    let start = Instant::now();
    let fetched =
        resolve(&requirements, &target, &tools(), &Limits::default(), folder.path()).unwrap();
    let resolved = start.elapsed();
    for package in &fetched.lock.packages {
        println!("{} {} {:?}", package.file, package.size, package.via);
    }
    let again = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let same =
        fetch_again(&fetched.lock, &target, &tools(), &Limits::default(), again.path()).unwrap();
    println!("resolved and fetched in {resolved:?}, fetched again in {:?}", start.elapsed());
    assert_eq!(same.lock, fetched.lock);

    let (list, lock) = (again.path().join("requirements.in"), again.path().join("lock"));
    fs::write(&list, FOCAL).unwrap();
    let start = Instant::now();
    compile_runtime_lock(&list, &lock, "3.8", &target.allow_source, &tools(), &Limits::default())
        .unwrap();
    let compiled = start.elapsed();
    let text = fs::read_to_string(&lock).unwrap();
    let start = Instant::now();
    let locked = fetch_locked(
        &text,
        &target,
        &tools(),
        &Limits::default(),
        &again.path().join("files"),
        requirements.digest(),
        &Requester::Runtime,
    )
    .unwrap();
    println!("locked in {compiled:?} ({} bytes), fetched in {:?}", text.len(), start.elapsed());
    let files = |lock: &Lock| lock.packages.iter().map(|p| p.file.clone()).collect::<Vec<_>>();
    assert_eq!(files(&locked.lock), files(&fetched.lock));
}

#[test]
#[ignore = "needs the real index"]
fn the_lock_of_this_checkout() {
    let text = include_str!("../../../runtimes/default/requirements.lock");
    let folder = tempfile::tempdir().unwrap();
    for python in ["3.8.18", "3.11.7", "3.13.0"] {
        let start = Instant::now();
        let fetched = fetch_locked(
            text,
            &target(python, &[]),
            &tools(),
            &Limits::default(),
            &folder.path().join(python),
            Digest::of(text.as_bytes()),
            &Requester::Runtime,
        )
        .unwrap();
        println!("{python}: {} packages in {:?}", fetched.files.len(), start.elapsed());
    }
    let lock = folder.path().join("lock");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes/default/requirements.in");
    let start = Instant::now();
    compile_runtime_lock(&list, &lock, "3.8", &BTreeSet::new(), &tools(), &Limits::default())
        .unwrap();
    println!(
        "locked in {:?}, as before: {}",
        start.elapsed(),
        fs::read_to_string(lock).unwrap() == text
    );
}

#[test]
#[ignore = "needs the real index"]
fn what_failures_read_like() {
    for (python, requirements) in [
        ("3.11.7", "pandas==2.2.0\nnumpy==1.20.0\n"),
        ("3.13.0", "seaborn==0.13.2\nmatplotlib==3.1.2\n"),
        ("3.13.0", "nltk==3.4.5\n"),
        ("3.13.0", "no-such-package-of-anybody\n"),
        ("3.13.0", "numpy==99\n"),
        ("3.13.0", "pyobjc-core\n"),
        ("3.8.18", "numpy>=2\n"),
        ("3.13.0", "requests==2.31.0\nurllib3==1.20\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let parsed = Requirements::parse(requirements.as_bytes()).unwrap();
        let target = target(python, &[]);
        let error =
            resolve(&parsed, &target, &tools(), &Limits::default(), folder.path()).unwrap_err();
        println!("\n{requirements}{}", common::bench::chain(&error));
    }
}
