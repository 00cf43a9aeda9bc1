//! One file, read through a buffer: the calls of a binary file object, without the interpreter's lock while it waits.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::link::{LARGEST_PIECE, Link};

/// Requests begin at multiples of this, which is the size of a sealed file's segments.
const SEGMENT: u64 = 64 << 10;
/// Reads from here on go straight to where they are wanted.
const LARGE: usize = 256 << 10;

/// A file of the enclave, positioned, read ahead.
#[pyclass(frozen, module = "_sealroom")]
#[derive(Debug)]
pub(crate) struct Reader {
    link: Arc<Link>,
    file: u32,
    size: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    position: u64,
    closed: bool,
    /// What is held, and from which offset on.
    buffer: Vec<u8>,
    start: u64,
    /// Where a reader that goes on in order will be next.
    next: u64,
}

impl State {
    /// What is held from `offset` on; empty if that is elsewhere.
    fn held(&self, offset: u64) -> &[u8] {
        let skip = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.buffer.get(skip..)).unwrap_or(&[])
    }

    fn open(&self) -> PyResult<()> {
        match self.closed {
            true => Err(PyValueError::new_err("I/O operation on closed file.")),
            false => Ok(()),
        }
    }
}

impl Reader {
    pub(crate) fn new(link: Arc<Link>, file: u32, size: u64) -> Self {
        Self { link, file, size, state: Mutex::default() }
    }

    /// Waits for the state with the interpreter's lock given up: its holder may be waiting for that one.
    fn locked<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> R + Send,
    ) -> PyResult<R> {
        py.detach(|| self.state.lock().map(|mut state| work(&mut state)).map_err(|_| poisoned()))
    }

    /// The state if nobody else has it, without any waiting.
    fn idle(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock().ok()
    }

    /// Fills `out` from `offset`, both inside the file.
    fn fill(&self, state: &mut State, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            let held = state.held(offset);
            if held.is_empty() && out.len() >= LARGE {
                self.link.read(self.file, offset, out)?;
                state.next = offset + out.len() as u64;
                return Ok(());
            }
            if held.is_empty() {
                self.refill(state, offset)?;
                continue;
            }
            let length = held.len().min(out.len());
            out[..length].copy_from_slice(&held[..length]);
            out = &mut out[length..];
            offset += length as u64;
        }
        Ok(())
    }

    /// Holds what is around `offset`: much for one who reads in order, little for one who jumps.
    fn refill(&self, state: &mut State, offset: u64) -> io::Result<()> {
        let start = offset - offset % SEGMENT;
        let ahead = if offset == state.next { LARGEST_PIECE as u64 } else { SEGMENT };
        let length = ahead.min(self.size - start) as usize;
        state.start = start;
        state.buffer.resize(length, 0);
        let mut buffer = std::mem::take(&mut state.buffer);
        let read = self.link.read(self.file, start, &mut buffer);
        if read.is_ok() {
            state.next = start + length as u64;
            state.buffer = buffer;
        }
        read
    }

    /// How many bytes a call for `size` gets at the position, which moves past them.
    fn claim(&self, state: &mut State, size: Option<i64>) -> PyResult<(u64, usize)> {
        state.open()?;
        let left = self.size.saturating_sub(state.position);
        let wanted = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(left).min(left);
        let start = state.position;
        state.position += wanted;
        Ok((start, usize::try_from(wanted)?))
    }

    /// The line at the position, cut at `most` bytes; moves past it.
    fn line(&self, state: &mut State, most: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        while line.len() < most && state.position < self.size {
            if state.held(state.position).is_empty() {
                self.refill(state, state.position)?;
            }
            let piece = cut(state.held(state.position), most - line.len());
            line.extend_from_slice(piece);
            state.position += piece.len() as u64;
            if line.last() == Some(&b'\n') {
                break;
            }
        }
        Ok(line)
    }
}

#[pymethods]
impl Reader {
    /// Size of the file in bytes.
    #[getter]
    fn size(&self) -> u64 {
        self.size
    }

    /// Up to `size` bytes, all that are left if negative or None.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(mut state) = self.idle() {
            let (start, length) = self.claim(&mut state, size)?;
            if let Some(held) = state.held(start).get(..length) {
                return Ok(PyBytes::new(py, held));
            }
            state.position = start;
        }
        let (start, length) = self.locked(py, |state| self.claim(state, size))??;
        PyBytes::new_with(py, length, |out| {
            let filled = self.locked(py, |state| {
                let filled = self.fill(state, start, out);
                if filled.is_err() {
                    state.position = start;
                }
                filled
            })?;
            Ok(filled?)
        })
    }

    /// One line with its end, cut at `size` bytes unless that is negative or None.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let most = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        if let Some(mut state) = self.idle() {
            state.open()?;
            let line = cut(state.held(state.position), most);
            if line.last() == Some(&b'\n') || line.len() == most {
                let line = PyBytes::new(py, line);
                state.position += line.as_bytes().len() as u64;
                return Ok(line);
            }
        }
        let line = self.locked(py, |state| {
            state.open()?;
            Ok::<_, PyErr>(self.line(state, most)?)
        })??;
        Ok(PyBytes::new(py, &line))
    }

    /// Moves to `offset` from the start (0), the position (1) or the end (2), as io.BytesIO does.
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek(&self, py: Python<'_>, offset: i64, whence: i32) -> PyResult<u64> {
        self.locked(py, |state| {
            state.open()?;
            let from = match whence {
                0 if offset < 0 => {
                    return Err(PyValueError::new_err(format!("negative seek value {offset}")));
                }
                0 => 0,
                1 => state.position,
                2 => self.size,
                _ => {
                    let text = format!("invalid whence ({whence}, should be 0, 1 or 2)");
                    return Err(PyValueError::new_err(text));
                }
            };
            let to = i128::from(from) + i128::from(offset);
            state.position = u64::try_from(to.max(0))?;
            Ok(state.position)
        })?
    }

    /// The position.
    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.locked(py, |state| state.open().map(|()| state.position))?
    }

    /// Forgets what is held; later calls fail.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.locked(py, |state| *state = State { closed: true, ..State::default() })
    }
}

/// The first line in `held`, cut at `most` bytes.
fn cut(held: &[u8], most: usize) -> &[u8] {
    let held = &held[..held.len().min(most)];
    memchr::memchr(b'\n', held).map_or(held, |end| &held[..=end])
}

fn poisoned() -> PyErr {
    PyErr::from(io::Error::other("a reader that failed before"))
}
