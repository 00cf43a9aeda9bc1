//! What was acknowledged is there after a restart; one data directory has one server.

use crate::{
    enclave::Enclave,
    harness::{Server, config},
    party::Room,
};
use sealroom_server::ServeError;
use std::{sync::Barrier, thread};

#[test]
fn a_restart_keeps_everything() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    let head = room.show().head;
    let server = server.restart();
    // Tokens hold, for their key is kept; only the port is another.
    for client in [&mut room.owner, &mut room.code.client, &mut enclave.client] {
        client.address = server.address;
    }
    for party in room.data.iter_mut().chain(&mut room.results) {
        party.client.address = server.address;
    }
    assert_eq!(room.show().head, head);
    // The enclave comes back under its lease and goes on.
    enclave.client.post_empty(&enclave.path("/heartbeat")).success();
    room.approve();
    enclave.work();
    assert_eq!(room.phase(), "succeeded");
}

#[test]
fn a_data_directory_has_one_server() {
    let server = Server::start();
    let mut second = server.config.clone();
    second.listen.set_port(0);
    let error = Server::run(tempfile::tempdir().unwrap(), second).err().unwrap();
    assert!(matches!(error, ServeError::Locked { .. }), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_bad_configuration_is_told_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |change: &dyn Fn(&mut sealroom_server::Config)| {
        let mut config = config(&dir);
        change(&mut config);
        let error = Server::run(tempfile::tempdir().unwrap(), config).err().expect("refused");
        assert!(error.hint().is_some(), "{error}");
        error.to_string()
    };
    let message = refuse(&|config| config.database = Some("mysql://secret@host/x".to_owned()));
    assert!(message.contains("`mysql`") && !message.contains("secret"), "{message}");
    refuse(&|config| config.data_dir = "/proc/nothing".into());
    refuse(&|config| config.listen = ([192, 0, 2, 1], 0).into());
    let message = refuse(&|config| {
        config.local_enclaves = sealroom_server::LocalEnclaves::Max(1);
        config.enclave_program = Some("/nowhere/sealroom-enclave".into());
    });
    assert!(message.contains("/nowhere/sealroom-enclave"), "{message}");
}

#[test]
fn commands_at_the_same_moment_are_all_in_the_log_once() {
    let server = Server::start();
    let room = Room::new(&server);
    let barrier = Barrier::new(5);
    thread::scope(|scope| {
        for party in room.everybody() {
            let (barrier, id) = (&barrier, room.id);
            scope.spawn(move || {
                barrier.wait();
                party.register(id);
                party.register(id);
            });
        }
    });
    assert_eq!(room.show().head.seq, 5);
}
