//! What may leave a run is what was agreed: the output contract, through the real enclave.

use crate::harness::{
    Server,
    room::{Room, Solo},
    sealroom,
};
use serde_json::{Value, json};
use std::fs;

fn code(body: &str) -> String {
    let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!("from sealroom import Enclave\nwith Enclave() as enclave:\n{indented}")
}

/// A file with a contract.
fn contract(server: &Server, contract: &Value) -> String {
    let folder = server.folder(&[("contract.json", contract.to_string().as_bytes())]);
    folder.join("contract.json").to_str().unwrap().to_owned()
}

fn table() -> Value {
    json!({"results": [{"name": "result.bin", "required": true, "csv": {
        "columns": [
            {"name": "ward", "type": "word", "words": ["a", "b"]},
            {"name": "n", "type": "integer", "min": 0},
        ],
        "max_rows": 2,
        "min_group_size": {"column": "n", "at_least": 5},
    }}]})
}

#[test]
fn a_result_that_keeps_to_the_contract_leaves_and_one_that_does_not_fails_the_run() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let file = contract(&server, &table());
    let options = ["--contract", &file];
    let good = "enclave.write(b'ward,n\\na,5\\nb,7\\n')";
    assert_eq!(solo.run(&code(good), b"", &options).result(), b"ward,n\na,5\nb,7\n");
    let bad = [
        ("enclave.write(b'ward,n\\na,4\\n')", "results[0].csv.min_group_size"),
        ("enclave.write(b'ward,n\\na,5\\nb,5\\na,5\\n')", "results[0].csv.max_rows"),
        ("enclave.write(b'ward,n\\nsecret,5\\n')", "results[0].csv.columns[0]"),
        ("enclave.write(b'ward,n,extra\\na,5,secret\\n')", "results[0].csv"),
        ("enclave.write(b'ward,n\\na,5\\n', name='other.csv')", "results"),
        ("pass", "results[0].required"),
    ];
    for (body, clause) in bad {
        let (reason, exit_code) = solo.run(&code(body), b"", &options).failure();
        assert_eq!(reason, format!("a result breaks the output contract: {clause}"), "{body}");
        assert_eq!(exit_code, None);
    }
}

#[test]
fn json_and_media_types_are_held_against_their_clauses() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let schema = json!({"type": "object", "properties": {"mean": {"type": "number"}},
        "required": ["mean"], "additionalProperties": false});
    let file = contract(
        &server,
        &json!({"results": [
            {"name": "result.bin", "max_bytes": 1000, "json": schema},
            {"name": "plot.png", "max_bytes": 100, "media_type": "image/png"},
        ]}),
    );
    let options = ["--contract", &file];
    let good = "enclave.write(b'{\"mean\": 1.5}')\nenclave.write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(8), name='plot.png')";
    assert_eq!(solo.run(&code(good), b"", &options).result(), b"{\"mean\": 1.5}");
    let bad = [
        ("enclave.write(b'{\"mean\": 1.5, \"rows\": [1, 2]}')", "results[0].json"),
        ("enclave.write(b'{\"mean\": 1.5')", "results[0].json"),
        ("enclave.write(b'GIF89a', name='plot.png')", "results[1].media_type"),
        (
            "enclave.write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(200), name='plot.png')",
            "results[1].max_bytes",
        ),
    ];
    for (body, clause) in bad {
        let (reason, _) = solo.run(&code(body), b"", &options).failure();
        assert_eq!(reason, format!("a result breaks the output contract: {clause}"), "{body}");
    }
}

#[test]
fn padding_hides_sizes_and_is_taken_off_again() {
    let server = Server::start();
    let file = contract(&server, &json!({"pad_to": [1000, 100_000]}));
    let options = ["--contract", &*file, "--suites", "hybrid", "--max-result-bytes", "100000"];
    let room = Room::new(&server, 1, 1, &options);
    room.prepare(&code(
        "for n in [0, 1, 999, 1000]:\n    enclave.write(b'x' * n, name=str(n))\nenclave.write(b'y' * 1001, name='more')",
    ));
    room.consumers[0].ok(&["verify", &room.id, "--allow-simulated"]).prints("1000");
    room.approve_all();
    room.wait_for_success(1);
    let stored = room.status()["runs"][0]["results"].clone();
    let mut sizes: Vec<u64> = stored
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["name"] != "index")
        .map(|result| result["size"].as_u64().unwrap())
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes.len(), 2, "two sizes are seen: {sizes:?}");
    let opened: Vec<(String, usize)> =
        room.results(0).into_iter().map(|(name, bytes)| (name, bytes.len())).collect();
    let expected = [("0", 0), ("1", 1), ("1000", 1000), ("999", 999), ("more", 1001)];
    assert_eq!(opened, expected.map(|(name, len)| (name.to_owned(), len)));
}

