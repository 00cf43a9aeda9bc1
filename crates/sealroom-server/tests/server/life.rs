//! A computation from its creation to its removal, on each kind of storage.

use crate::{enclave::Enclave, harness::Server, party::Room};
use sealroom_lifecycle::{Record, replay};
use sealroom_protocol::{Receipt, api::RunDetail, context::result_path};

#[test]
fn a_computation_lives_on_sqlite_and_files() {
    let server = Server::start();
    whole_life(&server);
    server.eventually("no blob is left after removal", || server.blobs() == 0);
}

#[test]
fn a_computation_lives_on_s3() {
    let Ok(location) = std::env::var("SEALROOM_TEST_S3") else {
        println!("skipped: SEALROOM_TEST_S3 is not set");
        return;
    };
    whole_life(&Server::start_with(|config| config.blobs = Some(location)));
}

pub(crate) fn whole_life(server: &Server) {
    let mut room = Room::new(server);
    assert_eq!(room.phase(), "preparing");
    assert_eq!(room.show().my_roles, ["ComputationOwner"]);
    room.join();
    room.join();
    let archive = room.push_code();
    assert_eq!(room.push_code_again(&archive), 200, "the same code again is harmless");
    assert_eq!(room.phase(), "waiting_for_enclave");
    assert_eq!(room.results[1].client.get(&room.path("/code")).success().body, archive);

    let mut enclave = Enclave::claim(server);
    assert_eq!(enclave.computation, room.id);
    enclave.publish();
    assert_eq!(room.phase(), "collecting");
    room.push_data();
    room.approve();
    room.approve();
    assert_eq!(room.phase(), "running");
    let run = enclave.work();
    assert_eq!(run, 1);
    assert_eq!(room.phase(), "succeeded");

    check_results(&room);
    check_log(&room);
    enclave.client.delete(&enclave.path("/lease")).success();
    assert_eq!(room.phase(), "succeeded", "an enclave that had all its runs may leave");

    second_round(server, &mut room);
    room.owner.post_empty(&room.path("/archive")).success();
    assert_eq!(room.phase(), "archived");
    check_results(&room);
    room.owner.delete(&room.path("")).success();
    room.owner.delete(&room.path("")).success();
    assert_eq!(room.phase(), "removed");
    let gone = room.results[0].client.get(&room.path("/runs/1/results/result.bin"));
    gone.refused(404, "not-found");
}

/// The owner asks for another run: everybody approves again, another enclave runs it.
fn second_round(server: &Server, room: &mut Room) {
    room.owner.post_empty(&room.path("/run")).success();
    assert_eq!(room.phase(), "waiting_for_enclave");
    let mut enclave = Enclave::claim(server);
    enclave.publish();
    room.approve();
    assert_eq!(enclave.work(), 2);
    assert_eq!(room.show().runs.len(), 2);
}

fn check_results(room: &Room) {
    for consumer in &room.results {
        let sealed = consumer.client.get(&room.path("/runs/1/results/result.bin")).success();
        assert_eq!(sealed.media_type, "application/octet-stream");
        let path = result_path(1, &"result.bin".parse().unwrap());
        assert_eq!(consumer.open(room.id, &path, &sealed.body), b"zeroone");
        let detail: RunDetail = consumer.client.get(&room.path("/runs/1")).json();
        let signer = detail.identity.keys.signing;
        let receipt: Receipt = detail.receipt.expect("signed").verify(&signer).unwrap();
        assert_eq!(receipt.results, detail.run.results);
        assert!(detail.run.has_log);
    }
    let log = room.code.client.get(&room.path("/runs/1/log")).success();
    assert_eq!(log.body, b"sealed log");
}

fn check_log(room: &Room) {
    let records: Vec<Record> = room.owner.get(&room.path("/audit")).json();
    let state = replay(&records).expect("the chain holds");
    let head = room.show().head;
    assert_eq!(state.head, (head.seq, head.hash));
}

impl Room {
    fn push_code_again(&self, archive: &[u8]) -> u16 {
        self.code.client.put(&self.path("/code"), archive).status
    }
}
