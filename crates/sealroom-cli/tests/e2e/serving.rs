//! The server as a process: starting, stopping, starting again, and what is left behind.

use crate::harness::{
    SEALROOM, Server, Signal, descendants, eventually, files_below, is_alive,
    room::{JOIN_ALL, Room, SAY_OK},
    sealroom,
};
use std::{
    io::{Read as _, pipe},
    process::Command,
};

#[test]
fn serve_stops_in_order_on_sigterm_and_sigint_and_leaves_no_process_behind() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        // One enclave at work, one idle, and what belongs to them.
        let room = Room::new(&server, 1, 1, &[]);
        room.prepare(SAY_OK);
        drop(room);
        let family = eventually("two enclaves are there", || {
            let family = descendants(server.pid());
            (family.len() >= 4).then_some(family)
        });
        let status = server.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal:?}\n{}", server.log());
        for pid in family {
            eventually("no process is left", || (!is_alive(pid)).then_some(()));
        }
        assert!(files_below(&server.data_dir().join("tmp")).is_empty());
    }
}

#[test]
fn a_server_that_is_stopped_and_started_again_has_lost_nothing_but_the_identity() {
    let mut server = Server::start();
    let id;
    let words;
    let (owner, people);
    {
        let room = Room::new(&server, 1, 1, &[]);
        room.prepare(JOIN_ALL);
        room.approve(&room.data[0]);
        (id, words) = (room.id.clone(), room.words.clone());
        let Room { owner: o, coder, data, consumers, .. } = room;
        people = (coder, data, consumers);
        owner = o;
    }
    let before = owner.json(&["status", &id]);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    owner.refused(&["status", &id]).says("cannot reach");
    server.start_again();
    let (coder, data, consumers) = people;
    let room = Room { server: &server, id, words, owner, coder, data, consumers };
    let old = before["enclave"]["identity"]["keys"]["signing"].as_str().unwrap();
    room.wait_for_identity_after(old);
    let after = room.status();
    for kept in ["/code", "/data_providers/0/files", "/data_providers/0/done_uploading_at"] {
        assert_eq!(before.pointer(kept), after.pointer(kept), "{kept}");
    }
    // The key that was released went with the enclave that had it.
    assert!(after["data_providers"][0]["symmetric_key_uploaded_at"].is_null());
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
    room.owner.ok(&["audit", &room.id]).says("chain intact").prints("the enclave was lost");
}

#[test]
fn a_server_that_is_killed_finds_its_enclave_and_the_keys_in_it_again() {
    let mut server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.data[0]);
    let before = room.wait_for_identity();
    let Room { id, words, owner, coder, data, consumers, .. } = room;
    server.stop(Signal::KILL);
    server.start_again();
    let room = Room { server: &server, id, words, owner, coder, data, consumers };
    assert_eq!(room.wait_for_identity(), before);
    room.approve(&room.coder);
    room.approve(&room.consumers[0]);
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
    room.owner.ok(&["audit", &room.id]).says("chain intact");
}

#[test]
fn an_account_is_added_while_the_server_runs_and_only_the_token_is_printed() {
    let server = Server::start();
    let mut add = Command::new(SEALROOM);
    add.args(["account", "add", "new@example.org", "--data-dir"]).arg(server.data_dir());
    let done = crate::harness::run(&mut add, None);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    let token = done.stdout.strip_suffix('\n').unwrap();
    assert!(token.len() > 40 && !token.contains(char::is_whitespace), "{done:?}");
    let person = server.person("new@example.org");
    assert_ne!(person.token, token, "a further token");
    person.ok(&["list"]);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let dir = server.data_dir();
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir.to_str().unwrap()];
    let done = sealroom(&args).refused(1);
    assert_eq!(done.stdout, "", "a server that is not ready prints no URL");
    let address = server.url.trim_start_matches("http://");
    let other = server.dir.path().join("other");
    let args = ["serve", "--listen", address, "--data-dir", other.to_str().unwrap()];
    sealroom(&args).refused(1).says(address);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let commands: [&[&str]; 6] = [
        &["--help"],
        &["list"],
        &["audit", &room.id],
        &["status", &room.id, "--json"],
        &["verify", &room.id, "--allow-simulated", "--manifest"],
        &["code", "digest", &room.id],
    ];
    for args in commands {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut child = room.coder.command(args);
        let mut child = child.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_eq!(status.code(), Some(0), "{args:?}: {said}");
    }
}
