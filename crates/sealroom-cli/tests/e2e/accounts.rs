//! Who calls: unknown, forged, expired, a stranger, in a role that is not theirs.

use crate::harness::{
    SEALROOM, Server,
    http::Caller,
    room::{Room, SAY_OK},
    run,
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use std::{fs, process::Command};

#[test]
fn a_garbled_or_unknown_refresh_token_logs_nobody_in() {
    let server = Server::start();
    let good = server.token("ada@example.org");
    let profile = server.dir.path().join("p");
    let (rest, last) = good.split_at(good.len() - 1);
    let garbled = format!("{rest}{}", if last == "A" { "B" } else { "A" });
    for token in [&garbled, "", "\u{0}\u{1}\u{ff}", "sealroom_refresh_"] {
        let mut login = Command::new(SEALROOM);
        login.arg("--profile").arg(&profile).args(["login", "--server", &server.url]);
        run(&mut login, Some(token)).refused(1).says("token");
    }
    let mut list = Command::new(SEALROOM);
    list.arg("--profile").arg(&profile).arg("list");
    run(&mut list, None).refused(1).says("no account");
    let anonymous = Caller::anonymous(&server.url);
    let body = json!({"type": "refresh_token", "refresh_token": garbled});
    anonymous.json("POST", "/oauth/token", &body).refused(401, "unauthenticated");
}

#[test]
fn a_server_that_is_not_there_or_is_none_is_named() {
    let profile = tempfile::tempdir().unwrap();
    for (url, says) in [
        ("nonsense", "nonsense"),
        ("ftp://127.0.0.1", "http"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
    ] {
        let mut login = Command::new(SEALROOM);
        login.arg("--profile").arg(profile.path()).args(["login", "--server", url]);
        run(&mut login, Some("sealroom_refresh_x")).refused(1).says(says);
    }
}

/// A JWT of these claims, signed with `key`.
fn jwt(header: &Value, claims: &Value, key: &[u8]) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(tag.as_ref()))
}

#[test]
fn forged_and_expired_access_tokens_are_refused() {
    let server = Server::start();
    let ada = Caller::of(&server.url, &server.person("ada@example.org"));
    let good = ada.token.clone().unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let decode =
        |part: &str| -> Value { serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap() };
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let other = json!({"sub": "eve@example.org", "kind": "admin", "iat": claims["iat"], "exp": claims["exp"]});
    let unsigned = format!("{}.{}.", BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
    let altered = format!("{}.{}.{}", parts[0], BASE64.encode(other.to_string()), parts[2]);
    let forged =
        [&unsigned, &altered, &jwt(&header, &claims, b"a guess"), "", "x", "a.b.c", &good[1..]];
    for token in forged {
        ada.with_token(token).get("/me").refused(401, "unauthenticated");
    }
    Caller::anonymous(&server.url).get("/me").refused(401, "unauthenticated");

    // Signed well, but old: the server's own secret is needed, and its operator has it.
    let key = server_secret(&server);
    let fresh = jwt(&header, &claims, &key);
    assert_eq!(ada.with_token(&fresh).get("/me").status, 200, "the secret is the server's");
    let mut old = claims.clone();
    (old["iat"], old["exp"]) = (json!(1_600_000_000), json!(1_600_086_400));
    let problem = ada.with_token(&jwt(&header, &old, &key)).get("/me");
    assert!(problem.refused(401, "unauthenticated").contains("expired"));
    old.as_object_mut().unwrap().remove("exp");
    ada.with_token(&jwt(&header, &old, &key)).get("/me").refused(401, "unauthenticated");
}

/// The key of access tokens, out of the database: 43 base64 characters after its name.
fn server_secret(server: &Server) -> Vec<u8> {
    const NAME: &[u8] = b"access-token-key";
    let candidates = ["sealroom.db-wal", "sealroom.db"].into_iter().flat_map(|file| {
        let bytes = fs::read(server.data_dir().join(file)).unwrap_or_default();
        let at: Vec<usize> = (0..bytes.len().saturating_sub(NAME.len() + 43))
            .filter(|at| bytes[*at..].starts_with(NAME))
            .collect();
        at.into_iter()
            .filter_map(|at| BASE64.decode(&bytes[at + NAME.len()..][..43]).ok())
            .collect::<Vec<_>>()
    });
    candidates.into_iter().next().expect("the secret is in the database")
}

#[test]
fn a_stranger_learns_nothing_not_even_that_there_is_a_computation() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let head = room.status()["head"].clone();
    let eve = server.person("eve@example.org");
    let nothing = "0f0e0d0c-0b0a-4908-8706-050403020100";
    let commands: [&[&str]; 8] = [
        &["status"],
        &["audit"],
        &["join"],
        &["verify", "--allow-simulated"],
        &["approve", "--allow-simulated", "--words", "abandon-ability-able"],
        &["run"],
        &["results", "get"],
        &["archive"],
    ];
    for command in commands {
        let said = |id: &str| {
            let done = eve.refused(&[command, &[id]].concat());
            // `list` is what shows the computations of an account.
            done.says("no such computation, or it does not concern this account").stderr
        };
        assert_eq!(said(&room.id), said(nothing), "{command:?}");
    }
    assert_eq!(eve.json(&["list"]), json!([]));
    let caller = Caller::of(&server.url, &eve);
    for rest in ["", "/audit", "/code", "/events", "/runs/1", "/runs/1/log"] {
        caller.get(&format!("/computations/{}{rest}", room.id)).refused(404, "not-found");
    }
    caller.put(&format!("/computations/{}/data/x", room.id), b"x").refused(404, "not-found");
    assert_eq!(room.status()["head"], head, "nothing has changed");
}

