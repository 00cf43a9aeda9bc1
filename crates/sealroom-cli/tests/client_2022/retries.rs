//! A bad line: the client repeats what was not answered, POST included.

use crate::{
    cast::{Cast, JOIN, run_py},
    harness::{Server, room::Room},
    peer::Peer,
    proxy::{self, Fate},
};
use serde_json::json;

/// Everything that the participants send goes through a proxy with this fate; the room and what came
/// of it are looked at directly.
fn all_ends_well(fate: impl Fn(&str, &str, usize) -> Fate + Send + Sync + 'static) {
    let server = Server::start();
    let url = proxy::start(&server.url, fate);
    let cast = Cast::at(&url, Room::new(&server, 1, 1, &[]));
    let key = cast.prepare(&run_py(&[JOIN]));
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"data of 0");
    let files = cast.raw()["data_providers"][0]["files"].clone();
    assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
    for (event, times) in [
        ("registered", 3),
        ("code_uploaded", 1),
        ("identity_published", 1),
        ("data_uploaded", 1),
        ("data_done", 1),
        ("key_provisioned", 3),
        ("run_started", 1),
    ] {
        assert_eq!(cast.count(event), times, "{event}");
    }
}

/// The client never asks twice for an access token.
fn is_token(path: &str) -> bool {
    path == "/oauth/token"
}

#[test]
fn a_busy_server_is_asked_again() {
    all_ends_well(|_, path, before| match before {
        _ if is_token(path) => Fate::Passed,
        0 => Fate::Turned(503),
        1 => Fate::Turned(502),
        _ => Fate::Passed,
    });
}

#[test]
fn what_took_effect_without_an_answer_is_sent_again_and_taken_once() {
    all_ends_well(|_, path, before| match before {
        _ if is_token(path) => Fate::Passed,
        0 => Fate::Lost,
        1 => Fate::Turned(503),
        _ => Fate::Passed,
    });
}

#[test]
fn a_computation_that_was_asked_for_of_a_busy_server_is_made_once() {
    let server = Server::start();
    let ada = server.stranger("ada@example.org");
    let url = proxy::start(&server.url, |_, path, before| match before {
        0 if !is_token(path) => Fate::Turned(503),
        _ => Fate::Passed,
    });
    let owner = Peer::owner(&url, &server, &ada);
    let emails = [&ada.email];
    let made = owner.plain(
        "create_computation",
        &json!({
            "name": "once",
            "code_provider_email": ada.email,
            "data_providers_emails": emails,
            "result_consumers_emails": emails,
        }),
    );
    let all = owner.plain("get_computations", &json!({}));
    let ids: Vec<_> = all.as_array().unwrap().iter().map(|c| &c["uuid"]).collect();
    assert_eq!(ids, [&made["uuid"]]);
}
