//! Keys that are taken back: before, between and during runs.

use crate::harness::{
    Server, descendants, eventually,
    http::Caller,
    is_alive,
    liar::{self, Ask, Truth},
    room::{JOIN_ALL, Room},
    run as run_command,
};
use serde_json::{Value, json};
use std::fs;

/// Says that it runs, writes a result, and then goes on for ever if the data says so.
const SLEEPS_IF_TOLD: &str = "\
import time
from sealroom import Enclave
with Enclave() as enclave:
    data = b'|'.join(file.read() for file in enclave.read())
    enclave.write(data)
    while b'sleep' in data:
        time.sleep(1)
";

/// Interpreters in their jails.
fn interpreters(server: &Server) -> Vec<u32> {
    let is_python = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        is_alive(*pid) && String::from_utf8_lossy(&command).contains("_bootstrap.py")
    };
    descendants(server.pid()).into_iter().filter(is_python).collect()
}

/// A run of two data providers that does not end by itself.
fn endless<'a>(server: &'a Server, options: &[&str]) -> Room<'a> {
    let room = Room::new(server, 2, 1, options);
    room.join();
    room.push_code(&[("run.py", SLEEPS_IF_TOLD)]);
    room.push_data(0, "0.csv", b"sleep");
    room.push_data(1, "1.csv", b"others");
    for person in &room.data {
        person.ok(&["data", "done", &room.id]);
    }
    room.wait_for_identity();
    room.everybody_allows(r#"{"max_runs": 5}"#);
    room.approve_all();
    eventually("the run is under way", || (room.status()["phase"] == "running").then_some(()));
    room
}

#[test]
fn a_key_taken_back_during_a_run_ends_it_and_leaves_a_signed_record() {
    let server = Server::start();
    let room = endless(&server, &["--max-runs", "2"]);
    let processes = interpreters(&server);
    assert!(!processes.is_empty());
    let folder = server.folder(&[]);
    let record = folder.join("record.json");
    let revoke = ["revoke", &room.id, "--record", record.to_str().unwrap(), "--json"];
    let said = room.data[0].ok(&revoke).json();
    assert_eq!(said[0]["outcome"], "destroyed", "{said}");
    let destroyed = &said[0]["said"];
    assert_eq!(destroyed["participant"], json!({"role": "DataProvider", "index": 0}));
    let run = &destroyed["ended_run"];
    assert_eq!((&run["run"], &run["killed"]), (&json!(1), &json!(true)), "{destroyed}");
    assert_eq!((&run["files"], &run["bytes"]), (&json!(1), &json!(5)), "{destroyed}");
    assert_eq!(run["results_left"], false, "{destroyed}");
    assert_eq!(destroyed["earlier_results"], json!([]));
    let kept: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    assert_eq!(kept["payloadType"], "application/vnd.in-toto+json");
    let reason = room.wait_for_failure(1);
    assert_eq!(reason, "data provider 0 took its key back");
    assert!(!processes.into_iter().any(is_alive), "nothing of the run is left");
    // Twice changes nothing, and the record is still there.
    let events = room.events().as_array().unwrap().len();
    let again =
        room.data[0].ok(&["revoke", &room.id]).prints("no result and no log of run 1 has left");
    assert!(again.stdout.contains("1 opened files of yours, 5 bytes"), "{again:?}");
    assert_eq!(room.events().as_array().unwrap().len(), events);
    assert_eq!(room.count("key_destroyed"), 1);
    room.owner.ok(&["status", &room.id]).prints("key destroyed");
    room.owner.ok(&["audit", &room.id]).prints("destroyed the key of data provider 0");

    // The others' approvals stand; with other data and a new release it goes on.
    room.data[0].ok(&["data", "reset", &room.id]);
    room.push_data(0, "0.csv", b"calm");
    room.data[0].ok(&["data", "done", &room.id]);
    room.owner.ok(&["run", &room.id]);
    assert_eq!(room.status()["runs"].as_array().unwrap().len(), 1, "not without its key");
    room.approve(&room.data[0]);
    room.wait_for_success(2);
    assert_eq!(room.result(), "others|calm");
}

