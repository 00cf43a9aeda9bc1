//! What is encrypted, signed and hashed in Sealroom, and how: bytes in, bytes out.
//!
//! - [`stream`]: sealed files, Tink's AES256-GCM-HKDF streaming AEAD with 64 KiB segments
//! - [`release`]: a key for the enclave alone, HPKE (RFC 9180) with X-Wing
//! - [`sign`][]: Ed25519 (RFC 8032)
//! - [`sodium`]: the 2022 client's files and key releases, which are libsodium's
//! - [`words`]: safety words and the pre-shared key derived from them
//! - [`secret`]: keys that wipe themselves, compare in constant time and never print
//! - [`digest`]: SHA-256 values
//!
//! No protocol lives here: which bytes are bound to what is decided in `sealroom-protocol`, and
//! arrives as associated data. The formats are written down in `docs/formats.md`.
#![forbid(unsafe_code)]

pub mod digest;
mod framing;
pub mod release;
pub mod secret;
pub mod sign;
pub mod sodium;
pub mod stream;
pub mod words;

pub use digest::{Digest, Hashed, Hasher};
pub use framing::framed;
pub use secret::{FileKey, PreSharedKey};

/// Fills `out` from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness to give; nothing safe can follow that.
pub fn fill_random(out: &mut [u8]) {
    aws_lc_rs::rand::fill(out).expect("the operating system provides randomness");
}

/// `N` bytes from the operating system's generator.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill_random(&mut out);
    out
}
