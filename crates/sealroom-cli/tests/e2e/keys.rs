//! Keys, safety words and sealed bytes that are not what they should be.

use crate::harness::{
    Server, eventually,
    http::Caller,
    liar,
    room::{JOIN_ALL, Room, SAY_OK},
};
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

const WRONG_WORDS: &str = "abandon-ability-able";

#[test]
fn wrong_safety_words_fail_the_run_and_name_nobody_and_the_right_ones_go_on() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(JOIN_ALL);
    room.approve(&room.coder);
    room.approve(&room.data[0]);
    let consumer = &room.consumers[0];
    consumer.ok(&["approve", &room.id, "--words", WRONG_WORDS, "--allow-simulated"]);
    let reason = room.wait_for_failure(1);
    assert_eq!(reason, "the safety words of the participants differ");
    for text in [room.status().to_string(), room.events().to_string()] {
        assert!(!text.contains(WRONG_WORDS) && !text.contains(&room.words), "{text}");
    }
    room.owner.ok(&["audit", &room.id]).prints("the released keys were refused");
    assert_eq!(consumer.run(&["status", &room.id, "--watch"]).code, 1, "a failed run is a failure");
    // Nobody can try words without the owner.
    let status = room.status();
    assert_eq!(
        (&status["phase"], &status["enclave"]["identity"]),
        (&"failed".into(), &Value::Null)
    );
    room.owner.ok(&["run", &room.id]);
    room.wait_for_identity();
    room.approve_all();
    room.wait_for_success(2);
    assert_eq!(room.result(), "data of 0");
}

/// A liar that only listens: it keeps the body of every request to a path that ends with `end`.
fn listen(server: &Server, end: &'static str) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let url = liar::start(&server.url, move |ask, truth| {
        if ask.path.ends_with(end) {
            keep.lock().unwrap().push(ask.body.clone());
        }
        truth.of(ask)
    });
    (url, heard)
}

#[test]
fn a_key_that_was_sealed_to_another_identity_is_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let (url, heard) = listen(&server, "/key/release");
    room.data[0].login(&url);
    room.approve(&room.data[0]);
    let release = heard.lock().unwrap().pop().unwrap();
    let before = room.wait_for_identity();
    let data = Caller::of(&server.url, &room.data[0]);
    let post = |body: &[u8]| {
        let path = format!("/computations/{}/key/release", room.id);
        data.call("POST", &path, "application/json", body)
    };
    // Again is harmless; as somebody else, or altered, it is refused.
    assert_eq!(post(&release).status, 204);
    let eve = Caller::of(&server.url, &room.coder);
    let path = format!("/computations/{}/key/release", room.id);
    eve.call("POST", &path, "application/json", &release).refused(403, "forbidden");
    // Another identity: the same release is for the one before.
    room.coder.ok(&["code", "reset", &room.id]);
    post(&release).refused(409, "wrong-state");
    room.push_code(&[("run.py", JOIN_ALL)]);
    room.wait_for_identity_after(&before);
    let head = room.status()["head"].clone();
    let said = post(&release).refused(422, "invalid");
    assert!(said.contains("manifest") || said.contains("identity"), "{said}");
    let mut altered: Value = serde_json::from_slice(&release).unwrap();
    altered["manifest"] = "0".repeat(64).into();
    post(altered.to_string().as_bytes()).refused(422, "invalid");
    assert!(post(b"{}").status >= 400);
    assert_eq!(room.status()["head"], head, "nothing has changed");
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "data of 0");
}

