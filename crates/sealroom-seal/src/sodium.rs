//! The formats of the 2022 client, which are libsodium's: secret boxes, sealed boxes, and X25519 keys
//! that are made of Ed25519 ones.
//!
//! They have no room for associated data: what they hold is genuine, but says nothing of its place.
//! For new computations there is [`crate::stream`] and [`crate::release`].

mod sealed_key;
mod secretbox;

pub use sealed_key::{BoxKey, BoxedKeys, SEALED_KEY_LEN, SealedKey};
pub use secretbox::{OVERHEAD, SecretboxWriter, open};

use crate::sign::PublicKey;
use aws_lc_rs::digest;

/// How the 2022 client shortens a key: the last 8 bytes of its SHA3-256.
#[must_use]
pub fn fingerprint(key: &PublicKey) -> [u8; 8] {
    let digest = digest::digest(&digest::SHA3_256, key.as_bytes());
    *digest.as_ref().last_chunk().expect("SHA3-256 gives 32 bytes")
}
