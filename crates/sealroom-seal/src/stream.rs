//! Sealed files: Tink's AES256-GCM-HKDF streaming AEAD with 64 KiB segments.
//!
//! ```text
//! header   1 byte (40) ‖ salt (32) ‖ nonce prefix (7)
//! key      HKDF-SHA256(ikm = FileKey, salt, info = associated data), 32 bytes
//! segment  AES-256-GCM(key, nonce = prefix (7) ‖ index (u32 BE) ‖ last (1), no associated data)
//! ```
//! The header counts as part of the first ciphertext segment, so that segment `i` starts at byte
//! `i * 65536` of the file for every `i > 0`. Segments are independent of each other: any range
//! opens alone, and on as many threads as there are. The last segment is marked in its nonce, so a
//! file that was cut or extended does not open. A file always has at least one segment.
//! Source: Tink's wire format, "AES-GCM-HKDF Streaming AEAD".

mod file;
mod layout;
mod read;
mod write;

pub use file::{SealedFile, open_file, seal_file};
pub use layout::{Layout, plain_len, sealed_len};
pub use read::{OpenReader, SealReader};
pub use write::SealWriter;

use crate::FileKey;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use std::io;
use zeroize::Zeroizing;

/// Ciphertext bytes of every segment but the last; the header is part of the first.
pub const SEGMENT_LEN: usize = 64 * 1024;
/// Bytes before the first segment's ciphertext.
pub const HEADER_LEN: usize = 1 + SALT_LEN + PREFIX_LEN;
/// Bytes that each segment grows by.
pub const TAG_LEN: usize = 16;
const SALT_LEN: usize = 32;
const PREFIX_LEN: usize = 7;

/// Why a sealed file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Altered or cut bytes, another key or another place: told apart for nobody, on purpose.
    #[error("segment {index} failed authentication: altered, cut, or sealed for another place")]
    Authentication {
        /// Which segment, from 0.
        index: u32,
    },
    /// The length is none that a sealed file can have.
    #[error("{found} bytes are not the length of a sealed file")]
    Length {
        /// How many bytes there are.
        found: u64,
    },
    /// The file does not start as a sealed file does.
    #[error("not a sealed file: it starts with byte {found:#04x}, not with 0x28")]
    NotSealed {
        /// The first byte.
        found: u8,
    },
    /// A range that the file does not have.
    #[error("bytes {start}..{end} are outside a file of {len} bytes")]
    Range {
        /// First plaintext byte.
        start: u64,
        /// One past the last plaintext byte.
        end: u64,
        /// Plaintext bytes that there are.
        len: u64,
    },
    /// The bytes could not be had at all.
    #[error("cannot read or write the file")]
    Io(#[from] io::Error),
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// The header of one file: what makes its key and nonces its own.
#[derive(Clone)]
struct Header([u8; HEADER_LEN]);

impl Header {
    fn random() -> Self {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = HEADER_LEN as u8;
        crate::fill_random(&mut bytes[1..]);
        Self(bytes)
    }

    fn parse(bytes: [u8; HEADER_LEN]) -> Result<Self, OpenError> {
        match bytes[0] as usize {
            HEADER_LEN => Ok(Self(bytes)),
            _ => Err(OpenError::NotSealed { found: bytes[0] }),
        }
    }

    fn salt(&self) -> &[u8] {
        &self.0[1..=SALT_LEN]
    }

    fn prefix(&self) -> &[u8] {
        &self.0[1 + SALT_LEN..]
    }
}

/// The derived key of one file; seals and opens its segments.
struct SegmentCipher {
    key: LessSafeKey,
    prefix: [u8; PREFIX_LEN],
}

impl SegmentCipher {
    fn new(key: &FileKey, header: &Header, associated_data: &[u8]) -> Self {
        let mut derived = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, header.salt())
            .extract(key.expose())
            .expand(&[associated_data], &AES_256_GCM)
            .and_then(|okm| okm.fill(derived.as_mut_slice()))
            .expect("32 bytes are within what HKDF-SHA256 gives");
        let key = UnboundKey::new(&AES_256_GCM, derived.as_slice()).expect("the key is 32 bytes");
        let prefix = header.prefix().try_into().expect("the header holds a 7-byte prefix");
        Self { key: LessSafeKey::new(key), prefix }
    }

    fn nonce(&self, index: u32, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..PREFIX_LEN].copy_from_slice(&self.prefix);
        nonce[PREFIX_LEN..11].copy_from_slice(&index.to_be_bytes());
        nonce[11] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts `plain` in place and returns the tag that follows it.
    fn seal(&self, index: u32, last: bool, plain: &mut [u8]) -> [u8; TAG_LEN] {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(index, last), Aad::empty(), plain)
            .expect("a segment is far below AES-GCM's length limit");
        tag.as_ref().try_into().expect("a GCM tag is 16 bytes")
    }

    /// Decrypts `sealed` (ciphertext and tag) in place and returns the plaintext part of it.
    fn open<'a>(
        &self,
        index: u32,
        last: bool,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        self.key
            .open_in_place(self.nonce(index, last), Aad::empty(), sealed)
            .map_err(|_| OpenError::Authentication { index })
    }
}

#[cfg(test)]
mod tests;
