//! The right person at the wrong moment, and the same thing twice.

use crate::harness::{
    Server,
    http::Caller,
    room::{JOIN_ALL, Room, SAY_OK},
};

#[test]
fn what_comes_too_early_is_refused_and_changes_nothing() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    let id = &*room.id;
    let (coder, data) = (&room.coder, &room.data[0]);
    let folder = server.folder(&[("run.py", SAY_OK.as_bytes())]);
    let (folder, file) = (folder.to_str().unwrap(), folder.join("run.py"));
    let file = file.to_str().unwrap();
    let head = room.status()["head"].clone();
    let path = |rest: &str| format!("/computations/{id}{rest}");
    let approve = ["approve", id, "--words", &room.words, "--allow-simulated"];

    // Before joining.
    data.refused(&["data", "push", id, file]).says("no key as data provider");
    data.refused(&["data", "done", id]).says("has not joined");
    coder.refused(&["code", "push", id, folder]).says("no key as code provider");
    coder.refused(&["code", "digest", id]).says("no code");
    data.refused(&["verify", id]).says("no enclave has published");
    data.refused(&approve).says("no enclave has published");
    room.consumers[0].refused(&["results", "get", id]).says("there was no run yet");
    coder.refused(&["results", "log", id]).says("there was no run yet");
    room.owner.refused(&["remove", id]).says("not archived");
    let as_data = Caller::of(&server.url, data);
    let said = as_data.put(&path("/data/x"), b"x").refused(409, "wrong-state");
    assert!(said.contains("has not joined yet"), "{said}");
    assert_eq!(room.status()["head"], head, "nothing has changed");

    // Joined, but nothing else.
    room.join();
    let head = room.status()["head"].clone();
    data.refused(&["data", "done", id]).says("has pushed no data");
    data.refused(&approve).says("no enclave has published");
    assert_eq!(room.status()["head"], head, "nothing has changed");

    // An identity stands, but the data is not complete.
    coder.ok(&["code", "push", id, folder]);
    room.wait_for_identity();
    data.ok(&["data", "push", id, file]);
    let head = room.status()["head"].clone();
    data.refused(&approve).says("has not said that its data is complete");
    assert_eq!(room.status()["head"], head, "nothing has changed");
}

#[test]
fn what_comes_too_late_is_refused_and_changes_nothing() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    let id = &*room.id;
    let (coder, data) = (&room.coder, &room.data[0]);
    let folder = server.folder(&[("run.py", b"1 + 1\n"), ("0.csv", b"other")]);
    let file = folder.join("0.csv");
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    let before = room.status();
    coder.refused(&["code", "push", id, folder]).says("the code is there already");
    data.refused(&["data", "push", id, file]).says("has said that its data is complete");
    assert_eq!(room.status(), before, "nothing has changed");
    // A second profile of the same account can't take the place of the first.
    let twin = server.stranger(&data.email);
    let other = crate::harness::Person { profile: data.profile.with_file_name("second"), ..twin };
    other.login(&server.url);
    other.refused(&["join", id]).says("has registered with another key");
    assert_eq!(room.status(), before, "nothing has changed");
    // The refused pushes have not confused anybody's own notes: the job goes on.
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
    room.owner.ok(&["archive", id]);
    coder.refused(&["code", "reset", id]).says("archived");
    data.refused(&["data", "reset", id]).says("archived");
    room.owner.refused(&["run", id]).says("archived");
}

#[test]
fn the_same_thing_twice_is_harmless() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.join();
    room.data[0].ok(&["data", "done", &room.id]);
    room.approve(&room.data[0]);
    room.approve(&room.data[0]);
    room.coder.ok(&["revoke", &room.id]);
    assert_eq!((room.count("registered"), room.count("data_done")), (3, 1));
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.count("run_started"), 1);
    room.data[0].ok(&["data", "done", &room.id]);
    room.owner.ok(&["archive", &room.id]);
    room.owner.ok(&["remove", &room.id]);
    room.owner.ok(&["remove", &room.id]);
}

#[test]
fn a_key_that_is_taken_back_keeps_the_run_from_starting() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.data[0]);
    room.approve(&room.coder);
    room.data[0].ok(&["revoke", &room.id]);
    room.approve(&room.consumers[0]);
    let status = room.status();
    assert_eq!(
        (&status["phase"], status["runs"].as_array().unwrap().len()),
        (&"collecting".into(), 0)
    );
    room.approve(&room.data[0]);
    room.wait_for_success(1);
}

#[test]
fn data_that_is_taken_back_can_be_pushed_anew() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.coder);
    room.approve(&room.data[0]);
    room.data[0].ok(&["data", "reset", &room.id]);
    let status = room.status();
    assert!(!status["code_provider"]["symmetric_key_uploaded_at"].is_null(), "for that one alone");
    room.push_data(0, "new.csv", b"other data");
    room.data[0].ok(&["data", "done", &room.id]);
    room.approve(&room.data[0]);
    room.approve(&room.consumers[0]);
    room.wait_for_success(1);
    assert_eq!(room.result(), "other data");
}
