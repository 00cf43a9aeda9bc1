//! The file of a database: the same bytes for the same import, whole or not there, and no other file is one.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod support;

use sealroom_advisories::{Advisories, DatabaseError, FORMAT, MAX_DATABASE};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, time::Instant};
use support::{chain, find, import, now, record, vectors};

fn sample() -> Advisories {
    Advisories::import(&vectors(), now()).unwrap().advisories
}

#[test]
fn it_survives_writing_and_reading() {
    let dir = tempfile::tempdir().unwrap();
    let (path, advisories) = (dir.path().join("advisories.json"), sample());
    advisories.save(&path).unwrap();
    let loaded = Advisories::load(&path).unwrap();
    assert_eq!(loaded, advisories);
    assert_eq!(find(&loaded, "pyyaml", "5.3.1"), find(&advisories, "pyyaml", "5.3.1"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn the_same_import_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
    sample().save(&one).unwrap();
    sample().save(&other).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    let text = fs::read_to_string(&one).unwrap();
    assert!(text.contains(FORMAT) && text.ends_with("}\n"), "{text}");
}

#[test]
fn it_replaces_what_was_there_and_leaves_nothing_beside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("advisories.json");
    fs::write(&path, "old, and longer than nothing").unwrap();
    sample().save(&path).unwrap();
    assert!(Advisories::load(&path).is_ok());
    let first = import("a.json", record("PYSEC-1", "a", "0", "1").to_string()).unwrap().advisories;
    first.save(&path).unwrap();
    let loaded = Advisories::load(&path).unwrap();
    assert!(find(&loaded, "pyyaml", "5.3.1").is_empty(), "an import replaces the one before");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let missing = dir.path().join("none/advisories.json");
    let error = sample().save(&missing).unwrap_err();
    assert!(matches!(error, DatabaseError::Write { .. }), "{error}");
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert!(sample().save(&dir.path().join("folder")).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left of a failure");
}

#[test]
fn what_is_no_database_of_this_version_is_refused_for_its_own_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    let good = serde_json::to_value(sample()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut spoiled = good.clone();
        *spoiled.pointer_mut(pointer).unwrap() = value;
        spoiled.to_string()
    };
    let mut extra = good.clone();
    extra["more"] = json!(1);
    let cut = good.to_string();
    let no_database = "is no file of imported advisories";
    for (content, message) in [
        (
            with("/version", json!("sealroom/advisories/v2")),
            "have format `sealroom/advisories/v2`, this program reads `sealroom/advisories/v1`",
        ),
        (with("/version", json!("\u{1b}")), "have format `\u{fffd}`"),
        (
            r#"{"version":"sealroom/advisories/v9","all":"new"}"#.to_owned(),
            "have format `sealroom/advisories/v9`",
        ),
        (with("/imported_at", json!("now")), no_database),
        (with("/packages/pyyaml/0/id", json!("a b")), no_database),
        (with("/packages/pyyaml/0/severity", json!("awful")), no_database),
        (
            with("/packages/pyyaml/0/affects", json!({ "ranges": [{ "fixed": ["x"] }] })),
            no_database,
        ),
        (extra.to_string(), no_database),
        (cut[..cut.len() / 2].to_owned(), no_database),
        (String::new(), no_database),
        ("[]".to_owned(), no_database),
        ("{}".to_owned(), no_database),
        ("PK\x03\x04".to_owned(), no_database),
    ] {
        fs::write(&path, content).unwrap();
        let error = Advisories::load(&path).unwrap_err();
        assert!(error.to_string().contains(message), "{message}: {}", chain(&error));
        assert!(error.to_string().contains("a.json`"), "{error}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(Advisories::load(&path), Err(DatabaseError::Read { .. })));
}

#[test]
fn a_file_without_end_is_not_read_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    fs::File::create(&path).unwrap().set_len(MAX_DATABASE + 1).unwrap();
    assert!(matches!(Advisories::load(&path), Err(DatabaseError::TooLong { .. })));
}

/// `cargo test --release -p sealroom-advisories --test database -- --nocapture size`
#[test]
fn size_and_speed_with_as_many_advisories_as_there_are() {
    let releases: Vec<String> = (0..100).map(|n| format!("1.{n}.0")).collect();
    let records: Vec<Value> = (0..20_000)
        .map(|n| {
            let mut record =
                record(&format!("PYSEC-{n}"), &format!("package-{}", n / 4), "0", "1.100");
            record["aliases"] = json!([format!("CVE-2024-{n}"), format!("GHSA-xxxx-{n}")]);
            record["details"] =
                json!("What somebody has found, and what to do about it. ".repeat(40));
            record["affected"][0]["versions"] = json!(releases);
            record
        })
        .collect();
    let started = Instant::now();
    let advisories = import("a.json", json!(records).to_string()).unwrap().advisories;
    let imported = started.elapsed();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    advisories.save(&path).unwrap();
    let started = Instant::now();
    let loaded = Advisories::load(&path).unwrap();
    let read = started.elapsed();
    let started = Instant::now();
    for n in 0..100 {
        assert_eq!(find(&loaded, &format!("Package_{n}"), "1.50").len(), 4);
    }
    let asked = started.elapsed();
    let bytes = fs::metadata(&path).unwrap().len();
    println!(
        "imported in {imported:?}, {bytes} bytes, read in {read:?}, 100 packages in {asked:?}"
    );
    assert!(bytes < 12 << 20, "{bytes} bytes");
    assert!(asked.as_secs() < 1, "{asked:?}");
}
