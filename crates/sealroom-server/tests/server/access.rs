//! Who may call what, for every call there is: the OpenAPI document is the list.

use crate::{
    enclave::{self, Enclave},
    harness::{Client, Server},
    party::Room,
};
use sealroom_protocol::ComputationId;
use serde_json::Value;

/// Every call that the document has: method, path pattern, whether it needs a token.
fn calls(server: &Server) -> Vec<(String, String, bool)> {
    let document = server.anonymous().get("/openapi.json").ok();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let needs_token = call["security"].as_array().is_some_and(|list| !list.is_empty());
            calls.push((method.to_uppercase(), path.clone(), needs_token));
        }
    }
    assert!(calls.len() > 30, "the document is not complete: {}", calls.len());
    calls
}

fn fill(path: &str, id: &str) -> String {
    path.replace("{id}", id)
        .replace("{run}", "1")
        .replace("{name}", "x.bin")
        .replace("{provider}", "0")
        .replace("{consumer}", "0")
}

/// Sends a call with bodies that fit nothing, so that only who calls can decide.
fn each_body(client: &Client, method: &str, path: &str, mut check: impl FnMut(u16, &str)) {
    for (media_type, body) in [
        (None, &b""[..]),
        (Some("application/json"), b"{}"),
        (Some("application/json"), b"{broken"),
        (Some("text/plain"), b"hello"),
    ] {
        let reply = client.call(method, path, media_type, body);
        reply.problem();
        let shown = format!("{method} {path} with {media_type:?}: {}", reply.status);
        check(reply.status, &shown);
    }
}

#[test]
fn without_a_good_token_every_call_is_401() {
    let server = Server::start();
    let room = Room::ready(&server);
    let open = ["/", "/healthz", "/metrics", "/openapi.json", "/oauth/token"];
    for (method, path, needs_token) in calls(&server) {
        assert_eq!(needs_token, !open.contains(&path.as_str()), "{method} {path}");
        if !needs_token {
            continue;
        }
        for id in [room.id.to_string(), ComputationId::random().to_string(), "x".to_owned()] {
            let path = fill(&path, &id);
            let nobody = server.anonymous();
            let forger = nobody.with_token("e30.e30.");
            for client in [nobody, forger] {
                each_body(&client, &method, &path, |status, shown| {
                    assert_eq!(status, 401, "{shown}");
                });
            }
        }
    }
}

#[test]
fn a_stranger_learns_nothing_not_even_that_it_exists() {
    let server = Server::start();
    let mut room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    enclave.publish();
    room.push_data();
    room.approve();
    enclave.work();
    let stranger = server.user("stranger@example.org");
    for (method, path, needs_token) in calls(&server) {
        if !needs_token || !path.contains("{id}") {
            continue;
        }
        let (here, nowhere) =
            (fill(&path, &room.id.to_string()), fill(&path, &ComputationId::random().to_string()));
        let expected = if path.starts_with("/enclave/") { 403 } else { 404 };
        each_body(&stranger, &method, &here, |status, shown| {
            assert_eq!(status, expected, "{shown}");
        });
        let [a, b] = [here, nowhere].map(|path| stranger.call(&method, &path, None, b"").problem());
        assert_eq!(a, b, "{method} {path}: the same answer whether it exists or not");
    }
    assert_eq!(stranger.get("/computations").ok(), Value::Array(vec![]));
}

#[test]
fn an_enclave_takes_part_in_nothing_and_holds_only_what_it_has_claimed() {
    let server = Server::start();
    let room = Room::ready(&server);
    let account = enclave::account(&server);
    let other = account.with_lease("0123");
    for (method, path, needs_token) in calls(&server) {
        if !needs_token || path == "/enclave/claims" {
            continue;
        }
        let path = fill(&path, &room.id.to_string());
        if path.starts_with("/enclave/") {
            for client in [&account, &other] {
                let reply = client.call(&method, &path, None, b"");
                reply.refused(409, "lease-lost");
            }
        } else {
            each_body(&account, &method, &path, |status, shown| assert_eq!(status, 403, "{shown}"));
        }
    }
}

/// Each row: a call, and which of owner, code, data and result may make it. Everybody else gets 403,
/// in whatever state the computation is, with whatever body.
#[test]
fn participants_may_do_what_their_role_does_and_no_more() {
    let rows: &[(&str, &str, &str)] = &[
        ("POST", "/run", "owner"),
        ("POST", "/archive", "owner"),
        ("DELETE", "", "owner"),
        ("PUT", "/code", "code"),
        ("DELETE", "/code", "code"),
        ("GET", "/runs/1/log", "code"),
        ("PUT", "/data/x.bin", "data"),
        ("DELETE", "/data", "data"),
        ("POST", "/data/done", "data"),
        ("GET", "/runs/1/results/x.bin", "result"),
    ];
    let server = Server::start();
    for complete in [false, true] {
        let room = if complete { Room::ready(&server) } else { Room::new(&server) };
        let callers = [
            ("owner", &room.owner),
            ("code", &room.code.client),
            ("data", &room.data[0].client),
            ("result", &room.results[0].client),
        ];
        for (method, rest, allowed) in rows {
            for (_, client) in callers.iter().filter(|(role, _)| role != allowed) {
                each_body(client, method, &room.path(rest), |status, shown| {
                    assert_eq!(status, 403, "{shown}, complete: {complete}");
                });
            }
        }
        room.owner.get(&room.path("/code")).refused(403, "forbidden");
        // Roles that a body names.
        let wrong = room.code.registration();
        let client = &room.data[0].client;
        client.post(&room.path("/register"), &wrong).refused(403, "forbidden");
        let body = serde_json::json!({ "role": "CodeProvider" });
        client.post(&room.path("/key/revoke"), &body).refused(403, "forbidden");
    }
}

#[test]
fn every_error_is_a_problem() {
    let server = Server::start();
    let client = server.user("ada@example.org");
    client.get("/nothing/here").refused(404, "not-found");
    client.get("/computations/").refused(404, "not-found");
    client.post_empty("/healthz").refused(405, "method-not-allowed");
    client.call("PATCH", "/computations", None, b"").refused(405, "method-not-allowed");
    client.get("/computations/not-a-uuid").refused(404, "not-found");
    let json = Some("application/json");
    client.call("POST", "/computations", json, b"{").refused(400, "malformed");
    client.call("POST", "/computations", json, b"{}").refused(422, "invalid");
    client
        .call("POST", "/computations", Some("text/plain"), b"{}")
        .refused(415, "unsupported-media-type");
    let big = vec![b' '; (8 << 20) + 1];
    client.call("POST", "/computations", json, &big).refused(413, "too-large");
    assert_eq!(client.get("/healthz").ok()["status"], "ok");
    assert!(client.get("/").success().media_type.starts_with("text/html"));
    let metrics = String::from_utf8(client.get("/metrics").success().body).unwrap();
    assert!(metrics.contains("sealroom_http_requests_total{method=\"GET\",route=\"/healthz\""));
    assert!(!metrics.contains("not-a-uuid"), "labels are patterns");
}
