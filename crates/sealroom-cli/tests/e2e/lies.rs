//! A server that lies: what it says is checked by whoever hears it.

use crate::harness::{
    Person, Server, files_below,
    http::{Caller, Reply},
    liar::{self, Ask, Truth},
    room::{JOIN_ALL, Room, SAY_OK},
};
use sealroom_evidence::simulated::Quote;
use sealroom_protocol::{Base64, IdentityKeys, manifest::CanonicalManifest};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{Arc, Mutex},
};

/// Changes the JSON of a reply.
fn alter(mut reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if matches!(reply.status, 200..300) && !reply.body.is_empty() {
        let mut value = serde_json::from_slice(&reply.body).unwrap();
        change(&mut value);
        reply.body = value.to_string().into_bytes();
    }
    reply
}

fn is_computation(ask: &Ask, id: &str) -> bool {
    ask.method == "GET" && ask.path == format!("/computations/{id}")
}

/// `person`, from now on lied to.
fn lied_to(
    person: &Person,
    server: &Server,
    lie: impl Fn(&Ask, &Truth) -> Reply + Send + Sync + 'static,
) {
    person.login(&liar::start(&server.url, lie));
}

/// Replaces the manifest by another, with simulated evidence to match: for evidence that anybody can
/// make, only what the manifest says is left to check.
fn forge(identity: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut manifest: Value = serde_json::from_str(identity["manifest"].as_str().unwrap()).unwrap();
    change(&mut manifest);
    let manifest: sealroom_protocol::Manifest = serde_json::from_value(manifest).unwrap();
    let canonical: CanonicalManifest = manifest.canonical();
    let keys: IdentityKeys = serde_json::from_value(identity["keys"].clone()).unwrap();
    let report_data = keys.report_data(&canonical.digest(), &[]);
    let quote = Quote { report_data: &report_data, program: &[7; 32] };
    identity["manifest"] = canonical.text().into();
    identity["evidence"]["quote"] = Base64(quote.to_bytes()).to_string().into();
}

#[test]
fn evidence_that_does_not_match_the_manifest_is_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    type Change = fn(&mut Value);
    let rows: [(&str, Change, &str); 7] = [
        (
            "another manifest",
            |identity| {
                let manifest = identity["manifest"].as_str().unwrap();
                identity["manifest"] = manifest.replace("\"max_runs\":1", "\"max_runs\":9").into();
            },
            "for another manifest, other keys",
        ),
        (
            "another signing key",
            |identity| identity["keys"]["signing"] = "ab".repeat(32).into(),
            "for another manifest, other keys",
        ),
        (
            "cut evidence",
            |identity| identity["evidence"]["quote"] = "AAAA".into(),
            "not a simulated quote",
        ),
        ("another kind", |identity| identity["evidence"]["kind"] = "snp".into(), "snp"),
        (
            "another key, to those who have the 2022 client",
            |identity| identity["public_key"] = vec![7; 32].into(),
            "another key or quote",
        ),
        ("no manifest", |identity| identity["manifest"] = "{}".into(), "manifest"),
        (
            "not canonical",
            |identity| {
                let text = identity["manifest"].as_str().unwrap();
                identity["manifest"] = format!(" {text}").into();
            },
            "canonical",
        ),
    ];
    for (name, change, says) in rows {
        let id = room.id.clone();
        let data = &room.data[0];
        lied_to(data, &server, move |ask, truth| {
            let lie = |value: &mut Value| change(&mut value["enclave"]["identity"]);
            if is_computation(ask, &id) { alter(truth.of(ask), lie) } else { truth.of(ask) }
        });
        let verified = data.run(&["verify", &room.id, "--allow-simulated"]);
        assert_eq!(verified.code, 1, "{name}: {verified:?}");
        verified.prints("FAIL").prints(says).prints("hint: ").prints("REFUSED");
        let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
        data.refused(&approve).says("not trusted");
    }
    assert_eq!(room.count("key_provisioned"), 0, "nothing was released");
}

