//! The file format is Tink's: what Tink seals opens here, and what is sealed here opens in Tink.
//!
//! Needs `scripts/setup-test-tools`; fails without it. Vectors that Tink made, for machines that do
//! not have it, are in `vectors/stream` (see `vectors.rs`).
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use sealroom_seal::{
    FileKey, fill_random, random,
    stream::{OpenReader, SealReader, SealWriter, SealedFile, open_file, seal_file, sealed_len},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use tempfile::TempDir;

/// Plaintext bytes of the first segment, which gives room to the header, and of every other.
const FIRST: usize = 65_536 - 40 - 16;
const FULL: usize = 65_536 - 16;

/// Tink in a Python process of its own (`tink/peer.py`).
struct Tink {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    dir: TempDir,
}

impl Tink {
    fn start() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = tools().join("bin/python");
        assert!(
            python.is_file(),
            "there is no `{}`: run scripts/setup-test-tools first, or name its folder with \
             SEALROOM_TEST_TOOLS",
            python.display()
        );
        let mut child = Command::new(&python)
            .arg("-I")
            .arg(package.join("tests/tink/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, orders, answers, dir: tempfile::tempdir().unwrap() }
    }

    fn seal(&mut self, plain: &[u8], place: &Place) -> Vec<u8> {
        self.order("seal", plain, place).expect("Tink seals")
    }

    /// What Tink reads in `sealed`, or why it refuses.
    fn open(&mut self, sealed: &[u8], place: &Place) -> Result<Vec<u8>, String> {
        self.order("open", sealed, place)
    }

    fn order(&mut self, what: &str, given: &[u8], place: &Place) -> Result<Vec<u8>, String> {
        let (source, target) = (self.dir.path().join("source"), self.dir.path().join("target"));
        fs::write(&source, given).unwrap();
        let order = json!({
            "do": what,
            "key": *place.key.to_hex(),
            "associated_data": hex::encode(&place.associated_data),
            "source": source,
            "target": target,
        });
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("the peer answers with JSON");
        match answer["ok"].as_bool().unwrap() {
            true => Ok(fs::read(target).unwrap()),
            false => Err(answer["why"].to_string()),
        }
    }
}

impl Drop for Tink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/setup-test-tools` put the second implementations.
fn tools() -> PathBuf {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    named("SEALROOM_TEST_TOOLS").unwrap_or_else(|| {
        named("SEALROOM_TARGET")
            .or_else(|| named("CARGO_TARGET_DIR"))
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
            .join("test-tools")
    })
}

/// The key and the associated data that a file is sealed under.
struct Place {
    key: FileKey,
    associated_data: Vec<u8>,
}

impl Place {
    fn random() -> Self {
        let [len] = random::<1>();
        Self { key: FileKey::random(), associated_data: random_bytes(usize::from(len)) }
    }
}

fn random_bytes(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill_random(&mut bytes);
    bytes
}

/// Lengths around every border: of the first segment, the second, a batch of `seal_file` (16
/// segments), two batches, and of a mebibyte.
fn lengths() -> Vec<usize> {
    let borders =
        [FIRST, FIRST + FULL, FIRST + 15 * FULL, FIRST + 31 * FULL, 1 << 16, 1 << 20, 2_500_000];
    let around = borders.into_iter().flat_map(|border| border - 1..=border + 1);
    [0, 1, 2, 15, 16, 17].into_iter().chain(around).collect()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn content(mut file: &File) -> Vec<u8> {
    use std::io::Seek as _;
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn by_writer(plain: &[u8], place: &Place) -> Vec<u8> {
    let mut writer = SealWriter::new(Vec::new(), &place.key, &place.associated_data).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn by_reader(plain: &[u8], place: &Place) -> Vec<u8> {
    let mut sealed = Vec::new();
    SealReader::new(plain, &place.key, &place.associated_data).read_to_end(&mut sealed).unwrap();
    sealed
}

fn by_file(plain: &[u8], place: &Place, threads: usize) -> Vec<u8> {
    let sealed = tempfile::tempfile().unwrap();
    seal_file(&file_of(plain), &sealed, &place.key, &place.associated_data, threads).unwrap();
    content(&sealed)
}

/// `sealed` opened in each of our ways; `None` where a way refuses it.
fn opened(sealed: &[u8], place: &Place) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let Place { key, associated_data } = place;
    let mut stream = Vec::new();
    let streamed = OpenReader::new(sealed, key, associated_data).read_to_end(&mut stream);
    let whole = |threads| {
        let plain = tempfile::tempfile().unwrap();
        open_file(&file_of(sealed), &plain, key, associated_data, threads)
            .ok()
            .map(|_| content(&plain))
    };
    let ranges = SealedFile::new(file_of(sealed), key, associated_data).ok().and_then(|file| {
        let mut plain = vec![0; usize::try_from(file.len()).unwrap()];
        // In pieces that respect no border.
        plain
            .chunks_mut(10_007)
            .enumerate()
            .try_for_each(|(i, piece)| file.read_at(10_007 * i as u64, piece).ok())?;
        Some(plain)
    });
    vec![
        ("OpenReader", streamed.ok().map(|_| stream)),
        ("open_file, 1 thread", whole(1)),
        ("open_file, 3 threads", whole(3)),
        ("SealedFile", ranges),
    ]
}

#[test]
fn tink_opens_what_is_sealed_here() {
    let mut tink = Tink::start();
    for len in lengths() {
        let (plain, place) = (random_bytes(len), Place::random());
        for (name, sealed) in [
            ("SealWriter", by_writer(&plain, &place)),
            ("SealReader", by_reader(&plain, &place)),
            ("seal_file, 1 thread", by_file(&plain, &place, 1)),
            ("seal_file, 3 threads", by_file(&plain, &place, 3)),
        ] {
            let read = tink.open(&sealed, &place);
            assert!(read.as_ref() == Ok(&plain), "{name}, {len} bytes: {:?}", read.err());
        }
    }
}

#[test]
fn what_tink_seals_opens_here() {
    let mut tink = Tink::start();
    for len in lengths() {
        let (plain, place) = (random_bytes(len), Place::random());
        let sealed = tink.seal(&plain, &place);
        assert_eq!(sealed.len() as u64, sealed_len(len as u64).unwrap(), "{len} bytes");
        for (name, read) in opened(&sealed, &place) {
            assert!(read.as_ref() == Some(&plain), "{name}, {len} bytes");
        }
    }
}

#[test]
fn both_refuse_another_place_another_key_and_altered_bytes() {
    let mut tink = Tink::start();
    let place = Place::random();
    let elsewhere = Place {
        key: place.key.clone(),
        associated_data: [&place.associated_data[..], b"x"].concat(),
    };
    let other_key =
        Place { key: FileKey::random(), associated_data: place.associated_data.clone() };
    for len in [0, 1, FIRST, FIRST + FULL + 1] {
        let plain = random_bytes(len);
        for sealed in [by_writer(&plain, &place), tink.seal(&plain, &place)] {
            let end = sealed.len() - 1;
            let flipped = |at: usize| {
                let mut bytes = sealed.clone();
                bytes[at] ^= 1;
                bytes
            };
            for (name, bytes, place) in [
                ("another associated data", sealed.clone(), &elsewhere),
                ("another key", sealed.clone(), &other_key),
                ("header length", flipped(0), &place),
                ("salt", flipped(1), &place),
                ("nonce prefix", flipped(39), &place),
                ("last byte", flipped(end), &place),
                ("cut", sealed[..end].to_vec(), &place),
                ("extended", [&sealed[..], &[0]].concat(), &place),
            ] {
                // Tink stops reading at a last segment that is full, and ignores what follows it.
                let ignores = name == "extended" && len == FIRST;
                let expected = if ignores { Some(&plain) } else { None };
                let read = tink.open(&bytes, place).ok();
                assert!(read.as_ref() == expected, "Tink, {name}, {len} bytes");
                for (way, read) in opened(&bytes, place) {
                    assert!(read.is_none(), "{way}, {name}, {len} bytes");
                }
            }
        }
    }
}
