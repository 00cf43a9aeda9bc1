//! The same records give the same database, in whatever they come.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod support;

use sealroom_advisories::{Advisories, Imported};
use sealroom_seal::{Digest, Hasher};
use serde_json::{Value, json};
use std::{fs, io, os::unix::fs::symlink, path::Path};
use support::{archive, chain, find, foreign, ids, import, now, record, refusal};

fn records() -> Vec<Value> {
    vec![
        record("PYSEC-1", "Some_Package", "0", "2.0"),
        foreign("GHSA-1"),
        record("PYSEC-2", "other", "1", "3"),
    ]
}

fn texts() -> Vec<String> {
    records().iter().map(Value::to_string).collect()
}

/// A database without what it says of its source.
fn content(imported: &Imported) -> Value {
    assert_eq!(imported.counts.to_string(), "3 records read, 2 kept, 1 about other ecosystems");
    let mut content = serde_json::to_value(&imported.advisories).unwrap();
    content.as_object_mut().unwrap().remove("source");
    content
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn arrays_lines_folders_and_archives_are_read_alike() {
    let texts = texts();
    let array = import("a.json", format!(" \n[{}]\n", texts.join(" ,\n"))).unwrap();
    let expected = content(&array);
    assert_eq!(ids(&array.advisories, "some.package", "1.9"), ["PYSEC-1"]);
    assert_eq!(ids(&array.advisories, "other", "2.9"), ["PYSEC-2"]);

    let pretty: Vec<String> =
        records().iter().map(|record| serde_json::to_string_pretty(record).unwrap()).collect();
    for (name, text) in [
        ("a.jsonl", texts.join("\n")),
        ("lines-end.jsonl", format!("{}\r\n\n", texts.join("\r\n"))),
        ("a.json", texts.concat()),
        ("pretty.json", pretty.join("\n\n")),
        ("no-extension", serde_json::to_string_pretty(&records()).unwrap()),
    ] {
        assert_eq!(content(&import(name, text).unwrap()), expected, "{name}");
    }
    let [one, two, three] = [&texts[0], &texts[1], &texts[2]].map(String::as_bytes);
    let junk: &[u8] = b"not JSON";
    for (name, files) in [
        ("all.zip", vec![("PYSEC-1.json", one), ("GHSA-1.json", two), ("PYSEC-2.json", three)]),
        (
            "deep.zip",
            vec![("x/y/3.JSON", three), ("x/2.json", two), ("1.json", one), ("README.md", junk)],
        ),
        ("array-in.zip", vec![("a.json", format!("[{}]", texts.join(",")).as_bytes())]),
        ("named-otherwise", vec![("1.json", one), ("2.json", two), ("3.json", three)]),
    ]
    .map(|(name, files)| (name, archive(&files)))
    {
        assert_eq!(content(&import(name, files).unwrap()), expected, "{name}");
    }

    let dir = tempfile::tempdir().unwrap();
    for (n, text) in texts.iter().enumerate() {
        write(&dir.path().join(format!("advisories/{n}/{n}/{n}.json")), text);
    }
    write(&dir.path().join(".git/config"), "not JSON");
    let folder = Advisories::import(dir.path(), now()).unwrap();
    assert_eq!(content(&folder), expected, "folder");
}

#[test]
fn one_record_is_enough() {
    let one = record("PYSEC-1", "a", "0", "2").to_string();
    let imported = import("PYSEC-1.json", &one).unwrap();
    assert_eq!((imported.counts.read, imported.counts.kept), (1, 1));
    assert_eq!(imported.advisories.source().name(), "PYSEC-1.json");
    assert_eq!(imported.advisories.source().sha256(), Digest::of(one.as_bytes()));
}

#[test]
fn a_source_is_known_by_its_name_and_digest() {
    let bytes = archive(&[("1.json", texts()[0].as_bytes())]);
    let from_archive = import("all\u{1b}.zip", &bytes).unwrap().advisories;
    assert_eq!(from_archive.source().name(), "all\u{fffd}.zip");
    assert_eq!(from_archive.source().sha256(), Digest::of(&bytes));
    let text = format!("[{}]\n \n", texts().join(","));
    assert_eq!(
        import("a", &text).unwrap().advisories.source().sha256(),
        Digest::of(text.as_bytes())
    );

    let dir = tempfile::tempdir().unwrap();
    let mut hasher = Hasher::default();
    for (name, text) in [("a/b.json", &texts()[2]), ("a.json", &texts()[0])] {
        write(&dir.path().join("db").join(name), text);
        hasher.update(&u32::try_from(name.len()).unwrap().to_be_bytes());
        hasher.update(name.as_bytes());
        hasher.update(Digest::of(text.as_bytes()).as_bytes());
    }
    let folder = Advisories::import(&dir.path().join("db"), now()).unwrap().advisories;
    assert_eq!((folder.source().name(), folder.source().sha256()), ("db", hasher.finish()));
}

#[test]
fn of_two_versions_of_an_advisory_the_later_counts() {
    let version = |modified: &str, fixed: &str| {
        let mut record = record("PYSEC-1", "a", "0", fixed);
        record["modified"] = json!(modified);
        record
    };
    let (old, new) = (version("2024-01-01T00:00:00Z", "1"), version("2024-01-02T00:00:00Z", "2"));
    for order in [[&old, &new], [&new, &old]] {
        let imported = import("a.json", json!(order).to_string()).unwrap();
        assert_eq!(
            imported.counts.to_string(),
            "2 records read, 1 kept, 1 replaced by later versions"
        );
        assert_eq!(find(&imported.advisories, "a", "0.5")[0].fixed_in, ["2"]);
    }
    let mut gone = new.clone();
    gone["withdrawn"] = json!("2024-01-02T00:00:00Z");
    let other = record("PYSEC-2", "b", "0", "1");
    let imported = import("a.json", json!([gone, old, other]).to_string()).unwrap();
    assert!(ids(&imported.advisories, "a", "0.5").is_empty());
    // Of two at the same time, which one counts is not known: so both do.
    let mut again = version("2024-01-01T00:00:00Z", "0");
    again["affected"][0]["versions"] = json!(["7"]);
    let imported = import("a.json", json!([old, again, old]).to_string()).unwrap();
    assert_eq!(imported.counts.kept, 3);
    for version in ["0.5", "7"] {
        assert_eq!(ids(&imported.advisories, "a", version), ["PYSEC-1"], "{version}");
    }
}

#[test]
fn dates_that_are_yet_to_come_do_not_make_it_fresh() {
    let dated = |id: &str, modified: &str| {
        let mut record = record(id, "a", "0", "1");
        record["modified"] = json!(modified);
        record
    };
    let records = json!([
        dated("A-1", "2024-05-01T00:00:00Z"),
        dated("A-2", "2024-05-02T02:00:00+02:00"),
        dated("A-3", "2999-01-01T00:00:00Z"),
    ]);
    let as_of = import("a.json", records.to_string()).unwrap().advisories.as_of();
    assert_eq!(as_of, "2024-05-02T00:00:00Z".parse().unwrap());
    let only = import("a.json", dated("A-3", "2999-01-01T00:00:00Z").to_string()).unwrap();
    assert_eq!(only.advisories.as_of(), now());
}

#[test]
fn what_is_about_no_python_package_is_no_source() {
    let mut withdrawn = record("PYSEC-1", "a", "0", "1");
    withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
    let text = json!([foreign("GHSA-1"), foreign("GHSA-2"), withdrawn]).to_string();
    assert_eq!(
        refusal("npm.json", text),
        "`npm.json` has no advisory about a Python package (ecosystem `PyPI`): 3 records read, 2 about other \
         ecosystems, 1 withdrawn"
    );
    let nothing = "has no advisory about a Python package (ecosystem `PyPI`): 0 records read";
    assert_eq!(refusal("empty.json", ""), format!("`empty.json` {nothing}"));
    assert_eq!(refusal("empty.json", " \n"), format!("`empty.json` {nothing}"));
    assert_eq!(refusal("empty.json", "[]"), format!("`empty.json` {nothing}"));
    assert_eq!(refusal("empty.zip", archive(&[])), format!("`empty.zip` {nothing}"));
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("README.md"), "no advisories");
    let error = Advisories::import(dir.path(), now()).unwrap_err().to_string();
    assert!(error.ends_with(nothing), "{error}");
}