#[test]
fn whoever_takes_part_can_end_a_run_and_nobody_else() {
    let server = Server::start();
    let room = endless(&server, &[]);
    let stranger = server.person("stranger@example.org");
    stranger.refused(&["revoke", &room.id]);
    room.owner.refused(&["revoke", &room.id, "--role", "data"]);
    assert_eq!(room.status()["phase"], "running");
    let said = room.consumers[0].ok(&["revoke", &room.id, "--json"]).json();
    assert_eq!(said[0]["said"]["ended_run"]["killed"], true, "{said}");
    assert_eq!(room.wait_for_failure(1), "result consumer 0 took its key back");
}

#[test]
fn a_key_taken_back_between_runs_is_destroyed_and_never_comes_back() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--max-runs", "3"]);
    room.prepare(JOIN_ALL);
    room.everybody_allows(r#"{"max_runs": 5}"#);
    room.data[0].ok(&["revoke", &room.id]).prints("no key of yours as data provider was released");
    // Twice: both releases open, the second has taken the place of the first.
    room.approve(&room.data[0]);
    room.approve_all();
    room.wait_for_success(1);
    let said = room.data[0].ok(&["revoke", &room.id, "--json"]).json();
    let destroyed = &said[0]["said"];
    assert_eq!(destroyed["earlier_results"], json!([1]), "{said}");
    assert_eq!(destroyed["releases"].as_array().unwrap().len(), 2, "{said}");
    assert!(destroyed["ended_run"].is_null(), "{said}");
    room.owner.ok(&["run", &room.id]);
    // What was released once stands in the log. Whoever shows it again, the enclave does not take it.
    let events = room.events();
    let released = events.as_array().unwrap().iter().filter_map(|record| {
        let event = &record["event"];
        let mine =
            event["type"] == "key_provisioned" && event["participant"]["role"] == "DataProvider";
        mine.then(|| event["release"].clone())
    });
    let released: Vec<Value> = released.collect();
    assert_eq!(released.len(), 2);
    let caller = Caller::of(&server.url, &room.data[0]);
    let path = format!("/computations/{}/key/release", room.id);
    for release in released {
        let reply = caller.call("POST", &path, "application/json", release.to_string().as_bytes());
        assert_eq!(reply.status, 422, "{}", String::from_utf8_lossy(&reply.body));
    }
    assert_eq!(room.status()["runs"].as_array().unwrap().len(), 1);
    room.approve(&room.data[0]);
    room.wait_for_success(2);
}

#[test]
fn a_server_that_keeps_the_record_to_itself_is_no_confirmation() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.data[0]);
    let url = liar::start(&server.url, |ask: &Ask, truth: &Truth| {
        let mut reply = truth.of(ask);
        if let Ok(mut value) = serde_json::from_slice::<Value>(&reply.body)
            && value["destroyed_keys"].is_array()
        {
            value["destroyed_keys"] = json!([]);
            reply.body = serde_json::to_vec(&value).unwrap();
        }
        reply
    });
    room.data[0].login(&url);
    let mut revoke = room.data[0].command(&["revoke", &room.id, "--wait", "2"]);
    let done = run_command(&mut revoke, None);
    assert_eq!(done.code, 1, "{done:?}");
    done.prints("has not said that it is destroyed");
}

#[test]
fn no_run_starts_after_the_end_that_was_agreed_on() {
    let server = Server::start();
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
    let room = Room::new(&server, 1, 1, &["--max-runs", "5", "--expires-at", &end.to_string()]);
    room.prepare(JOIN_ALL);
    room.everybody_allows(r#"{"max_runs": 5}"#);
    room.approve(&room.coder);
    room.approve(&room.consumers[0]);
    eventually("the end has come", || (jiff::Timestamp::now() > end).then_some(()));
    room.approve(&room.data[0]);
    eventually("the enclave has given it up", || {
        server.log().contains("computation forgotten").then_some(())
    });
    assert_eq!(room.count("run_started"), 0);
}