#[test]
fn a_manifest_that_was_made_for_one_participant_is_refused_by_what_he_knows() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    type Change = fn(&mut Value);
    type Who = for<'a> fn(&'a Room<'a>) -> &'a Person;
    let rows: [(&str, Who, Change, &str); 7] = [
        (
            "other code, to who pushed it",
            |room| &room.coder,
            |manifest| manifest["code"][0]["sha256"] = "00".repeat(32).into(),
            "the code is not what you pushed: `run.py`",
        ),
        (
            "one more module, to the code provider",
            |room| &room.coder,
            |manifest| {
                let more =
                    json!({"path": "x.py", "size": 1, "sha256": "00".repeat(32), "sealed": true});
                manifest["code"].as_array_mut().unwrap().push(more);
            },
            "`x.py` is new",
        ),
        (
            "somebody in a provider's place",
            |room| &room.data[0],
            |manifest| manifest["participants"][1]["public_key"] = "11".repeat(32).into(),
            "is not in it as that of data provider",
        ),
        (
            "a provider as a consumer",
            |room| &room.data[0],
            |manifest| manifest["participants"][1]["role"] = "ResultConsumer".into(),
            "is not in it as that of data provider",
        ),
        (
            "wider limits",
            |room| &room.data[0],
            |manifest| manifest["policy"]["max_runs"] = 1000.into(),
            "max_runs is 1000, you allow 1",
        ),
        (
            "development mode",
            |room| &room.consumers[0],
            |manifest| manifest["computation"]["dev_mode"] = true.into(),
            "DEVELOPMENT MODE",
        ),
        (
            "another computation",
            |room| &room.consumers[0],
            |manifest| {
                manifest["computation"]["uuid"] = "0f0e0d0c-0b0a-4908-8706-050403020100".into()
            },
            "the manifest is of computation 0f0e0d0c",
        ),
    ];
    for (name, who, change, says) in rows {
        let person = who(&room);
        let id = room.id.clone();
        lied_to(person, &server, move |ask, truth| {
            let lie = |value: &mut Value| forge(&mut value["enclave"]["identity"], change);
            if is_computation(ask, &id) { alter(truth.of(ask), lie) } else { truth.of(ask) }
        });
        let verified = person.run(&["verify", &room.id, "--allow-simulated"]);
        assert_eq!(verified.code, 1, "{name}: {verified:?}");
        verified.prints(says).prints("REFUSED");
        let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
        person.refused(&approve).says(says);
    }
    assert_eq!(room.count("key_provisioned"), 0, "nothing was released");
}

#[test]
fn the_owner_sees_participants_and_limits_that_are_not_its_own() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    room.owner.ok(&["verify", &room.id, "--allow-simulated"]);
    let id = room.id.clone();
    lied_to(&room.owner, &server, move |ask, truth| {
        let change =
            |manifest: &mut Value| manifest["participants"][2]["email"] = "eve@x.org".into();
        let lie = |value: &mut Value| forge(&mut value["enclave"]["identity"], change);
        if is_computation(ask, &id) { alter(truth.of(ask), lie) } else { truth.of(ask) }
    });
    let verified = room.owner.run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    verified.prints("participants or limits are not those that you named");
}

#[test]
fn another_computation_or_an_older_state_is_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    let other = Room::new(&server, 1, 1, &[]);
    let as_data = Caller::of(&server.url, &room.data[0]);
    let old = as_data.get(&format!("/computations/{}", room.id));
    room.prepare(SAY_OK);
    room.data[0].ok(&["status", &room.id]);
    let id = room.id.clone();
    lied_to(&room.data[0], &server, move |ask, truth| {
        if is_computation(ask, &id) { old.clone() } else { truth.of(ask) }
    });
    room.data[0].refused(&["status", &room.id]).says("was seen before");
    let (id, another) = (room.id.clone(), other.id.clone());
    lied_to(&room.data[0], &server, move |ask, truth| {
        truth.at(ask, &ask.path.replace(&id, &another))
    });
    room.data[0].refused(&["status", &room.id]).says("answers with another computation");
    room.data[0].refused(&["audit", &room.id]).says("another computation");
}

