//! What was resolved once is fetched again: from a lock of uv's, and from our own.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{
    bench::{Bench, chain, versions, via},
    target,
};
use sealroom_protocol::{Digest, package::Requester};
use sealroom_resolve::{
    Fetched, Limits, ResolveError, Target, compile_runtime_lock, fetch_again, fetch_locked,
};
use std::fs;

fn index() -> Bench {
    Bench::index(None, "UV_INDEX_URL", "http://{}/simple")
}

fn allowing(python: &str, names: &[&str]) -> Target {
    let mut target = target(python, &[]);
    target.allow_source = names.iter().map(|name| name.parse().unwrap()).collect();
    target
}

fn from_lock(bench: &Bench, text: &str, target: &Target) -> Result<Fetched, ResolveError> {
    let (limits, into) = (Limits::default(), bench.path("into"));
    let digest = Digest::of(b"requirements.in");
    let direct = Requester::Runtime;
    bench.check(fetch_locked(text, target, &bench.tools, &limits, &into, digest, &direct))
}

fn again(bench: &Bench, fetched: &Fetched, target: &Target) -> Result<Fetched, ResolveError> {
    let (limits, into) = (Limits::default(), bench.clear().path("into"));
    bench.check(fetch_again(&fetched.lock, target, &bench.tools, &limits, &into))
}

#[test]
fn a_runtime_is_locked_for_all_and_fetched_for_each() {
    let bench = Bench::index(Some("u:s3cr3t"), "UV_INDEX_URL", "http://u:s3cr3t@{}/simple");
    bench.wheel("a", "1", &["b", "old ; python_version < '3.9'"]).wheel("b", "1", &["s"]);
    bench.wheel("old", "1", &[]).wheel("win", "1", &[]).source("s", "1", &["b"], "tar.gz");
    let (list, lock) = (bench.path("home/requirements.in"), bench.path("home/requirements.lock"));
    fs::write(&list, "# why\nA\ns==1\nwin ; sys_platform == 'win32'\n").unwrap();
    let allow = ["s".parse().unwrap()].into();
    compile_runtime_lock(&list, &lock, "3.8", &allow, &bench.tools, &Limits::default()).unwrap();
    let text = fs::read_to_string(&lock).unwrap();
    assert!(text.starts_with("a==1 \\\n    --hash=sha256:"), "{text}");
    assert!(text.contains("# via -r requirements.in") && !text.contains("s3cr3t"), "{text}");
    assert!(!bench.path("ran").exists());

    let fetched = from_lock(&bench, &text, &allowing("3.8.18", &["s"])).unwrap();
    assert_eq!(versions(&fetched.lock), ["a 1", "b 1", "old 1", "s 1"]);
    assert_eq!(via(&fetched.lock, "a"), ["requirements.in"]);
    assert_eq!(via(&fetched.lock, "s"), ["requirements.in", "b"]);
    assert_eq!(via(&fetched.lock, "old"), ["a"]);
    bench.clear();
    let fetched = from_lock(&bench, &text, &allowing("3.13.0", &["s"])).unwrap();
    assert_eq!(versions(&fetched.lock), ["a 1", "b 1", "s 1"]);
    assert_eq!(fetched.lock.requirements, Digest::of(b"requirements.in"));

    let error = from_lock(bench.clear(), &text, &target("3.13.0", &[])).unwrap_err();
    assert!(
        matches!(&error, ResolveError::NoWheel { name, .. } if name == "s"),
        "{}",
        chain(&error)
    );
}

#[test]
fn a_runtime_that_asks_for_what_does_not_do_gets_no_lock() {
    let bench = index();
    bench.source("s", "1", &[], "tar.gz");
    let (list, lock) = (bench.path("home/requirements.in"), bench.path("home/requirements.lock"));
    let compile = |text: &str| {
        fs::write(&list, text).unwrap();
        let limits = Limits::default();
        let none = std::collections::BTreeSet::new();
        compile_runtime_lock(&list, &lock, "3.8", &none, &bench.tools, &limits).unwrap_err()
    };
    let error = compile("-r other.txt\n");
    assert!(chain(&error).contains("the option `-r` is not accepted"), "{}", chain(&error));
    let error = compile("s==1\n");
    assert!(matches!(error, ResolveError::NoWheel { .. }), "{}", chain(&error));
    assert!(!lock.exists() && !bench.path("ran").exists());
}

#[test]
fn a_lock_that_is_none_and_a_hash_that_is_another_are_refused() {
    let bench = index();
    bench.wheel("a", "1", &[]).source("s", "1", &[], "zip");
    let error = from_lock(&bench, "a>=1\n", &target("3.13.0", &[])).unwrap_err();
    assert!(matches!(error, ResolveError::Answer { .. }), "{}", chain(&error));
    for name in ["a", "s"] {
        let text = format!("{name}==1 \\\n    --hash=sha256:{}\n", Digest::of(b""));
        let error = from_lock(&bench, &text, &allowing("3.13.0", &["s"])).unwrap_err();
        assert!(matches!(error, ResolveError::HashMismatch { .. }), "{}", chain(&error));
    }
}

#[test]
fn exactly_the_files_of_a_lock_are_fetched_again() {
    let bench = index();
    bench.wheel("a", "1", &["b"]).wheel("b", "1", &[]).source("s", "1", &[], "tar.gz");
    let target = allowing("3.13.0", &["s"]);
    let first = bench.resolve("a\ns==1\n", &target).unwrap();
    // What is newer, or fits better, does not count.
    bench.wheel("b", "2", &[]).package("a", "1", &[], &[], "cp313-none-manylinux_2_17_x86_64", "");
    bench.wheel("s", "1", &[]);
    let second = again(&bench, &first, &target).unwrap();
    assert_eq!(second.lock, first.lock);
    assert_eq!(second.files, first.files);
}

#[test]
fn files_that_are_gone_or_changed_are_named() {
    for (file, gone) in [
        ("a-1-py3-none-any.whl", true),
        ("s-1.zip", true),
        ("a-1-py3-none-any.whl", false),
        ("s-1.zip", false),
    ] {
        let mut bench = index();
        bench.wheel("a", "1", &[]).wheel("a", "2", &[]).source("s", "1", &[], "zip").wheel(
            "s",
            "2",
            &[],
        );
        let target = allowing("3.13.0", &["s"]);
        let first = bench.resolve("a==1\ns==1\n", &target).unwrap();
        // As another machine would see it, whose caches are empty.
        for name in ["UV_CACHE_DIR", "PIP_CACHE_DIR"] {
            bench.tools = bench.tools.clone().with_variable(name, bench.path("home/other"));
        }
        if gone {
            fs::remove_file(bench.files().join(file)).unwrap();
        } else if file.starts_with('a') {
            bench.package("a", "1", &[], &[], "py3-none-any", "another");
        } else {
            bench.source("s", "1", &["a"], "zip");
        }
        let error = again(&bench, &first, &target).unwrap_err();
        match &error {
            ResolveError::Vanished { file: named } if gone => assert_eq!(named, file),
            ResolveError::HashMismatch { .. } if !gone => {}
            _ => panic!("{file}: {}", chain(&error)),
        }
    }
}
