//! The channel itself: frames out, answers in, one at a time, on a socket that only the first process may use.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::reader::Reader;

/// Bytes of one read or one piece of a result: the largest that the other end takes.
pub(crate) const LARGEST_PIECE: usize = 1 << 20;
/// Reads under way at the same time: while one is copied here, the next is opened there.
const AHEAD: usize = 2;
/// Bytes of a message about a refusal.
const LARGEST_MESSAGE: usize = 64 << 10;
/// Addresses every consumer.
const ALL: u32 = u32::MAX;

const MANIFEST: u8 = 1;
const READ: u8 = 2;
const BEGIN: u8 = 3;
const CHUNK: u8 = 4;
const COMMIT: u8 = 5;
const DROP: u8 = 6;
const TRACE: u8 = 7;

/// A connected socket and the process it belongs to.
#[derive(Debug)]
pub(crate) struct Link {
    process: u32,
    stream: Mutex<UnixStream>,
}

impl Link {
    /// Fills `out` from `offset` of a file.
    pub(crate) fn read(&self, file: u32, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|stream| {
            let mut asked = Requests { file, at: offset, left: out.len() };
            for _ in 0..AHEAD {
                asked.send_next(stream)?;
            }
            let mut refusal = None;
            for piece in out.chunks_mut(LARGEST_PIECE) {
                // After a refusal too: the answers under way have to be taken off the socket.
                if let Err(refused) = answer(stream, piece)? {
                    refusal.get_or_insert(refused);
                }
                asked.send_next(stream)?;
            }
            refusal.map_or(Ok(()), |refused| Err(io::Error::other(refused)))
        })
    }

    fn request(&self, op: u8, payload: &[u8]) -> io::Result<()> {
        self.with(|stream| {
            send(stream, op, payload)?;
            answer(stream, &mut [])?.map_err(io::Error::other)
        })
    }

    /// Runs one exchange with the socket to itself.
    fn with<R>(&self, exchange: impl FnOnce(&mut UnixStream) -> io::Result<R>) -> io::Result<R> {
        if std::process::id() != self.process {
            return Err(io::Error::other(
                "inputs and results can be used only by the process that runs run.py, not by its children",
            ));
        }
        let broken = |_| io::Error::other("the channel to the enclave is broken");
        exchange(&mut *self.stream.lock().map_err(broken)?)
    }
}

/// The requests that a long read is made of.
struct Requests {
    file: u32,
    at: u64,
    left: usize,
}

impl Requests {
    fn send_next(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        let length = self.left.min(LARGEST_PIECE);
        if length == 0 {
            return Ok(());
        }
        let mut payload = [0; 16];
        payload[..4].copy_from_slice(&self.file.to_le_bytes());
        payload[4..12].copy_from_slice(&self.at.to_le_bytes());
        payload[12..].copy_from_slice(&(length as u32).to_le_bytes());
        self.at += length as u64;
        self.left -= length;
        send(stream, READ, &payload)
    }
}

fn send(stream: &mut UnixStream, op: u8, payload: &[u8]) -> io::Result<()> {
    let mut head = [op, 0, 0, 0, 0];
    head[1..].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    if payload.len() <= 512 {
        return stream.write_all(&[&head[..], payload].concat());
    }
    stream.write_all(&head)?;
    stream.write_all(payload)
}

/// Takes an answer that fills `out` exactly, or the message of a refusal.
fn answer(stream: &mut UnixStream, out: &mut [u8]) -> io::Result<Result<(), String>> {
    let (status, length) = answer_head(stream)?;
    match status {
        0 if length == out.len() => stream.read_exact(out).map(Ok),
        1 if length <= LARGEST_MESSAGE => {
            let mut message = vec![0; length];
            stream.read_exact(&mut message)?;
            Ok(Err(String::from_utf8_lossy(&message).into_owned()))
        }
        _ => {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            Err(io::Error::other("the enclave answered out of turn"))
        }
    }
}

fn answer_head(stream: &mut UnixStream) -> io::Result<(u8, usize)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [status, a, b, c, d] = head;
    Ok((status, u32::from_le_bytes([a, b, c, d]) as usize))
}

/// The channel to the enclave. One of them exists, made before any code of the run.
#[pyclass(frozen, module = "_sealroom")]
#[derive(Debug)]
pub(crate) struct Channel {
    link: Arc<Link>,
}

#[pymethods]
impl Channel {
    /// Takes the socket that the interpreter was started with as standard input.
    #[staticmethod]
    fn from_stdin() -> PyResult<Self> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let stream = Mutex::new(UnixStream::from(socket));
        Ok(Self { link: Arc::new(Link { process: std::process::id(), stream }) })
    }

    /// What there is to read and for whom to write, as JSON.
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = py.detach(|| {
            self.link.with(|stream| {
                send(stream, MANIFEST, b"")?;
                let (_, length) = answer_head(stream)?;
                let mut json = vec![0; length];
                stream.read_exact(&mut json).map(|()| json)
            })
        })?;
        Ok(PyBytes::new(py, &json))
    }

    /// A reader for the file with this number and size.
    fn open(&self, file: u32, size: u64) -> Reader {
        Reader::new(Arc::clone(&self.link), file, size)
    }

    /// Begins a result for one consumer or, without a number, for all of them.
    #[pyo3(signature = (consumer, name))]
    fn begin(&self, py: Python<'_>, consumer: Option<u32>, name: &str) -> PyResult<()> {
        let payload = [&consumer.unwrap_or(ALL).to_le_bytes()[..], name.as_bytes()].concat();
        Ok(py.detach(|| self.link.request(BEGIN, &payload))?)
    }

    /// Adds bytes to the result begun.
    fn chunk(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let sent = py.detach(|| {
            data.chunks(LARGEST_PIECE)
                .try_for_each(|piece| self.link.with(|stream| send(stream, CHUNK, piece)))
        });
        sent.map_err(|error| PyOSError::new_err(format!("the enclave takes no result: {error}")))
    }

    /// Makes the result begun one of the run's, in place of an earlier one of its name.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.link.request(COMMIT, b""))?)
    }

    /// Says where an exception was raised, as JSON.
    fn trace(&self, py: Python<'_>, json: &[u8]) -> PyResult<()> {
        Ok(py.detach(|| self.link.with(|stream| send(stream, TRACE, json)))?)
    }

    /// Forgets the result begun.
    fn discard(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.link.request(DROP, b""))?)
    }
}
