//! Sealing what is written, when its length is not known before.

use super::{HEADER_LEN, Header, SEGMENT_LEN, SegmentCipher, TAG_LEN};
use crate::FileKey;
use std::io::{self, Write};
use zeroize::Zeroizing;

/// Seals what is written to it. Nothing that it wrote opens before [`SealWriter::finish`].
pub struct SealWriter<W> {
    out: W,
    cipher: SegmentCipher,
    buffer: Zeroizing<Vec<u8>>,
    /// Plaintext bytes that the segment under way may hold.
    room: usize,
    index: u32,
    /// Set while `out` is written to: a segment that failed half-way is not sealed again, for that
    /// would use its nonce twice.
    broken: bool,
}

impl<W: Write> SealWriter<W> {
    /// Starts a sealed file on `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, key: &FileKey, associated_data: &[u8]) -> io::Result<Self> {
        let header = Header::random();
        out.write_all(&header.0)?;
        Ok(Self {
            out,
            cipher: SegmentCipher::new(key, &header, associated_data),
            buffer: Zeroizing::new(Vec::with_capacity(SEGMENT_LEN)),
            room: SEGMENT_LEN - HEADER_LEN - TAG_LEN,
            index: 0,
            broken: false,
        })
    }

    /// Seals the last segment and gives `out` back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal_segment(true)?;
        Ok(self.out)
    }

    fn seal_segment(&mut self, last: bool) -> io::Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(io::Error::other("the sealed file has failed before"));
        }
        let tag = self.cipher.seal(self.index, last, &mut self.buffer);
        self.out.write_all(&self.buffer)?;
        self.out.write_all(&tag)?;
        self.broken = false;
        self.buffer.clear();
        self.room = SEGMENT_LEN - TAG_LEN;
        if !last {
            self.index = self.index.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full segment is sealed only once more follows: until then it may be the last.
        if self.buffer.len() == self.room && !bytes.is_empty() {
            self.seal_segment(false)?;
        }
        let taken = bytes.len().min(self.room - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
