//! An error always says what is wrong and what to do.

use crate::harness::{SEALROOM, Server, room::Room, run, sealroom};
use std::process::Command;

#[test]
fn wrong_usage_ends_with_exit_code_2_and_a_refusal_with_1() {
    let wrong: [&[&str]; 6] = [
        &[],
        &["frobnicate"],
        &["status"],
        &["status", "not-a-uuid"],
        &["new", "--name", "n", "--code", "no address", "--data", "d@x.org", "--result", "r@x.org"],
        &["serve", "--listen", "nowhere"],
    ];
    for args in wrong {
        let done = sealroom(args);
        assert_eq!((done.code, &*done.stdout), (2, ""), "{args:?}: {done:?}");
        assert!(!done.stderr.is_empty());
    }
    let profile = tempfile::tempdir().unwrap();
    let with_profile = |args: &[&str]| {
        let mut command = Command::new(SEALROOM);
        run(command.arg("--profile").arg(profile.path()).args(args), None)
    };
    with_profile(&["list"]).refused(1).says("no account");
    let emails = ["--code", "c@x.org", "--data", "d@x.org", "--result", "r@x.org"];
    let zero = [&["new", "--name", "n", "--max-runs", "0"], &emails[..]].concat();
    with_profile(&zero).refused(2).says("max_runs");
    assert_eq!(sealroom(&["--version"]).code, 0);
}

#[test]
fn wrong_usage_has_a_hint_too() {
    sealroom(&["status", "not-a-uuid"]).refused(2).says("UUID");
    sealroom(&["frobnicate"]).refused(2);
}

#[test]
fn a_file_that_is_not_there_or_is_none_has_a_hint() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    for file in ["/nonexistent/file.csv", "/etc"] {
        room.data[0].refused(&["data", "push", &room.id, file]).says(file);
    }
}

#[test]
fn a_file_that_is_too_large_for_the_server_has_a_hint() {
    let server = Server::start_with(&["--max-upload", "1000"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    let folder = server.folder(&[("large.bin", &[7; 5000])]);
    let file = folder.join("large.bin");
    let head = room.status()["head"].clone();
    let push = ["data", "push", &room.id, file.to_str().unwrap()];
    room.data[0].refused(&push).says("1000 bytes");
    assert_eq!(room.status()["head"], head, "nothing has changed");
}

#[test]
fn names_and_words_that_cannot_be_are_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    let folder = server.folder(&[("a/x.csv", b"1"), ("b/x.csv", b"2")]);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let data = &room.data[0];
    let twice = ["data", "push", &room.id, &path("a/x.csv"), &path("b/x.csv")];
    data.refused(&twice).says("both named `x.csv`");
    let renamed = ["data", "push", &room.id, &path("a/x.csv"), &path("b/x.csv"), "--name", "y"];
    data.run(&renamed).refused(2).says("--name");
    assert_eq!(room.status()["data_providers"][0]["files"].as_array().unwrap().len(), 0);
    data.run(&["approve", &room.id, "--words", "only two"]).refused(2).says("words");
    data.refused(&["approve", &room.id]).says("the safety words are missing");
}
