//! Each limit, with one that a test reaches. Those that hold are tried in `tests/hostile.rs`.

use super::{Exceeded, ImportError, Imported, Limits, import_within};
use jiff::Timestamp;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A record of exactly so many bytes.
fn record(n: usize, bytes: usize) -> String {
    let start = format!(
        r#"{{"id":"X-{n}","modified":"2024-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"PyPI","name":"a"}}}}],"details":""#
    );
    let padding = bytes.checked_sub(start.len() + 2).expect("a record has more bytes than this");
    format!("{start}{}\"}}", "x".repeat(padding))
}

fn records(count: usize, bytes: usize) -> Vec<String> {
    (0..count).map(|n| record(n, bytes)).collect()
}

fn import(path: &Path, limits: Limits) -> Result<Imported, ImportError> {
    import_within(path, Timestamp::UNIX_EPOCH, limits)
}

fn exceeded(path: &Path, limits: Limits) -> Option<Exceeded> {
    match import(path, limits) {
        Ok(_) => None,
        Err(ImportError::TooLarge { source, .. }) => Some(source),
        Err(other) => panic!("{}: {other}", path.display()),
    }
}

/// The records in each form that can be imported.
fn forms(folder: &Path, records: &[String]) -> Vec<PathBuf> {
    let path = |name: &str| folder.join(name);
    fs::write(path("array.json"), format!("[{}]", records.join(","))).unwrap();
    fs::write(path("lines.jsonl"), records.join("\n")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    let mut archive = ZipWriter::new(File::create(path("all.zip")).unwrap());
    for (n, record) in records.iter().enumerate() {
        fs::write(path("folder").join(format!("{n}.json")), record).unwrap();
        archive.start_file(format!("{n}.json"), SimpleFileOptions::default()).unwrap();
        archive.write_all(record.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    ["array.json", "lines.jsonl", "folder", "all.zip"].map(path).to_vec()
}

#[test]
fn there_can_be_too_many_records() {
    let dir = tempfile::tempdir().unwrap();
    for form in forms(dir.path(), &records(4, 200)) {
        let limits = |records| Limits { records, ..Limits::default() };
        assert_eq!(exceeded(&form, limits(4)), None, "{}", form.display());
        assert_eq!(exceeded(&form, limits(3)), Some(Exceeded::Records(3)), "{}", form.display());
    }
}

#[test]
fn a_record_can_be_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = records(3, 200);
    records[1] = record(1, 300);
    for form in forms(dir.path(), &records) {
        // Between records there is a comma or a line break, which counts as part of the next.
        let limits = |record| Limits { record, ..Limits::default() };
        assert_eq!(exceeded(&form, limits(302)), None, "{}", form.display());
        assert_eq!(exceeded(&form, limits(299)), Some(Exceeded::Record(299)), "{}", form.display());
    }
}

#[test]
fn white_space_without_end_is_read_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    let limits = Limits { record: 500, ..Limits::default() };
    for text in [" ".repeat(501), format!("{}{}", record(1, 200), "\n".repeat(501))] {
        fs::write(&path, text).unwrap();
        assert_eq!(exceeded(&path, limits), Some(Exceeded::Record(500)));
    }
}

#[test]
fn what_is_behind_the_last_record_of_a_file_is_no_part_of_the_next() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..2 {
        let text = format!("{}{}", record(n, 200), " ".repeat(250));
        fs::write(dir.path().join(format!("{n}.json")), text).unwrap();
    }
    assert_eq!(exceeded(dir.path(), Limits { record: 300, ..Limits::default() }), None);
}

#[test]
fn the_whole_can_be_too_long() {
    let dir = tempfile::tempdir().unwrap();
    for form in forms(dir.path(), &records(4, 200)) {
        let limits = |total| Limits { total, ..Limits::default() };
        assert_eq!(exceeded(&form, limits(805)), None, "{}", form.display());
        assert_eq!(exceeded(&form, limits(799)), Some(Exceeded::Total(799)), "{}", form.display());
    }
}

#[test]
fn an_archive_can_be_too_long_or_list_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("all.zip");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    archive.start_file("a.json", SimpleFileOptions::default()).unwrap();
    archive.write_all(record(1, 200).as_bytes()).unwrap();
    for n in 0..9 {
        archive.start_file(format!("{n}.txt"), SimpleFileOptions::default()).unwrap();
    }
    archive.finish().unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    let archive = |archive| Limits { archive, ..Limits::default() };
    assert_eq!(exceeded(&path, archive(bytes)), None);
    assert_eq!(exceeded(&path, archive(bytes - 1)), Some(Exceeded::Archive(bytes - 1)));
    let records = |records| Limits { records, ..Limits::default() };
    assert_eq!(exceeded(&path, records(10)), None);
    assert_eq!(exceeded(&path, records(9)), Some(Exceeded::Records(9)));
}

#[test]
fn folders_can_be_too_deep_or_too_full() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("1/2/3");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a.json"), record(1, 200)).unwrap();
    let depth = |depth| Limits { depth, ..Limits::default() };
    assert_eq!(exceeded(dir.path(), depth(3)), None);
    assert_eq!(exceeded(dir.path(), depth(2)), Some(Exceeded::Depth(2)));
    let names = |names| Limits { names, ..Limits::default() };
    assert_eq!(exceeded(dir.path(), names(4)), None);
    assert_eq!(exceeded(dir.path(), names(3)), Some(Exceeded::Names(3)));
}
