//! The enclave killed in every state: the computation says so, and can go on.

use crate::harness::{
    Server, Signal, eventually, kill,
    room::{JOIN_ALL, Room},
};

/// Kills the enclave that holds the computation, and waits for the next one's identity.
fn kill_the_enclave(room: &Room<'_>) {
    let before = room.wait_for_identity();
    kill(room.server.enclave_of(&room.events()), Signal::KILL);
    room.wait_for_identity_after(&before);
    let status = room.status();
    for who in ["code_provider", "data_providers/0", "result_consumers/0"] {
        let key = status.pointer(&format!("/{who}/symmetric_key_uploaded_at")).unwrap();
        assert!(key.is_null(), "{who} is asked for its key again");
    }
    let waits = status["waiting_for"].as_array().unwrap();
    let approvals = waits.iter().filter(|line| line.as_str().unwrap().contains("approve"));
    assert_eq!(approvals.count(), 3, "{waits:?}");
    room.owner.ok(&["audit", &room.id]).prints("the enclave was lost");
}

fn everybody_again(room: &Room<'_>, run: usize) {
    room.approve_all();
    room.wait_for_success(run);
    assert_eq!(room.result(), "data of 0");
    room.owner.ok(&["audit", &room.id]).says("chain intact");
}

#[test]
fn an_enclave_killed_after_its_identity_is_replaced() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    kill_the_enclave(&room);
    everybody_again(&room, 1);
}

#[test]
fn an_enclave_killed_before_the_data_came_is_replaced() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    let before = room.wait_for_identity();
    kill(server.enclave_of(&room.events()), Signal::KILL);
    room.wait_for_identity_after(&before);
    room.push_data(0, "0.csv", b"data of 0");
    room.data[0].ok(&["data", "done", &room.id]);
    everybody_again(&room, 1);
}

#[test]
fn an_enclave_killed_after_some_keys_is_replaced_and_everybody_is_asked_again() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.data[0]);
    room.approve(&room.coder);
    kill_the_enclave(&room);
    everybody_again(&room, 1);
}

const SLEEPS_IF_TOLD: &str = "\
import time
from sealroom import Enclave
with Enclave() as enclave:
    data = b'|'.join(file.read() for file in enclave.read())
    enclave.write(data)
    if data == b'sleep':
        time.sleep(3000)
";

#[test]
fn an_enclave_killed_during_a_run_fails_the_run_and_the_computation_goes_on() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", SLEEPS_IF_TOLD)]);
    room.push_data(0, "0.csv", b"sleep");
    room.data[0].ok(&["data", "done", &room.id]);
    room.wait_for_identity();
    room.approve_all();
    eventually("the run is under way", || (room.count("run_started") == 1).then_some(()));
    assert_eq!(room.status()["phase"], "running");
    room.coder.refused(&["code", "reset", &room.id]).says("run 1 is under way");
    room.consumers[0].refused(&["results", "get", &room.id]).says("not finished");
    kill_the_enclave(&room);
    let reason = room.wait_for_failure(1);
    assert_eq!(reason, "the enclave was lost during the run");
    room.data[0].ok(&["data", "reset", &room.id]);
    room.push_data(0, "0.csv", b"data of 0");
    room.data[0].ok(&["data", "done", &room.id]);
    everybody_again(&room, 2);
}

#[test]
fn an_enclave_killed_between_runs_takes_no_result_with_it() {
    let server = Server::start_with(&["--lease", "2"]);
    let room = Room::new(&server, 1, 1, &["--max-runs", "2"]);
    for person in room.participants() {
        std::fs::write(person.profile.join("policy.json"), r#"{"max_runs": 2}"#).unwrap();
    }
    room.prepare(JOIN_ALL);
    room.approve_all();
    room.wait_for_success(1);
    kill_the_enclave_between_runs(&room);
    assert_eq!(room.result(), "data of 0");
    // Whoever approves a new enclave wants a run of it.
    room.approve_all();
    room.wait_for_success(2);
}

fn kill_the_enclave_between_runs(room: &Room<'_>) {
    let before = room.wait_for_identity();
    kill(room.server.enclave_of(&room.events()), Signal::KILL);
    room.wait_for_identity_after(&before);
}
