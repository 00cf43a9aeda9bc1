//! Keeps the beginning of what a program says and drains the rest, so that it never blocks on a full pipe.

use std::io::Read;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};

/// What was said.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) bytes: Vec<u8>,
    pub(crate) truncated: bool,
}

/// Reads until every writer is gone, or until `done` is set and nothing is left; keeps `limit` bytes.
pub(crate) fn drain(mut pipe: impl Read + AsFd, limit: u64, done: &AtomicBool) -> Log {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let tick = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let mut log = Log::default();
    let mut piece = vec![0; 64 << 10];
    loop {
        let finishing = done.load(Ordering::Acquire);
        let ready = rustix::event::poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&tick));
        match ready {
            Ok(0) if finishing => return log,
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return log,
        }
        let Ok(length @ 1..) = pipe.read(&mut piece) else { return log };
        let kept = length.min(limit - log.bytes.len());
        log.bytes.extend_from_slice(&piece[..kept]);
        log.truncated |= kept < length;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_beginning_is_kept_and_the_rest_is_drained() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let said = std::thread::spawn(move || writer.write_all(&[b'x'; 300_000]));
        let log = drain(reader, 1000, &AtomicBool::new(false));
        assert_eq!((log.bytes.len(), log.truncated), (1000, true));
        said.join().unwrap().unwrap();
    }

    #[test]
    fn a_writer_that_stays_does_not_keep_it_waiting() {
        let (reader, writer) = std::io::pipe().unwrap();
        let log = drain(reader, 1000, &AtomicBool::new(true));
        assert_eq!((log.bytes.len(), log.truncated), (0, false));
        drop(writer);
    }
}
