//! Bytes from front to back; no step goes past the end.

use super::QuoteError;

/// What is left of some bytes.
pub(super) struct Reader<'a> {
    part: &'static str,
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self::of("fields", bytes)
    }

    /// Reads `part`, as errors name it.
    pub(super) const fn of(part: &'static str, bytes: &'a [u8]) -> Self {
        Self { part, whole: bytes, rest: bytes }
    }

    /// How many bytes were read.
    pub(super) const fn at(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn truncated(&self, part: &'static str, wanted: usize) -> QuoteError {
        QuoteError::Truncated { part, wanted, found: self.rest.len() }
    }

    /// The next `N` bytes, which are the whole of `part`.
    pub(super) fn array<const N: usize>(
        &mut self,
        part: &'static str,
    ) -> Result<&'a [u8; N], QuoteError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.truncated(part, N))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], QuoteError> {
        self.array(self.part)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], QuoteError> {
        self.named_bytes(self.part, count)
    }

    fn named_bytes(&mut self, part: &'static str, count: usize) -> Result<&'a [u8], QuoteError> {
        let wanted = self.truncated(part, count);
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(wanted)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u16(&mut self) -> Result<u16, QuoteError> {
        self.take().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, QuoteError> {
        self.take().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// `part`, with its length before it.
    pub(super) fn counted_u32(&mut self, part: &'static str) -> Result<Self, QuoteError> {
        let length = self.u32()?;
        // A length that no address reaches is one that is not there.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Self::of(part, self.named_bytes(part, length)?))
    }

    /// Nothing may be left.
    pub(super) const fn end(&self) -> Result<(), QuoteError> {
        match self.rest.len() {
            0 => Ok(()),
            found => Err(QuoteError::Surplus { part: self.part, found }),
        }
    }
}
