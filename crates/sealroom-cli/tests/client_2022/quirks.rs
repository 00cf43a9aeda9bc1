//! What the client does that one would not expect, and what it shows.

use crate::{
    cast::{Cast, JOIN, POLL, identity, identity_after, provision, run_py, state, upload_code},
    harness::{Server, http::Caller},
    peer::{self, Peer, Side},
};
use sealroom_protocol::Digest;
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_data_provider_that_resets_is_refused_and_the_code_stays() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    let before = cast.raw();
    // It means its data, and calls for the code to be deleted.
    let said = cast.data[0].raises("reset", json!({}));
    assert!(said.contains("Unexpected response (403)"), "{said}");
    assert_eq!(cast.raw(), before, "nothing has changed");
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"data of 0");
}

#[test]
fn a_result_is_none_until_there_is_one() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let consumer = &cast.consumers[0];
    let none_yet = |when: &str| {
        assert_eq!(consumer.ok("fetch_result", json!({})), Value::Null, "{when}");
    };
    none_yet("nobody has registered");
    let key = cast.prepare(&run_py(&[JOIN]));
    none_yet("an identity stands");
    provision(&cast.code, &key);
    provision(consumer, &key);
    none_yet("the data provider's key is missing");
    provision(&cast.data[0], &key);
    assert_eq!(cast.result_of(0), b"data of 0");
    let fetched = consumer.ok("fetch_result", json!({}));
    assert_eq!(peer::given_bytes(&fetched), b"data of 0", "again, as often as one likes");
}

#[test]
fn everybody_downloads_the_very_bytes_that_were_uploaded() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    let long = format!("{}/module.py", "a_folder_with_a_long_name/".repeat(6));
    let tar = cast.upload_code(&[
        ("run.py", &run_py(&[JOIN])),
        ("requirements.txt", "pandas\n"),
        ("package/__init__.py", ""),
        ("package/été.py", "x = 'été'\n"),
        (&long, "x = 1\n"),
    ]);
    let uploaded = Digest::of(&fs::read(tar).unwrap());
    for peer in cast.peers() {
        let folder = server.folder(&[]);
        let got = peer.ok("download_code", json!({"directory_path": peer::path(&folder)}));
        let got = fs::read(peer::given_path(&got)).unwrap();
        assert_eq!(Digest::of(&got), uploaded);
    }
}

#[test]
fn one_name_twice_is_two_inputs_in_order() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    cast.upload_code(&[("run.py", &run_py(&[JOIN]))]);
    for (name, content) in [("a.csv", b"1"), ("b.csv", b"2"), ("a.csv", b"3"), ("a.csv", b"1")] {
        cast.upload_data(0, name, content);
    }
    let folder = server.folder(&[("b.csv", b"4"), ("ü \"1\" %.csv", b"5")]);
    let paths = ["b.csv", "ü \"1\" %.csv"].map(|name| peer::path(&folder.join(name)));
    cast.data[0].ok("upload_files", json!({"paths": paths}));
    cast.data[0].ok("done", json!({}));
    cast.provision(&identity(&cast.code));
    assert_eq!(cast.result_of(0), b"1|2|3|1|4|5");
}

#[test]
fn the_same_call_twice_is_harmless() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    cast.register();
    cast.data[0].ok("done", json!({}));
    for peer in [&cast.code, &cast.data[0], &cast.code, &cast.data[0]] {
        provision(peer, &key);
    }
    cast.register();
    provision(&cast.consumers[0], &key);
    assert_eq!(cast.result_of(0), b"data of 0");
    // After the end, too: a retry may come late.
    cast.register();
    cast.data[0].ok("done", json!({}));
    assert_eq!(cast.result_of(0), b"data of 0");
    for (event, times) in
        [("registered", 3), ("data_done", 1), ("identity_published", 1), ("run_started", 1)]
    {
        assert_eq!(cast.count(event), times, "{event}");
    }
}

