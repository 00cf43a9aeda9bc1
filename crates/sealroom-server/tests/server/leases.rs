//! Claims and leases: one winner, lost when silent, claimable again.

use crate::{
    enclave::{self, Enclave, claim},
    harness::Server,
    party::Room,
};
use sealroom_lifecycle::EnclaveId;
use std::{sync::Barrier, thread, time::Duration};
use uuid::Uuid;

#[test]
fn of_many_claims_on_one_computation_exactly_one_wins() {
    let server = Server::start();
    let room = Room::ready(&server);
    let account = enclave::account(&server);
    let barrier = Barrier::new(8);
    let winners: usize = thread::scope(|scope| {
        let race = |_| {
            scope.spawn(|| {
                barrier.wait();
                claim(&account, EnclaveId(Uuid::new_v4())).is_some()
            })
        };
        let racers: Vec<_> = (0..8).map(race).collect();
        racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
    });
    assert_eq!(winners, 1);
    assert_eq!(room.phase(), "waiting_for_enclave");
}

#[test]
fn a_waiting_enclave_hears_of_work_at_once() {
    let server = Server::start_with(|config| config.long_poll = Duration::from_secs(30));
    let account = enclave::account(&server);
    let waiting = thread::spawn(move || claim(&account, EnclaveId(Uuid::new_v4())));
    thread::sleep(Duration::from_millis(200));
    let room = Room::ready(&server);
    let begun = std::time::Instant::now();
    assert_eq!(waiting.join().unwrap().expect("work").computation, room.id);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_silent_enclave_is_lost_and_another_takes_over() {
    let server = Server::start_with(|config| config.lease = Duration::from_secs(2));
    let mut room = Room::ready(&server);
    let mut lost = Enclave::claim(&server);
    lost.publish();
    room.push_data();
    room.approve();
    lost.start_run().success();
    server.eventually("the run is lost", || room.phase() != "running");
    let shown = room.show();
    assert!(shown.enclave.identity.is_none(), "the identity went with the enclave");
    assert!(shown.code_provider.symmetric_key_uploaded_at.is_none());
    assert!(shown.runs[0].status.is_some() && shown.runs[0].results.is_empty());
    for (method, rest) in [
        ("POST", "/heartbeat"),
        ("DELETE", "/lease"),
        ("GET", "/events"),
        ("GET", "/code"),
        ("GET", "/data/0/table.csv"),
        ("POST", "/identity"),
        ("POST", "/keys/judge"),
        ("POST", "/keys/destroyed"),
        ("POST", "/runs"),
        ("PUT", "/runs/1/results/0/x"),
        ("PUT", "/runs/1/logs/code/0"),
        ("POST", "/runs/1/finish"),
    ] {
        lost.client.call(method, &lost.path(rest), None, b"").refused(409, "lease-lost");
    }
    let mut next = Enclave::claim(&server);
    next.publish();
    let heart = next.client.clone();
    let path = next.path("/heartbeat");
    let beating = thread::spawn(move || {
        for _ in 0..8 {
            heart.post_empty(&path).success();
            thread::sleep(Duration::from_millis(500));
        }
    });
    beating.join().unwrap();
    assert_eq!(room.phase(), "collecting", "heartbeats keep the lease");
    room.approve();
    assert_eq!(next.work(), 2);
    assert_eq!(room.phase(), "succeeded");
}

#[test]
fn a_lease_that_is_given_up_is_free_at_once() {
    let server = Server::start();
    let room = Room::ready(&server);
    let mut first = Enclave::claim(&server);
    first.publish();
    first.client.delete(&first.path("/lease")).success();
    first.client.delete(&first.path("/lease")).refused(409, "lease-lost");
    assert_eq!(room.phase(), "waiting_for_enclave");
    let mut second = Enclave::claim(&server);
    second.publish();
    assert_ne!(first.id, second.id);
    assert_eq!(room.phase(), "collecting");
}
