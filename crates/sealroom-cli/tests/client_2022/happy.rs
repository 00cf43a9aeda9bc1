//! What people came for.

use crate::{
    cast::{Cast, POLL, assert_unknown_to, identity, provision, run_py, upload_code},
    harness::{Server, Signal, wheel::Shelf},
    peer::{self, Peer, Side, python},
};
use sealroom_protocol::Digest;
use serde_json::json;
use std::{
    fs::File,
    io::{BufWriter, Write as _},
};

const MERGE_RUN: &str = r#"import pandas as pd
from cosmian_lib_sgx import Enclave


def main() -> int:
    """Entrypoint."""
    with Enclave() as enclave:
        import merging

        tables = [pd.read_csv(table, sep=";") for table in enclave.read()]
        merged = merging.merge(tables, on="siren")
        enclave.write(merged.to_csv(index=False, sep=";").encode("utf-8"))
    return 0


if __name__ == "__main__":
    main()
"#;

const MERGING: &str = r#"import pandas as pd


def merge(tables, on):
    """The guarded method of joining tables."""
    merged, *others = tables
    for other in others:
        merged = pd.merge(merged, other, how="inner", on=on)
    return merged
"#;

const REGISTER: &str = "\
siren;town;since
905353124;FORT-DE-FRANCE;2021-11-16
905220331;VILLEMOMBLE;2021-11-15
851212191;RUFFEY-LES-ECHIREY;2019-05-28
904463619;LAGORD;2021-10-22
";

const TURNOVER: &str = "\
siren;turnover
904463619;5288
793376708;315
905353124;2767
905220331;1822
";

const MERGED: &str = "\
siren;town;since;turnover
905353124;FORT-DE-FRANCE;2021-11-16;2767
905220331;VILLEMOMBLE;2021-11-15;1822
904463619;LAGORD;2021-10-22;5288
";

#[test]
fn five_accounts_merge_two_tables_and_the_server_sees_none_of_them() {
    let server = Server::start();
    let person = |name: &str| server.stranger(&format!("{name}@example.org"));
    let coder = person("coder");
    let (data, consumers) = (["data0", "data1"].map(person), ["result0", "result1"].map(person));

    // The code provider is the owner, too.
    let owner = Peer::owner(&server.url, &server, &coder);
    let words: Vec<String> =
        serde_json::from_value(owner.plain("random_words", &json!({}))).unwrap();
    let words = words.join("-");
    let made = owner.plain(
        "create_computation",
        &json!({
            "name": "merge",
            "code_provider_email": coder.email,
            "data_providers_emails": [data[0].email, data[1].email],
            "result_consumers_emails": [consumers[0].email, consumers[1].email],
        }),
    );
    assert_eq!((&made["name"], &made["owner"]["email"]), (&json!("merge"), &json!(coder.email)));
    let id = made["uuid"].as_str().unwrap();

    let code = Peer::new(&server, &coder, Side::Code, id, &words);
    let data = data.map(|person| Peer::new(&server, &person, Side::Data, id, &words));
    let consumers = consumers.map(|person| Peer::new(&server, &person, Side::Result, id, &words));
    let everybody = || std::iter::once(&code).chain(&data).chain(&consumers);
    everybody().for_each(|peer| drop(peer.ok("register", json!({}))));
    upload_code(&code, &server, &[("run.py", MERGE_RUN), ("merging.py", MERGING)]);
    for (peer, table) in data.iter().zip([REGISTER, TURNOVER]) {
        let with = json!({"data_name": "table.csv", "data": peer::bytes(table.as_bytes())});
        peer.ok("upload_data", with);
        peer.ok("done", json!({}));
    }
    // Each asks for the key by itself, as on a machine of its own.
    let keys: Vec<_> = everybody().map(identity).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    everybody().for_each(|peer| provision(peer, &keys[0]));
    for consumer in &consumers {
        let result = consumer.ok("wait_result", json!({"sleep_duration": POLL}));
        assert_eq!(String::from_utf8(peer::given_bytes(&result)).unwrap(), MERGED);
    }

    let text = |name, text: &str| (name, text.as_bytes().to_vec());
    let mut secrets = vec![
        text("a row of the first table", "VILLEMOMBLE"),
        text("a row of the second table", "793376708;315"),
        text("a row of the result", "2021-11-15;1822"),
        text("the secret module", "The guarded method"),
        text("the safety words", &words),
        text("the safety words as they are derived from", &words.replace('-', "")),
    ];
    for peer in everybody() {
        secrets.push(("a symmetric key", peer::given_bytes(&peer.attribute("symkey"))));
        secrets.push(("a signing key", peer::given_bytes(&peer.attribute("ed25519_seed"))));
    }
    assert_unknown_to(&server, &secrets);
}

