//! Records, and the files that they come in.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]
#![allow(dead_code, reason = "each test uses some of it")]

use jiff::Timestamp;
use sealroom_advisories::{Advisories, Finding, ImportError, Imported};
use serde_json::{Value, json};
use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// When everything here happens.
pub(crate) fn now() -> Timestamp {
    "2025-07-01T12:00:00Z".parse().unwrap()
}

/// The records of `vectors/advisories`.
pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/advisories")
}

/// A record of a package's versions from one up to another.
pub(crate) fn record(id: &str, package: &str, introduced: &str, fixed: &str) -> Value {
    json!({
        "schema_version": "1.7.3",
        "id": id,
        "modified": "2024-01-01T00:00:00Z",
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": package },
            "ranges": [{
                "type": "ECOSYSTEM",
                "events": [{ "introduced": introduced }, { "fixed": fixed }],
            }],
        }],
    })
}

/// A record of another ecosystem.
pub(crate) fn foreign(id: &str) -> Value {
    let mut record = record(id, "lodash", "0", "1");
    record["affected"][0]["package"]["ecosystem"] = json!("npm");
    record
}

/// Imports `content` from a file of that name.
pub(crate) fn import(name: &str, content: impl AsRef<[u8]>) -> Result<Imported, ImportError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    Advisories::import(&path, now())
}

/// What an import of `content` says when it fails, with its causes.
pub(crate) fn refusal(name: &str, content: impl AsRef<[u8]>) -> String {
    match import(name, content) {
        Ok(imported) => panic!("{name} was imported: {}", imported.counts),
        Err(error) => chain(&error),
    }
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").unwrap();
        cause = error.source();
    }
    text
}

/// An archive of files.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub(crate) fn find(advisories: &Advisories, name: &str, version: &str) -> Vec<Finding> {
    advisories.affecting(&name.parse().unwrap(), &version.parse().unwrap())
}

/// The names of what affects a version.
pub(crate) fn ids(advisories: &Advisories, name: &str, version: &str) -> Vec<String> {
    find(advisories, name, version).iter().map(|finding| finding.id.to_string()).collect()
}
