//! Attested TLS: a participant asks the enclave itself.

use super::enclave::Enclave;
use crate::harness::{
    Server, eventually, relay,
    room::{JOIN_ALL, Room},
    sealroom,
};
use serde_json::Value;
use std::net::TcpListener;

/// An enclave that listens on a free port, and where.
fn listening(server: &Server) -> Enclave {
    Enclave::dial_with(server, &server.url, &["--listen", "127.0.0.1:0"])
}

fn address(enclave: &Enclave) -> String {
    eventually("the enclave says where it listens", || {
        let said = enclave.said();
        let line = said.lines().find(|line| line.contains("answered directly"))?;
        let rest = &line[line.find("127.0.0.1:")?..];
        Some(rest.split_whitespace().next()?.to_owned())
    })
}

fn direct<'a>(command: &'a str, room: &'a Room<'_>, address: &'a str) -> Vec<&'a str> {
    let mut args = vec![command, &room.id, "--allow-simulated", "--direct", address];
    if command == "approve" {
        args.extend(["--words", &room.words]);
    }
    args
}

/// The check `channel` of a verdict: how it came out.
fn outcome(verdict: &Value) -> &str {
    let checks = verdict["checks"].as_array().unwrap();
    let channel = checks.iter().find(|check| check["code"] == "channel").expect("the check");
    assert_eq!(channel["group"], "fresh");
    channel["outcome"].as_str().unwrap()
}

#[test]
fn the_enclave_itself_answers_before_and_during_a_run() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let room = Room::new(&server, 1, 1, &[]);
    let enclave = listening(&server);
    room.prepare("import time\nwhile True:\n    time.sleep(.1)\n");
    let address = address(&enclave);
    let data = &room.data[0];
    data.ok(&direct("verify", &room, &address)).prints("the enclave itself answers at 127.0.0.1:");
    assert_eq!(outcome(&data.json(&direct("verify", &room, &address))), "passed");
    for person in room.participants() {
        person.ok(&direct("verify", &room, &address));
        person.ok(&direct("approve", &room, &address)).prints("for this very connection");
    }
    eventually("a run", || (room.count("run_started") == 1).then_some(()));
    data.ok(&direct("verify", &room, &address)).prints("the enclave itself answers");
}

#[test]
fn nobody_in_between_another_enclave_and_no_enclave_are_refused() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let room = Room::new(&server, 1, 1, &[]);
    let enclave = listening(&server);
    room.prepare(JOIN_ALL);
    let here = address(&enclave);
    // Another room's enclave is genuine too.
    let another = Server::start_with(&["--enclaves", "0"]);
    let elsewhere = Room::new(&another, 1, 1, &[]);
    let other = listening(&another);
    elsewhere.prepare(JOIN_ALL);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = silent.local_addr().unwrap().to_string();
    drop(silent);
    let rows = [
        (relay::start(&here), "is not for this connection, but for another"),
        (address(&other), "is of another manifest"),
        (server.url.trim_start_matches("http://").to_owned(), "is no enclave: TLS fails"),
        (closed, "nobody is reached"),
    ];
    let data = &room.data[0];
    for (address, says) in &rows {
        let verified = data.run(&direct("verify", &room, address));
        assert_eq!(verified.code, 1, "{verified:?}");
        verified.prints(says).prints("REFUSED");
        data.refused(&direct("approve", &room, address)).says("not trusted");
        let json = [&direct("verify", &room, address)[..], &["--json"]].concat();
        assert_eq!(outcome(&data.run(&json).json()), "failed", "{says}");
    }
    assert_eq!(room.count("key_provisioned"), 0);
    data.ok(&direct("verify", &room, &here));
}

#[test]
fn an_enclave_listens_only_where_it_is_told_to() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let enclave = Enclave::dial_with(&server, &server.url, &["--listen", &taken]);
    let (ended_well, said) = enclave.end();
    assert!(!ended_well && said.contains(&format!("cannot listen at {taken}")), "{said}");
    drop(held);
    for bad in ["somewhere", "host:0", "https://host:1"] {
        let id = "0f0e0d0c-0b0a-0908-0706-050403020100";
        sealroom(&["verify", id, "--direct", bad]).refused(2).says("HOST:PORT");
    }
}
