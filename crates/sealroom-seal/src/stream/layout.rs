//! Where each segment of a sealed file is.

use super::{HEADER_LEN, OpenError, SEGMENT_LEN, TAG_LEN};

/// Plaintext bytes of a full segment, and of the first one, which gives room to the header.
const FULL: u64 = (SEGMENT_LEN - TAG_LEN) as u64;
const FIRST: u64 = FULL - HEADER_LEN as u64;

/// The segments of a file of a given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    plain_len: u64,
    segments: u32,
}

/// One segment: where it is in the file and in the plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) index: u32,
    pub(super) last: bool,
    /// Offset in the sealed file, the header not included.
    pub(super) sealed_at: u64,
    pub(super) plain_at: u64,
    pub(super) plain_len: usize,
}

impl Layout {
    /// The layout of a plaintext of `plain_len` bytes; `None` if it needs 2³² segments or more
    /// (about 281 TB).
    #[must_use]
    pub fn of_plain(plain_len: u64) -> Option<Self> {
        let rest = plain_len.saturating_sub(FIRST);
        let segments = 1 + rest.div_ceil(FULL);
        Some(Self { plain_len, segments: u32::try_from(segments).ok()? })
    }

    /// The layout of a sealed file of `sealed_len` bytes.
    ///
    /// # Errors
    /// [`OpenError::Length`] if no plaintext gives that length.
    pub fn of_sealed(sealed_len: u64) -> Result<Self, OpenError> {
        let segments = sealed_len.div_ceil(SEGMENT_LEN as u64).max(1);
        let overhead = HEADER_LEN as u64 + segments.saturating_mul(TAG_LEN as u64);
        sealed_len
            .checked_sub(overhead)
            .and_then(Self::of_plain)
            .filter(|layout| layout.sealed_len() == sealed_len)
            .ok_or(OpenError::Length { found: sealed_len })
    }

    /// Plaintext bytes.
    #[must_use]
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// Bytes of the sealed file.
    #[must_use]
    pub fn sealed_len(&self) -> u64 {
        HEADER_LEN as u64 + self.plain_len + u64::from(self.segments) * TAG_LEN as u64
    }

    pub(super) fn segments(&self) -> u32 {
        self.segments
    }

    /// The segment `index`, which must be below [`Self::segments`].
    pub(super) fn segment(&self, index: u32) -> Segment {
        let at = |i: u32| match i {
            0 => 0,
            i => FIRST + u64::from(i - 1) * FULL,
        };
        let last = index + 1 == self.segments;
        let end = if last { self.plain_len } else { at(index + 1) };
        let sealed_at = match index {
            0 => HEADER_LEN as u64,
            i => u64::from(i) * SEGMENT_LEN as u64,
        };
        Segment {
            index,
            last,
            sealed_at,
            plain_at: at(index),
            plain_len: (end - at(index)) as usize,
        }
    }

    /// The segment that holds the plaintext byte `offset`.
    pub(super) fn index_of(&self, offset: u64) -> u32 {
        let index = match offset.checked_sub(FIRST) {
            None => 0,
            Some(rest) => 1 + rest / FULL,
        };
        (index as u32).min(self.segments - 1)
    }
}

/// Bytes of the sealed file for `plain_len` bytes of plaintext; `None` beyond about 281 TB.
#[must_use]
pub fn sealed_len(plain_len: u64) -> Option<u64> {
    Layout::of_plain(plain_len).map(|layout| layout.sealed_len())
}

/// Bytes of plaintext in a sealed file of `sealed_len` bytes.
///
/// # Errors
/// [`OpenError::Length`] if a sealed file can't be that long.
pub fn plain_len(sealed_len: u64) -> Result<u64, OpenError> {
    Layout::of_sealed(sealed_len).map(|layout| layout.plain_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn segments_tile_the_file(plain in 0u64..2_000_000) {
            let layout = Layout::of_plain(plain).unwrap();
            let (mut plain_at, mut sealed_at) = (0, HEADER_LEN as u64);
            for index in 0..layout.segments() {
                let segment = layout.segment(index);
                prop_assert_eq!(segment.plain_at, plain_at);
                prop_assert_eq!(segment.sealed_at, sealed_at);
                prop_assert!(segment.last || index == 0 || segment.plain_len as u64 == FULL);
                prop_assert!(segment.plain_len > 0 || plain == 0);
                plain_at += segment.plain_len as u64;
                sealed_at += (segment.plain_len + TAG_LEN) as u64;
            }
            prop_assert_eq!(plain_at, plain);
            prop_assert_eq!(sealed_at, layout.sealed_len());
            prop_assert_eq!(Layout::of_sealed(sealed_at).unwrap(), layout);
        }

        #[test]
        fn every_byte_is_in_the_segment_that_claims_it(plain in 1u64..2_000_000, at: prop::sample::Index) {
            let layout = Layout::of_plain(plain).unwrap();
            let at = at.index(plain as usize) as u64;
            let segment = layout.segment(layout.index_of(at));
            prop_assert!(segment.plain_at <= at);
            prop_assert!(at < segment.plain_at + segment.plain_len as u64);
        }

        #[test]
        fn no_length_panics(sealed: u64) {
            if let Ok(layout) = Layout::of_sealed(sealed) {
                prop_assert_eq!(layout.sealed_len(), sealed);
            }
        }
    }

    #[test]
    fn lengths_that_no_file_has_are_refused() {
        let full = SEGMENT_LEN as u64;
        for bad in [0, 1, 55, full + 1, full + 16, 2 * full + 16] {
            assert!(Layout::of_sealed(bad).is_err(), "{bad}");
        }
        for good in [56, 57, full, full + 17, 2 * full] {
            assert!(Layout::of_sealed(good).is_ok(), "{good}");
        }
    }
}
