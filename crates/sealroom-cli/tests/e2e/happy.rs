//! What people come for.

use crate::harness::{
    SEALROOM, Server, files_below,
    room::{JOIN_ALL, Room},
    run, sealroom,
};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

macro_rules! example {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/", $path))
    };
}

#[test]
fn the_reference_example_runs_verbatim_and_the_server_sees_none_of_it() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[
        ("run.py", example!("hello-world/run.py")),
        ("secret_module.py", example!("hello-world/secret_module.py")),
    ]);
    room.push_data(0, "people.csv", example!("data/people.csv").as_bytes());
    room.data[0].ok(&["data", "done", &room.id]);
    room.wait_for_identity();
    room.approve_all();
    room.consumers[0].ok(&["status", &room.id, "--watch"]).prints("state  succeeded");
    let result = room.result();
    assert!(result.starts_with(",name,city,diagnosis\n0,Hello world,Hello world,"), "{result}");
    room.owner.ok(&["audit", &room.id]).says("chain intact").prints("finished run 1");

    let stored = files_below(&server.data_dir());
    assert!(stored.len() > 3, "{stored:?}");
    for secret in ["Emmy", "asthma", "to_replace=r'.+'", "Replace all the value", &room.words] {
        for path in &stored {
            let bytes = fs::read(path).unwrap_or_default();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "`{secret}` is in clear in `{}`", path.display());
        }
    }
}

const TWO_AND_TWO: &str = "\
from sealroom import Enclave
import secret_module
with Enclave() as enclave:
    every = [file.read() for file in enclave.read()]
    first = [file.read() for file in enclave.read(0)]
    second = [file.read() for file in enclave.read(1)]
    enclave.write(secret_module.join(every), n=0, name='all.txt')
    enclave.write(secret_module.join(first) + b'/' + secret_module.join(second), n=1, name='each.txt')
    enclave.write(b'for both', name='note.txt')
";

#[test]
fn two_providers_keep_their_order_and_two_consumers_get_what_is_theirs() {
    let server = Server::start();
    let room = Room::new(&server, 2, 2, &[]);
    room.join();
    let module = "def join(parts):\n    return b','.join(parts)\n";
    room.push_code(&[("run.py", TWO_AND_TWO), ("secret_module.py", module)]);
    // The order in which they were pushed, not that of the providers or of the names.
    room.push_data(1, "z.bin", b"one");
    room.push_data(0, "y.bin", b"two");
    room.push_data(1, "x.bin", b"three");
    room.push_data(0, "a.bin", b"four");
    for person in &room.data {
        person.ok(&["data", "done", &room.id]);
    }
    room.wait_for_identity();
    room.approve_all();
    room.wait_for_success(1);
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let both = file("note.txt", "for both");
    assert_eq!(room.results(0), [file("all.txt", "one,two,three,four"), both.clone()]);
    assert_eq!(room.results(1), [file("each.txt", "two,four/one,three"), both]);
    // Who is no consumer gets nothing.
    room.data[0].refused(&["results", "get", &room.id]).says("no key as result consumer");
}