#[test]
fn the_code_provider_alone_notices_that_its_code_was_replaced() {
    // The code provider's account pushes other code from another machine: its own profile, which
    // remembers what it pushed, does not approve that.
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let before = room.wait_for_identity();
    let told = room.coder.ok(&["code", "digest", &room.id]).stdout;
    let twin = room.coder.twin("coder-elsewhere");
    twin.ok(&["code", "reset", &room.id]);
    let folder = server.folder(&[("run.py", JOIN_ALL.as_bytes())]);
    twin.ok(&["code", "push", &room.id, folder.to_str().unwrap()]);
    room.wait_for_identity_after(&before);
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    room.coder.refused(&approve).says("the code is not what you pushed").says("run.py");
    let with_digest = [&approve[..], &["--code-digest", told.trim()]].concat();
    room.data[0].refused(&with_digest).says("you named");
    assert_eq!(room.count("key_provisioned"), 0);
}

fn data_files(room: &Room<'_>) -> Vec<(String, PathBuf)> {
    let status = room.status();
    let files = status["data_providers"][0]["files"].as_array().unwrap().clone();
    let blob = |file: &Value| room.server.blob(file["sha256"].as_str().unwrap());
    files.iter().map(|f| (f["name"].as_str().unwrap().to_owned(), blob(f))).collect()
}

/// Two files of equal length by one provider, everything ready for approvals.
fn two_files<'a>(server: &'a Server) -> Room<'a> {
    let room = Room::new(server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    room.push_data(0, "a.csv", b"file A");
    room.push_data(0, "b.csv", b"file B");
    room.data[0].ok(&["data", "done", &room.id]);
    room.wait_for_identity();
    room
}

#[test]
fn stored_bytes_that_were_altered_cut_swapped_or_dropped_fail_the_run() {
    type Spoil = fn(&[(String, PathBuf)]);
    let rows: [(&str, Spoil); 4] = [
        ("altered", |files| {
            let mut bytes = fs::read(&files[1].1).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&files[1].1, bytes).unwrap();
        }),
        ("cut", |files| {
            let bytes = fs::read(&files[0].1).unwrap();
            fs::write(&files[0].1, &bytes[..bytes.len() - 1]).unwrap();
        }),
        ("swapped", |files| {
            let between = files[0].1.with_extension("between");
            fs::rename(&files[0].1, &between).unwrap();
            fs::rename(&files[1].1, &files[0].1).unwrap();
            fs::rename(between, &files[1].1).unwrap();
        }),
        ("dropped", |files| fs::remove_file(&files[0].1).unwrap()),
    ];
    let server = Server::start();
    for (name, spoil) in rows {
        let room = two_files(&server);
        let good: Vec<(PathBuf, Vec<u8>)> = data_files(&room)
            .into_iter()
            .map(|(_, path)| (path.clone(), fs::read(path).unwrap()))
            .collect();
        spoil(&data_files(&room));
        room.approve_all();
        let reason = room.wait_for_failure(1);
        assert!(reason.contains("could not be fetched"), "{name}: {reason}");
        if name == "dropped" {
            assert!(reason.contains("does not deliver"), "{name}: {reason}");
        } else if name != "cut" {
            assert!(reason.contains("other bytes than a data provider has listed"), "{reason}");
        }
        if name == "swapped" {
            // Mended, it goes on.
            for (path, bytes) in good {
                fs::write(path, bytes).unwrap();
            }
            let before = room.wait_for_identity();
            room.owner.ok(&["run", &room.id]);
            room.wait_for_identity_after(&before);
            room.approve_all();
            room.wait_for_success(2);
            assert_eq!(room.result(), "file A|file B");
        }
    }
}

