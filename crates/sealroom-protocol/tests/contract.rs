//! The output contract as the owner writes it and the enclave holds results against it: what is refused before a run,
//! what breaks it, and that neither depends on how the bytes arrive. Runs `vectors/contract`, too.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use proptest::{prelude::*, sample::Index};
use sealroom_protocol::{
    FileName,
    contract::{Around, Broken, Contract, ContractError, Terms},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, time::Duration};

const AROUND: Around =
    Around { consumers: Some(2), max_results: 3, max_result_bytes: 1 << 30, paddable: true };

fn name(text: &str) -> FileName {
    text.parse().unwrap()
}

fn compile(contract: &Value) -> Result<Terms, ContractError> {
    serde_json::from_value::<Contract>(contract.clone()).unwrap().compile(&AROUND)
}

fn terms(contract: &Value) -> Terms {
    compile(contract).unwrap_or_else(|error| panic!("{error}: {:.400}", contract.to_string()))
}

/// What is said of a result `out` with these pieces; what breaks is one of the clauses.
fn verdict<'a>(terms: &Terms, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Broken> {
    let verdict = terms.begin(0, &name("out")).and_then(|mut check| {
        for piece in pieces {
            check.push(piece)?;
        }
        check.finish()
    });
    if let Err(broken) = &verdict {
        let known = terms.clauses().iter().any(|clause| clause.id == broken.clause);
        assert!(known, "`{}` is none of the clauses", broken.clause);
    }
    verdict
}

fn broken<'a>(terms: &Terms, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    verdict(terms, pieces).map_or_else(|broken| broken.clause, |()| "as agreed".to_owned())
}

#[derive(Deserialize)]
struct Vector {
    why: String,
    contract: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    content: String,
    expect: String,
}

#[test]
fn vectors_of_other_implementations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/contract");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let vector: Vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let terms = terms(&vector.contract);
        for case in &vector.cases {
            let found = verdict(&terms, [case.content.as_bytes()]);
            let clause = found.as_ref().map_or_else(|it| it.clause.as_str(), |()| "as agreed");
            let detail = found.as_ref().map_or_else(|it| it.detail.as_str(), |()| "");
            let (path, why, content) = (path.display(), &vector.why, &case.content);
            assert_eq!(clause, case.expect, "{path} ({why}): {content:?}: {detail}");
            // Byte for byte it is the same.
            assert_eq!(broken(&terms, case.content.as_bytes().chunks(1)), case.expect, "{path}");
            cases += 1;
        }
    }
    assert!(cases > 300, "{cases} cases: not all files were found");
}

fn table(extra: Value) -> Value {
    let mut shape = json!({
        "columns": [{"name": "k", "type": "text"}, {"name": "n", "type": "integer"}],
        "max_rows": 10
    });
    shape.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"results": [{"name": "out", "csv": shape}]})
}

fn columns(columns: Value) -> Value {
    table(json!({ "columns": columns }))
}

fn schema(schema: Value) -> Value {
    json!({"results": [{"name": "out", "max_bytes": 1000, "json": schema}]})
}

#[test]
fn rows_of_empty_cells_are_counted() {
    let column = |name: &str| json!({"name": name, "type": "text", "optional": true});
    let terms = terms(&columns(json!([column("a"), column("b")])));
    let rows = |rows: usize| format!("a,b\n{}", ",\n".repeat(rows));
    assert_eq!(broken(&terms, [rows(10).as_bytes()]), "as agreed");
    assert_eq!(broken(&terms, [rows(11).as_bytes()]), "results[0].csv.max_rows");
}

