//! Fuzz targets: what the 2022 client sends, contracts, and results under one. `cargo test` tries some random inputs of each;
//! `cargo bolero test -p sealroom-protocol NAME` goes on for as long as it is let, guided by coverage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use bolero::check;
use sealroom_protocol::{
    Release, Suite,
    api::{Provisioning, Registration, Repository},
    archive::{self, ArchiveWriter, Clear},
    contract::{Around, Contract},
};

#[test]
fn fuzz_bodies() {
    check!().for_each(|bytes: &[u8]| {
        drop(serde_json::from_slice::<Registration>(bytes));
        drop(serde_json::from_slice::<Repository>(bytes));
        drop(serde_json::from_slice::<Provisioning>(bytes));
        if let Ok(release) = serde_json::from_slice::<Release>(bytes) {
            let again = serde_json::to_vec(&release).unwrap();
            assert_eq!(serde_json::from_slice::<Release>(&again).unwrap(), release);
        }
    });
}

#[test]
fn fuzz_archive() {
    check!().for_each(|bytes: &[u8]| drop(archive::read(bytes, Clear::Any, |_| Ok(()))));
}

/// An archive of the client's with some bytes exchanged: gets further than noise does.
#[test]
fn fuzz_spoiled_archive() {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (path, sealed) in [("run.py", false), ("a/b.py", true), ("a/helper.py", false)] {
        writer.add(&path.parse().unwrap(), sealed, 4, b"pass".as_slice()).unwrap();
    }
    let good = writer.finish().unwrap();
    check!().with_type::<[(u16, u8); 4]>().for_each(|spoil| {
        let mut tar = good.clone();
        for (at, byte) in spoil {
            let at = usize::from(*at) % tar.len();
            tar[at] = *byte;
        }
        if let Ok(files) = archive::read(tar.as_slice(), Clear::from(Suite::Sodium), |_| Ok(())) {
            assert!(files.iter().any(|file| file.path.as_str() == "run.py" && !file.sealed));
        }
    });
}

const AROUND: Around =
    Around { consumers: Some(2), max_results: 9, max_result_bytes: 1 << 20, paddable: true };

/// A contract from anybody: what is understood is written as it was read, and can be described.
#[test]
fn fuzz_contract() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(contract) = serde_json::from_slice::<Contract>(bytes) else { return };
        let again = serde_json_canonicalizer::to_vec(&contract).unwrap();
        assert_eq!(serde_json::from_slice::<Contract>(&again).unwrap(), contract);
        if let Ok(terms) = contract.compile(&AROUND) {
            assert!(!terms.clauses().is_empty());
        }
    });
}

/// Schemas from anybody, with the values that they are for.
#[test]
fn fuzz_schema() {
    check!().with_type::<(String, String)>().for_each(|(schema, value)| {
        let text =
            format!(r#"{{"results": [{{"name": "a", "max_bytes": 1024, "json": {schema}}}]}}"#);
        let Ok(contract) = serde_json::from_str::<Contract>(&text) else { return };
        let Ok(terms) = contract.compile(&AROUND) else { return };
        let mut check = terms.begin(0, &"a".parse().unwrap()).unwrap();
        drop(check.push(value.as_bytes()).and_then(|()| check.finish()));
    });
}

/// A result from anybody, in two pieces: the same verdict as in one, and what breaks is a clause of the contract.
#[test]
fn fuzz_result() {
    let kinds = [
        r#""csv": {"columns": [{"name": "a", "type": "text"}, {"name": "n", "type": "integer"}], "max_rows": 3}"#,
        r#""csv": {"columns": [{"name": "x", "type": "number", "optional": true}], "max_rows": 3}"#,
        r#""json": {"type": "array", "uniqueItems": true, "items": {"type": "string", "pattern": "^[a-z.]{1,9}$"}}"#,
        r#""json": true"#,
        r#""media_type": "text/csv""#,
        r#""media_type": "text/plain""#,
        r#""media_type": "image/webp""#,
    ];
    let terms = kinds.map(|kind| {
        let text = format!(r#"{{"results": [{{"name": "a", "max_bytes": 512, {kind}}}]}}"#);
        serde_json::from_str::<Contract>(&text).unwrap().compile(&AROUND).unwrap()
    });
    check!().with_type::<(u8, u8, Vec<u8>)>().for_each(|(kind, cut, bytes)| {
        let terms = &terms[usize::from(*kind) % terms.len()];
        let verdict = |pieces: &[&[u8]]| {
            let mut check = terms.begin(0, &"a".parse().unwrap()).unwrap();
            pieces.iter().try_for_each(|piece| check.push(piece)).and_then(|()| check.finish())
        };
        let (head, tail) = bytes.split_at(bytes.len().min(usize::from(*cut)));
        let whole = verdict(&[bytes]).map_err(|broken| broken.clause);
        assert_eq!(verdict(&[head, tail]).map_err(|broken| broken.clause), whole);
        if let Err(clause) = whole {
            assert!(terms.clauses().iter().any(|it| it.id == clause), "{clause}");
        }
    });
}
