//! The calls of the 2022 client, as far as they need no client: the status in each state, code from a
//! repository, keys that the enclave judges. The client itself is in the end-to-end tests.

use crate::{
    enclave::Enclave,
    harness::{Client, Reply, Server},
    party::Room,
};
use sealroom_lifecycle::wire::JudgeKey;
use sealroom_protocol::{
    ComputationId, Digest, ParticipantId, Role, Suite,
    receipt::{RunStatus, SealedResult},
};
use sealroom_seal::sign::SigningKey;
use sealroom_server::config::GitAccess;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command, thread, time::Duration};

/// A participant of the suite `sodium`, registered as the client does.
struct Old {
    client: Client,
    role: Role,
    signer: SigningKey,
    id: ComputationId,
}

impl Old {
    fn register(client: &Client, id: ComputationId, role: Role) -> Self {
        let signer = SigningKey::random();
        let body = json!({ "public_key": signer.public(), "side": role });
        client.post(&format!("/computations/{id}/register"), &body).success();
        Self { client: client.clone(), role, signer, id }
    }

    /// Provisions a box that nobody can open; its signature is as it should be.
    fn provision(&self, box_byte: u8) -> Reply {
        let boxed = [box_byte; 112];
        let signed = [self.id.as_bytes().as_slice(), &boxed].concat();
        let sealed = [self.signer.sign(&signed).as_bytes().as_slice(), &boxed].concat();
        let body = json!({ "role": self.role, "sealed_symmetric_key": sealed });
        self.client.post(&format!("/computations/{}/key/provisioning", self.id), &body)
    }
}

fn status(room: &Room) -> Value {
    room.results[0].client.get(&room.path("/status")).ok()
}

fn results(room: &Room, n: usize) -> Reply {
    room.results[n].client.get(&room.path("/results"))
}

#[test]
fn the_status_says_each_state_in_the_clients_words() {
    let server = Server::start();
    let mut room = Room::new(&server);
    assert_eq!(status(&room), json!("NotStarted"));
    let old = Old::register(&room.results[0].client, room.id, Role::ResultConsumer);
    let init = &status(&room)["Started"]["Init"];
    assert_eq!(init["code"], false);
    assert_eq!(init["cache"]["CodeProvider"], Value::Null);
    assert_eq!(init["cache"]["ResultConsumer"], json!([old.signer.public()]));
    room.everybody()
        .filter(|p| p.client.token != old.client.token)
        .for_each(|p| p.register(room.id));
    room.push_code();
    assert_eq!(status(&room), json!({ "Started": "IdentityProcessing" }));
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    let setup = |cp, dps: [[bool; 2]; 2], rcs: [bool; 2]| json!({ "Started": { "SetupInput": { "cp": cp, "dps": dps, "rcs": rcs } } });
    assert_eq!(status(&room), setup(false, [[false; 2]; 2], [false; 2]));
    assert_eq!(results(&room, 0).status, 202);
    room.push_data();
    old.provision(1).success();
    assert_eq!(status(&room), setup(false, [[true, false]; 2], [true, false]));
    for party in room.everybody().filter(|p| p.client.token != old.client.token) {
        party.approve(room.id);
    }
    assert_eq!(status(&room), json!({ "Started": "Running" }));
    let run = enclave.start_run().ok()["run"].as_u64().unwrap() as u32;
    assert_eq!(status(&room), json!({ "Started": "Running" }));
    assert_eq!(results(&room, 0).status, 202);

    // One consumer gets a result under the name that the client asks for, the other none.
    let sealed = b"nonce, tag and ciphertext".to_vec();
    enclave
        .client
        .put(&enclave.path(&format!("/runs/{run}/results/0/result.bin")), &sealed)
        .success();
    let name = "result.bin".parse().unwrap();
    let (size, sha256) = (sealed.len() as u64, Digest::of(&sealed));
    let result = SealedResult { consumer: 0, name, size, sha256 };
    let end = enclave.receipt(run, RunStatus::Succeeded, vec![result], vec![]);
    enclave.finish(run, &end).success();
    assert_eq!(status(&room), json!({ "Started": "Success" }));
    let head = room.results[0].client.call("HEAD", &room.path("/results"), None, b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let dates = |room: &Room| {
        let run = room.owner.get(&room.path("")).ok()["runs"][0].clone();
        run["results_fetches_datetimes_by_result_consumers_uuid"].clone()
    };
    assert_eq!(dates(&room), json!({}), "nothing was fetched yet");
    let reply = results(&room, 0).success();
    assert_eq!((reply.status, reply.body), (200, sealed));
    assert_eq!(reply.media_type, "application/octet-stream; charset=latin-1");
    results(&room, 1).refused(409, "wrong-state");
    let fetched = &room.results[0].client.get(&room.path("")).ok();
    let account = &fetched["result_consumers"][0]["uuid"];
    assert!(dates(&room)[account.as_str().unwrap()].is_string(), "{fetched}");
    assert_eq!(fetched["runs"][0]["exit_code"], 0);

    // A new round of approvals takes no result away, until its run begins.
    room.owner.post_empty(&room.path("/run")).success();
    assert_eq!(status(&room), json!({ "Started": "IdentityProcessing" }));
    results(&room, 0).success();

    room.owner.post_empty(&room.path("/archive")).success();
    assert_eq!(status(&room), json!("Archived"));
    results(&room, 0).success();
    room.owner.delete(&room.path("")).success();
    assert_eq!(status(&room), json!("Removed"));
    results(&room, 0).refused(404, "not-found");
}

#[test]
fn a_failed_run_says_why_and_has_no_result() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    room.approve();
    let run = enclave.start_run().ok()["run"].as_u64().unwrap() as u32;
    let reason = "the code ended with exit code 3".to_owned();
    let failed = RunStatus::Failed { reason: reason.clone(), exit_code: Some(3) };
    let end = enclave.receipt(run, failed, vec![], vec![]);
    enclave.finish(run, &end).success();
    let failure = &status(&room)["Started"]["Failure"];
    assert_eq!(failure, &json!({ "run": 1, "reason": reason, "exit_code": 3 }));
    let shown = &room.owner.get(&room.path("")).ok()["runs"][0];
    assert_eq!((&shown["exit_code"], &shown["output"]), (&json!(3), &json!(reason)));
}