#[test]
fn each_contradiction_is_refused_for_its_own_reason() {
    let large: Vec<_> = (0..257).map(|at| json!({"name": format!("{at}")})).collect();
    let deep = (0..40).fold(json!(true), |inner, _| json!({"type": "array", "items": inner}));
    let wide: Vec<_> = (0..2000).map(|_| json!({"type": "null"})).collect();
    let chain: serde_json::Map<_, _> = (0..40)
        .map(|at| {
            let inner =
                if at < 39 { json!({"$ref": format!("#/$defs/{}", at + 1)}) } else { json!(true) };
            (at.to_string(), inner)
        })
        .collect();
    let object = json!({"type": "object", "additionalProperties": false});
    #[rustfmt::skip]
    let cases: Vec<(Value, &str, &str)> = vec![
        (json!({"results": large}), "results", "at most 256"),
        (json!({"results": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}), "results[2]", "results[0] is about `a`"),
        (json!({"results": [{"name": "*"}, {"name": "a"}]}), "results[0]", "move it to the end"),
        (json!({"results": [{"name": "*"}, {"name": "*"}]}), "results[0]", "move it to the end"),
        (json!({"results": [{"name": "*", "required": true}]}), "results[0].required", "name the result"),
        (json!({"results": [{"name": "a", "consumers": []}]}), "results[0].consumers", "nobody"),
        (json!({"results": [{"name": "a", "consumers": [0, 2]}]}), "results[0].consumers", "no consumer 2"),
        (json!({"results": [{"name": "a", "max_bytes": 0}]}), "results[0].max_bytes", "between 1"),
        (json!({"results": [{"name": "a", "max_bytes": 1_u64 << 63}]}), "results[0].max_bytes", "between 1"),
        (json!({"results": [{"name": "a", "max_bytes": (1_u64 << 30) + 1}]}), "results[0].max_bytes", "max_result_bytes"),
        (json!({"results": [{"name": "a", "media_type": "video/mp4"}]}), "results[0].media_type", "image/png"),
        (json!({"results": [{"name": "a", "media_type": "application/json"}]}), "results[0].media_type", "add `max_bytes`"),
        (json!({"results": [{"name": "a", "json": true}]}), "results[0].json", "add `max_bytes`"),
        (json!({"results": [{"name": "a", "json": true, "max_bytes": (16 << 20) + 1}]}), "results[0].json", "16777216"),
        (json!({"results": (0..4).map(|at| json!({"name": format!("{at}"), "required": true})).collect::<Vec<_>>()}), "results", "4 results are required"),
        (json!({"results": (0..4).map(|at| json!({"name": format!("{at}"), "required": true, "consumers": if at < 3 { json!([0, 1]) } else { json!(null) }})).collect::<Vec<_>>()}), "results", "4 results are required"),
        (table(json!({"max_rows": 0})), "results[0].csv.max_rows", "between 1"),
        (table(json!({"max_rows": 1_u64 << 63})), "results[0].csv.max_rows", "between 1"),
        (columns(json!([])), "results[0].csv.columns", "at least one"),
        (columns(json!([{"name": "", "type": "text"}])), "results[0].csv.columns[0].name", "1 to 256 bytes"),
        (columns(json!([{"name": "a\nb", "type": "text"}])), "results[0].csv.columns[0].name", "1 to 256 bytes"),
        (columns(json!([{"name": "a", "type": "text"}, {"name": "a", "type": "date"}])), "results[0].csv.columns[1]", "columns[0] has this name"),
        (columns(json!([{"name": "a", "type": "integer", "min": 2, "max": 1}])), "results[0].csv.columns[0]", "nothing fits"),
        (columns(json!([{"name": "a", "type": "number", "min": 0.2, "max": 0.1}])), "results[0].csv.columns[0]", "nothing fits"),
        (columns(json!([{"name": "a", "type": "number", "decimals": 18}])), "results[0].csv.columns[0].decimals", "between 0 and 17"),
        (columns(json!([{"name": "a", "type": "text", "max_chars": 0}])), "results[0].csv.columns[0].max_chars", "between 1"),
        (columns(json!([{"name": "a", "type": "text", "max_chars": 16385}])), "results[0].csv.columns[0].max_chars", "16384"),
        (columns(json!([{"name": "a", "type": "word", "words": []}])), "results[0].csv.columns[0]", "at least one word"),
        (columns(json!([{"name": "a", "type": "word", "words": [""]}])), "results[0].csv.columns[0].words", "1 to 256"),
        (table(json!({"min_group_size": {"column": "x", "at_least": 5}})), "results[0].csv.min_group_size.column", "no column `x`"),
        (table(json!({"min_group_size": {"column": "k", "at_least": 5}})), "results[0].csv.min_group_size.column", "integer column"),
        (table(json!({"min_group_size": {"column": "n", "at_least": 0}})), "results[0].csv.min_group_size.at_least", "between 2"),
        (table(json!({"min_group_size": {"column": "n", "at_least": 1}})), "results[0].csv.min_group_size.at_least", "between 2"),
        (table(json!({"min_group_size": {"column": "n", "at_least": 1_u64 << 63}})), "results[0].csv.min_group_size.at_least", "between 2"),
        (table(json!({"columns": [{"name": "n", "type": "integer", "optional": true}], "min_group_size": {"column": "n", "at_least": 5}})), "results[0].csv.min_group_size.column", "not optional"),
        (table(json!({"columns": [{"name": "n", "type": "integer", "max": 4}], "min_group_size": {"column": "n", "at_least": 5}})), "results[0].csv.min_group_size.at_least", "no row fits"),
        (json!({"pad_to": [0, 5]}), "pad_to[0]", "between 1"),
        (json!({"pad_to": [1_u64 << 63]}), "pad_to[0]", "between 1"),
        (json!({"pad_to": [5, 5]}), "pad_to", "5 follows 5"),
        (json!({"pad_to": [6, 5]}), "pad_to", "5 follows 6"),
        (json!({"pad_to": (1..=65).collect::<Vec<_>>()}), "pad_to", "at most 64"),
        (json!({"pad_to": [(1_u64 << 30) + 1]}), "pad_to[0]", "max_result_bytes"),
        (json!({"pad_to": [5], "results": [{"name": "a", "max_bytes": 6}]}), "pad_to", "results[0] allows 6 bytes"),
        (json!({"round_duration_seconds": 0}), "round_duration_seconds", "between 1 and 86400"),
        (json!({"round_duration_seconds": 86_401}), "round_duration_seconds", "between 1 and 86400"),
        (schema(json!({})), "results[0].json", "allows any value"),
        (schema(json!("text")), "results[0].json", "a schema is an object"),
        (schema(json!(null)), "results[0].json", "a schema is an object"),
        (schema(json!({"type": "string", "format": "email"})), "results[0].json", "#/format`: `format` is not checked"),
        (schema(json!({"type": "string", "if": true})), "results[0].json", "#/if`: this keyword"),
        (schema(json!({"type": "strin"})), "results[0].json", "#/type`: must be one"),
        (schema(json!({"type": []})), "results[0].json", "#/type`: must be one"),
        (schema(json!({"type": "string", "pattern": "("})), "results[0].json", "no regular expression"),
        (schema(json!({"type": "string", "pattern": "(a{99}){99}"})), "results[0].json", "too large"),
        (schema(json!({"type": "string", "pattern": "a".repeat(513)})), "results[0].json", "at most 512"),
        (schema(json!({"type": "string", "minLength": 2, "maxLength": 1})), "results[0].json", "nothing fits"),
        (schema(json!({"type": "string", "minLength": -1})), "results[0].json", "an integer from 0"),
        (schema(json!({"type": "array"})), "results[0].json", "add `items`"),
        (schema(json!({"type": "array", "items": true, "minItems": 2, "maxItems": 1})), "results[0].json", "nothing fits"),
        (schema(json!({"type": "object"})), "results[0].json", "add `additionalProperties`"),
        (schema(json!({"type": "object", "properties": {"a/b": {"type": "object"}}, "additionalProperties": false})), "results[0].json", "#/properties/a~1b`: add"),
        (schema(json!({"type": "object", "required": ["a"], "additionalProperties": false})), "results[0].json", "`a` is required"),
        (schema(json!({"type": "object", "required": ["a", "a"], "additionalProperties": true})), "results[0].json", "different names"),
        (schema(json!({"type": "number", "minimum": 2, "maximum": 1})), "results[0].json", "no number"),
        (schema(json!({"type": "number", "minimum": 1, "exclusiveMaximum": 1})), "results[0].json", "no number"),
        (schema(json!({"type": "number", "multipleOf": 0.1})), "results[0].json", "positive integer"),
        (schema(json!({"type": "number", "multipleOf": 0})), "results[0].json", "positive integer"),
        (schema(json!({"enum": []})), "results[0].json", "1 to 1000"),
        (schema(json!({"enum": [1], "const": 1})), "results[0].json", "both"),
        (schema(json!({"anyOf": []})), "results[0].json", "1 to 16"),
        (schema(json!({"anyOf": vec![object; 17]})), "results[0].json", "1 to 16"),
        (schema(json!({"type": "array", "prefixItems": wide, "items": false})), "results[0].json", "more than 2000"),
        (schema(deep), "results[0].json", "deeper than 32"),
        (schema(json!({"$defs": chain, "$ref": "#/$defs/0"})), "results[0].json", "deeper than 32"),
        (schema(json!({"$ref": "#/$defs/a"})), "results[0].json", "with a NAME that is there"),
        (schema(json!({"$ref": "https://example.org/a.json"})), "results[0].json", "must be `#/$defs/NAME`"),
        (schema(json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})), "results[0].json", "leads back"),
        (schema(json!({"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}, "type": "null"})), "results[0].json", "leads back"),
        (schema(json!({"type": "array", "items": {"$defs": {}, "type": "null"}})), "results[0].json", "at the top"),
        (schema(json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "null"})), "results[0].json", "2020-12"),
        (schema(json!({"enum": ["x".repeat(65 << 10)]})), "results[0].json", "at most 65536"),
    ];
    for (contract, clause, reason) in cases {
        let error = compile(&contract).expect_err(&contract.to_string());
        assert_eq!(error.clause, clause, "{error}");
        assert!(error.to_string().contains(reason), "{error}, not `{reason}`");
    }
}

