//! Numbers and lengths as a TPM writes them: big endian (part 2, "Marshaling").

use super::TpmError;

/// Puts a command's parts one after the other.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// Two bytes; nothing that is written here needs more.
    pub(super) fn half(self, number: usize) -> Self {
        let number =
            u16::try_from(number).expect("lengths, offsets and algorithms here have two bytes");
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn word(self, number: u32) -> Self {
        self.raw(&number.to_be_bytes())
    }

    /// With its length in front (TPM2B).
    pub(super) fn sized(self, bytes: &[u8]) -> Self {
        self.half(bytes.len()).raw(bytes)
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// What is left of an answer.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], TpmError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TpmError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmError> {
        self.take(N)?.try_into().map_err(|_| TpmError::Malformed)
    }

    pub(super) fn half(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn word(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_be_bytes)
    }

    /// What has its length in front (TPM2B).
    pub(super) fn sized(&mut self) -> Result<&'a [u8], TpmError> {
        let count = self.half()?;
        self.take(count.into())
    }

    pub(super) fn end(&self) -> Result<(), TpmError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(TpmError::Malformed),
        }
    }
}
