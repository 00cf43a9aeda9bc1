//! Sealing and opening a stream on its way through.

use super::{HEADER_LEN, Header, OpenError, SEGMENT_LEN, SegmentCipher, TAG_LEN};
use crate::FileKey;
use std::io::{self, Read};
use zeroize::{Zeroize as _, Zeroizing};

/// Reads plaintext from `inner` and gives the sealed file out: for uploads, so that nothing sealed
/// needs a place on a disk.
pub struct SealReader<R> {
    inner: R,
    header: Header,
    cipher: SegmentCipher,
    window: Window,
    /// One plaintext byte read ahead: whether it is there says whether a segment is the last.
    ahead: Option<u8>,
    index: u32,
    state: State,
}

/// Reads a sealed file from `inner` and gives its plaintext out. Every byte given out has been
/// authenticated, but only the end shows that the file is whole: keep nothing before it is reached.
pub struct OpenReader<R> {
    inner: R,
    key: FileKey,
    associated_data: Vec<u8>,
    cipher: Option<SegmentCipher>,
    window: Window,
    ahead: Option<u8>,
    index: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Body,
    Done,
    /// Something went wrong: what the window held then is gone, and nothing more comes.
    Failed,
}

/// Bytes that are ready to be given out.
struct Window {
    bytes: Zeroizing<Vec<u8>>,
    given: usize,
}

impl Window {
    /// Room for all that is ever in it: a buffer that grew would leave unwiped copies behind.
    fn new() -> Self {
        let most = HEADER_LEN + SEGMENT_LEN + TAG_LEN + 1;
        Self { bytes: Zeroizing::new(Vec::with_capacity(most)), given: 0 }
    }

    /// Gives out nothing of what is in it.
    fn clear(&mut self) {
        self.bytes.zeroize();
        self.given = 0;
    }

    fn give(&mut self, out: &mut [u8]) -> usize {
        let ready = &self.bytes[self.given..];
        let n = ready.len().min(out.len());
        out[..n].copy_from_slice(&ready[..n]);
        self.given += n;
        n
    }

    fn is_empty(&self) -> bool {
        self.given == self.bytes.len()
    }

    fn refill(&mut self) -> &mut Vec<u8> {
        self.bytes.clear();
        self.given = 0;
        &mut self.bytes
    }
}

/// Fills `out` up to `len` bytes, and one byte beyond to see whether more follows.
fn fill(
    inner: &mut impl Read,
    ahead: &mut Option<u8>,
    out: &mut Vec<u8>,
    len: usize,
) -> io::Result<()> {
    out.extend(ahead.take());
    let want = (len + 1).saturating_sub(out.len());
    inner.by_ref().take(want as u64).read_to_end(out)?;
    if out.len() > len {
        *ahead = out.pop();
    }
    Ok(())
}

impl<R: Read> SealReader<R> {
    /// Seals what `inner` gives.
    #[must_use]
    pub fn new(inner: R, key: &FileKey, associated_data: &[u8]) -> Self {
        let header = Header::random();
        let cipher = SegmentCipher::new(key, &header, associated_data);
        let window = Window::new();
        Self { inner, header, cipher, window, ahead: None, index: 0, state: State::Start }
    }

    fn next_segment(&mut self) -> io::Result<()> {
        let first = self.state == State::Start;
        let room = SEGMENT_LEN - TAG_LEN - if first { HEADER_LEN } else { 0 };
        let buffer = self.window.refill();
        fill(&mut self.inner, &mut self.ahead, buffer, room)?;
        let last = self.ahead.is_none();
        let index = self.index;
        self.index = index.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        let tag = self.cipher.seal(index, last, buffer);
        buffer.extend_from_slice(&tag);
        if first {
            buffer.splice(..0, self.header.0);
        }
        self.state = if last { State::Done } else { State::Body };
        Ok(())
    }
}

impl<R: Read> Read for SealReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.window.is_empty() && self.state != State::Done && !out.is_empty() {
            if self.state == State::Failed {
                return Err(failed_before());
            }
            if let Err(error) = self.next_segment() {
                // What was read and not sealed yet must never be given out.
                self.window.clear();
                self.state = State::Failed;
                return Err(error);
            }
        }
        Ok(self.window.give(out))
    }
}

fn failed_before() -> io::Error {
    io::Error::other("the stream has failed before")
}

impl<R: Read> OpenReader<R> {
    /// Opens what `inner` gives.
    #[must_use]
    pub fn new(inner: R, key: &FileKey, associated_data: &[u8]) -> Self {
        Self {
            inner,
            key: key.clone(),
            associated_data: associated_data.to_vec(),
            cipher: None,
            window: Window::new(),
            ahead: None,
            index: 0,
            state: State::Start,
        }
    }

    fn next_segment(&mut self) -> Result<(), OpenError> {
        let header_len = if self.cipher.is_none() { HEADER_LEN } else { 0 };
        let buffer = self.window.refill();
        fill(&mut self.inner, &mut self.ahead, buffer, SEGMENT_LEN)?;
        if buffer.len() < header_len + TAG_LEN {
            return Err(OpenError::Length { found: buffer.len() as u64 });
        }
        if header_len > 0 {
            let mut header = [0; HEADER_LEN];
            header.copy_from_slice(&buffer[..HEADER_LEN]);
            buffer.drain(..HEADER_LEN);
            let header = Header::parse(header)?;
            self.cipher = Some(SegmentCipher::new(&self.key, &header, &self.associated_data));
        }
        let last = self.ahead.is_none();
        let cipher = self.cipher.as_ref().expect("set with the first segment");
        let len = cipher.open(self.index, last, buffer)?.len();
        buffer.truncate(len);
        self.state = if last { State::Done } else { State::Body };
        self.index = self
            .index
            .checked_add(1)
            .ok_or_else(|| OpenError::Io(io::ErrorKind::FileTooLarge.into()))?;
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.window.is_empty() && self.state != State::Done && !out.is_empty() {
            if self.state == State::Failed {
                return Err(failed_before());
            }
            if let Err(error) = self.next_segment() {
                self.window.clear();
                self.state = State::Failed;
                return Err(error.into());
            }
        }
        Ok(self.window.give(out))
    }
}