#[test]
fn one_account_may_have_several_roles_each_with_a_key_of_its_own() {
    let server = Server::start();
    let ada = server.person("ada@example.org");
    let bob = server.person("bob@example.org");
    let (a, b) = (&*ada.email, &*bob.email);
    let args = ["new", "--name", "n", "--code", a, "--data", b, "--data", a, "--result", a];
    let made = ada.json(&args);
    let id = made["computation"].as_str().unwrap();
    let words = made["safety_words"].as_str().unwrap();
    let joined = ada.json(&["join", id]);
    let mut keys: Vec<&str> =
        joined.as_array().unwrap().iter().map(|j| j["public_key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3, "{joined}");
    bob.ok(&["join", id, "--role", "data"]);
    let folder = server.folder(&[("code/run.py", JOIN_ALL.as_bytes()), ("a", b"A"), ("b", b"B")]);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    ada.ok(&["code", "push", id, &path("code")]);
    bob.ok(&["data", "push", id, &path("b")]);
    ada.ok(&["data", "push", id, &path("a")]);
    for person in [&ada, &bob] {
        person.ok(&["data", "done", id]);
    }
    let has_identity = || {
        let status = ada.json(&["status", id]);
        (!status["enclave"]["identity"].is_null()).then_some(())
    };
    crate::harness::eventually("an identity stands", has_identity);
    // One role at a time, too.
    let approve = ["approve", id, "--words", words, "--allow-simulated", "--role"];
    for role in ["code", "data", "result"] {
        ada.ok(&[&approve[..], &[role]].concat());
    }
    bob.ok(&["approve", id, "--words", words, "--allow-simulated"]);
    ada.ok(&["status", id, "--watch"]);
    let out = path("out");
    ada.ok(&["results", "get", id, "--out", &out]);
    assert_eq!(fs::read(Path::new(&out).join("result.bin")).unwrap(), b"B|A");
}

#[test]
fn init_makes_a_folder_that_passes_its_own_test_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mine");
    let mine = folder.to_str().unwrap();
    sealroom(&["init", mine]).says("sealroom test");
    let done = sealroom(&["test", mine]);
    assert_eq!(done.code, 0, "{done:?}");
    let expected = fs::read(folder.join("expected/0/summary.csv")).unwrap();
    assert_eq!(fs::read(folder.join("results/0/summary.csv")).unwrap(), expected);

    fs::write(folder.join("expected/0/summary.csv"), "ward,patients\n").unwrap();
    let done = sealroom(&["test", mine, "--json"]);
    assert_eq!(done.code, 1, "{done:?}");
    let report = done.json();
    assert_eq!(report["success"], false);
    assert!(report["differences"][0].as_str().unwrap().contains("`summary.csv`"), "{report}");

    fs::write(folder.join("code/run.py"), "raise SystemExit(3)\n").unwrap();
    let done = sealroom(&["test", mine]).prints("exit code 3");
    assert_eq!(done.code, 1);
    fs::write(folder.join("code/run.py"), "x = 1\ndef f(:\n").unwrap();
    sealroom(&["test", mine]).refused(1).says("line 2");
    sealroom(&["init", mine]).refused(1).says("is not empty");
}

const PRINTS: &str = "\
import sys
from sealroom import Enclave
print('to stdout')
print('to stderr', file=sys.stderr)
with Enclave() as enclave:
    enclave.write(b'ok')
";

#[test]
fn the_code_provider_reads_the_log_only_if_the_policy_grants_it() {
    let server = Server::start();
    let silent = Room::new(&server, 1, 1, &[]);
    silent.prepare(PRINTS);
    silent.approve_all();
    silent.wait_for_success(1);
    silent.coder.refused(&["results", "log", &silent.id]).says("no log");

    let talking = Room::new(&server, 1, 1, &["--logs", "code-provider"]);
    talking.prepare(PRINTS);
    // Who did not agree to that yet is told, and releases nothing.
    let data = &talking.data[0];
    let approve = ["approve", &talking.id, "--words", &talking.words, "--allow-simulated"];
    data.refused(&approve).says("logs go to the code provider");
    for person in talking.participants() {
        fs::write(person.profile.join("policy.json"), r#"{"logs": "code_provider"}"#).unwrap();
    }
    talking.approve_all();
    talking.wait_for_success(1);
    let log = talking.coder.ok(&["results", "log", &talking.id]).stdout;
    assert!(log.contains("to stdout") && log.contains("to stderr"), "{log}");
    data.refused(&["results", "log", &talking.id]);
    talking.consumers[0].refused(&["results", "log", &talking.id]);
}

#[test]
fn an_approval_covers_as_many_runs_as_were_agreed_and_then_a_new_round_is_asked_for() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--max-runs", "2"]);
    room.prepare(JOIN_ALL);
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    room.coder.refused(&approve).says("max_runs is 2, you allow 1");
    for person in room.participants() {
        fs::write(person.profile.join("policy.json"), r#"{"max_runs": 2}"#).unwrap();
    }
    room.approve_all();
    room.wait_for_success(1);
    room.owner.ok(&["run", &room.id]);
    room.wait_for_success(2);
    assert_eq!(room.count("identity_published"), 1, "nobody had to approve again");

    let before = room.status()["enclave"]["identity"]["keys"]["signing"].clone();
    room.owner.ok(&["run", &room.id]);
    room.wait_for_identity_after(before.as_str().unwrap());
    let status = room.status();
    assert_eq!(status["phase"], "collecting", "{status}");
    assert_eq!(status["waiting_for"].as_array().unwrap().len(), 3, "{status}");
    // Code and data are still there, and the words are remembered.
    for person in room.participants() {
        person.ok(&["approve", &room.id, "--allow-simulated"]);
    }
    room.wait_for_success(3);
    assert_eq!(room.result(), "data of 0");
    room.owner.ok(&["audit", &room.id]).prints("asked everybody to approve again");
    // Results of earlier runs stay.
    let out = server.folder(&[]);
    let out = out.to_str().unwrap();
    room.consumers[0].ok(&["results", "get", &room.id, "--run", "1", "--out", out]);
}

#[test]
fn an_encrypted_profile_takes_part_like_any_other() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    let ada = &room.data[0];
    ada.env.borrow_mut().push(("SEALROOM_PASSPHRASE".into(), "correct horse".into()));
    let shown = ada.json(&["profile", "encrypt"]);
    assert_eq!(shown["encrypted"], true);
    room.prepare(JOIN_ALL);
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
    assert!(!ada.profile.join("secrets.json").exists());
    for path in files_below(&ada.profile) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(ada.token.len()).any(|window| window == ada.token.as_bytes());
        assert!(!found, "the token is in clear in `{}`", path.display());
    }
    for wrong in [None, Some("battery staple")] {
        *ada.env.borrow_mut() =
            wrong.map(|text| ("SEALROOM_PASSPHRASE".into(), text.into())).into_iter().collect();
        ada.refused(&["status", &room.id]).says("the passphrase does not open them");
    }
}