#[test]
fn a_file_that_the_server_dropped_or_changed_is_noticed_when_approving() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    room.push_code(&[("run.py", JOIN_ALL)]);
    // Two files are pushed; the server, in the provider's name, keeps one of them.
    room.push_data(0, "a.csv", b"file A");
    let sha256 = room.status()["data_providers"][0]["files"][0]["sha256"].clone();
    let sealed = fs::read(server.blob(sha256.as_str().unwrap())).unwrap();
    room.push_data(0, "b.csv", b"file B");
    let data = Caller::of(&server.url, &room.data[0]);
    let path = |rest: &str| format!("/computations/{}/data{rest}", room.id);
    data.delete(&path(""));
    data.put(&path("/a.csv"), &sealed);
    room.data[0].ok(&["data", "done", &room.id]);
    room.wait_for_identity();
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    room.data[0].refused(&approve).says("the inventory lists 2 files, 1 are stored");
    // It keeps another one in its place.
    data.delete(&path(""));
    data.put(&path("/a.csv"), &sealed);
    data.put(&path("/b.csv"), &sealed);
    room.data[0].ok(&["data", "done", &room.id]);
    room.data[0].refused(&approve).says("`b.csv` is stored with other content");
    assert_eq!(room.count("key_provisioned"), 0, "nothing was released");
}

#[test]
fn an_upload_that_the_server_says_it_stored_otherwise_is_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.join();
    lied_to(&room.data[0], &server, |ask, truth| {
        let reply = truth.of(ask);
        let is_upload = ask.method == "PUT" && ask.path.contains("/data/");
        let lie = |value: &mut Value| value["sha256"] = "00".repeat(32).into();
        if is_upload { alter(reply, lie) } else { reply }
    });
    let folder = server.folder(&[("a.csv", b"file A")]);
    let file = folder.join("a.csv");
    let push = ["data", "push", &room.id, file.to_str().unwrap()];
    room.data[0].refused(&push).says("other content than was sent");
}

/// A room with two consumers and two finished runs, whose results differ.
fn two_runs(server: &Server) -> Room<'_> {
    let room = Room::new(server, 1, 2, &["--max-runs", "2"]);
    for person in room.participants() {
        fs::write(person.profile.join("policy.json"), r#"{"max_runs": 2}"#).unwrap();
    }
    room.prepare(
        "import os\nfrom sealroom import Enclave\nwith Enclave() as enclave:\n\
         \x20   enclave.write(os.urandom(64), n=0)\n    enclave.write(os.urandom(64), n=1)\n",
    );
    room.approve_all();
    room.wait_for_success(1);
    room.owner.ok(&["run", &room.id]);
    room.wait_for_success(2);
    room
}

#[test]
fn results_and_receipts_that_are_not_of_this_run_and_consumer_are_refused() {
    let server = Server::start();
    let room = two_runs(&server);
    let consumer = &room.consumers[0];
    let other = Caller::of(&server.url, &room.consumers[1]);
    type Lie = Box<dyn Fn(&Ask, &Truth) -> Reply + Send + Sync>;
    let is_detail = |ask: &Ask| ask.path.ends_with("/runs/2");
    let is_result = |ask: &Ask| ask.path.contains("/runs/2/results/");
    let rows: [(&str, Lie, &str); 8] = [
        (
            "the receipt of an older run",
            Box::new(move |ask, truth| {
                let old = truth.at(ask, &ask.path.replace("/runs/2", "/runs/1"));
                if is_detail(ask) { old } else { truth.of(ask) }
            }),
            "another run",
        ),
        (
            "an older run in all",
            Box::new(|ask, truth| truth.at(ask, &ask.path.replace("/runs/2", "/runs/1"))),
            "another run",
        ),
        (
            "the result of an older run",
            Box::new(move |ask, truth| {
                let old = truth.at(ask, &ask.path.replace("/runs/2", "/runs/1"));
                if is_result(ask) { old } else { truth.of(ask) }
            }),
            "does not open",
        ),
        (
            "the result of another consumer",
            Box::new(
                move |ask, truth| {
                    if is_result(ask) { other.get(&ask.path) } else { truth.of(ask) }
                },
            ),
            "does not open",
        ),
        (
            "an altered result",
            Box::new(move |ask, truth| {
                let mut reply = truth.of(ask);
                if is_result(ask) {
                    *reply.body.last_mut().unwrap() ^= 1;
                }
                reply
            }),
            "does not open",
        ),
        (
            "a longer result",
            Box::new(move |ask, truth| {
                let mut reply = truth.of(ask);
                if is_result(ask) {
                    reply.body.push(0);
                }
                reply
            }),
            "refused",
        ),
        (
            "an altered receipt",
            Box::new(move |ask, truth| {
                let change = |value: &mut Value| {
                    let payload = value["receipt"]["payload"].as_str().unwrap();
                    let other = payload.replacen('A', "B", 1);
                    value["receipt"]["payload"] = other.into();
                };
                let reply = truth.of(ask);
                if is_detail(ask) { alter(reply, change) } else { reply }
            }),
            "refused",
        ),
        (
            "the receipt of an identity of its own",
            Box::new(move |ask, truth| {
                let change = |value: &mut Value| {
                    value["identity"]["keys"]["signing"] = "ab".repeat(32).into();
                };
                let reply = truth.of(ask);
                if is_detail(ask) { alter(reply, change) } else { reply }
            }),
            "an enclave identity that you have not approved",
        ),
    ];
    for (name, lie, says) in rows {
        lied_to(consumer, &server, lie);
        let out = server.dir.path().join("out");
        let out_text = out.to_str().unwrap();
        let done = consumer.run(&["results", "get", &room.id, "--run", "2", "--out", out_text]);
        assert_eq!(done.code, 1, "{name}: {done:?}");
        done.refused(1).says("refused").says(says);
        assert!(files_below(&out).is_empty(), "{name}: something was left");
    }
    consumer.login(&server.url);
    room.results(0);
}

