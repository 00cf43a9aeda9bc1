//! Bodies: tricks in archives, bodies that are cut, too long, or find no room.

use crate::{
    harness::Server,
    party::{RUN_PY, Room},
};
use sealroom_protocol::Digest;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};
use tar::EntryType;

/// One entry with any header that a hostile writer might make.
fn entry(name: &str, kind: EntryType, claimed: u64, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn archive(run_py: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let run = entry("run.py", EntryType::Regular, run_py.len() as u64, run_py);
    [run, more.concat(), vec![0; 1024]].concat()
}

#[test]
fn archives_with_tricks_are_refused_and_leave_nothing() {
    let server = Server::start();
    let room = Room::new(&server);
    room.join();
    let good = |name: &str| entry(name, EntryType::Regular, 1, b"x");
    let tricks = [
        vec![good("/etc/x.enc")],
        vec![good("a/../../x.enc")],
        vec![entry("l.enc", EntryType::Symlink, 0, b"")],
        vec![entry("l.enc", EntryType::Link, 0, b"")],
        vec![entry("d.enc", EntryType::Char, 0, b"")],
        vec![entry("d", EntryType::Directory, 0, b"")],
        vec![good("a.enc"), good("a.enc")],
        vec![good("clear.py")],
        vec![entry("big.enc", EntryType::Regular, 100 << 30, b"")],
        (0..5000).map(|n| entry(&format!("{n}.enc"), EntryType::Regular, 0, b"")).collect(),
    ];
    let path = room.path("/code");
    let push = |body: &[u8]| room.code.client.put(&path, body);
    for trick in tricks {
        let problem = push(&archive(RUN_PY.as_bytes(), &trick)).refused(422, "invalid");
        assert!(problem.detail.contains("archive") || problem.detail.contains('`'), "{problem:?}");
    }
    push(b"").refused(422, "invalid");
    push(&[0x55; 4096]).refused(422, "invalid");
    let problem =
        push(&archive(b"import os\n\ndef main(:\n    pass\n", &[])).refused(422, "invalid");
    assert!(problem.detail.contains("`run.py` line 3"), "{}", problem.detail);
    push(&archive(b"print('\xff')", &[])).refused(422, "invalid");
    assert!(room.show().code.is_empty());
    assert_eq!(server.blobs(), 0);
    push(&archive(RUN_PY.as_bytes(), &[good("a.enc")])).success();
}

#[test]
fn file_names_that_could_leave_their_place_are_refused() {
    let server = Server::start();
    let room = Room::new(&server);
    room.join();
    let client = &room.data[0].client;
    for bad in ["..%2Fx", "%2E%2E", "a%2Fb", "a%00b", "a%0Ab", "a%5Cb"] {
        let reply = client.put(&room.path(&format!("/data/{bad}")), b"x");
        reply.problem();
        assert!(matches!(reply.status, 404 | 422), "{bad}: {}", reply.status);
    }
    assert_eq!(server.blobs(), 0);
    client.put(&room.path("/data/donn%C3%A9es%201.csv"), b"x").success();
    assert_eq!(room.show().data_providers[0].files[0].name.as_str(), "données 1.csv");
}

#[test]
fn a_file_of_the_same_name_replaces_the_earlier_one() {
    let server = Server::start();
    let room = Room::new(&server);
    room.join();
    let client = &room.data[0].client;
    let path = room.path("/data/x.bin");
    for content in [&b"first"[..], b"second", b"second"] {
        let stored = client.put(&path, content).ok();
        assert_eq!(stored["sha256"], serde_json::json!(Digest::of(content)));
    }
    assert_eq!(room.show().data_providers[0].files.len(), 1);
    server.eventually("one blob is left", || server.blobs() == 1);
    // Said done, and the answer got lost: the same again is harmless, another is not.
    client.post_empty(&room.path("/data/done")).success();
    client.put(&path, b"second").success();
    client.put(&path, b"other!").refused(409, "wrong-state");
    client.put(&path, b"").refused(409, "wrong-state");
    assert_eq!(server.blobs(), 1);
}

/// Sends the head and part of a body, then what `end` does.
fn cut(server: &Server, room: &Room, rest: &str, end: impl FnOnce(&mut TcpStream)) {
    let mut socket = TcpStream::connect(server.address).unwrap();
    let token = room.data[0].client.token.as_ref().unwrap();
    let token = if rest == "/code" { room.code.client.token.as_ref().unwrap() } else { token };
    let path = room.path(rest);
    write!(
        socket,
        "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 4000000\r\n\r\n"
    )
    .unwrap();
    socket.write_all(&vec![7; 1_500_000]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    end(&mut socket);
}

#[test]
fn a_body_that_is_cut_stores_nothing() {
    let server = Server::start_with(|config| config.body_idle = Duration::from_secs(1));
    let room = Room::new(&server);
    room.join();
    let before = room.show().head;
    for rest in ["/data/x.bin", "/code"] {
        cut(&server, &room, rest, |_| {});
        cut(&server, &room, rest, |socket| {
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        });
    }
    server.eventually("nothing is left", || server.blobs() == 0 && parts(&server) == 0);
    assert_eq!(room.show().head, before);
}

fn parts(server: &Server) -> usize {
    std::fs::read_dir(server.data_dir().join("tmp")).unwrap().count()
}

#[test]
fn a_body_that_is_too_long_stores_nothing() {
    let server = Server::start_with(|config| {
        config.max_upload_bytes = 1000;
        config.max_code_bytes = 5000;
    });
    let room = Room::new(&server);
    room.join();
    let client = &room.data[0].client;
    client.put(&room.path("/data/x.bin"), &[1; 1001]).refused(413, "too-large");
    room.code.client.put(&room.path("/code"), &[0; 5001]).refused(413, "too-large");
    assert_eq!(server.blobs(), 0);
    client.put(&room.path("/data/x.bin"), &[1; 1000]).success();
}

/// A small file system of its own, unmounted when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(dir.path())
            .status();
        mount.is_ok_and(|status| status.success()).then(|| Self(dir))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_is_told_and_stores_nothing() {
    let Some(small) = Tmpfs::mount() else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let blobs = small.0.path().to_str().unwrap().to_owned();
    let server = Server::start_with(|config| config.blobs = Some(blobs.clone()));
    let room = Room::new(&server);
    room.join();
    let before = room.show().head;
    let client = &room.data[0].client;
    let path = room.path("/data/x.bin");
    client.put(&path, &vec![1; 8 << 20]).refused(507, "storage-full");
    assert_eq!(room.show().head, before);
    // Room again, all of it: what did not fit was deleted.
    client.put(&path, &vec![1; 3 << 20]).success();
    assert_eq!(client.get(&room.path("")).success().status, 200);
}

#[test]
fn what_a_crash_leaves_of_an_upload_is_deleted_at_the_next_start() {
    let mut server = Server::start();
    let room = Room::new(&server);
    room.join();
    room.data[0].client.put(&room.path("/data/x.bin"), b"kept").success();
    server.stop();
    let orphan = server.data_dir().join("blobs/ab/abcdef");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"left").unwrap();
    std::fs::write(orphan.with_file_name("abcdef#1"), b"left too").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", server.data_dir().join("sealroom.db").display());
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        let insert = "INSERT INTO loose_blobs (blob, since) VALUES ('ab/abcdef', 1)";
        sqlx::query(insert).execute(&pool).await.unwrap();
        pool.close().await;
    });
    let server = server.restart();
    server.eventually("only what counts is left", || server.blobs() == 1);
}

/// The first line that comes back when only the head of an upload was sent.
fn ask_first(server: &Server, path: &str, token: &str) -> String {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-length: 99999999\r\nexpect: 100-continue\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[test]
fn who_asks_first_is_refused_before_sending() {
    let server = Server::start();
    let room = Room::new(&server);
    room.join();
    let path = room.path("/data/x.bin");
    let token = |party: &crate::party::Party| party.client.token.clone().unwrap();
    assert_eq!(ask_first(&server, &path, &token(&room.results[0])), "HTTP/1.1 403");
    assert_eq!(ask_first(&server, &path, &token(&room.data[0])), "HTTP/1.1 100");
}

#[test]
fn who_sends_first_is_told_why_it_was_refused() {
    let server = Server::start();
    let room = Room::new(&server);
    let body = vec![0; 30 << 20];
    for _ in 0..5 {
        room.results[0].client.put(&room.path("/data/x.bin"), &body).refused(403, "forbidden");
        room.data[0].client.put(&room.path("/data/x.bin"), &body).refused(409, "wrong-state");
    }
}
