//! Inputs are `io.BytesIO` to every library that takes one, small and large, and cost the host no memory.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::Room;
use sealroom_sandbox::{Exit, Source};

/// Compares each input, once per call, with a true `BytesIO` of the same content, call by call.
const LIKE_BYTES_IO: &str = include_str!("programs/like_bytes_io.py");

#[test]
fn files_behave_as_bytes_io_does() {
    let mut bytes = Vec::new();
    for n in 0..180_000u32 {
        bytes.extend_from_slice(format!("{n}{}", if n % 7 == 0 { "\n" } else { "-" }).as_bytes());
    }
    assert!(bytes.len() > 1 << 20);
    let room = Room::new(LIKE_BYTES_IO).input(0, "small", &bytes[..1000]).input(0, "none", "");
    let ran = room.input(0, "large", &bytes).input(0, "noline", vec![b'x'; 3 << 20]).succeed();
    assert_eq!(ran.log, "alike\n");
}

/// Makes data with a library, in scratch, and sends it back through a result of the first run as input of the second.
#[test]
fn libraries_read_files_of_any_size() {
    let make = include_str!("programs/make_files.py");
    let made = Room::new(make)
        .limits(|limits| limits.result_count = 40)
        .limits(|l| l.result_bytes = 1 << 30);
    let made = made.succeed();
    assert_eq!(made.results.len(), 20);
    let read = include_str!("programs/read_files.py");
    let mut room = Room::new(read);
    for ((_, name), bytes) in &made.results {
        room = room.input(0, name, bytes);
    }
    assert_eq!(room.succeed().log, "all read\n");
}

/// Two gibibytes that are nowhere: each byte is a function of its offset.
struct Endless(AtomicU64);

impl Source for Endless {
    fn len(&self) -> u64 {
        2 << 30
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.fetch_add(buf.len() as u64, Ordering::Relaxed);
        buf.fill((offset >> 20) as u8);
        Ok(())
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_large_file_passes_through_without_staying_in_the_host() {
    let code = include_str!("programs/throughput.py");
    let before = resident_kib();
    let source = Arc::new(Endless(AtomicU64::new(0)));
    let ran = Room::new(code).source(0, "endless", source.clone()).succeed();
    let grown = resident_kib().saturating_sub(before);
    println!("{}the host grew by {grown} KiB", ran.log);
    assert!(source.0.load(Ordering::Relaxed) >= 2 << 30);
    // Other tests run in this process meanwhile; a host that kept the file would grow by two gibibytes.
    assert!(grown < 128 << 10, "the host grew by {grown} KiB");
}

struct Broken;

impl Source for Broken {
    fn len(&self) -> u64 {
        5 << 20
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset >= 2 << 20 {
            return Err(io::Error::other("segment 32 failed authentication"));
        }
        buf.fill(1);
        Ok(())
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_os_error_and_the_channel_goes_on() {
    let code = r#"
from sealroom import Enclave

with Enclave() as enclave:
    bad, good = enclave.read()
    assert len(bad.read(2 << 20)) == 2 << 20
    for read in (lambda: bad.read(100), bad.read, bad.readline, bad.getvalue):
        try:
            read()
        except OSError as error:
            assert "segment 32 failed authentication" in str(error), error
        else:
            raise AssertionError
    assert good.read() == b"good"
    enclave.write(b"went on")
"#;
    let ran = Room::new(code).source(0, "bad", Arc::new(Broken)).input(0, "good", "good").run();
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{}", ran.log);
    assert_eq!(ran.result(0), b"went on");
}

#[test]
fn many_threads_share_the_channel_and_children_have_none() {
    let code = r#"
import concurrent.futures, os
from sealroom import Enclave

with Enclave() as enclave:
    def digest(n):
        data = list(enclave.read())[n % 2]
        if n % 3 == 0:
            enclave.write(data, name="r%d" % (n % 4))
            data.seek(0)
        return sum(1 for line in data)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(digest, range(40)))
    assert counts == [300000, 200000] * 20, counts
    data = next(enclave.read())
    pid = os.fork()
    if pid == 0:
        try:
            data.read()
        except OSError as error:
            assert "not by its children" in str(error)
            os._exit(7)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] >> 8 == 7
    enclave.write(b"%d" % len(data.read()))
"#;
    let ran = Room::new(code).input(0, "a", b"1234\n".repeat(300_000));
    let ran = ran.input(0, "b", b"123456789\n".repeat(200_000)).succeed();
    assert_eq!(ran.result(0), b"1500000");
}