#[test]
fn a_result_that_the_receipt_names_and_the_server_withholds_is_missed() {
    let server = Server::start();
    let room = two_runs(&server);
    lied_to(&room.consumers[0], &server, |ask, truth| {
        let change = |value: &mut Value| {
            value["runs"].as_array_mut().unwrap().pop();
        };
        match ask.path.split('/').count() {
            3 if ask.method == "GET" => alter(truth.of(ask), change),
            _ if ask.path.contains("/results/") => truth.at(ask, "/nowhere"),
            _ => truth.of(ask),
        }
    });
    let out = server.dir.path().join("out");
    let get = ["results", "get", &room.id, "--out", out.to_str().unwrap()];
    room.consumers[0].refused(&get);
    assert!(files_below(&out).is_empty());
}

#[test]
fn an_event_log_that_was_cut_or_changed_is_refused() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    room.approve_all();
    room.wait_for_success(1);
    let data = &room.data[0];
    data.ok(&["audit", &room.id]).says("chain intact");
    type Change = fn(&mut Vec<Value>);
    let rows: [(&str, Change, &str); 7] = [
        ("cut at its end", |log| drop(log.pop()), "was seen before"),
        ("cut at its start", |log| drop(log.remove(0)), "refused"),
        ("one left out", |log| drop(log.remove(4)), "refused"),
        ("two exchanged", |log| log.swap(3, 4), "refused"),
        ("empty", Vec::clear, "refused"),
        ("an actor changed", |log| log[2]["actor"] = json!({"account": "eve@x.org"}), "refused"),
        ("an event changed", |log| log[0]["event"]["name"] = "another name".into(), "refused"),
    ];
    let change = Arc::new(Mutex::new(rows[0].1));
    let current = Arc::clone(&change);
    lied_to(data, &server, move |ask, truth| {
        let change = *current.lock().unwrap();
        let lie = |value: &mut Value| change(value.as_array_mut().unwrap());
        if ask.path.ends_with("/audit") { alter(truth.of(ask), lie) } else { truth.of(ask) }
    });
    for (name, lie, says) in rows {
        *change.lock().unwrap() = lie;
        let done = data.run(&["audit", &room.id]);
        assert_eq!((done.code, &*done.stdout), (1, ""), "{name}: {done:?}");
        done.refused(1).says("the audit log is refused").says(says);
    }
    data.login(&server.url);
    data.ok(&["audit", &room.id]).says("chain intact");
}

#[test]
fn a_manifest_that_changed_after_it_was_looked_at_is_not_approved() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let before = room.wait_for_identity();
    let data = &room.data[0];
    data.ok(&["verify", &room.id, "--allow-simulated"]);
    room.coder.ok(&["code", "reset", &room.id]);
    room.push_code(&[("run.py", JOIN_ALL)]);
    room.wait_for_identity_after(&before);
    let approve = ["approve", &room.id, "--words", &room.words, "--allow-simulated"];
    data.refused(&approve).says("not the one that you looked at");
    assert_eq!(room.count("key_provisioned"), 0, "nothing was released");
    room.approve(data);
}