#[test]
fn what_is_around_decides_too() {
    let padded: Contract = serde_json::from_value(json!({"pad_to": [10]})).unwrap();
    let error = padded.compile(&Around { paddable: false, ..AROUND }).unwrap_err();
    assert!(error.to_string().contains("suites"), "{error}");
    let far: Contract =
        serde_json::from_value(json!({"results": [{"name": "a", "consumers": [9]}]})).unwrap();
    assert!(far.compile(&AROUND).is_err());
    assert!(far.compile(&Around { consumers: None, ..AROUND }).is_ok());
    // As many as there may be, each consumer its own: no contradiction.
    let clause =
        |at: usize| json!({"name": at.to_string(), "required": true, "consumers": [at % 2]});
    let shared = json!({"results": (0..6).map(clause).collect::<Vec<_>>()});
    assert!(compile(&shared).is_ok());
    let long = "x".repeat(256 << 10);
    let long = json!({"results": [{"name": "a", "media_type": long}]});
    assert!(compile(&long).unwrap_err().to_string().contains("at most 262144"));
}

#[test]
fn what_no_contract_can_say_is_refused_as_it_is_read() {
    for (text, reason) in [
        (r#"{"result": []}"#, "unknown field `result`"),
        (r#"{"results": [{"name": "a", "max_byte": 1}]}"#, "unknown field `max_byte`"),
        (r#"{"results": [{"name": "a/b"}]}"#, "plain file name"),
        (r#"{"results": [{"name": "a", "max_bytes": -1}]}"#, "invalid value"),
        (r#"{"results": [{"name": "a", "max_bytes": 1.5}]}"#, "invalid type"),
        (r#"{"results": [{"name": "a", "consumers": [65536]}]}"#, "invalid value"),
        (r#"{"results": [{"name": "a", "media_type": "text/csv", "json": true}]}"#, "one of"),
        (r#"{"results": [{"name": "a", "json": {"type": "null", "type": "object"}}]}"#, "twice"),
        (r#"{"results": [{"name": "a", "json": {"const": 9007199254740993}}]}"#, "2^53"),
        (r#"{"results": [{"name": "a", "json": {"const": 1e300}}]}"#, "2^53"),
        (r#"{"exit_status": "none"}"#, "unknown variant"),
    ] {
        let error = serde_json::from_str::<Contract>(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{error}, not `{reason}`");
    }
    for (column, reason) in [
        (json!({"name": "a", "type": "integer", "words": []}), "`words` means nothing"),
        (json!({"name": "a", "type": "date", "min": 1}), "`min` means nothing"),
        (json!({"name": "a", "type": "integer", "max": 1.5}), "must be an integer"),
        (json!({"name": "a", "type": "integer", "max": 1_u64 << 53}), "between"),
        (json!({"name": "a", "type": "word"}), "lists its `words`"),
        (json!({"name": "a", "type": "float"}), "unknown variant"),
        (json!({"name": "a"}), "missing field `type`"),
    ] {
        let error = serde_json::from_value::<Contract>(columns(json!([column])));
        let error = error.expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}, not `{reason}`");
    }
}

#[test]
fn what_is_not_said_is_not_written() {
    assert_eq!(serde_json::to_string(&Contract::default()).unwrap(), "{}");
    assert!(Contract::default().is_default());
    let short = r#"{"results":[{"name":"a.csv","csv":{"columns":[{"name":"n","type":"integer"}],"max_rows":1}}]}"#;
    let contract: Contract = serde_json::from_str(short).unwrap();
    assert_eq!(serde_json::to_string(&contract).unwrap(), short);
    assert!(!contract.is_default());
}

#[test]
fn names_consumers_and_what_is_required() {
    let terms = terms(&json!({"results": [
        {"name": "a", "consumers": [1], "required": true},
        {"name": "b", "required": true},
        {"name": "*", "max_bytes": 3},
    ]}));
    let begin = |who, text: &str| terms.begin(who, &name(text)).map(drop).map_err(|it| it.clause);
    assert_eq!(begin(0, "a"), Err("results[0].consumers".to_owned()));
    assert_eq!((begin(1, "a"), begin(0, "b"), begin(0, "other")), (Ok(()), Ok(()), Ok(())));
    // The name of the clause for all others is a name as well.
    assert_eq!(begin(0, "*"), Ok(()));
    let mut any = terms.begin(0, &name("*")).unwrap();
    assert!(any.push(b"abc").is_ok());
    assert_eq!(any.push(b"d").unwrap_err().clause, "results[2].max_bytes");
    assert_eq!(any.push(b"").unwrap_err().clause, "results[2].max_bytes", "and stays so");

    let end = |written: &[(u16, &str)]| {
        let written: BTreeSet<_> = written.iter().map(|(who, it)| (*who, name(it))).collect();
        terms.end(&written, 2).map_err(|it| it.clause)
    };
    assert_eq!(end(&[(1, "a"), (0, "b"), (1, "b")]), Ok(()));
    assert_eq!(end(&[(0, "a"), (0, "b"), (1, "b")]), Err("results[0].required".to_owned()));
    assert_eq!(end(&[(1, "a"), (1, "b")]), Err("results[1].required".to_owned()));

    let closed = self::terms(&json!({"results": [{"name": "a"}]}));
    assert_eq!(closed.begin(0, &name("*")).unwrap_err().clause, "results");
    assert_eq!(self::terms(&json!({})).begin(9, &name("anything")).map(drop), Ok(()));
}

#[test]
fn what_broke_a_contract_is_not_shown_by_accident() {
    let broken = verdict(
        &terms(&columns(json!([{"name": "a", "type": "date"}]))),
        [b"a\nsecret".as_slice()],
    );
    let broken = broken.unwrap_err();
    assert!(broken.detail.contains("secret"));
    assert!(!format!("{broken} {broken:?}").contains("secret"));
}

#[test]
fn media_types_are_told_by_how_they_begin_or_by_all_of_it() {
    type Texts<'a> = &'a [&'a [u8]];
    let cases: &[(&str, Texts<'_>, Texts<'_>)] = &[
        (
            "image/png",
            &[b"\x89PNG\r\n\x1a\nrest"],
            &[b"", b"\x89PNG", b"\x89PNG\r\n\x1a\rrest", b"GIF89a"],
        ),
        ("image/webp", &[b"RIFF\x01\x02\x03\x04WEBPVP8 "], &[b"RIFF\x01\x02\x03\x04WAVE", b"RIFF"]),
        ("image/gif", &[b"GIF87a", b"GIF89a.."], &[b"GIF88a"]),
        ("application/vnd.apache.parquet", &[b"PAR1...PAR1"], &[b"PAR2"]),
        ("application/octet-stream", &[b"", b"\xff\0"], &[]),
        (
            "text/plain",
            &[b"", "é\r\n\t😀".as_bytes()],
            &[b"\0", b"\x1b[2J", b"\xff", b"caf\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"],
        ),
        (
            "text/csv",
            &[b"a,b\n1,2\n", b"\"a\nb\",c"],
            &[b"", b"a,b\n1\n", b"a\n1,2", b"a\"b\n", b"\xff\n", b"a\n\n", b"a\n\"b"],
        ),
        (
            "application/json",
            &[b"{\"a\": [1]}"],
            &[b"", b"{", b"{\"a\": 1, \"a\": 1}", b"[1,  2]", b"\"\xff\""],
        ),
    ];
    for (kind, good, bad) in cases {
        let terms =
            terms(&json!({"results": [{"name": "out", "max_bytes": 100, "media_type": kind}]}));
        for bytes in *good {
            assert_eq!(broken(&terms, [*bytes]), "as agreed", "{kind}: {bytes:?}");
            assert_eq!(broken(&terms, bytes.chunks(1)), "as agreed", "{kind}: {bytes:?}");
        }
        for bytes in *bad {
            assert_eq!(broken(&terms, [*bytes]), "results[0].media_type", "{kind}: {bytes:?}");
            assert_eq!(
                broken(&terms, bytes.chunks(1)),
                "results[0].media_type",
                "{kind}: {bytes:?}"
            );
        }
    }
}

#[test]
fn json_that_would_cost_much_is_refused() {
    let large = |schema: Value| {
        terms(&json!({"results": [{"name": "out", "max_bytes": 16 << 20, "json": schema}]}))
    };
    let refused =
        |terms: &Terms, text: String| verdict(terms, [text.as_bytes()]).unwrap_err().detail;
    let any = large(json!(true));
    let many = format!("[{}0]", "0,".repeat(1 << 20));
    assert!(refused(&any, many).contains("too many values"));
    assert!(refused(&any, "[".repeat(1 << 20)).contains("recursion limit"));
    // Small on paper: each definition is looked at by every branch of the one before, 16⁶ times.
    let mut definitions = json!({"6": {"type": "null"}});
    for at in 0..6 {
        let next = json!({"$ref": format!("#/$defs/{}", at + 1)});
        definitions[at.to_string()] = json!({"allOf": vec![next; 16]});
    }
    let heavy = json!({"$defs": definitions, "type": "array", "items": {"$ref": "#/$defs/0"}});
    let text = format!("[{}null]", "null,".repeat(1 << 19));
    assert!(refused(&large(heavy), text).contains("too long to check"));
    // Takes exponential time where matching tracks back.
    let pattern = large(json!({"type": "string", "pattern": "^(a|b|ab)*(a|b|ab)*c$"}));
    assert!(refused(&pattern, format!("\"{}\"", "ab".repeat(1 << 15))).contains("pattern"));
    let pattern = large(json!({"type": "string", "pattern": "(a?){200}(b|a){200}c"}));
    assert!(
        refused(&pattern, format!("\"{}\"", "ab".repeat(7 << 20))).contains("too long to check")
    );
}

/// What `docs/contract.md` shows is a contract, and says what the text around it says.
#[test]
fn the_example_of_the_docs_compiles() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contract.md");
    let docs = fs::read_to_string(path).unwrap();
    let example = docs.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let terms = terms(&serde_json::from_str(example).unwrap());
    assert_eq!(terms.clauses().len(), 18);
    let summary =
        "region,month,patients,mean_age\nnorth,2026-11-01,10,44.5\nsouth,2026-11-01,12,\n";
    let mut check = terms.begin(1, &name("summary.csv")).unwrap();
    assert_eq!(check.push(summary.as_bytes()), Ok(()));
    assert_eq!(check.finish(), Ok(()));
}

#[test]
fn a_check_can_move_to_another_thread() {
    fn moves<T: Send + 'static>() {}
    moves::<sealroom_protocol::contract::ResultCheck>();
    moves::<Terms>();
}

#[test]
fn times_are_rounded_up_to_the_step() {
    let rounded = |step: Value, millis: u64| {
        let terms = terms(&json!({ "round_duration_seconds": step }));
        terms.rounded(Duration::from_millis(millis)).as_millis()
    };
    assert_eq!(rounded(Value::Null, 1234), 1234);
    assert_eq!(rounded(json!(60), 0), 0);
    assert_eq!(rounded(json!(60), 1), 60_000);
    assert_eq!(rounded(json!(60), 60_000), 60_000);
    assert_eq!(rounded(json!(60), 60_001), 120_000);
}

#[test]
fn every_clause_is_one_line_of_its_own() {
    let contract = json!({
        "results": [
            {"name": "a.csv", "consumers": [0], "required": true, "max_bytes": 5, "csv": {
                "columns": [{"name": "n", "type": "integer", "min": 0}, {"name": "w", "type": "word", "words": ["x", "y"], "optional": true}],
                "max_rows": 7, "min_group_size": {"column": "n", "at_least": 3}
            }},
            {"name": "*", "media_type": "image/png"},
        ],
        "pad_to": [10, 100], "exit_status": "folded", "round_duration_seconds": 60,
    });
    let clauses = terms(&contract).clauses();
    let lines: Vec<_> = clauses.iter().map(|it| format!("{}: {}", it.id, it.text)).collect();
    assert_eq!(
        lines,
        [
            "results: results of any name may be written",
            "results[0].consumers: `a.csv` is for consumer 0 only",
            "results[0].required: each of these gets `a.csv`, or the run fails",
            "results[0].max_bytes: `a.csv` has at most 5 bytes",
            "results[0].csv: `a.csv` is CSV of 2 columns, with a header",
            "results[0].csv.columns[0]: `n`: an integer, at least 0",
            "results[0].csv.columns[1]: `w`: one of x, y, or empty",
            "results[0].csv.max_rows: `a.csv` has at most 7 rows",
            "results[0].csv.min_group_size: each row counts at least 3 in `n`",
            "results[1].media_type: any other result looks like image/png",
            "pad_to: each result is padded to 10, 100 bytes, and none is larger",
            "exit_status: everybody learns whether a run succeeded, not the exit code",
            "round_duration_seconds: the time that a run takes is told in steps of 60 s",
        ]
    );
}

// Properties

/// A column, and a cell that fits it.
fn any_column() -> impl Strategy<Value = (Value, String)> {
    prop_oneof![
        ("[a-zA-Zé ,\"0-9.]{1,20}").prop_map(|cell| (json!({"type": "text"}), cell)),
        (any::<i64>()).prop_map(|cell| (json!({"type": "integer"}), cell.to_string())),
        (-9..=9_i32)
            .prop_map(|it| (json!({"type": "integer", "min": -9, "max": 9}), it.to_string())),
        (-1e6..1e6_f64)
            .prop_map(|it| (json!({"type": "number", "min": -1e6, "max": 1e6}), it.to_string())),
        (-1e6..1e6_f64)
            .prop_map(|it| (json!({"type": "number", "decimals": 3}), format!("{it:.3}"))),
        any::<bool>().prop_map(|it| (json!({"type": "boolean"}), it.to_string())),
        (1..=12, 1..=28)
            .prop_map(|(m, d)| (json!({"type": "date"}), format!("2026-{m:02}-{d:02}"))),
        Just((json!({"type": "word", "words": ["left", "right"]}), "left".to_owned())),
    ]
}

fn quoted(cell: &str) -> String {
    match cell.contains(['"', ',', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

fn csv(columns: &[(Value, String)], rows: usize, spoiled: Option<(usize, usize, &str)>) -> String {
    let mut text: String = (0..columns.len()).map(|at| format!("c{at},")).collect();
    text.pop();
    for row in 0..rows {
        text.push('\n');
        for (at, (_, cell)) in columns.iter().enumerate() {
            let cell = spoiled.filter(|(r, c, _)| (*r, *c) == (row, at)).map_or(&**cell, |it| it.2);
            text += &quoted(cell);
            text.push(',');
        }
        text.pop();
    }
    text
}

fn csv_contract(columns: &[(Value, String)]) -> Value {
    let columns: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, (kind, _))| {
            let mut column = kind.clone();
            column["name"] = json!(format!("c{at}"));
            column
        })
        .collect();
    self::columns(json!(columns))
}

fn any_contract() -> impl Strategy<Value = Value> {
    let schema = prop_oneof![
        Just(json!(true)),
        Just(json!({"type": "number", "minimum": 1.0, "maximum": 2.5})),
        Just(json!({"enum": [1.0, -0.0, "é", null, 0.1]})),
    ];
    let content = prop_oneof![
        Just(json!({})),
        Just(json!({"media_type": "text/plain"})),
        schema.prop_map(|it| json!({"json": it, "max_bytes": 100})),
        prop::collection::vec(any_column(), 1..5)
            .prop_map(|columns| csv_contract(&columns)["results"][0].clone()),
    ];
    let clause =
        (content, any::<bool>(), prop::option::of(prop::collection::btree_set(0..2_u16, 1..3)));
    let results = prop::collection::vec(clause, 0..4).prop_map(|clauses| {
        let clauses =
            clauses.into_iter().enumerate().map(|(at, (mut clause, required, consumers))| {
                clause["name"] = json!(format!("r{at}"));
                clause["required"] = json!(required);
                clause["consumers"] = json!(consumers);
                clause
            });
        clauses.collect::<Vec<_>>()
    });
    let sizes = prop::collection::btree_set(100..1_000_000_u64, 0..5);
    (results, sizes, prop::option::of(1..86_400_u32)).prop_map(|(results, pad_to, step)| {
        json!({"results": results, "pad_to": pad_to, "round_duration_seconds": step})
    })
}

/// Any bytes, cut anywhere.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut at: BTreeSet<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    let at: Vec<_> = at.into_iter().collect();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn every_kind() -> Vec<Terms> {
    let contents = [
        json!({"media_type": "text/plain"}),
        json!({"media_type": "text/csv"}),
        json!({"media_type": "image/png"}),
        json!({"media_type": "application/json"}),
        json!({"json": {"type": "array", "items": {"type": "number", "maximum": 5}}}),
        json!({"csv": {"columns": [{"name": "a", "type": "text"}, {"name": "b", "type": "integer", "optional": true}], "max_rows": 2}}),
    ];
    let with_name = contents.map(|mut content| {
        content["name"] = json!("out");
        content["max_bytes"] = json!(200);
        terms(&json!({"results": [content], "pad_to": [150, 300]}))
    });
    with_name.into()
}

proptest! {
    #[test]
    fn a_contract_is_read_as_it_was_written(contract in any_contract()) {
        let contract: Contract = serde_json::from_value(contract).unwrap();
        let text = serde_json_canonicalizer::to_vec(&contract).unwrap();
        let again: Contract = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(&again, &contract);
        let terms = contract.compile(&AROUND).unwrap();
        let ids: BTreeSet<_> = terms.clauses().into_iter().map(|clause| clause.id).collect();
        prop_assert_eq!(ids.len(), terms.clauses().len(), "no id twice");
    }

    #[test]
    fn where_the_bytes_are_cut_does_not_matter(
        text in "(a,b\r?\n)?([a-z\"é,]{0,3},?[0-9]{0,3}\r?\n){0,4}|\\[([0-9],? ?){0,5}\\]|(?s).{0,300}",
        spoil: Option<(Index, u8)>,
        cuts: Vec<Index>,
    ) {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = spoil && !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for terms in every_kind() {
            let whole = broken(&terms, [bytes.as_slice()]);
            prop_assert_eq!(broken(&terms, pieces(&bytes, &cuts)), whole);
        }
    }

    #[test]
    fn a_table_as_agreed_passes_and_one_bad_cell_breaks_its_column(
        columns in prop::collection::vec(any_column(), 1..6),
        rows in 1..10_usize, row: Index, column: Index, cuts: Vec<Index>,
    ) {
        let terms = terms(&csv_contract(&columns));
        let good = csv(&columns, rows, None);
        prop_assert_eq!(broken(&terms, pieces(good.as_bytes(), &cuts)), "as agreed");
        let at = column.index(columns.len());
        // Fits no column: a control character, and no number, date or word.
        let bad = csv(&columns, rows, Some((row.index(rows), at, "x\u{1}")));
        let clause = format!("results[0].csv.columns[{at}]");
        prop_assert_eq!(broken(&terms, pieces(bad.as_bytes(), &cuts)), clause);
        let long = csv(&columns, 11, None);
        prop_assert_eq!(broken(&terms, [long.as_bytes()]), "results[0].csv.max_rows");
    }

    #[test]
    fn padding_only_grows_and_is_the_same_twice(
        sizes in prop::collection::btree_set(1..5_000_u64, 0..9), a in 0..6_000_u64, b in 0..6_000_u64,
    ) {
        let terms = terms(&json!({ "pad_to": sizes }));
        let (small, large) = (terms.padded(a.min(b)), terms.padded(a.max(b)));
        if let Ok(padded) = &large {
            prop_assert!(*padded >= a.max(b));
            prop_assert_eq!(terms.padded(*padded), Ok(*padded));
            prop_assert!(small.unwrap() <= *padded);
            prop_assert!(sizes.is_empty() || sizes.contains(padded));
        } else {
            prop_assert!(a.max(b) > *sizes.last().unwrap());
        }
        // What can't be padded is refused while it is written, not later.
        let text = vec![b'x'; usize::try_from(a).unwrap()];
        prop_assert_eq!(verdict(&terms, [text.as_slice()]).is_ok(), terms.padded(a).is_ok());
    }

    #[test]
    fn any_json_that_passes_is_json_to_another_reader(
        text in "\\{(\"[a-c]\": ?[0-9.e-]{1,5},? ?){0,3}\\}|\\[([0-9.eE+-]{0,6}, ?|\"(\\\\[u\"/n]|[0-9a-fé]){0,6}\",){0,4}[0-9]\\]",
    ) {
        let terms = terms(&schema(json!(true)));
        if verdict(&terms, [text.as_bytes()]).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_pythons_json_would_write_passes(value in any_json()) {
        let terms = terms(&schema(json!(true)));
        let text = value.to_string();
        prop_assert_eq!(broken(&terms, [text.as_bytes()]), "as agreed", "{}", text);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

#[test]
fn all_schemas_of_a_contract_share_their_patterns() {
    let clause = |n: usize, patterns: usize| {
        let any_of: Vec<Value> =
            (0..patterns).map(|_| json!({"type": "string", "pattern": "^a$"})).collect();
        json!({"name": format!("{n}"), "max_bytes": 10, "json": {"anyOf": any_of}})
    };
    let contract = |clauses: usize| {
        let results: Vec<Value> = (0..clauses).map(|n| clause(n, 8)).collect();
        compile(&json!({ "results": results }))
    };
    assert!(contract(8).is_ok());
    let refused = contract(9).unwrap_err().to_string();
    assert!(refused.contains("results[8].json") && refused.contains("72 patterns"), "{refused}");
}
