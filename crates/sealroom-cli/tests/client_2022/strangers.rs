//! Who has no account, or one that the computation does not concern, learns nothing of it.

use crate::{
    cast::{Cast, JOIN, run_py},
    harness::{
        Server,
        http::{Caller, Reply},
    },
    refusals::{assert_refused, multipart, multipart_type},
};
use serde_json::json;

/// The answers to every call of the client about a computation, well-formed each.
fn every_call(caller: &Caller, id: &str) -> Vec<(String, Reply)> {
    let mut answers = Vec::new();
    let path = |rest: &str| format!("/computations/{id}{rest}");
    for rest in ["", "/status", "/code", "/results"] {
        answers.push((format!("GET {rest}"), caller.get(&path(rest))));
    }
    for rest in ["/code", "/data"] {
        answers.push((format!("DELETE {rest}"), caller.delete(&path(rest))));
        let body = multipart(&[("file", "x.enc", &[7; 100])]);
        let reply = caller.call("POST", &path(rest), &multipart_type(), &body);
        answers.push((format!("POST {rest}"), reply));
    }
    answers.push(("POST /data/done".to_owned(), caller.call("POST", &path("/data/done"), "", b"")));
    for (rest, body) in [
        (
            "/repository",
            json!({"github": {"repository_url": "https://example.org/x", "ref_name": null}}),
        ),
        ("/register", json!({"public_key": "ab".repeat(32), "side": "DataProvider"})),
        (
            "/key/provisioning",
            json!({"role": "DataProvider", "sealed_symmetric_key": vec![7; 176]}),
        ),
    ] {
        answers.push((format!("POST {rest}"), caller.json("POST", &path(rest), &body)));
    }
    answers
}

#[test]
fn a_stranger_is_told_the_same_in_every_state() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let eve = Caller::of(&server.url, &server.stranger("eve@example.org"));
    let anonymous = Caller::anonymous(&server.url);
    let forged = anonymous.with_token("e30.e30.");
    let nowhere = every_call(&eve, "0f0e0d0c-0b0a-0908-0706-050403020100");
    let look = |state: &str| {
        let before = cast.raw();
        for ((call, reply), (_, of_none)) in every_call(&eve, &cast.id).iter().zip(&nowhere) {
            let what = format!("{call} by a stranger, {state}");
            assert_refused(&what, reply, &[403, 404]);
            let said = |reply: &Reply| (reply.status, reply.text());
            assert_eq!(said(reply), said(of_none), "{what}: as if there were none");
        }
        for nobody in [&anonymous, &forged] {
            for (call, reply) in every_call(nobody, &cast.id) {
                assert_refused(&format!("{call} without a login, {state}"), &reply, &[401]);
            }
        }
        assert_eq!(cast.raw(), before, "{state}: nothing has changed");
    };
    look("just created");
    let key = cast.prepare(&run_py(&[JOIN]));
    look("collecting");
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"data of 0");
    look("succeeded");
    cast.owner.ok(&["archive", &cast.id]);
    look("archived");
    cast.owner.ok(&["remove", &cast.id]);
    look("removed");
}
