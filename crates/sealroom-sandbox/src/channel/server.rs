//! The host's end of the channel: answers requests until the other end closes or breaks a rule.
//!
//! Holds one buffer of a mebibyte, whatever the size of the files.

use std::io::{self, Read, Write};

use super::frame::{self, HEADER, LARGEST_PIECE, Request};
use super::ledger::Ledger;
use super::manifest::Manifest;
use crate::job::{Bound, Excess, Limits, ResultWriter, Results};
use crate::trace::Trace;
use crate::watch::Verdict;

/// Why the channel was closed from this side: the run ends with this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach(pub(crate) Excess);

impl Breach {
    fn of(bound: Bound, words: impl Into<String>) -> Self {
        Self(Excess { bound, words: words.into() })
    }
}

/// What is being written, for whom.
struct Pending {
    consumers: Vec<u32>,
    name: String,
    size: u64,
    writer: Box<dyn ResultWriter>,
}

struct Server<'a, S> {
    stream: S,
    manifest: &'a Manifest,
    results: &'a mut dyn Results,
    ledger: Ledger,
    pending: Option<Pending>,
    trace: &'a mut Option<Trace>,
    verdict: &'a Verdict,
    /// An answer: header, then up to one piece; a request's payload before that.
    buffer: Vec<u8>,
}

/// Serves one run over `stream` until the other end is closed or there is a verdict on the run: what comes after that
/// is nobody's result. `trace` becomes what the program says of its end.
///
/// # Errors
/// [`Breach`] if the program broke a rule or went over a limit, or if its results could not be stored.
pub(crate) fn serve<S: Read + Write>(
    stream: S,
    manifest: &Manifest,
    consumers: usize,
    limits: &Limits,
    results: &mut dyn Results,
    (trace, verdict): (&mut Option<Trace>, &Verdict),
) -> Result<(), Breach> {
    let ledger = Ledger::new(consumers, limits.result_bytes, limits.result_count);
    let buffer = vec![0; HEADER + LARGEST_PIECE];
    let pending = None;
    let mut server = Server { stream, manifest, results, ledger, pending, trace, verdict, buffer };
    while server.step()? {}
    Ok(())
}

impl<S: Read + Write> Server<'_, S> {
    /// One request; false at the end of the stream. A stream that breaks is an end like any other: how the program
    /// itself ended is reported elsewhere.
    fn step(&mut self) -> Result<bool, Breach> {
        let mut head = [0; HEADER];
        if self.stream.read_exact(&mut head).is_err() {
            return Ok(false);
        }
        let head = frame::header(head).map_err(malformed)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let payload = &mut buffer[..head.length];
        let goes_on = match self.stream.read_exact(payload) {
            Err(_) => Ok(false),
            Ok(()) if self.verdict.is_given() => Ok(false),
            Ok(()) => match frame::request(head, payload).map_err(malformed)? {
                Request::Manifest => Ok(self.answer(0, &self.manifest.json)),
                Request::Read { file, offset, length } => {
                    self.read(&mut buffer, file, offset, length)
                }
                Request::Begin { addressee, name } => {
                    self.begin(addressee, name).map(|()| self.answer(0, b""))
                }
                Request::Chunk(bytes) => self.chunk(bytes).map(|()| true),
                Request::Commit => self.commit().map(|()| self.answer(0, b"")),
                Request::Drop => {
                    self.pending = None;
                    Ok(self.answer(0, b""))
                }
                Request::Trace(json) => {
                    *self.trace = Trace::parse(json);
                    Ok(true)
                }
            },
        };
        self.buffer = buffer;
        goes_on
    }

    fn read(&mut self, buffer: &mut [u8], file: u32, at: u64, length: u32) -> Result<bool, Breach> {
        let source = usize::try_from(file).ok().and_then(|file| self.manifest.files.get(file));
        let source = source.ok_or_else(|| {
            Breach::of(Bound::Channel, format!("channel: there is no file {file}"))
        })?;
        let size = source.len();
        if at.checked_add(u64::from(length)).is_none_or(|end| end > size) {
            let words = format!(
                "channel: {length} bytes at {at} of file {file} were asked for, it has {size}"
            );
            return Err(Breach::of(Bound::Channel, words));
        }
        let answer = &mut buffer[..HEADER + length as usize];
        let (head, body) = answer.split_at_mut(HEADER);
        if let Err(error) = source.read_at(at, body) {
            return Ok(self.answer(1, error.to_string().as_bytes()));
        }
        head[0] = 0;
        head[1..].copy_from_slice(&length.to_le_bytes());
        Ok(self.stream.write_all(answer).is_ok())
    }

    fn begin(&mut self, addressee: frame::Addressee, name: &str) -> Result<(), Breach> {
        if self.pending.is_some() {
            return Err(Breach::of(Bound::Channel, "channel: a result begun inside another"));
        }
        let consumers = self.ledger.addressed(addressee).map_err(over)?;
        self.ledger.check(&consumers, name, 0).map_err(over)?;
        let writer = self.results.begin(&consumers, name).map_err(unstored)?;
        self.pending = Some(Pending { consumers, name: name.to_owned(), size: 0, writer });
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        let pending = self.pending.as_mut().ok_or_else(nothing_begun)?;
        pending.size = pending.size.saturating_add(bytes.len() as u64);
        self.ledger.check(&pending.consumers, &pending.name, pending.size).map_err(over)?;
        pending.writer.write_all(bytes).map_err(unstored)
    }

    fn commit(&mut self) -> Result<(), Breach> {
        let Pending { consumers, name, size, writer } =
            self.pending.take().ok_or_else(nothing_begun)?;
        writer.commit().map_err(unstored)?;
        for consumer in consumers {
            self.ledger.record(consumer, &name, size);
        }
        Ok(())
    }

    /// Whether the other end took it.
    fn answer(&mut self, status: u8, payload: &[u8]) -> bool {
        let Ok(length) = u32::try_from(payload.len()) else { return false };
        let mut head = [status; HEADER];
        head[1..].copy_from_slice(&length.to_le_bytes());
        let sent: io::Result<()> =
            self.stream.write_all(&head).and_then(|()| self.stream.write_all(payload));
        sent.is_ok()
    }
}

