//! Live status: server-sent events, and long polls of enclaves.

use crate::{
    enclave::Enclave,
    harness::{Client, Server},
    party::Room,
};
use sealroom_lifecycle::{Record, wire::Events};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

/// An event stream, read line by line.
struct Stream(BufReader<TcpStream>);

#[derive(Debug)]
struct Message {
    event: String,
    id: u64,
    data: Value,
}

impl Stream {
    fn open(client: &Client, path: &str, last: Option<u64>) -> Self {
        let mut socket = TcpStream::connect(client.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let token = client.token.as_ref().unwrap();
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{last}\r\n"
        )
        .unwrap();
        let mut stream = Self(BufReader::new(socket));
        assert!(stream.line().unwrap().contains("200"));
        while !stream.line().unwrap().is_empty() {}
        stream
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next message; `None` when the stream ends. Chunk sizes are lines of no field.
    fn next(&mut self) -> Option<Message> {
        let (mut event, mut id, mut data) = (None, None, None::<Value>);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("event", value)) => event = Some(value.to_owned()),
                Some(("id", value)) => id = value.parse().ok(),
                Some(("data", value)) => data = serde_json::from_str(value).ok(),
                _ => {}
            }
            if let (Some(event), Some(id), Some(data)) = (&event, id, &data) {
                return Some(Message { event: event.clone(), id, data: data.clone() });
            }
        }
    }
}

#[test]
fn records_come_as_they_happen_and_resume_where_they_broke_off() {
    let server = Server::start();
    let room = Room::new(&server);
    let mut stream = Stream::open(&room.owner, &room.path("/events"), None);
    let first = stream.next().unwrap();
    assert_eq!((first.event.as_str(), first.id), ("status", 0));
    assert_eq!(first.data["phase"], "preparing");
    room.code.register(room.id);
    let record = stream.next().unwrap();
    assert_eq!((record.event.as_str(), record.id), ("record", 1));
    let record: Record = serde_json::from_value(record.data).unwrap();
    assert_eq!(record.hash, record.computed_hash());
    assert_eq!(stream.next().unwrap().event, "status");
    drop(stream);

    for party in room.everybody() {
        party.register(room.id);
    }
    room.push_code();
    let mut stream = Stream::open(&room.owner, &room.path("/events"), Some(1));
    let status = stream.next().unwrap();
    assert_eq!(status.data["phase"], "waiting_for_enclave");
    let seqs: Vec<u64> = (0..5).map(|_| stream.next().unwrap().id).collect();
    assert_eq!(seqs, [2, 3, 4, 5, 6], "nothing is missing, nothing comes twice");
}

#[test]
fn a_stopping_server_ends_streams_and_polls_at_once() {
    let mut server = Server::start_with(|config| {
        config.long_poll = Duration::from_secs(60);
        config.grace = Duration::from_secs(30);
    });
    let room = Room::new(&server);
    let mut stream = Stream::open(&room.owner, &room.path("/events"), None);
    stream.next().unwrap();
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(stream.next().is_none());
}

#[test]
fn an_enclave_hears_of_events_at_once() {
    let server = Server::start_with(|config| config.long_poll = Duration::from_secs(30));
    let room = Room::ready(&server);
    let mut enclave = Enclave::claim(&server);
    let head = enclave.state().head.0;
    let (client, path) = (enclave.client.clone(), enclave.path(&format!("/events?after={head}")));
    let begun = Instant::now();
    let waiting = std::thread::spawn(move || client.get(&path).json::<Events>().records);
    std::thread::sleep(Duration::from_millis(300));
    room.code.client.delete(&room.path("/code")).success();
    assert_eq!(waiting.join().unwrap().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let bad = enclave.client.get(&enclave.path("/events?after=x"));
    bad.refused(400, "malformed");
}