#[test]
fn other_code_needs_everybody_again_and_the_data_stays() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    provision(&cast.data[0], &key);
    provision(&cast.code, &key);
    cast.code.ok("reset", json!({}));
    let missing = cast.raw();
    assert_eq!(missing["code_provider"]["code_uploaded_at"], Value::Null, "{missing}");
    assert_eq!(missing["enclave"]["identity"], Value::Null, "{missing}");
    let said = cast.data[0].raises("key_provisioning", json!({"enclave_public_key": key}));
    assert!(said.contains("Unexpected response (409)"), "{said}");
    cast.upload_code(&[("run.py", &run_py(&["enclave.write(b'new code')"]))]);
    let new = identity_after(&cast.consumers[0], &key);
    let said = cast.data[0].raises("key_provisioning", json!({"enclave_public_key": key}));
    assert!(said.contains("Unexpected response (422)"), "{said}");
    let forgotten = cast.raw();
    for role in ["code_provider", "data_providers"] {
        let one = forgotten[role].get(0).unwrap_or(&forgotten[role]);
        assert_eq!(one["symmetric_key_uploaded_at"], Value::Null, "{one}");
    }
    assert!(forgotten["data_providers"][0]["done_uploading_at"].is_string(), "{forgotten}");
    cast.provision(&new);
    assert_eq!(cast.result_of(0), b"new code");
}

#[test]
fn what_the_client_shows_of_a_computation() {
    let server = Server::start();
    let ada = server.stranger("ada@example.org");
    let eve = server.stranger("eve@example.org");
    let owner = Peer::owner(&server.url, &server, &ada);
    let words = "velvet-walnut-zebra";
    let create = |name: &str, consumer: &str| {
        let made = owner.plain(
            "create_computation",
            &json!({
                "name": name,
                "code_provider_email": ada.email,
                "data_providers_emails": [ada.email],
                "result_consumers_emails": [consumer],
                "dev_mode": false,
            }),
        );
        made["uuid"].as_str().unwrap().to_owned()
    };
    let other = create("somebody has no account yet", "nobody-yet@example.org");
    let id = create("everything at once — à la fois", &ada.email);

    let peer = |side, id: &str| Peer::new(&server, &ada, side, id, words);
    let [code, data, consumer] = [Side::Code, Side::Data, Side::Result].map(|side| peer(side, &id));
    let of = |peer: &Peer| peer.ok("get_computation", json!({}));
    let seen = of(&code);
    assert_eq!(
        (&seen["uuid"], &seen["name"]),
        (&json!(id), &json!("everything at once — à la fois"))
    );
    let mut roles: Vec<String> = serde_json::from_value(seen["my_roles"].clone()).unwrap();
    roles.sort();
    assert_eq!(roles, ["CodeProvider", "ComputationOwner", "DataProvider", "ResultConsumer"]);
    let account = &seen["owner"]["uuid"];
    assert!(account.is_string(), "{seen}");
    for role in ["code_provider", "data_providers", "result_consumers"] {
        let one = seen[role].get(0).unwrap_or(&seen[role]);
        assert_eq!((&one["email"], &one["uuid"]), (&json!(ada.email), account), "{one}");
        for unknown in ["public_key", "symmetric_key_uploaded_at"] {
            assert_eq!(one[unknown], Value::Null, "{one}");
        }
    }
    assert_eq!((&seen["enclave"], &seen["runs"]), (&json!({"identity": null}), &json!([])));
    let stranger_to_be = peer(Side::Code, &other);
    assert_eq!(of(&stranger_to_be)["result_consumers"][0]["uuid"], Value::Null);

    // Registered: each role with a key of its own.
    for peer in [&code, &data, &consumer] {
        peer.ok("register", json!({}));
    }
    let seen = of(&data);
    for (peer, role) in
        [(&code, "code_provider"), (&data, "data_providers"), (&consumer, "result_consumers")]
    {
        let one = seen[role].get(0).unwrap_or(&seen[role]);
        let key = peer::hex(&peer::given_bytes(&peer.attribute("public_key")));
        assert_eq!(one["public_key"]["content"], key, "{one}");
        let fingerprint = peer::given_bytes(&peer.attribute("fingerprint"));
        assert_eq!(one["public_key"]["fingerprint"], json!(fingerprint), "{one}");
        assert!(one["public_key"]["uploaded_at"].is_string(), "{one}");
    }

    // Code and data.
    let run = run_py(&["print('do not tell')", JOIN]);
    upload_code(&code, &server, &[("run.py", &run)]);
    let key = identity(&code);
    assert_eq!(peer::given_bytes(&key).len(), 32);
    assert_eq!(state(&code), "SetupInput");
    let with = json!({"data_name": "a.csv", "data": peer::bytes(b"data")});
    data.ok("upload_data", with);
    let seen = of(&code);
    assert_eq!(seen["enclave"]["identity"]["public_key"], key, "{seen}");
    assert!(seen["enclave"]["identity"]["manifest"].as_str().is_some_and(|m| m.contains(&id)));
    assert!(seen["enclave"]["identity"]["quote"].is_string(), "{seen}");
    assert!(seen["code_provider"]["code_uploaded_at"].is_string(), "{seen}");
    assert!(seen["data_providers"][0]["starting_uploading_at"].is_string(), "{seen}");
    assert_eq!(seen["data_providers"][0]["done_uploading_at"], Value::Null, "{seen}");
    data.ok("done", json!({}));
    for peer in [&code, &data, &consumer] {
        provision(peer, &key);
    }

    // The run, before and after its result was fetched.
    crate::harness::eventually("the run has ended", || {
        Some(state(&code)).filter(|state| state == "Success")
    });
    let seen = of(&code);
    let run = &seen["runs"][0];
    assert_eq!(
        (seen["runs"].as_array().unwrap().len(), &run["exit_code"]),
        (1, &json!(0)),
        "{run}"
    );
    for text in ["uuid", "created_at", "ended_at", "output"] {
        assert!(run[text].is_string(), "{text}: {run}");
    }
    assert!(!run["output"].to_string().contains("do not tell"), "{run}");
    let fetches = "results_fetches_datetimes_by_result_consumers_uuid";
    assert!(run[fetches].as_object().unwrap().is_empty(), "{run}");
    assert_eq!(seen["result_consumers"][0]["result_downloaded_at"], Value::Null, "{seen}");
    let result = consumer.ok("wait_result", json!({"sleep_duration": POLL}));
    assert_eq!(peer::given_bytes(&result), b"data");
    let seen = of(&code);
    let dates = seen["runs"][0][fetches].as_object().unwrap().clone();
    let by: Vec<&str> = dates.keys().map(String::as_str).collect();
    assert_eq!(by, [account.as_str().unwrap()], "{seen}");
    assert!(dates[by[0]].is_string(), "{seen}");
    assert!(seen["result_consumers"][0]["result_downloaded_at"].is_string(), "{seen}");

    // Lists: of the owner, of a participant, of nobody.
    let ids = |list: &Value| -> Vec<String> {
        let mut ids: Vec<_> = list.as_array().unwrap().iter().map(|c| c["uuid"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let mut both = [id, other];
    both.sort();
    assert_eq!(ids(&owner.plain("get_computations", &json!({}))), both);
    assert_eq!(ids(&code.plain("get_computations", &json!({}))), both);
    let nobody = Peer::owner(&server.url, &server, &eve);
    assert_eq!(nobody.plain("get_computations", &json!({})), json!([]));
}

#[test]
fn a_run_that_raises_has_an_exit_code_and_no_result() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&["enclave.write(b'half')", "raise SystemExit(7)"]));
    cast.provision(&key);
    let said = cast.consumers[0].raises("wait_result", json!({"sleep_duration": POLL}));
    assert!(said.contains("Enclave run failed with status"), "{said}");
    assert_eq!(cast.end(), "Failure");
    let said = cast.consumers[0].raises("fetch_result", json!({}));
    assert!(said.contains("Unexpected response (409)"), "{said}");
    let runs = cast.code.ok("get_computation", json!({}))["runs"].clone();
    assert_eq!(runs[0]["exit_code"], 7, "{runs}");
    assert!(runs[0]["ended_at"].is_string(), "{runs}");
}