#[test]
fn the_hint_for_an_unknown_computation_names_the_command_that_lists_them() {
    let server = Server::start();
    let ada = server.person("ada@example.org");
    ada.refused(&["status", "0f0e0d0c-0b0a-4908-8706-050403020100"]).says("`sealroom list`");
}

#[test]
fn nobody_acts_in_a_role_that_is_not_theirs() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &[]);
    room.prepare(SAY_OK);
    let head = room.status()["head"].clone();
    let id = &*room.id;
    let (coder, data, consumer) = (&room.coder, &room.data[0], &room.consumers[0]);
    let folder = server.folder(&[("run.py", SAY_OK.as_bytes())]);
    let (folder, file) = (folder.to_str().unwrap(), folder.join("run.py"));
    let file = file.to_str().unwrap();
    coder.refused(&["join", id, "--role", "data"]).says("is no data provider");
    data.refused(&["join", id, "--role", "code"]).says("is no code provider");
    room.owner.refused(&["join", id, "--role", "result"]).says("is no result consumer");
    data.refused(&["code", "push", id, folder]);
    data.refused(&["code", "reset", id]).says("is no code provider");
    coder.refused(&["data", "push", id, file]);
    coder.refused(&["data", "done", id]).says("is no data provider");
    consumer.refused(&["data", "reset", id]).says("is no data provider");
    consumer.refused(&["run", id]).says("only the owner");
    data.refused(&["archive", id]).says("only the owner");
    data.refused(&["remove", id]).says("only the owner");
    // The same over HTTP, where no client holds back.
    let path = |rest: &str| format!("/computations/{id}{rest}");
    let as_coder = Caller::of(&server.url, coder);
    let as_data = Caller::of(&server.url, data);
    let as_owner = Caller::of(&server.url, &room.owner);
    as_coder.put(&path("/data/x"), b"x").refused(403, "forbidden");
    as_coder.delete(&path("/data")).refused(403, "forbidden");
    as_data.put(&path("/code"), b"x").refused(403, "forbidden");
    as_data.delete(&path("/code")).refused(403, "forbidden");
    as_owner.put(&path("/code"), b"x").refused(403, "forbidden");
    as_owner.get(&path("/code")).refused(403, "forbidden");
    as_data.call("POST", &path("/archive"), "", b"").refused(403, "forbidden");
    as_data.json("POST", "/accounts", &json!({"email": "x@example.org"})).refused(403, "forbidden");
    as_data.call("POST", "/enclave/claims", "application/json", b"{}").refused(403, "forbidden");
    assert_eq!(room.status()["head"], head, "nothing has changed");
}