#[test]
fn json_is_one_document_on_stdout_for_every_command_that_prints_data() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    let id = &*room.id;
    let (coder, data, consumer) = (&room.coder, &room.data[0], &room.consumers[0]);
    let array = |value: &Value| assert!(value.is_array(), "{value}");
    for person in room.participants() {
        array(&person.json(&["join", id]));
        array(&person.json(&["list"]));
        assert_eq!(person.json(&["profile", "show"])["email"], *person.email);
    }
    let folder = server.folder(&[("code/run.py", JOIN_ALL.as_bytes()), ("in.bin", b"in")]);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let pushed = coder.json(&["code", "push", id, &path("code")]);
    assert_eq!(pushed["digest"], coder.json(&["code", "digest", id]));
    assert_eq!(data.json(&["data", "push", id, &path("in.bin")])[0]["name"], "in.bin");
    data.ok(&["data", "done", id]);
    room.wait_for_identity();
    let refused = data.run(&["verify", id, "--json"]);
    assert_eq!((refused.code, refused.json()["trusted"].as_bool()), (1, Some(false)));
    assert_eq!(data.json(&["verify", id, "--allow-simulated"])["trusted"], true);
    let approve = ["approve", id, "--words", &room.words];
    let refused = data.run(&[&approve[..], &["--json"]].concat());
    assert_eq!((refused.code, refused.json()["approved"].as_bool()), (1, Some(false)));
    for person in room.participants() {
        let approved = person.json(&[&approve[..], &["--allow-simulated"]].concat());
        assert_eq!(approved["approved"], true);
    }
    assert_eq!(consumer.json(&["status", id, "--watch"])["phase"], "succeeded");
    let out = path("out");
    assert_eq!(consumer.json(&["results", "get", id, "--out", &out])[0]["name"], "result.bin");
    array(&data.json(&["audit", id]));
    assert_eq!(room.owner.json(&["run", id])["uuid"], id);
    room.owner.ok(&["archive", id, "--json"]);
    assert_eq!(room.owner.json(&["status", id])["phase"], "archived");
    room.owner.ok(&["remove", id, "--json"]);
    assert_eq!(room.owner.json(&["status", id])["phase"], "removed");

    let mut login = coder.command(&["login", "--server", &server.url, "--json"]);
    assert_eq!(run(&mut login, Some(&coder.token)).json()["email"], *coder.email);
    let data_dir = server.data_dir();
    let mut add = Command::new(SEALROOM);
    add.args(["account", "add", "new@example.org", "--json", "--data-dir"]).arg(&data_dir);
    assert!(run(&mut add, None).json()["refresh_token"].is_string());
    array(&sealroom(&["init", &path("scaffold"), "--json"]).json());
    assert_eq!(sealroom(&["test", &path("scaffold"), "--json"]).json()["success"], true);
}
