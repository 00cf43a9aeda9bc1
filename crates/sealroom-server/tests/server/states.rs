//! Calls at the wrong time, or with content that can't be: refused, and nothing has changed.

use crate::{
    enclave::Enclave,
    harness::{Reply, Server},
    party::{self, Party, Room},
};
use sealroom_protocol::{
    Digest, ParticipantId, Role,
    api::Computation,
    receipt::{RunStatus, SealedLog},
    release::Recipient,
};
use sealroom_seal::{FileKey, PreSharedKey, release::ReleasedKeys, sign::SigningKey};
use serde_json::json;

/// Refused, and the log has not grown.
fn unchanged(room: &Room, call: impl FnOnce() -> Reply, status: u16, slug: &str) {
    let before = room.show().head;
    call().refused(status, slug);
    assert_eq!(room.show().head, before);
}

#[test]
fn a_computation_that_can_not_be_is_not_created() {
    let server = Server::start();
    let owner = server.user("owner@example.org");
    let base = json!({ "name": "n", "code_provider_email": "c@x", "data_providers_emails": ["d@x"],
        "result_consumers_emails": ["r@x"] });
    let with = |field: &str, value: serde_json::Value| {
        let mut body = base.clone();
        body[field] = value;
        owner.post("/computations", &body)
    };
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("name", json!("x".repeat(201))),
        ("code_provider_email", json!("nobody")),
        ("data_providers_emails", json!([])),
        ("data_providers_emails", json!(["d@x", "D@x"])),
        ("result_consumers_emails", json!(["r@x", "r@x"])),
        ("policy", json!({ "max_runs": 0 })),
        ("policy", json!({ "unknown": 1 })),
    ] {
        with(field, value.clone()).refused(422, "invalid");
    }
    assert_eq!(owner.get("/computations").ok(), json!([]));
    assert_eq!(with("dev_mode", json!(true)).status, 201);
}

#[test]
fn one_account_may_have_every_role() {
    let server = Server::start();
    let me = server.user("me@example.org");
    let mine = json!(["me@example.org"]);
    let id = party::create(
        &me,
        &json!({ "code_provider_email": "me@example.org",
        "data_providers_emails": mine, "result_consumers_emails": mine }),
    );
    for role in Role::ALL {
        Party::new(me.clone(), role).register(id);
    }
    let shown: Computation = me.get(&format!("/computations/{id}")).json();
    assert_eq!(
        shown.my_roles,
        ["ComputationOwner", "CodeProvider", "DataProvider", "ResultConsumer"]
    );
}

#[test]
fn steps_out_of_order_are_409() {
    let server = Server::start();
    let mut room = Room::new(&server);
    let archive = room.archive();
    let conflict = |call: &dyn Fn() -> Reply| unchanged(&room, call, 409, "wrong-state");
    let (code, data) = (&room.code.client, &room.data[0].client);
    conflict(&|| code.put(&room.path("/code"), &archive));
    conflict(&|| data.put(&room.path("/data/x.bin"), b"before registering"));
    conflict(&|| data.post_empty(&room.path("/data/done")));
    conflict(&|| room.owner.delete(&room.path("")));
    room.join();
    let other = Party::new(code.clone(), Role::CodeProvider).registration();
    conflict(&|| code.post(&room.path("/register"), &other));
    conflict(&|| data.post_empty(&room.path("/data/done")));
    let early = release_to_nobody(&room);
    conflict(&|| data.post(&room.path("/key/release"), &early));
    room.push_code();
    conflict(&|| code.put(&room.path("/code"), &[archive.as_slice(), b"more"].concat()));
    assert_eq!(server.blobs(), 1, "only the code is stored");

    // Taken twice, but harmless.
    room.push_data();
    let before = room.show().head;
    room.data[0].client.post_empty(&room.path("/data/done")).success();
    room.join();
    assert_eq!(room.show().head, before);
    unchanged(
        &room,
        || room.data[0].client.put(&room.path("/data/late.bin"), b"late"),
        409,
        "wrong-state",
    );
    room.data[0].client.get(&room.path("/runs/1")).refused(404, "not-found");
}

fn release_to_nobody(room: &Room) -> sealroom_protocol::KeyRelease {
    let (_, sealing) = sealroom_seal::release::generate();
    let identity = SigningKey::random().public();
    let to = Recipient {
        computation: room.id,
        manifest: Digest::of(b""),
        identity: &identity,
        sealing: &sealing,
    };
    let keys = ReleasedKeys {
        pre_shared_key: PreSharedKey::from_bytes(&[0; 32]),
        file_key: FileKey::random(),
    };
    let signer = &room.data[0].signer;
    sealroom_protocol::KeyRelease::seal(&to, Role::DataProvider, signer, &keys, vec![]).unwrap()
}

