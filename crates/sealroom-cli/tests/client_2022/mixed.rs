//! The client of 2022 and the `sealroom` command in one computation.

use crate::{
    cast::{JOIN, POLL, identity, provision, run_py, upload_code},
    harness::{Person, Server, http::Caller, room::Room},
    peer::{self, Peer, Side},
    refusals::{multipart, multipart_type},
};
use serde_json::{Value, json};

fn suites(room: &Room<'_>) -> [Value; 3] {
    let status = room.status();
    ["code_provider", "data_providers", "result_consumers"].map(|role| match &status[role] {
        Value::Array(all) => all.iter().map(|one| one["suite"].clone()).collect(),
        one => one["suite"].clone(),
    })
}

#[test]
fn a_data_provider_of_2022_among_native_participants() {
    let server = Server::start();
    let room = Room::new(&server, 2, 1, &[]);
    let old = Peer::new(&server, &room.data[0], Side::Data, &room.id, &room.words);
    let new = &room.data[1];
    old.ok("register", json!({}));
    for person in [&room.coder, new, &room.consumers[0]] {
        person.ok(&["join", &room.id]);
    }
    assert_eq!(suites(&room), [json!("hybrid"), json!(["sodium", "hybrid"]), json!(["hybrid"])]);
    room.push_code(&[("run.py", &run_py(&["import tool", JOIN])), ("tool.py", "x = 1\n")]);
    let key = identity(&old);
    // In the order of their arrival, whoever sends them and however.
    let upload = |name: &str, content: &[u8]| {
        old.ok("upload_data", json!({"data_name": name, "data": peer::bytes(content)}));
    };
    upload("a.csv", b"old one");
    room.push_data(1, "a.csv", b"new");
    upload("b.csv", b"old two");
    old.ok("done", json!({}));
    new.ok(&["data", "done", &room.id]);
    provision(&old, &key);
    for person in [&room.coder, new, &room.consumers[0]] {
        room.approve(person);
    }
    room.wait_for_success(1);
    assert_eq!(room.result(), "old one|new|old two");
}

#[test]
fn a_native_data_provider_among_participants_of_2022() {
    let server = Server::start();
    let room = Room::new(&server, 1, 2, &[]);
    let peer = |person, side| Peer::new(&server, person, side, &room.id, &room.words);
    let code = peer(&room.coder, Side::Code);
    let consumer = peer(&room.consumers[0], Side::Result);
    let (data, native_consumer) = (&room.data[0], &room.consumers[1]);
    for peer in [&code, &consumer] {
        peer.ok("register", json!({}));
    }
    data.ok(&["join", &room.id]);
    native_consumer.ok(&["join", &room.id]);
    assert_eq!(suites(&room), [json!("sodium"), json!(["hybrid"]), json!(["sodium", "hybrid"])]);
    let run = run_py(&["import shout", "enclave.write(shout.shout(next(enclave.read()).read()))"]);
    let module = "def shout(text):\n    return text.upper() + b'!'\n";
    let tar = upload_code(&code, &server, &[("run.py", &run), ("shout.py", module)]);
    let key = identity(&code);
    // Who is native still sees what is in clear, and that the rest is sealed.
    data.ok(&["code", "show", &room.id]).prints("import shout");
    room.push_data(0, "quiet.txt", b"quiet");
    data.ok(&["data", "done", &room.id]);
    // Who has data at stake wants to know from the code provider which code it is.
    let approve = |person: &Person, more: &[&str]| {
        let usual = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
        person.ok(&["verify", &room.id, "--allow-simulated"]
            .into_iter()
            .chain(more.iter().copied())
            .collect::<Vec<_>>());
        person.ok(&usual.into_iter().chain(more.iter().copied()).collect::<Vec<_>>());
    };
    let unsigned = data.run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(unsigned.code, 1, "{unsigned:?}");
    unsigned.prints("the code is the server's word").prints("--code-digest");
    let digest = room.coder.ok(&["code", "digest", "--archive", tar.to_str().unwrap()]).stdout;
    approve(data, &["--code-digest", digest.trim()]);
    approve(native_consumer, &[]);
    for peer in [&code, &consumer] {
        provision(peer, &key);
    }
    let result = consumer.ok("wait_result", json!({"sleep_duration": POLL}));
    assert_eq!(peer::given_bytes(&result), b"QUIET!");
    assert_eq!(room.results(1), [("result.bin".to_owned(), b"QUIET!".to_vec())]);
}

#[test]
fn each_suite_has_its_calls_and_a_participant_keeps_to_its_own() {
    let server = Server::start();
    let room = Room::new(&server, 2, 1, &[]);
    let old = Peer::new(&server, &room.data[0], Side::Data, &room.id, &room.words);
    old.ok("register", json!({}));
    room.data[1].ok(&["join", &room.id]);
    let before = room.status();
    let path = |rest: &str| format!("/computations/{}{rest}", room.id);
    let [of_2022, native] = [0, 1].map(|n: usize| Caller::of(&server.url, &room.data[n]));
    of_2022.put(&path("/data/a.csv"), &[7; 100]).refused(409, "wrong-state");
    let form = multipart(&[("file", "a.csv.enc", &[7; 100])]);
    let said = native.call("POST", &path("/data"), &multipart_type(), &form);
    said.refused(409, "wrong-state");
    assert_eq!(room.status(), before, "nothing has changed");
    // Nor can the account change over by logging in elsewhere.
    room.data[0].refused(&["join", &room.id]).says("another key");
    let late = Peer::new(&server, &room.data[1], Side::Data, &room.id, &room.words);
    assert!(late.raises("register", json!({})).contains("Unexpected response (409)"));
    assert_eq!(room.status(), before, "nothing has changed");
}