#[test]
fn a_key_that_does_not_open_is_refused_at_once_and_the_others_stay() {
    let server = Server::start_with(|config| config.key_judgement = Duration::from_secs(30));
    let room = Room::new(&server);
    let old = Old::register(&room.data[0].client, room.id, Role::DataProvider);
    room.everybody()
        .filter(|p| p.client.token != old.client.token)
        .for_each(|p| p.register(room.id));
    room.push_code();
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    let participant = ParticipantId { role: Role::DataProvider, index: 0 };
    // Judges whatever it finds, as the enclave would: here, by a list.
    let judge = thread::spawn(move || {
        for opens in [false, true] {
            let release = loop {
                let state = enclave.state();
                let released = state.participant(participant).unwrap().release.clone();
                if let Some(released) = released.filter(|released| !released.accepted) {
                    break released.release.digest();
                }
            };
            let judgement = JudgeKey { participant, release, opens };
            for _ in 0..2 {
                enclave.client.post(&enclave.path("/keys/judge"), &judgement).success();
            }
        }
        enclave
    });
    let before = room.owner.get(&room.path("")).ok();
    old.provision(1).refused(422, "invalid");
    let after = room.owner.get(&room.path("")).ok();
    assert_eq!(before["data_providers"], after["data_providers"]);
    old.provision(2).success();
    let mut enclave = judge.join().unwrap();
    assert!(enclave.state().participant(participant).unwrap().release.as_ref().unwrap().accepted);
    // Accepted before: nobody is waited for.
    old.provision(2).success();
}

fn repository(folder: &Path, run_py: &str) {
    let git = |args: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
            .args(args)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    fs::create_dir_all(folder).unwrap();
    git(&["init", "-q"]);
    fs::write(folder.join("run.py"), run_py).unwrap();
    fs::write(folder.join("helper.py"), "ANSWER = 42\n").unwrap();
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "x"]);
}

#[test]
fn code_comes_from_a_repository_where_the_operator_allows_it() {
    let github = tempfile::tempdir().unwrap();
    let folder = github.path().join("ada/code.git");
    repository(&folder, "print('hello')\n");
    let base = format!("file://{}/", github.path().display());
    let open = Server::start_with(|config| {
        config.code_from_git = Some(GitAccess::danger_instead_of_github(&base));
    });
    let body = |url: &str| json!({ "github": { "repository_url": url, "ref_name": null } });
    let good = body("https://github.com/ada/code");
    let ask =
        |client: &Client, room: &Room, body: &Value| client.post(&room.path("/repository"), body);

    let room = Room::new(&open);
    let code = &room.code.client;
    ask(code, &room, &good).refused(409, "wrong-state");
    let old = Old::register(code, room.id, Role::CodeProvider);
    ask(&room.data[0].client, &room, &good).refused(403, "forbidden");
    ask(&room.data[0].client, &room, &json!([])).refused(403, "forbidden");
    ask(&open.user("stranger@example.org"), &room, &good).refused(404, "not-found");
    for bad in
        ["file:///etc", "https://example.org/a/b", "https://github.com/ada", "--upload-pack=x"]
    {
        ask(code, &room, &body(bad)).refused(422, "invalid");
    }
    ask(code, &room, &body("https://github.com/ada/missing")).refused(422, "invalid");
    assert!(room.show().code.is_empty());
    let listed = ask(code, &room, &good).ok();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(room.show().code.iter().all(|file| !file.sealed), "it is in clear, and says so");
    let stored = code.get(&room.path("/code")).success().body;
    ask(code, &room, &good).success();
    repository(&folder, "print('other')\n");
    ask(code, &room, &good).refused(409, "wrong-state");
    assert_eq!(code.get(&room.path("/code")).success().body, stored);
    old.client.delete(&room.path("/code")).success();
    ask(code, &room, &good).success();

    // Somebody of the native suite seals its code.
    let native = Room::new(&open);
    native.join();
    ask(&native.code.client, &native, &good).refused(409, "wrong-state");

    let closed = Server::start();
    let room = Room::new(&closed);
    Old::register(&room.code.client, room.id, Role::CodeProvider);
    ask(&room.code.client, &room, &good).refused(403, "forbidden");
}

#[test]
fn a_computation_of_the_native_suite_alone_takes_no_other() {
    let server = Server::start();
    let room = Room::new(&server);
    let id = crate::party::create(&room.owner, &json!({ "policy": { "suites": ["hybrid"] } }));
    let path = format!("/computations/{id}/register");
    let body = json!({ "public_key": SigningKey::random().public(), "side": "DataProvider" });
    room.data[0].client.post(&path, &body).refused(422, "invalid");
    let mut native = body;
    native["suite"] = json!(Suite::Hybrid);
    room.data[0].client.post(&path, &native).success();
    let nobody = json!({ "policy": { "suites": [] } });
    let mut new = json!({
        "name": "x",
        "code_provider_email": "code@example.org",
        "data_providers_emails": ["data0@example.org"],
        "result_consumers_emails": ["result0@example.org"],
    });
    new["policy"] = nobody["policy"].clone();
    room.owner.post("/computations", &new).refused(422, "invalid");
}
