//! Several servers on one PostgreSQL database. Each test has a schema of its own.

use crate::{
    enclave::{self, Enclave, claim},
    harness::{Client, Server},
    life::whole_life,
    party::Room,
};
use sealroom_lifecycle::{EnclaveId, Record, replay};
use std::{sync::Barrier, thread, time::Duration};
use uuid::Uuid;

/// The URL of an empty schema; `None`, and a line that says so, if there is no database to test with.
fn schema() -> Option<String> {
    let Ok(url) = std::env::var("SEALROOM_TEST_POSTGRES") else {
        println!("skipped: SEALROOM_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("t{}", Uuid::new_v4().simple());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"));
        sqlx::query(create).execute(&pool).await.unwrap();
        pool.close().await;
    });
    let and = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{and}options[search_path]={name}"))
}

/// Two servers that share database and blobs, and nothing else.
fn pair(lease: Duration) -> Option<(Server, Server)> {
    let url = schema()?;
    let first = Server::start_with(|config| {
        config.database = Some(url.clone());
        config.lease = lease;
    });
    let blobs = first.data_dir().join("blobs").to_str().unwrap().to_owned();
    let second = Server::start_with(|config| {
        config.database = Some(url);
        config.blobs = Some(blobs);
        config.lease = lease;
    });
    Some((first, second))
}

fn at(client: &Client, server: &Server) -> Client {
    let mut client = client.clone();
    client.address = server.address;
    client
}

#[test]
fn a_computation_lives_on_postgresql() {
    if let Some(url) = schema() {
        let server = Server::start_with(|config| config.database = Some(url));
        whole_life(&server);
    }
}

#[test]
fn what_one_server_stores_the_other_shows() {
    let Some((one, two)) = pair(Duration::from_secs(15)) else { return };
    let mut room = Room::new(&one);
    // Everybody talks to the other server from now on; tokens hold there too.
    room.code.client.address = two.address;
    room.join();
    room.push_code();
    let mut enclave = Enclave::claim(&two);
    enclave.publish();
    assert_eq!(room.phase(), "collecting");
    room.push_data();
    room.approve();
    enclave.client.address = one.address;
    enclave.work();
    room.owner.address = two.address;
    assert_eq!(room.phase(), "succeeded");
    let records: Vec<Record> = room.owner.get(&room.path("/audit")).json();
    replay(&records).expect("the chain holds");
}

#[test]
fn commands_on_two_servers_at_the_same_moment_are_all_in_the_log_once() {
    let Some((one, two)) = pair(Duration::from_secs(15)) else { return };
    for _ in 0..5 {
        let room = Room::new(&one);
        let barrier = Barrier::new(10);
        thread::scope(|scope| {
            for party in room.everybody() {
                for server in [&one, &two] {
                    let client = at(&party.client, server);
                    let (barrier, path) = (&barrier, room.path("/register"));
                    scope.spawn(move || {
                        barrier.wait();
                        client.post(&path, &party.registration()).success();
                    });
                }
            }
        });
        assert_eq!(room.show().head.seq, 5);
    }
}

#[test]
fn of_claims_on_two_servers_exactly_one_wins() {
    let Some((one, two)) = pair(Duration::from_secs(15)) else { return };
    let account = enclave::account(&one);
    for _ in 0..5 {
        let _room = Room::ready(&one);
        let barrier = Barrier::new(6);
        let winners: usize = thread::scope(|scope| {
            let race = |n: usize| {
                let client = at(&account, if n.is_multiple_of(2) { &one } else { &two });
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    claim(&client, EnclaveId(Uuid::new_v4())).is_some()
                })
            };
            let racers: Vec<_> = (0..6).map(race).collect();
            racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
        });
        assert_eq!(winners, 1);
    }
}

#[test]
fn a_lost_enclave_is_noticed_once_by_all_servers() {
    let Some((one, two)) = pair(Duration::from_secs(1)) else { return };
    let room = Room::ready(&one);
    let mut enclave = Enclave::claim(&two);
    enclave.publish();
    let head = room.show().head.seq;
    one.eventually("the identity is withdrawn", || room.phase() == "waiting_for_enclave");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(room.show().head.seq, head + 1, "one event, not one for each server");
}
