//! What the 2022 client's formats can't protect, and what is done about it here.

use crate::{
    cast::{Cast, JOIN, provision, run_py},
    harness::{Server, http::Caller, liar},
    peer::{Peer, Side, given_bytes, hex},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealroom_protocol::{CodeFile, ComputationId, code::code_digest};
use sealroom_seal::sign::SigningKey;
use serde_json::{Value, json};

/// A box does not say who has sealed it: somebody who knows no words signs another's as his own.
#[test]
fn a_copied_box_does_not_pass_for_its_copier() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.code.take_words("zebra-velvet-walnut");
    let key = cast.prepare(&run_py(&[JOIN]));
    provision(&cast.data[0], &key);
    provision(&cast.consumers[0], &key);
    // Everybody may read the log, and all that was released is in it.
    let mallory = Caller::of(&server.url, &cast.room.coder);
    let log: Vec<Value> = serde_json::from_slice(&mallory.get(&cast.path("/audit")).body).unwrap();
    let released = |record: &&Value| {
        record["event"]["type"] == "key_provisioned"
            && record["event"]["participant"]["role"] == "ResultConsumer"
    };
    let sealed = &log.iter().find(released).unwrap()["event"]["release"]["sealed_key"];
    let boxed = STANDARD.decode(sealed.as_str().unwrap()).unwrap().split_off(64);
    let seed = given_bytes(&cast.code.attribute("ed25519_seed"));
    let signer = SigningKey::from_seed(&seed.try_into().unwrap());
    let id: ComputationId = cast.id.parse().unwrap();
    let signature = signer.sign(&[id.as_bytes().as_slice(), &boxed].concat());
    let copied = [signature.as_bytes().as_slice(), &boxed].concat();
    let body = json!({"role": "CodeProvider", "sealed_symmetric_key": copied});
    assert!(mallory.json("POST", &cast.path("/key/provisioning"), &body).status < 300, "it opens");
    assert_eq!(cast.end(), "Failure");
    let run = &cast.raw()["runs"][0];
    assert_eq!(run["results"], json!([]), "{run}");
    let reason = run["status"]["reason"].as_str().unwrap();
    assert!(reason.ends_with("have released the same file key"), "{reason}");
}

/// Who has the old client looks with the new one before it releases its key.
#[test]
fn verify_looks_for_the_old_clients_key_and_at_the_key_that_it_will_seal_to() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    let (person, peer) = (&cast.room.data[0], &cast.data[0]);
    let public_key = hex(&given_bytes(&peer.attribute("public_key")));
    let code: Vec<CodeFile> = serde_json::from_value(cast.raw()["code"].clone()).unwrap();
    let digest = code_digest(&code).to_string();
    let look = |key: &str, more: &[&str]| {
        let args = ["verify", &cast.id, "--allow-simulated", "--public-key", key];
        person.run(&[args.as_slice(), more].concat())
    };
    let verify = |key: &str| look(key, &["--code-digest", &digest]);
    let unsigned = look(&public_key, &[]);
    assert_eq!(unsigned.code, 1, "{unsigned:?}");
    unsigned.prints("the code is the server's word");
    let seen = verify(&public_key);
    assert_eq!(seen.code, 0, "{seen:?}");
    let shown =
        seen.prints("uses the 2022 suite `sodium`").prints("ACCEPTED, with the warnings above");
    shown.prints(&hex(&given_bytes(&key)));
    let other = verify(&"07".repeat(32));
    assert_eq!(other.code, 1, "{other:?}");
    other.prints("is not in it");

    let path = cast.path("");
    let lying = liar::start(&server.url, move |ask, truth| {
        let mut reply = truth.of(ask);
        if ask.path == path {
            let mut shown: Value = serde_json::from_slice(&reply.body).unwrap();
            shown["enclave"]["identity"]["public_key"] = vec![7; 32].into();
            reply.body = serde_json::to_vec(&shown).unwrap();
        }
        reply
    });
    person.login(&lying);
    let lied_to = verify(&public_key);
    assert_eq!(lied_to.code, 1, "{lied_to:?}");
    lied_to.prints("another key or quote");
}

/// An owner who wants none of it says so.
#[test]
fn a_computation_of_the_native_suite_alone_refuses_the_old_client() {
    let server = Server::start();
    let room = crate::harness::room::Room::new(&server, 1, 1, &["--suites", "hybrid"]);
    let old = Peer::new(&server, &room.data[0], Side::Data, &room.id, &room.words);
    let said = old.raises("register", json!({}));
    assert!(said.contains("(422)") && said.contains("`sodium` is not allowed"), "{said}");
    room.data[0].ok(&["join", &room.id]);
}
