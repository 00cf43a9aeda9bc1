//! Whole files at once, on several threads, and any range of a file.

use super::{
    HEADER_LEN, Header, Layout, OpenError, SEGMENT_LEN, SegmentCipher, TAG_LEN, layout::Segment,
};
use crate::FileKey;
use std::{fs::File, io, os::unix::fs::FileExt as _, thread};
use zeroize::Zeroizing;

/// Segments that one thread works on before it writes them all: 512 KiB, which second-level caches hold.
const BATCH: u32 = 8;

/// A sealed file that opens any range of its plaintext.
///
/// Holds one descriptor and one derived key; several threads may read it at the same time.
pub struct SealedFile {
    file: File,
    cipher: SegmentCipher,
    layout: Layout,
}

impl SealedFile {
    /// Reads the header of `file` and authenticates its last segment: a file that was cut or
    /// extended, or that is not what `key` and `associated_data` say, is refused here.
    ///
    /// # Errors
    /// Every [`OpenError`] but `Range`.
    pub fn new(file: File, key: &FileKey, associated_data: &[u8]) -> Result<Self, OpenError> {
        let mut header = [0; HEADER_LEN];
        if file.metadata()?.len() >= HEADER_LEN as u64 {
            file.read_exact_at(&mut header, 0)?;
        }
        let layout = Layout::of_sealed(file.metadata()?.len())?;
        let cipher = SegmentCipher::new(key, &Header::parse(header)?, associated_data);
        let sealed = Self { file, cipher, layout };
        let mut scratch = Scratch::default();
        sealed.segment(layout.segment(layout.segments() - 1), &mut scratch)?;
        Ok(sealed)
    }

    /// Plaintext bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.layout.plain_len()
    }

    /// Whether there is no plaintext.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Opens the plaintext bytes from `offset` on into `out`, which it fills.
    ///
    /// Touches only the segments that hold them.
    ///
    /// # Errors
    /// [`OpenError::Authentication`] names the first bad segment, [`OpenError::Range`] a range that
    /// is not there; what `out` holds then is not to be used.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), OpenError> {
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= self.len());
        if end.is_none() {
            let (start, end) = (offset, offset.saturating_add(out.len() as u64));
            return Err(OpenError::Range { start, end, len: self.len() });
        }
        let mut scratch = Scratch::default();
        let (mut at, mut rest) = (offset, out);
        while !rest.is_empty() {
            let segment = self.layout.segment(self.layout.index_of(at));
            let plain = self.segment(segment, &mut scratch)?;
            let ready = &plain[(at - segment.plain_at) as usize..];
            let n = ready.len().min(rest.len());
            rest[..n].copy_from_slice(&ready[..n]);
            rest = &mut rest[n..];
            at += n as u64;
        }
        Ok(())
    }

    fn segment<'a>(
        &self,
        segment: Segment,
        scratch: &'a mut Scratch,
    ) -> Result<&'a mut [u8], OpenError> {
        let sealed = &mut scratch.0[..segment.plain_len + TAG_LEN];
        self.file.read_exact_at(sealed, segment.sealed_at)?;
        self.cipher.open(segment.index, segment.last, sealed)
    }
}

/// Room for one segment, wiped when it goes.
struct Scratch(Zeroizing<Vec<u8>>);

impl Default for Scratch {
    fn default() -> Self {
        Self(Zeroizing::new(vec![0; SEGMENT_LEN]))
    }
}

/// Seals `plain` into `sealed` (both from their start) on `threads` threads; returns the length of
/// the sealed file. `sealed` must be empty; nothing of it opens unless all went well.
///
/// # Errors
/// Those of the two files, among them `plain` changing its length meanwhile.
pub fn seal_file(
    plain: &File,
    sealed: &File,
    key: &FileKey,
    associated_data: &[u8],
    threads: usize,
) -> io::Result<u64> {
    let layout = Layout::of_plain(plain.metadata()?.len()).ok_or(io::ErrorKind::FileTooLarge)?;
    let header = Header::random();
    let cipher = SegmentCipher::new(key, &header, associated_data);
    sealed.write_all_at(&header.0, 0)?;
    for_each_batch(layout, threads, |batch, buffer| {
        let sealed_at = layout.segment(batch.start).sealed_at;
        // Each segment is read to where it is written from, and sealed while the cache still holds it.
        let mut end = 0;
        for index in batch {
            let segment = layout.segment(index);
            let (body, rest) = buffer[end..].split_at_mut(segment.plain_len);
            plain.read_exact_at(body, segment.plain_at)?;
            rest[..TAG_LEN].copy_from_slice(&cipher.seal(index, segment.last, body));
            end += segment.plain_len + TAG_LEN;
        }
        sealed.write_all_at(&buffer[..end], sealed_at)
    })?;
    Ok(layout.sealed_len())
}

/// Opens `sealed` into `plain` (both from their start) on `threads` threads; returns the length of
/// the plaintext. On an error what `plain` holds is not to be used.
///
/// # Errors
/// Every [`OpenError`] but `Range`.
pub fn open_file(
    sealed: &File,
    plain: &File,
    key: &FileKey,
    associated_data: &[u8],
    threads: usize,
) -> Result<u64, OpenError> {
    let source = SealedFile::new(sealed.try_clone()?, key, associated_data)?;
    let layout = source.layout;
    for_each_batch(layout, threads, |batch, buffer| {
        let plain_at = layout.segment(batch.start).plain_at;
        // Each segment is read to where the one before ended: its tag makes room for the next one.
        let mut end = 0;
        for index in batch {
            let segment = layout.segment(index);
            let sealed = &mut buffer[end..end + segment.plain_len + TAG_LEN];
            source.file.read_exact_at(sealed, segment.sealed_at)?;
            source.cipher.open(index, segment.last, sealed)?;
            end += segment.plain_len;
        }
        plain.write_all_at(&buffer[..end], plain_at).map_err(OpenError::from)
    })?;
    Ok(layout.plain_len())
}

/// Runs `work` over all segments, [`BATCH`] at a time, dealt out to `threads` threads in turn.
fn for_each_batch<E: Send>(
    layout: Layout,
    threads: usize,
    work: impl Fn(std::ops::Range<u32>, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let batches = layout.segments().div_ceil(BATCH);
    let threads = (threads.max(1) as u32).min(batches);
    let worker = |first: u32| {
        let mut buffer = Zeroizing::new(vec![0; BATCH as usize * SEGMENT_LEN]);
        (first..batches).step_by(threads as usize).try_for_each(|batch| {
            let start = batch * BATCH;
            work(start..layout.segments().min(start.saturating_add(BATCH)), &mut buffer)
        })
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            (1..threads).map(|first| scope.spawn(move || worker(first))).collect();
        let mine = worker(0);
        workers.into_iter().fold(mine, |result, handle| {
            let theirs = handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(theirs)
        })
    })
}