macro_rules! example {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/", $path))
    };
}

#[test]
fn the_reference_example_runs_once_main_says_what_it_returns() {
    let verbatim = example!("hello-world/run.py");
    let annotated = verbatim.replace("def main():", "def main() -> int:");
    assert_ne!(annotated, verbatim);
    let server = Server::start();
    let person = server.stranger("ada@example.org");
    let run = |run_py: &str| {
        let folder = server.folder(&[
            ("code/run.py", run_py.as_bytes()),
            ("code/secret_module.py", example!("hello-world/secret_module.py").as_bytes()),
            ("people.csv", example!("data/people.csv").as_bytes()),
        ]);
        let mut program = python("reference_example.py", &server.url, &server);
        program.args([&person.email, &person.token]);
        program.args([folder.join("code"), folder.join("people.csv")]);
        crate::harness::run(&mut program, None)
    };
    let done = run(&annotated);
    assert_eq!(done.code, 0, "{done:?}");
    let expected = ",name,city,diagnosis\n0,Hello world,Hello world,";
    assert!(done.stdout.starts_with(expected), "{done:?}");
    // The client itself does not take the example as it was published.
    let done = run(verbatim);
    assert!(done.code != 0 && done.stderr.contains("Your run.py is malformed"), "{done:?}");
}

#[test]
fn half_a_gigabyte_arrives_and_is_computed_on() {
    const SIZE: usize = 500_000_000;
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    cast.upload_code(&[(
        "run.py",
        &run_py(&[
            "import hashlib",
            "size, digest = 0, hashlib.sha256()",
            "file = next(enclave.read())",
            "for piece in iter(lambda: file.read(1 << 20), b''):",
            "    size += len(piece)",
            "    digest.update(piece)",
            "enclave.write(f'{size} {digest.hexdigest()}'.encode())",
        ]),
    )]);
    let key = identity(&cast.code);
    let big = server.folder(&[]).join("big.bin");
    let digest = write_big(&big, SIZE);
    cast.data[0].ok("upload_files", json!({"paths": [peer::path(&big)]}));
    cast.data[0].ok("done", json!({}));
    let file = &cast.raw()["data_providers"][0]["files"][0];
    assert_eq!(file["size"], SIZE + 40, "{file}");
    cast.provision(&key);
    let result = String::from_utf8(cast.result_of(0)).unwrap();
    assert_eq!(result, format!("{SIZE} {digest}"));
}

/// Writes bytes of which no piece is like another; returns their digest.
fn write_big(path: &std::path::Path, size: usize) -> Digest {
    let mut word = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // Marsaglia's xorshift: cheap, and it does not come around for a long time.
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend(word.to_le_bytes());
    }
    bytes.truncate(size);
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&bytes).unwrap();
    file.flush().unwrap();
    Digest::of(&bytes)
}

/// The old client sends the bare file in clear; the server makes the lock.
#[test]
fn requirements_are_resolved_by_the_server() {
    let mut server = Server::start();
    let shelf = Shelf::new(&server);
    shelf.wheel("demo", "1.0", "License: MIT\n", &[("demo.py", "NAME = b'from a package'\n")]);
    server.stop(Signal::TERM);
    server.configure(&[], &shelf.variables());
    server.start_again();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    // What goes wrong is told to the one who uploads.
    let code = run_py(&["import demo", "enclave.write(demo.NAME)"]);
    let upload = |requirements: &str| {
        let folder = server
            .folder(&[("run.py", code.as_bytes()), ("requirements.txt", requirements.as_bytes())]);
        cast.code.call("upload_code", json!({"directory_path": peer::path(&folder)}))
    };
    let refused = upload("demo\nnobody-has-this==1\n").unwrap_err();
    assert!(refused.contains("nobody-has-this"), "{refused}");
    let refused = upload("-e .\n").unwrap_err();
    assert!(refused.contains("line 1"), "{refused}");
    upload("# what we need\npandas\ndemo\n").unwrap();
    let key = identity(&cast.code);
    cast.upload_data(0, "0.csv", b"data");
    cast.data[0].ok("done", json!({}));
    let listed = cast.owner.json(&["packages", &cast.id]);
    let mut all = listed["packages"].as_array().unwrap().iter();
    let demo = all.find(|package| package["name"] == "demo").unwrap();
    assert_eq!((&demo["via"], &demo["of_profile"]), (&json!(["requirements.txt"]), &json!(false)));
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"from a package");
}
