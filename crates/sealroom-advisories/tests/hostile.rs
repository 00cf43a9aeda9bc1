//! Sources that were made to harm whoever imports them, and broken ones: each is refused, and says where and why.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod support;

use sealroom_advisories::{ImportError, Imported, MAX_RECORD};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{archive, chain, find, import, record, refusal};

fn good() -> String {
    record("PYSEC-1", "a", "0", "2").to_string()
}

#[test]
fn a_record_that_cannot_be_used_is_named() {
    let broken = good().replace("\"modified\"", "\"modified_at\"");
    let cases: [(&str, Vec<u8>, &str); 9] = [
        (
            "a.json",
            broken.clone().into(),
            "cannot use `a.json`: it is not in the OSV schema: missing field `modified`",
        ),
        (
            "a.json",
            format!("[{},{broken}]", good()).into(),
            "cannot use record 2 of `a.json`: it is not in the OSV schema: missing field `modified`",
        ),
        (
            "a.jsonl",
            format!("{}\n{}\nnull", good(), good()).into(),
            "cannot use record 3 of `a.jsonl`: it is not in the OSV schema: invalid type: null",
        ),
        (
            "all.zip",
            archive(&[("PYSEC-1.json", good().as_bytes()), ("x/PYSEC-2.json", broken.as_bytes())]),
            "cannot use `x/PYSEC-2.json` in `all.zip`: it is not in the OSV schema: missing field `modified`",
        ),
        (
            "all.zip",
            archive(&[("\u{1b}[2K.json", b"{}")]),
            "cannot use `\u{fffd}[2K.json` in `all.zip`: ",
        ),
        (
            "a.json",
            good().replace("PYSEC-1", "../../etc/passwd").into(),
            "cannot use `a.json`: its `id` can't be used: `../../etc/passwd` is no identifier of an advisory",
        ),
        (
            "a.json",
            good().replace("1.7.3", "2.0.0").into(),
            "cannot use `a.json`: it is in version `2.0.0` of the OSV schema, this program reads versions 1",
        ),
        (
            "a.json",
            good().replace("2024-01-01", "yesterday\\u009b").into(),
            "cannot use `a.json`: it is not in the OSV schema: ",
        ),
        (
            "a.json",
            good().replacen("\"id\"", "\"id\":\"X-1\",\"id\"", 1).into(),
            "cannot use `a.json`: it is not in the OSV schema: duplicate field `id`",
        ),
    ];
    for (name, content, message) in cases {
        let said = refusal(name, content);
        assert!(said.starts_with(message), "{said}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}

#[test]
fn text_that_is_no_json_is_refused() {
    let text = good();
    for garbage in [
        "{",
        "[",
        "]",
        "\u{feff}",
        "id: PYSEC-1",
        "PK",
        "\0",
        "42",
        "\"PYSEC-1\"",
        &format!("[{text}"),
        &format!("[{text},"),
        &format!("[{text},]"),
        &format!("[{text}] {text}"),
        &format!("[{text}]]"),
        &format!("{text},{text}"),
        &format!("{text} x"),
        &format!("{{\"results\": [{text}]}}"),
    ] {
        assert!(import("a.json", garbage).is_err(), "{garbage}");
    }
    for end in 1..text.len() {
        assert!(import("a.json", &text[..end]).is_err(), "{end} bytes of a record");
    }
    assert!(import("a.json", [text.as_bytes(), b"\xff"].concat()).is_err());
}

#[test]
fn depth_ends_no_program() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(500_000), close.repeat(500_000));
    for value in [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(1_000_000)] {
        assert!(import("a.json", &value).is_err(), "as a record");
        for field in ["affected", "aliases", "summary", "withdrawn"] {
            let text = good().replacen('{', &format!("{{\"{field}\":{value},"), 1);
            assert!(import("a.json", &text).is_err(), "as {field}");
        }
    }
    let text = good().replacen(
        '{',
        &format!("{{\"database_specific\":{{\"severity\":{}}},", deep("[", "]")),
        1,
    );
    assert!(refusal("a.json", &text).contains("recursion limit"), "as the word of a database");
    // Of no meaning here, and passed over without going down.
    let text = good().replacen('{', &format!("{{\"unknown\":{},", deep("[", "]")), 1);
    assert!(import("a.json", &text).is_ok());
}

#[test]
fn what_unpacks_to_much_more_is_read_no_further_than_a_record() {
    let beginning = good();
    let beginning = beginning.strip_suffix('}').unwrap();
    let mut bomb = format!("{beginning},\"details\":\"").into_bytes();
    bomb.resize(64 << 20, b'x');
    let packed = archive(&[("bomb.json", &bomb)]);
    assert!(packed.len() < 100_000, "{}", packed.len());
    let started = Instant::now();
    assert_eq!(
        refusal("all.zip", packed),
        format!("`bomb.json` in `all.zip` is too large: a record has more than {MAX_RECORD} bytes")
    );
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    bomb.fill(b' ');
    assert!(refusal("a.json", &bomb[..5 << 20]).contains("a record has more than"));
}

#[test]
fn a_broken_archive_gives_nothing() {
    let whole = archive(&[("1.json", good().as_bytes()), ("2.json", good().as_bytes())]);
    assert!(import("all.zip", &whole).is_ok());
    for end in 4..whole.len() {
        let error = import("all.zip", &whole[..end]).expect_err("cut short");
        assert!(matches!(error, ImportError::Archive { .. }), "{end}: {}", chain(&error));
    }
    // Whichever byte is altered: it is refused, or what is found stays as it was.
    let asked = |imported: &Imported| find(&imported.advisories, "a", "1");
    let expected = asked(&import("all.zip", &whole).unwrap());
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 0x41;
        if let Ok(imported) = import("all.zip", &altered) {
            assert_eq!(asked(&imported), expected, "byte {at}");
        }
    }
}

#[test]
fn a_name_that_an_archive_has_twice_is_refused() {
    let mut bytes = archive(&[("1.json", good().as_bytes()), ("2.json", good().as_bytes())]);
    let places: Vec<usize> =
        bytes.windows(6).enumerate().filter(|(_, w)| w == b"2.json").map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "at the file and in the directory");
    for at in places {
        bytes[at] = b'1';
    }
    assert_eq!(refusal("all.zip", bytes), "`all.zip` has two files of the same name");
}

#[test]
fn encrypted_and_unknown_compression_is_refused() {
    let whole = archive(&[("1.json", good().as_bytes())]);
    let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for (flags, method, message) in [
        (1, 8, "Password required"),
        (0, 14, "compression method not supported"),
        (0, 99, "compression method not supported"),
    ] {
        let mut altered = whole.clone();
        for at in [6, directory + 8] {
            altered[at] |= flags;
            altered[at + 2] = method;
        }
        let said = refusal("all.zip", altered);
        assert!(said.contains("`1.json` in `all.zip`"), "{said}");
        assert!(said.contains(message) || method == 99, "{said}");
    }
}

#[test]
fn many_records_of_one_vulnerability_are_put_together_quickly() {
    let records: Vec<_> = (0..20_000)
        .map(|n| {
            let mut record = record(&format!("X-{n}"), "a", "0", "2");
            record["aliases"] = json!([format!("X-{}", (n * 7919) % 20_000), "CVE-1"]);
            record
        })
        .collect();
    let advisories = import("a.json", json!(records).to_string()).unwrap().advisories;
    let started = Instant::now();
    let found = find(&advisories, "a", "1");
    assert_eq!((found.len(), found[0].aliases.len()), (1, 20_000));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