#[test]
fn altered_code_is_not_taken_by_any_enclave() {
    let mut server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let before = room.wait_for_identity();
    // The code lies in an archive, whose digest is in the log alone: look for its text.
    let is_code = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(SAY_OK.len()).any(|window| window == SAY_OK.as_bytes())
    };
    let blobs = crate::harness::files_below(&server.data_dir().join("blobs"));
    let blob = blobs.into_iter().find(is_code).unwrap();
    let good = fs::read(&blob).unwrap();
    let at = good.windows(5).position(|window| window == b"b'ok'").unwrap();
    let mut bad = good.clone();
    bad[at + 2..at + 4].copy_from_slice(b"no");
    fs::write(&blob, bad).unwrap();
    let Room { id, words, owner, coder, data, consumers, .. } = room;
    server.stop(crate::harness::Signal::TERM);
    server.start_again();
    let room = Room { server: &server, id, words, owner, coder, data, consumers };
    eventually("an enclave has refused the code", || {
        server.log().contains("the code is refused").then_some(())
    });
    assert_eq!(room.count("identity_published"), 1, "no second identity for altered code");
    fs::write(&blob, good).unwrap();
    room.wait_for_identity_after(&before);
    room.approve_all();
    room.wait_for_success(1);
    assert_eq!(room.result(), "ok");
}

/// Rewrites the provider's own notes, as a mistaken or hostile provider would.
fn edit_inventory(room: &Room<'_>, edit: impl FnOnce(&mut Value)) {
    let path = room.data[0].profile.join(format!("computations/{}.json", room.id));
    let mut memory: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut memory["inventory"]);
    fs::write(&path, memory.to_string()).unwrap();
}

#[test]
fn a_file_that_was_sealed_for_another_name_does_not_open() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    room.push_data(0, "a.csv", b"file A");
    let sealed = fs::read(&data_files(&room)[0].1).unwrap();
    let data = Caller::of(&server.url, &room.data[0]);
    let path = format!("/computations/{}/data", room.id);
    let stored = data.put(&format!("{path}/b.csv"), &sealed).value();
    data.call("POST", &format!("{path}/done"), "", b"");
    room.wait_for_identity();
    // The provider has not listed it.
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    room.data[0].refused(&approve).says("the inventory lists 1 files, 2 are stored");
    // It lists it after all.
    edit_inventory(&room, |inventory| {
        let mut other = stored.clone();
        other["uploaded_at"] = (inventory[0]["uploaded_at"].as_u64().unwrap() + 1).into();
        inventory.as_array_mut().unwrap().push(other);
    });
    room.approve_all();
    let reason = room.wait_for_failure(1);
    assert!(reason.starts_with("file 1 of data provider 0 does not open with its key"), "{reason}");
}

#[test]
fn a_file_that_was_sealed_for_another_computation_does_not_open() {
    let server = Server::start();
    let other = two_files(&server);
    let sealed = fs::read(&data_files(&other)[0].1).unwrap();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    let data = Caller::of(&server.url, &room.data[0]);
    let path = format!("/computations/{}/data", room.id);
    let mut stored = data.put(&format!("{path}/a.csv"), &sealed).value();
    data.call("POST", &format!("{path}/done"), "", b"");
    room.wait_for_identity();
    // Even with the keys of the other computation: the place is sealed in.
    let secrets = room.data[0].profile.join("secrets.json");
    let mut keys: Value = serde_json::from_slice(&fs::read(&secrets).unwrap()).unwrap();
    // The provider's two profiles are one folder: `Room::new` logs the same people in again.
    let provider = |computations: &Value, id: &str| computations[id]["keys"].clone();
    let (from, to) = (provider(&keys["computations"], &other.id), &room.id);
    let role = from.as_object().unwrap().keys().next().unwrap().clone();
    keys["computations"][to]["keys"][&role]["file_key"] = from[&role]["file_key"].clone();
    fs::write(&secrets, keys.to_string()).unwrap();
    stored["uploaded_at"] = 1.into();
    let notes = room.data[0].profile.join(format!("computations/{}.json", room.id));
    let mut memory: Value = serde_json::from_slice(&fs::read(&notes).unwrap()).unwrap();
    memory["inventory"] = Value::Array(vec![stored]);
    fs::write(&notes, memory.to_string()).unwrap();
    room.approve_all();
    let reason = room.wait_for_failure(1);
    assert!(reason.starts_with("file 0 of data provider 0 does not open with its key"), "{reason}");
}
