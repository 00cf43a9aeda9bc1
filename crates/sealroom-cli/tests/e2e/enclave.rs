//! An enclave that dials in, and a server that lies to it.

use crate::harness::{
    Server, eventually,
    http::Reply,
    liar::{self, Ask, Truth},
    room::{JOIN_ALL, Room},
};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// An enclave process that works for the server at `url`; ended when dropped.
pub(crate) struct Enclave {
    process: Child,
    log: PathBuf,
}

impl Enclave {
    pub(crate) fn dial(server: &Server, url: &str) -> Self {
        Self::dial_with(server, url, &[])
    }

    /// Starts with further options.
    pub(crate) fn dial_with(server: &Server, url: &str, options: &[&str]) -> Self {
        let mut add = Command::new(crate::harness::SEALROOM);
        add.args(["account", "add", "enclave@example.org", "--kind", "enclave", "--data-dir"]);
        let token = crate::harness::run(add.arg(server.data_dir()), None).stdout;
        let folder = server.folder(&[("token", token.as_bytes())]);
        let program = Path::new(crate::harness::SEALROOM).with_file_name("sealroom-enclave");
        let mut command = Command::new(program);
        command.args(["run", "--server", url, "--token-file"]).arg(folder.join("token"));
        command.arg("--work-dir").arg(folder.join("work")).args(options);
        let log = folder.join("log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        Self { process: command.spawn().unwrap(), log }
    }

    /// Waits for its end; returns whether it ended well, and what it said.
    pub(crate) fn end(mut self) -> (bool, String) {
        let ended = eventually("the enclave has ended", || self.process.try_wait().unwrap());
        (ended.success(), self.said())
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Enclave {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if std::thread::panicking() {
            eprintln!("--- the enclave's log\n{}", self.said());
        }
    }
}

fn alter_records(mut reply: Reply, change: fn(&mut Vec<Value>)) -> Reply {
    let mut value: Value = serde_json::from_slice(&reply.body).unwrap();
    let records = value["records"].as_array_mut().unwrap();
    if records.first().is_some_and(|record| record["seq"] == 0) {
        change(records);
    }
    reply.body = value.to_string().into_bytes();
    reply
}

/// Keeps all but the first two records from the enclave, and, if wanted, that there are more.
fn cut(ask: &Ask, truth: &Truth, head: Option<u64>) -> Reply {
    let mut reply = truth.of(ask);
    if ask.path.contains("/events") {
        let mut value: Value = serde_json::from_slice(&reply.body).unwrap();
        let records = value["records"].as_array_mut().unwrap();
        records.retain(|record| record["seq"].as_u64().unwrap() < 2);
        if let Some(head) = head {
            value["head"] = head.into();
        }
        reply.body = value.to_string().into_bytes();
    }
    reply
}

#[test]
fn an_enclave_takes_no_log_and_no_code_that_does_not_hold_together() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    type Lie = fn(&Ask, &Truth) -> Reply;
    let rows: [(&str, Lie, &str); 6] = [
        (
            "a key was replaced",
            |ask, truth| match ask.path.contains("/events") {
                true => alter_records(truth.of(ask), |records| {
                    records[2]["event"]["public_key"] = "ab".repeat(32).into();
                }),
                false => truth.of(ask),
            },
            "the server's log is refused",
        ),
        (
            "an event was left out",
            |ask, truth| match ask.path.contains("/events") {
                true => alter_records(truth.of(ask), |records| drop(records.remove(1))),
                false => truth.of(ask),
            },
            "the server's log is refused",
        ),
        ("the end was cut", |ask, truth| cut(ask, truth, None), "shorter than it says"),
        (
            "the end was cut and denied",
            |ask, truth| cut(ask, truth, Some(1)),
            "not of a computation that waits for an enclave",
        ),
        (
            "a byte of the code was changed",
            |ask, truth| {
                let mut reply = truth.of(ask);
                if ask.path.ends_with("/code") {
                    let at = reply.body.windows(4).position(|bytes| bytes == b"join").unwrap();
                    reply.body[at] = b'J';
                }
                reply
            },
            "the code is refused",
        ),
        (
            "the code was cut",
            |ask, truth| {
                let mut reply = truth.of(ask);
                if ask.path.ends_with("/code") {
                    reply.body.truncate(600);
                }
                reply
            },
            "the code is refused",
        ),
    ];
    for (name, lie, says) in rows {
        let (ended_well, said) = Enclave::dial(&server, &liar::start(&server.url, lie)).end();
        assert!(!ended_well && said.contains(says), "{name}: {said}");
        assert_eq!(room.count("identity_published"), 0, "{name}");
    }
    // An honest server gets what it asks for.
    let enclave = Enclave::dial(&server, &server.url);
    room.push_data(0, "0.csv", b"data of 0");
    room.data[0].ok(&["data", "done", &room.id]);
    room.wait_for_identity();
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
    assert!(enclave.end().0);
}

#[test]
fn an_enclave_opens_no_file_that_was_exchanged_on_its_way() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let room = Room::new(&server, 2, 1, &[]);
    let exchange = |ask: &Ask, truth: &Truth| {
        let other = match ask.path.contains("/data/0/") {
            true => ask.path.replace("/data/0/", "/data/1/"),
            false => ask.path.replace("/data/1/", "/data/0/"),
        };
        truth.at(ask, &other)
    };
    let enclave = Enclave::dial(&server, &liar::start(&server.url, exchange));
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    room.push_data(0, "x.csv", b"data of A");
    room.push_data(1, "x.csv", b"data of B");
    for person in &room.data {
        person.ok(&["data", "done", &room.id]);
    }
    room.wait_for_identity();
    room.approve_all();
    let reason = room.wait_for_failure(1);
    assert!(reason.contains("other bytes than a data provider has listed"), "{reason}");
    drop(enclave);
}

#[test]
fn a_key_that_was_changed_on_its_way_to_the_enclave_is_refused() {
    let server = Server::start_with(&["--enclaves", "0"]);
    let room = Room::new(&server, 1, 1, &[]);
    // The liar keeps the chain intact for what the enclave has seen, and breaks it with the change.
    let lie = |ask: &Ask, truth: &Truth| {
        let mut reply = truth.of(ask);
        if ask.path.contains("/events?after=") {
            let mut value: Value = serde_json::from_slice(&reply.body).unwrap();
            for record in value["records"].as_array_mut().into_iter().flatten() {
                if record["event"]["type"] == "key_provisioned" {
                    record["event"]["release"]["manifest"] = "00".repeat(32).into();
                }
            }
            reply.body = value.to_string().into_bytes();
        }
        reply
    };
    let enclave = Enclave::dial(&server, &liar::start(&server.url, lie));
    room.prepare(JOIN_ALL);
    room.approve(&room.data[0]);
    let (ended_well, said) = enclave.end();
    assert!(!ended_well && said.contains("the server's log is refused"), "{said}");
    assert_eq!(room.count("run_started"), 0);
}
