//! Evidence that is made for a challenge: while the enclave lives, and by nobody else.

use crate::harness::{
    Server, Signal, eventually,
    http::{Caller, Reply},
    kill, liar,
    room::{JOIN_ALL, Room},
};
use serde_json::json;
use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

fn verify<'a>(room: &'a Room<'_>, more: &[&'a str]) -> Vec<&'a str> {
    [&["verify", room.id.as_str(), "--allow-simulated"], more].concat()
}

#[test]
fn an_enclave_answers_before_during_and_until_the_end() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare("import time\nwhile True:\n    time.sleep(.1)\n");
    room.wait_for_identity();
    let data = &room.data[0];
    data.ok(&verify(&room, &[])).prints("the enclave lives: it has answered the challenge");
    room.approve_all();
    eventually("a run", || (room.count("run_started") == 1).then_some(()));
    data.ok(&verify(&room, &[])).prints("the enclave lives");
    // Many at once, and each hears of its own.
    let start = |_| data.command(&verify(&room, &[])).stdout(Stdio::piped()).spawn().unwrap();
    let verified: Vec<_> = (0..6).map(start).collect();
    for verified in verified {
        let verified = verified.wait_with_output().unwrap();
        let said = String::from_utf8(verified.stdout).unwrap();
        assert!(verified.status.success() && said.contains("the enclave lives"), "{said}");
    }
}

#[test]
fn a_silent_enclave_is_not_trusted() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.wait_for_identity();
    let enclave = server.enclave_of(&room.events());
    kill(enclave, Signal::STOP);
    let data = &room.data[0];
    let verified = data.run(&verify(&room, &[]));
    kill(enclave, Signal::CONT);
    assert_eq!(verified.code, 1, "{verified:?}");
    verified.prints("gives no evidence for a challenge").prints("the enclave is gone, or silent");
}

#[test]
fn an_answer_to_another_challenge_is_no_answer() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.wait_for_identity();
    let data = &room.data[0];
    let first: Arc<Mutex<Option<Reply>>> = Arc::default();
    data.login(&liar::start(&server.url, move |ask, truth| {
        if !ask.path.ends_with("/challenge") {
            return truth.of(ask);
        }
        let mut first = first.lock().unwrap();
        first.get_or_insert_with(|| truth.of(ask)).clone()
    }));
    data.ok(&verify(&room, &[])).prints("the enclave lives");
    let replayed = data.run(&verify(&room, &[]));
    assert_eq!(replayed.code, 1, "{replayed:?}");
    replayed.prints("in its answer to a challenge").prints("another challenge");
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    data.refused(&approve).says("not trusted");
    // Whoever wants the published evidence alone says so, and is told what that means.
    data.ok(&verify(&room, &["--no-challenge"])).prints("it may be gone");
}

#[test]
fn challenges_are_taken_once_whole_and_from_those_whom_it_concerns() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    let caller = Caller::of(&server.url, &room.data[0]);
    let path = format!("/computations/{}/challenge", room.id);
    let ask = |challenge: &str| caller.json("POST", &path, &json!({ "challenge": challenge }));
    let one = "ab".repeat(32);
    ask(&one).refused(409, "wrong-state");
    room.prepare(JOIN_ALL);
    room.wait_for_identity();
    for bad in ["", "ab", &"00".repeat(32), &"zz".repeat(32), &"ab".repeat(33)] {
        assert!(matches!(ask(bad).status, 400 | 422), "{bad}");
    }
    assert_eq!(ask(&one).status, 200);
    let stranger = Caller::of(&server.url, &server.person("stranger@example.org"));
    stranger.json("POST", &path, &json!({ "challenge": one })).refused(404, "not-found");
}
