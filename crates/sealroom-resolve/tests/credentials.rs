//! Credentials of an index: used, and found nowhere afterwards.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{
    bench::{Bench, chain, versions},
    target,
};
use sealroom_resolve::{Fetched, ResolveError, Tools};
use std::{fs, path::Path};

const PASSWORD: &str = "s3cr3t-p4ssw0rd";
const USER: &str = "robot-user:s3cr3t-p4ssw0rd";

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// Looks for the password in all that is left, caches included.
fn is_nowhere(bench: &Bench, result: &Result<Fetched, ResolveError>) {
    let said = match result {
        Ok(fetched) => format!("{}{fetched:?}", fetched.lock.to_text()),
        Err(error) => chain(error),
    };
    for secret in [PASSWORD, "robot-user"] {
        assert!(!said.contains(secret), "{said}");
        for file in files_below(&bench.path("")) {
            let bytes = fs::read(&file).unwrap_or_default();
            let has = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!has, "{}", file.display());
        }
    }
}

#[test]
fn credentials_in_the_address_are_used_and_kept_nowhere() {
    let bench = Bench::index(Some(USER), "UV_INDEX_URL", &format!("http://{USER}@{{}}/simple"));
    bench.wheel("a", "1", &["b"]).wheel("b", "1", &[]).source("s", "1", &["b"], "tar.gz");
    let mut target = target("3.13.0", &[]);
    target.allow_source = ["s".parse().unwrap()].into();
    let result = bench.resolve("a\ns==1\n", &target);
    is_nowhere(&bench, &result);
    assert_eq!(versions(&result.unwrap().lock), ["a 1", "b 1", "s 1"]);
    for requirements in ["missing\n", "a>1\n", "s==1\n"] {
        bench.clear();
        target.allow_source.clear();
        let result = bench.resolve(requirements, &target);
        assert!(result.is_err());
        is_nowhere(&bench, &result);
    }
}

#[test]
fn credentials_of_an_index_with_a_name_are_used_and_kept_nowhere() {
    let bench = Bench::index(Some(USER), "UV_DEFAULT_INDEX", "my-corp=http://{}/simple");
    bench.wheel("a", "1", &[]);
    let tools: Tools = bench.tools.clone();
    let tools = tools.with_variable("UV_INDEX_MY_CORP_USERNAME", "robot-user");
    let bench = with_tools(bench, tools.with_variable("UV_INDEX_MY_CORP_PASSWORD", PASSWORD));
    let result = bench.resolve("a\n", &target("3.13.0", &[]));
    is_nowhere(&bench, &result);
    assert_eq!(versions(&result.unwrap().lock), ["a 1"]);
}

#[test]
fn wrong_credentials_are_refused_and_repeated_nowhere() {
    let value = format!("http://robot-user:{PASSWORD}@{{}}/simple");
    let bench = Bench::index(Some("other:one"), "UV_INDEX_URL", &value);
    bench.wheel("a", "1", &[]);
    let result = bench.resolve("a\n", &target("3.13.0", &[]));
    is_nowhere(&bench, &result);
    let error = result.unwrap_err();
    assert!(matches!(error, ResolveError::Denied { .. }), "{}", chain(&error));
    assert!(error.hint().unwrap().contains("credentials"));
}

#[test]
fn an_address_that_is_shown_has_no_credentials() {
    let bench = Bench::bare();
    let tools = bench.tools.clone();
    let address = format!("http://{USER}@127.0.0.1:9/simple");
    let bench = with_tools(bench, tools.with_variable("UV_INDEX_URL", address));
    let result = bench.resolve("a\n", &target("3.13.0", &[]));
    is_nowhere(&bench, &result);
    let error = result.unwrap_err();
    assert!(chain(&error).contains("127.0.0.1:9/simple"), "{}", chain(&error));
}

fn with_tools(mut bench: Bench, tools: Tools) -> Bench {
    bench.tools = tools;
    bench
}