fn malformed(reason: frame::Malformed) -> Breach {
    Breach::of(Bound::Channel, format!("channel: {reason}"))
}

fn over(reason: super::ledger::Over) -> Breach {
    Breach::of(Bound::Results, reason.to_string())
}

fn nothing_begun() -> Breach {
    Breach::of(Bound::Channel, "channel: a piece of a result that was not begun")
}

fn unstored(error: io::Error) -> Breach {
    Breach::of(Bound::Storage, format!("a result could not be stored: {error}"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::job::Exit;

    /// What a program sends, and what it is answered.
    struct Script<'a> {
        sends: &'a [u8],
        hears: Vec<u8>,
    }

    impl Read for Script<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.sends.read(buffer)
        }
    }

    impl Write for Script<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.hears.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Notes commits; writing may bring a verdict along, as a clock would that runs out meanwhile.
    struct Shelf {
        committed: Rc<RefCell<Vec<u32>>>,
        runs_out: Option<Rc<Verdict>>,
    }

    struct Item {
        consumers: Vec<u32>,
        committed: Rc<RefCell<Vec<u32>>>,
        runs_out: Option<Rc<Verdict>>,
    }

    impl Results for Shelf {
        fn begin(&mut self, consumers: &[u32], _: &str) -> io::Result<Box<dyn ResultWriter>> {
            let (committed, runs_out) = (Rc::clone(&self.committed), self.runs_out.clone());
            Ok(Box::new(Item { consumers: consumers.to_vec(), committed, runs_out }))
        }
    }

    impl Write for Item {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(verdict) = &self.runs_out {
                verdict.give(Exit::TimedOut);
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ResultWriter for Item {
        fn commit(self: Box<Self>) -> io::Result<()> {
            self.committed.borrow_mut().extend(&self.consumers);
            Ok(())
        }
    }

    /// A result for both of two consumers: which of them got it, and what the program heard.
    fn committed(late: bool, runs_out: bool) -> (Vec<u32>, Vec<u8>) {
        let frames =
            [&b"\x03\x05\0\0\0\xff\xff\xff\xffa"[..], b"\x04\x01\0\0\0x", b"\x05\0\0\0\0"].concat();
        let mut script = Script { sends: &frames, hears: Vec::new() };
        let verdict = Rc::new(Verdict::new().unwrap());
        let committed = Rc::default();
        let runs_out = runs_out.then(|| Rc::clone(&verdict));
        let mut shelf = Shelf { committed: Rc::clone(&committed), runs_out };
        if late {
            verdict.give(Exit::TimedOut);
        }
        let manifest = Manifest { json: Vec::new(), files: Vec::new() };
        let told = (&mut None, &*verdict);
        serve(&mut script, &manifest, 2, &Limits::default(), &mut shelf, told).unwrap();
        let committed = committed.borrow().clone();
        (committed, script.hears)
    }

    #[test]
    fn a_result_counts_for_all_it_is_for() {
        assert_eq!(committed(false, false), (vec![0, 1], vec![0; 10]));
    }

    #[test]
    fn what_is_sent_after_the_verdict_is_no_result() {
        assert_eq!(committed(true, false), (vec![], vec![]));
    }

    #[test]
    fn a_verdict_while_it_is_written_leaves_no_result() {
        assert_eq!(committed(false, true), (vec![], vec![0; 5]));
    }
}
