//! Why a TPM did not do what it should.

use std::{fmt, io};

/// Why a TPM did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// Its device or socket can't be used.
    #[error("cannot {action} it")]
    Device {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It refused a command.
    #[error("{command} was refused with {code}")]
    Refused {
        /// The command's name in the specification.
        command: &'static str,
        /// The answer.
        code: ResponseCode,
    },
    /// It had no time, again and again.
    #[error("{command} was put off {tries} times, with {code}")]
    Busy {
        /// The command's name in the specification.
        command: &'static str,
        /// The last answer.
        code: ResponseCode,
        /// How often it was tried.
        tries: u32,
    },
    /// Its answer is none.
    #[error("its answer is not as the specification has it")]
    Malformed,
    /// It keeps no SHA-256 of what was booted.
    #[error("it has no SHA-256 bank of all 24 registers")]
    NoBank,
    /// An index holds more than it may.
    #[error("the index {index:#010x} has {bytes} bytes, at most {limit} are read")]
    TooLong {
        /// The index.
        index: u32,
        /// Its size.
        bytes: usize,
        /// What is read at most.
        limit: usize,
    },
}

impl TpmError {
    /// Whether the TPM refused with that code.
    pub(crate) fn is(&self, wanted: ResponseCode) -> bool {
        matches!(self, Self::Refused { code, .. } if code.base() == wanted)
    }
}

/// TPM_RC: what a TPM answers (part 2, "TPM_RC").
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResponseCode(pub(super) u32);

impl ResponseCode {
    pub(super) const SUCCESS: Self = Self(0);
    /// There is no such index or key.
    pub(crate) const HANDLE: Self = Self(0x08b);
    /// "Later", in its variants: TPM_RC_YIELDED, TPM_RC_TESTING, TPM_RC_NV_RATE, TPM_RC_RETRY.
    const LATER: [u32; 4] = [0x908, 0x90a, 0x920, 0x922];
    const NAMES: [(u32, &'static str); 29] = [
        (0x082, "TPM_RC_ATTRIBUTES"),
        (0x083, "TPM_RC_HASH"),
        (0x084, "TPM_RC_VALUE"),
        (0x085, "TPM_RC_HIERARCHY"),
        (0x08b, "TPM_RC_HANDLE"),
        (0x08d, "TPM_RC_RANGE"),
        (0x08e, "TPM_RC_AUTH_FAIL"),
        (0x092, "TPM_RC_SCHEME"),
        (0x095, "TPM_RC_SIZE"),
        (0x09a, "TPM_RC_INSUFFICIENT"),
        (0x09c, "TPM_RC_KEY"),
        (0x0a2, "TPM_RC_BAD_AUTH"),
        (0x100, "TPM_RC_INITIALIZE"),
        (0x101, "TPM_RC_FAILURE"),
        (0x120, "TPM_RC_DISABLED"),
        (0x143, "TPM_RC_COMMAND_CODE"),
        (0x146, "TPM_RC_NV_RANGE"),
        (0x147, "TPM_RC_NV_SIZE"),
        (0x148, "TPM_RC_NV_LOCKED"),
        (0x149, "TPM_RC_NV_AUTHORIZATION"),
        (0x14a, "TPM_RC_NV_UNINITIALIZED"),
        (0x14b, "TPM_RC_NV_SPACE"),
        (0x14c, "TPM_RC_NV_DEFINED"),
        (0x908, "TPM_RC_YIELDED"),
        (0x90a, "TPM_RC_TESTING"),
        (0x920, "TPM_RC_NV_RATE"),
        (0x921, "TPM_RC_LOCKOUT"),
        (0x922, "TPM_RC_RETRY"),
        (0x923, "TPM_RC_NV_UNAVAILABLE"),
    ];

    pub(super) fn is_later(self) -> bool {
        Self::LATER.contains(&self.0)
    }

    /// Without the number of the handle, session or parameter that is to blame (format one).
    const fn base(self) -> Self {
        match self.0 & 0x80 {
            0 => self,
            _ => Self(self.0 & 0xbf),
        }
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base().0;
        match Self::NAMES.iter().find(|(code, _)| *code == base) {
            Some((_, name)) => write!(f, "{name} ({:#05x})", self.0),
            None => write!(f, "code {:#05x}", self.0),
        }
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_specification() {
        for (code, text) in [
            (0x18b, "TPM_RC_HANDLE (0x18b)"),
            (0x2d5, "TPM_RC_SIZE (0x2d5)"),
            (0x9a2, "TPM_RC_BAD_AUTH (0x9a2)"),
            (0x14a, "TPM_RC_NV_UNINITIALIZED (0x14a)"),
            (0x922, "TPM_RC_RETRY (0x922)"),
            (0x0b_0143, "code 0xb0143"),
        ] {
            assert_eq!(ResponseCode(code).to_string(), text);
        }
    }
}
