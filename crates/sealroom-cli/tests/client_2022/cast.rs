//! One computation in which everybody but the owner uses the client of 2022.

use crate::{
    harness::{Person, Server, eventually, http::Caller, room::Room},
    peer::{self, Peer, Side},
};
use serde_json::{Value, json};
use std::{fs, ops::Deref, path::PathBuf};

/// How often participants ask, in seconds.
pub(crate) const POLL: f64 = 0.1;

/// A `run.py` of the form that the client insists on, with these lines inside.
pub(crate) fn run_py(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("        {line}\n")).collect();
    format!(
        "from cosmian_lib_sgx import Enclave\n\n\ndef main() -> int:\n    with Enclave() as enclave:\n\
         {lines}    return 0\n\n\nif __name__ == \"__main__\":\n    main()\n"
    )
}

/// Writes all inputs, one after the other, to everybody.
pub(crate) const JOIN: &str = "enclave.write(b'|'.join(file.read() for file in enclave.read()))";

/// A room and the participants' Python processes.
pub(crate) struct Cast<'a> {
    pub(crate) room: Room<'a>,
    pub(crate) code: Peer,
    pub(crate) data: Vec<Peer>,
    pub(crate) consumers: Vec<Peer>,
}

impl<'a> Deref for Cast<'a> {
    type Target = Room<'a>;

    fn deref(&self) -> &Room<'a> {
        &self.room
    }
}

impl<'a> Cast<'a> {
    /// Separate accounts, of which the owner's has the `sealroom` command.
    pub(crate) fn new(server: &'a Server, data: usize, consumers: usize) -> Self {
        Self::at(&server.url, Room::new(server, data, consumers, &[]))
    }

    /// The people of `room`, who call the server at `url`.
    pub(crate) fn at(url: &str, room: Room<'a>) -> Self {
        let peer =
            |person: &Person, side| Peer::at(url, room.server, person, side, &room.id, &room.words);
        let code = peer(&room.coder, Side::Code);
        let data = room.data.iter().map(|person| peer(person, Side::Data)).collect();
        let consumers = room.consumers.iter().map(|person| peer(person, Side::Result)).collect();
        Self { room, code, data, consumers }
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = &Peer> {
        std::iter::once(&self.code).chain(&self.data).chain(&self.consumers)
    }

    #[track_caller]
    pub(crate) fn register(&self) {
        self.peers().for_each(|peer| drop(peer.ok("register", json!({}))));
    }

    /// Uploads a folder of these files; returns the archive that the client made and keeps.
    #[track_caller]
    pub(crate) fn upload_code(&self, files: &[(&str, &str)]) -> PathBuf {
        upload_code(&self.code, self.room.server, files)
    }

    #[track_caller]
    pub(crate) fn upload_data(&self, n: usize, name: &str, content: &[u8]) {
        let with = json!({"data_name": name, "data": peer::bytes(content)});
        self.data[n].ok("upload_data", with);
    }

    /// Everybody registers; `run.py` and one file of every data provider are there; an identity
    /// stands, whose key is returned.
    #[track_caller]
    pub(crate) fn prepare(&self, run_py: &str) -> Value {
        self.register();
        self.upload_code(&[("run.py", run_py)]);
        let key = identity(&self.code);
        for (n, peer) in self.data.iter().enumerate() {
            self.upload_data(n, &format!("{n}.csv"), format!("data of {n}").as_bytes());
            peer.ok("done", json!({}));
        }
        key
    }

    #[track_caller]
    pub(crate) fn provision(&self, key: &Value) {
        self.peers().for_each(|peer| provision(peer, key));
    }

    /// The result of a consumer, once the run has succeeded.
    #[track_caller]
    pub(crate) fn result_of(&self, n: usize) -> Vec<u8> {
        peer::given_bytes(&self.consumers[n].ok("wait_result", json!({"sleep_duration": POLL})))
    }

    /// What the server says of the computation to its owner, as it sends it.
    #[track_caller]
    pub(crate) fn raw(&self) -> Value {
        let path = self.path("");
        Caller::of(&self.server.url, &self.owner).get(&path).value()
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/computations/{}{rest}", self.id)
    }

    /// Waits until the run has ended, however; returns the state as the client names it.
    #[track_caller]
    pub(crate) fn end(&self) -> Value {
        eventually("the run has ended", || {
            let state = state(&self.code);
            matches!(state.as_str(), Some("Success" | "Failure")).then_some(state)
        })
    }
}

/// Uploads a folder of these files; returns the archive that the client made and keeps.
#[track_caller]
pub(crate) fn upload_code(code: &Peer, server: &Server, files: &[(&str, &str)]) -> PathBuf {
    let folder = server.folder(&[]).join("code");
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let tar = code.ok("upload_code", json!({"directory_path": peer::path(&folder)}));
    peer::given_path(&tar)
}

/// The key of the enclave, once there is one.
#[track_caller]
pub(crate) fn identity(peer: &Peer) -> Value {
    peer.ok("wait_for_enclave_identity", json!({"sleep_duration": POLL}))
}

/// The key of an enclave that is another than the one with the key `before`.
#[track_caller]
pub(crate) fn identity_after(peer: &Peer, before: &Value) -> Value {
    eventually("another identity stands", || Some(identity(peer)).filter(|key| key != before))
}

#[track_caller]
pub(crate) fn provision(peer: &Peer, key: &Value) {
    peer.ok("key_provisioning", json!({"enclave_public_key": key}));
}

/// The state of the enclave as the client names it; null before there is one.
#[track_caller]
pub(crate) fn state(peer: &Peer) -> Value {
    peer.ok("get_status", json!({}))["enclave_state"]["state"].clone()
}

/// Asserts that none of these is anywhere in the server's data directory or in its log.
#[track_caller]
pub(crate) fn assert_unknown_to(server: &Server, secrets: &[(&str, Vec<u8>)]) {
    let stored = crate::harness::files_below(&server.data_dir());
    assert!(stored.len() > 3, "{stored:?}");
    // What is gone by now was there for a moment only.
    let read = |path: &PathBuf| Some((path.display().to_string(), fs::read(path).ok()?));
    let log = ("the log".to_owned(), server.log().into_bytes());
    for (place, bytes) in stored.iter().filter_map(read).chain([log]) {
        for (name, secret) in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{name} is in clear in `{place}`");
        }
    }
}
