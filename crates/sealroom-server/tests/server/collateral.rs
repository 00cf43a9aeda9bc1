//! Collateral: fetched behind everybody's back when evidence of hardware is published, kept with the computation, gone
//! with it.

use crate::{
    enclave::Enclave,
    harness::{Client, Server},
    party::Room,
};
use sealroom_collateral::{Collateral, Service, Update};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use sealroom_testpki::service::{Answer, Service as Fake};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

const CASE: &str = "gcp-v4-2026";

fn vector(case: &str, file: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/tdx/");
    fs::read(format!("{folder}{case}/{file}")).unwrap()
}

fn set(case: &str) -> Value {
    let mut set: Value = serde_json::from_slice(&vector(case, "collateral.json")).unwrap();
    set.as_object_mut().unwrap().remove("pck_certificate_chain");
    set
}

fn serve(fake: &Fake, set: &Value) -> [String; 4] {
    fake.intel("tdx", "00806F050000", "platform", set)
}

fn server_that_asks(fake: &Fake) -> Server {
    let service = Service::new(Some(&fake.url()), None, Update::Standard).unwrap();
    Server::start_with(|config| config.collateral = Some(service))
}

/// An enclave that has published the evidence of a trust domain.
fn publish(server: &Server) -> Enclave {
    let mut enclave = Enclave::claim(server);
    let mut identity = enclave.identity();
    let quote = Base64(vector(CASE, "quote.bin"));
    identity.evidence = Evidence { kind: EvidenceKind::Tdx, quote, endorsements: vec![] };
    enclave.client.post(&enclave.path("/identity"), &identity).success();
    enclave
}

/// The Intel set that the server has, if it has one.
fn kept(client: &Client, path: &str) -> Option<Value> {
    let reply = client.get(path);
    if reply.status == 404 {
        reply.refused(404, "not-found");
        return None;
    }
    let reply = reply.success();
    assert_eq!(reply.media_type, "application/json");
    let found = Collateral::read(&reply.body).unwrap();
    assert_eq!((found.kind, found.endorsements.len()), (EvidenceKind::Tdx, 1));
    Some(serde_json::from_slice(&found.endorsements[0].0).unwrap())
}

#[test]
fn it_is_there_for_participants_until_the_computation_is_removed() {
    let fake = Fake::start();
    let targets = serve(&fake, &set(CASE));
    let server = server_that_asks(&fake);
    let mut room = Room::ready(&server);
    let path = room.path("/collateral");
    room.owner.get(&path).refused(404, "not-found");
    let mut enclave = publish(&server);
    server.eventually("it is kept", || kept(&room.owner, &path).is_some());
    for party in room.everybody() {
        assert!(kept(&party.client, &path) == Some(set(CASE)));
    }
    server.user("stranger@example.org").get(&path).refused(404, "not-found");
    enclave.client.get(&path).refused(403, "forbidden");
    let asked = fake.asked();
    assert_eq!(BTreeSet::from_iter(asked.clone()), targets.into_iter().collect());
    // By the clock of this machine it has run out long ago: it was asked for once more, whoever has looked.
    assert!(asked.len() <= 8, "{asked:?}");

    room.push_data();
    room.approve();
    enclave.work();
    let server = server.restart();
    for client in [&mut room.owner, &mut room.code.client, &mut room.data[0].client] {
        client.address = server.address;
    }
    let of_run = format!("{path}?run=1");
    room.owner.post_empty(&room.path("/archive")).success();
    assert!(kept(&room.code.client, &of_run) == Some(set(CASE)), "archived with the computation");
    assert!(kept(&room.code.client, &path) == Some(set(CASE)));
    room.owner.get(&format!("{path}?run=2")).refused(404, "not-found");
    room.owner.get(&format!("{path}?run=x")).refused(400, "malformed");
    room.owner.delete(&room.path("")).success();
    assert_eq!(kept(&room.owner, &of_run), None);
    server.eventually("no blob is left", || server.blobs() == 0);
}

#[test]
fn a_service_that_keeps_silent_holds_nobody_up() {
    let fake = Fake::start();
    let targets = serve(&fake, &set(CASE));
    fake.answer(&targets[0], Answer::Silence(Duration::from_secs(60)));
    let mut server = server_that_asks(&fake);
    let mut room = Room::ready(&server);
    let begin = Instant::now();
    let mut enclave = publish(&server);
    server.eventually("it was asked", || !fake.asked().is_empty());
    assert_eq!(kept(&room.owner, &room.path("/collateral")), None);
    room.push_data();
    room.approve();
    enclave.work();
    assert_eq!(room.phase(), "succeeded");
    assert_eq!(fake.asked().len(), 1, "it is asked once at a time");
    server.stop();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn what_has_run_out_is_fetched_again_until_a_run_went_by_it() {
    let fake = Fake::start();
    serve(&fake, &set("gcp-v4-outofdate"));
    let server = server_that_asks(&fake);
    let mut room = Room::ready(&server);
    let path = room.path("/collateral");
    let mut enclave = publish(&server);
    server.eventually("it is kept", || kept(&room.owner, &path).is_some());
    serve(&fake, &set(CASE));
    server.eventually("it is fetched again", || kept(&room.owner, &path) == Some(set(CASE)));
    // Another file of the room's: `run.py` and its module are one.
    server.eventually("the older is dropped", || server.blobs() == 2);
    room.push_data();
    room.approve();
    enclave.work();
    serve(&fake, &set("gcp-v4-ccel"));
    let asked = fake.asked().len();
    for _ in 0..3 {
        assert!(kept(&room.owner, &path) == Some(set(CASE)));
    }
    assert_eq!(fake.asked().len(), asked);
}

#[test]
fn an_operators_files_do_without_a_service() {
    let server = Server::start();
    let folder = server.data_dir().join("collateral");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "not collateral").unwrap();
    for case in ["azure-v4-vtpm", "gcp-v4-outofdate", CASE] {
        fs::write(folder.join(format!("{case}.json")), set(case).to_string()).unwrap();
    }
    let room = Room::ready(&server);
    publish(&server);
    let path = room.path("/collateral");
    server.eventually("it is kept", || kept(&room.owner, &path).is_some());
    assert!(
        kept(&room.owner, &path) == Some(set(CASE)),
        "of those that fit, the one that counts longest"
    );
}

#[test]
fn evidence_of_software_asks_nobody() {
    let fake = Fake::start();
    let server = server_that_asks(&fake);
    let room = Room::ready(&server);
    Enclave::claim(&server).publish();
    let refused = room.owner.get(&room.path("/collateral")).refused(404, "not-found");
    assert!(refused.detail.contains("nothing vouches for evidence of kind `simulated`"));
    std::thread::sleep(Duration::from_millis(200));
    assert!(fake.asked().is_empty());
}

#[test]
fn evidence_that_cannot_be_read_keeps_nothing_and_breaks_nothing() {
    let fake = Fake::start();
    let server = server_that_asks(&fake);
    let room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    let mut identity = enclave.identity();
    identity.evidence.kind = EvidenceKind::Snp;
    enclave.client.post(&enclave.path("/identity"), &identity).success();
    assert_eq!(room.phase(), "collecting");
    assert_eq!(kept(&room.owner, &room.path("/collateral")), None);
    std::thread::sleep(Duration::from_millis(200));
    assert!(fake.asked().is_empty());
}