#[test]
fn a_result_larger_than_the_largest_size_fails_the_run() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let file = contract(&server, &json!({"pad_to": [1000]}));
    let options = ["--contract", &*file, "--suites", "hybrid", "--max-result-bytes", "100000"];
    let (reason, _) = solo.run(&code("enclave.write(b'x' * 1001)"), b"", &options).failure();
    assert!(reason.starts_with("a result breaks the output contract: pad_to"), "{reason}");
}

#[test]
fn how_the_code_failed_and_how_long_it_took_can_be_kept_from_everybody() {
    let server = Server::start();
    let solo = Solo::new(&server);
    let file = contract(&server, &json!({"exit_status": "folded", "round_duration_seconds": 2}));
    let options = ["--contract", &*file];
    for body in ["raise SystemExit(77)", "import os\nos.kill(os.getpid(), 9)", "raise KeyError(1)"]
    {
        let room = solo.run(&code(body), b"", &options);
        let (reason, exit_code) = room.failure();
        assert_eq!((reason.as_str(), exit_code), ("the code did not succeed", None), "{body}");
        let run = room.status()["runs"][0].clone();
        let time = |name: &str| -> jiff::Timestamp { run[name].as_str().unwrap().parse().unwrap() };
        let took = time("ended_at").duration_since(time("created_at"));
        assert!(took.as_millis() >= 1900, "{took:?}");
    }
}

#[test]
fn contracts_that_contradict_themselves_are_refused_before_anybody_joins() {
    let server = Server::start();
    let owner = server.person("owner@example.org");
    let email = &*owner.email;
    let bad = [
        (
            json!({"results": [{"name": "a"}, {"name": "a"}]}),
            "results[1]: results[0] is about `a` already",
        ),
        (json!({"results": [{"name": "a", "max_bytes": 0}]}), "max_bytes"),
        (json!({"results": [{"name": "a", "max_bytes": 1u64 << 63}]}), "max_bytes"),
        (json!({"results": [{"name": "a", "consumers": [1]}]}), "consumers"),
        (json!({"pad_to": [10, 5]}), "pad_to"),
        (json!({"round_duration_seconds": 0}), "round_duration_seconds"),
        (json!({"pad_to": [1000]}), "allow only `hybrid`"),
    ];
    let new = |file: &str| {
        let args = ["new", "--name", "n", "--code", email, "--data", email, "--result", email];
        owner.run(&[&args[..], &["--contract", file]].concat())
    };
    for (text, says) in bad {
        new(&contract(&server, &text)).refused(2).says(says);
    }
    let no_json = server.folder(&[("c", b"{\"results\": 3}".as_slice())]);
    new(no_json.join("c").to_str().unwrap()).refused(2).says("is no output contract");
    new("/nowhere/contract.json").refused(1);
    assert_eq!(owner.json(&["list"]), json!([]));
}

#[test]
fn a_folder_is_tried_under_its_contract_before_it_goes_anywhere() {
    let server = Server::start();
    let folder = server.folder(&[]);
    let mine = folder.join("mine");
    let mine = mine.to_str().unwrap();
    sealroom(&["init", mine]);
    let done = sealroom(&["test", mine]);
    assert_eq!(done.code, 0, "{done:?}");
    let done = done.prints("holds").prints("jail: ");
    assert!(!done.stdout.contains("BROKEN"), "{done:?}");
    let report = sealroom(&["test", mine, "--json"]).json();
    let clauses = report["clauses"].as_array().unwrap();
    assert!(
        !clauses.is_empty() && clauses.iter().all(|clause| clause["holds"] == true),
        "{report}"
    );
    // Another contract breaks, and says where, with the data of the sample.
    let strict = contract(
        &server,
        &json!({"results": [{"name": "summary.csv", "csv": {"columns": [
            {"name": "ward", "type": "word", "words": ["cardiology"]},
            {"name": "patients", "type": "integer"},
            {"name": "average_days", "type": "number"}], "max_rows": 100}}]}),
    );
    let out = folder.join("out");
    let args = ["test", mine, "--contract", &strict, "--out", out.to_str().unwrap()];
    let done = sealroom(&args);
    assert_eq!(done.code, 1, "{done:?}");
    done.prints("BROKEN").prints("results[0].csv.columns[0]").prints("surgery");
    assert!(crate::harness::files_below(&out).is_empty(), "nothing is kept of it");
    // What a reader of the log would see.
    let run_py = "def f():\n    raise KeyError('a secret')\nprint('loud')\nf()\n";
    fs::write(std::path::Path::new(mine).join("code/run.py"), run_py).unwrap();
    let args = ["test", mine, "--logs", "code-provider", "--scrub-logs"];
    let done = sealroom(&args);
    assert_eq!(done.code, 1, "{done:?}");
    let done = done.prints("run.py, line 2, in f").prints("KeyError");
    assert!(!done.stdout.contains("secret") && !done.stdout.contains("loud"), "{done:?}");
    sealroom(&["test", mine, "--consumers", "257"]).refused(2);
}