#[test]
fn each_consumer_gets_what_was_written_to_it() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 3);
    let key = cast.prepare(&run_py(&[
        "enclave.write(b'', n=0)",
        "enclave.write(b'early', n=1)",
        "enclave.write(b'late', n=1)",
    ]));
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"", "an empty result is one");
    assert_eq!(cast.result_of(1), b"late");
    // Nothing was written to the third.
    let said = cast.consumers[2].raises("wait_result", json!({"sleep_duration": POLL}));
    assert!(said.contains("Unexpected response (404)"), "{said}");
    let third = Caller::of(&server.url, &cast.room.consumers[2]);
    third.get(&cast.path("/results")).refused(404, "not-found");
}

#[test]
fn code_from_a_repository_is_not_fetched_unless_the_operator_wants_it() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    let before = cast.raw();
    let said =
        cast.code.raises("upload_code_from_git", json!({"git_url": "https://example.org/x"}));
    assert!(said.contains("Unexpected response (403)"), "{said}");
    assert_eq!(cast.raw(), before, "nothing has changed");
}

#[test]
fn an_access_token_lasts_long_enough_that_the_client_does_not_ask_for_each_call() {
    let server = Server::start();
    let ada = server.stranger("ada@example.org");
    let token = Caller::of(&server.url, &ada).token.unwrap();
    let claims = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // It renews a token 1000 seconds before its end, and from then on before every call.
    assert!(claims["exp"].as_u64().unwrap() > now.as_secs() + 10_000, "{claims}");
}