#[test]
fn only_files_and_folders_are_read() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("1.json"), &texts()[0]);
    let refused = |what: &str| {
        let error = chain(&Advisories::import(dir.path(), now()).unwrap_err());
        assert!(error.contains(what), "{error}");
    };
    // A folder that a link leads to would be missed, one that leads back would be read without end.
    symlink(dir.path(), dir.path().join("loop")).unwrap();
    refused("`loop` in `");
    refused("is a link, only files and folders are read");
    fs::remove_file(dir.path().join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s.json")).unwrap();
    refused("`s.json` in `");
    refused("is neither a file nor a folder");
    let socket = Advisories::import(&dir.path().join("s.json"), now()).unwrap_err().to_string();
    assert_eq!(socket, "`s.json` is neither a file nor a folder");
    fs::remove_file(dir.path().join("s.json")).unwrap();
    assert!(Advisories::import(dir.path(), now()).is_ok());
    let missing = Advisories::import(&dir.path().join("none.zip"), now()).unwrap_err();
    assert!(chain(&missing).starts_with("cannot read `none.zip`: "), "{missing}");
    let kind =
        std::error::Error::source(&missing).unwrap().downcast_ref::<io::Error>().unwrap().kind();
    assert_eq!(kind, io::ErrorKind::NotFound);
}
