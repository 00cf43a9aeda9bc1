//! What a TPM hands out (Trusted Platform Module Library, part 2: Structures). Big endian throughout.
//!
//! - [`Quote`], which is TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE: what gets signed
//! - [`Signature`], which is TPMT_SIGNATURE
//! - [`Public`], which is TPM2B_PUBLIC, and how the world outside of TPMs writes such a key
//!
//! Everything is read to its end; nothing may follow.

mod public;
mod quote;
mod signature;

pub use public::{Key, Public};
pub use quote::{ClockInfo, PcrSelection, Quote};
pub use signature::{Scheme, Signature};

/// TPM_ALG_SHA256.
pub const ALG_SHA256: u16 = 0x000b;
/// Registers that a TPM has (PC Client Platform TPM Profile).
pub const PCRS: u8 = 24;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// They end too early.
    #[error("the TPM structure ends within `{0}`")]
    Truncated(&'static str),
    /// They go on.
    #[error("{0} bytes follow the TPM structure")]
    Trailing(usize),
    /// A field has a value that it can't have, or one that this version does not know.
    #[error("`{field}` is {found:#x}, {wanted} was expected")]
    Value {
        /// In the specification's spelling.
        field: &'static str,
        /// What it is.
        found: u64,
        /// What it could be.
        wanted: &'static str,
    },
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(FormatError::Truncated(field))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(FormatError::Truncated(field))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self, field: &'static str) -> Result<u8, FormatError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, FormatError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, FormatError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, FormatError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Any TPM2B: a length, and that many bytes.
    fn sized(&mut self, max: u16, field: &'static str) -> Result<&'a [u8], FormatError> {
        let len = self.u16(field)?;
        if len > max {
            let wanted = "a length within the structure's own bound";
            return Err(FormatError::Value { field, found: len.into(), wanted });
        }
        self.take(len.into(), field)
    }

    fn end(self) -> Result<(), FormatError> {
        if self.0.is_empty() { Ok(()) } else { Err(FormatError::Trailing(self.0.len())) }
    }
}

fn expect(
    field: &'static str,
    found: impl Into<u64>,
    value: u64,
    wanted: &'static str,
) -> Result<(), FormatError> {
    let found = found.into();
    if found == value { Ok(()) } else { Err(FormatError::Value { field, found, wanted }) }
}