#[test]
fn a_key_release_that_is_not_right_is_422() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    let path = room.path("/key/release");
    let good = room.data[0].release(room.id, &[7; 32]);
    let mut unsigned = good.clone();
    unsigned.inventory[0].size += 1;
    let foreign = room.data[1].release(room.id, &[7; 32]);
    let client = &room.data[0].client;
    unchanged(&room, || client.post(&path, &unsigned), 422, "invalid");
    unchanged(&room, || client.post(&path, &foreign), 422, "invalid");
    client.post(&path, &good).success();
    client.post(&path, &good).success();
    // Taken back and given again.
    let revoke = json!({ "role": "DataProvider" });
    client.post(&room.path("/key/revoke"), &revoke).success();
    assert_eq!(room.show().data_providers[0].symmetric_key_uploaded_at, None);
    enclave.start_run().refused(409, "wrong-state");
}

#[test]
fn resetting_code_takes_the_identity_and_resetting_data_only_that_provider() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    room.approve();
    room.data[0].client.delete(&room.path("/data")).success();
    let shown = room.show();
    assert!(
        shown.data_providers[0].files.is_empty()
            && shown.data_providers[0].done_uploading_at.is_none()
    );
    assert!(shown.data_providers[1].symmetric_key_uploaded_at.is_some());
    server.eventually("the blob is deleted", || server.blobs() == 2);
    room.code.client.delete(&room.path("/code")).success();
    let shown = room.show();
    assert!(shown.enclave.identity.is_none() && shown.code.is_empty());
    assert!(shown.data_providers[1].symmetric_key_uploaded_at.is_none());
    room.code.client.get(&room.path("/code")).refused(404, "not-found");
    // The same enclave goes on with new code.
    room.push_code();
    enclave.publish();
    assert_eq!(room.phase(), "collecting");
}

#[test]
fn a_run_is_finished_with_what_was_uploaded_and_nothing_else() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    room.approve();
    let keys = enclave.open_keys();
    enclave.start_run().success();
    let key = keys.values().next().unwrap().clone();
    let staged = enclave.stage(1, 0, &key, b"result");
    let mine = room.path("/runs/1/results/result.bin");
    room.results[0].client.get(&mine).refused(409, "wrong-state");

    let mut missing = staged.clone();
    missing.consumer = 1;
    let mut longer = staged.clone();
    longer.size += 1;
    let mut other = staged.clone();
    other.sha256 = Digest::of(b"other");
    let mut nobody = staged.clone();
    nobody.consumer = 9;
    for results in [
        vec![missing],
        vec![longer],
        vec![other],
        vec![nobody],
        vec![staged.clone(), staged.clone()],
    ] {
        let end = enclave.receipt(1, RunStatus::Succeeded, results, vec![]);
        unchanged(&room, || enclave.finish(1, &end), 422, "invalid");
    }
    let log = |index| SealedLog {
        reader: ParticipantId { role: Role::DataProvider, index },
        size: 0,
        sha256: Digest::of(b""),
    };
    for logs in [vec![log(9)], vec![log(0), log(0)], vec![log(0)]] {
        let end = enclave.receipt(1, RunStatus::Succeeded, vec![], logs);
        unchanged(&room, || enclave.finish(1, &end), 422, "invalid");
    }
    let nobody = enclave.path("/runs/1/logs/data/9");
    enclave.client.put(&nobody, b"log").refused(404, "not-found");
    let failed = RunStatus::Failed { reason: "the code failed".to_owned(), exit_code: Some(1) };
    let end = enclave.receipt(1, failed.clone(), vec![staged], vec![]);
    unchanged(&room, || enclave.finish(1, &end), 422, "invalid");
    let end = enclave.receipt(2, RunStatus::Succeeded, vec![], vec![]);
    unchanged(&room, || enclave.finish(1, &end), 422, "invalid");
    unchanged(&room, || enclave.finish(2, &end), 409, "wrong-state");

    let end = enclave.receipt(1, failed, vec![], vec![]);
    enclave.finish(1, &end).success();
    assert_eq!(room.phase(), "failed");
    room.results[0].client.get(&mine).refused(409, "wrong-state");
    server.eventually("what was staged is deleted", || server.blobs() == 3);
    let late = enclave.path("/runs/1/results/0/late.bin");
    enclave.client.put(&late, b"late").refused(409, "wrong-state");
}
