//! Fuzz targets for what reads bytes from elsewhere. `cargo test` runs a thousand inputs of each;
//! `cargo bolero test -p sealroom-advisories NAME` goes on for as long as it is let, guided by coverage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod support;

use bolero::check;
use sealroom_advisories::{Advisories, AdvisoryId};
use serde_json::{Value, json};
use support::{archive, find, import, record};

const ASKED: [&str; 4] = ["1.0", "1!2.0.post1+cpu", "2004d", "v0"];

/// Whatever was imported can be asked, written and read.
fn use_it(name: &str, content: &[u8]) {
    let Ok(imported) = import(name, content) else { return };
    for version in ASKED {
        let _ = find(&imported.advisories, "a", version);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    imported.advisories.save(&path).unwrap();
    assert_eq!(Advisories::load(&path).unwrap(), imported.advisories);
}

#[test]
fn fuzz_import() {
    check!().for_each(|bytes: &[u8]| use_it("a", bytes));
}

#[test]
fn fuzz_altered_archive() {
    let whole = archive(&[("1.json", record("A-1", "a", "0", "2").to_string().as_bytes())]);
    check!().with_type().for_each(|(at, bytes): &(u16, [u8; 4])| {
        let mut altered = whole.clone();
        let at = usize::from(*at) % (whole.len() - bytes.len());
        altered[at..at + bytes.len()].copy_from_slice(bytes);
        use_it("a.zip", &altered);
    });
}

#[test]
fn fuzz_versions_and_events() {
    check!().with_type().for_each(|(texts, kinds): &(Vec<String>, Vec<u8>)| {
        let event = |(text, kind): (&String, &u8)| -> Value {
            let kinds = ["introduced", "fixed", "last_affected", "limit", "other"];
            json!({ kinds[usize::from(*kind) % kinds.len()]: text })
        };
        let mut record = record("A-1", "a", "0", "2");
        record["affected"][0]["versions"] = json!(texts);
        record["affected"][0]["ranges"][0]["events"] = texts.iter().zip(kinds).map(event).collect();
        record["aliases"] = json!(texts);
        record["summary"] = json!(texts.concat());
        record["severity"] =
            texts.iter().map(|t| json!({ "type": "CVSS_V3", "score": t })).collect();
        use_it("a.json", record.to_string().as_bytes());
    });
}

#[test]
fn fuzz_load() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    check!().for_each(|bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let _ = Advisories::load(&path);
        let _ = String::from_utf8_lossy(bytes).parse::<AdvisoryId>();
    });
}
