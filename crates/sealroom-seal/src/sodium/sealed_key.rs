//! A participant's keys for an enclave: a signed sealed box of 176 bytes.
//!
//! ```text
//! signature (64)   Ed25519 by the participant over computation (16) ‖ box
//! box (112)        ephemeral X25519 key (32) ‖ tag (16) ‖ pre-shared key (32) ‖ file key (32), encrypted
//! ```
//! The box is libsodium's `crypto_box_seal` to the enclave's Ed25519 key, mapped to X25519.

use crate::{
    FileKey, PreSharedKey,
    release::ReleasedKeys,
    sign::{BadSignature, PublicKey, Signature, SigningKey},
};
use aws_lc_rs::digest;
use crypto_box::SecretKey;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a signed sealed box.
pub const SEALED_KEY_LEN: usize = SIGNATURE_LEN + BOX_LEN;
const SIGNATURE_LEN: usize = 64;
const BOX_LEN: usize = 112;

/// A participant's keys as they travel; nothing of it is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey([u8; SEALED_KEY_LEN]);

/// The box of a [`SealedKey`] whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxedKeys([u8; BOX_LEN]);

/// Not sealed to this identity, or altered before it was signed: told apart for nobody.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the released key does not open with this identity")]
pub struct DoesNotOpen;

/// A length that no sealed key has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed key has {SEALED_KEY_LEN} bytes, found {0}")]
pub struct BadLength(pub usize);

/// The enclave's secret X25519 key. Wiped on drop by its library.
pub struct BoxKey(SecretKey);

impl TryFrom<&[u8]> for SealedKey {
    type Error = BadLength;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| BadLength(bytes.len()))
    }
}

impl SealedKey {
    /// The 176 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEALED_KEY_LEN] {
        &self.0
    }

    /// Checks that `participant` has signed it for `computation`.
    ///
    /// # Errors
    /// [`BadSignature`], whatever is wrong with it.
    pub fn verify(
        &self,
        computation: &[u8; 16],
        participant: &PublicKey,
    ) -> Result<BoxedKeys, BadSignature> {
        let (signature, boxed) = self.0.split_at(SIGNATURE_LEN);
        let signature = signature.try_into().expect("the first part is 64 bytes");
        participant.verify(&[computation, boxed].concat(), &Signature::from_bytes(signature))?;
        Ok(BoxedKeys(boxed.try_into().expect("112 of 176 bytes are left")))
    }
}

impl BoxKey {
    /// The X25519 key that belongs to an Ed25519 one: the first half of SHA-512 of its seed, clamped.
    #[must_use]
    pub fn of(identity: &SigningKey) -> Self {
        let hash = digest::digest(&digest::SHA512, identity.seed().as_slice());
        let half: Zeroizing<[u8; 32]> =
            Zeroizing::new(*hash.as_ref().first_chunk().expect("SHA-512 gives 64 bytes"));
        Self(SecretKey::from_bytes(*half))
    }

    /// Opens a box that was sealed to this key.
    ///
    /// # Errors
    /// [`DoesNotOpen`], whatever the reason.
    pub fn open(&self, boxed: &BoxedKeys) -> Result<ReleasedKeys, DoesNotOpen> {
        let plain = self.0.unseal(&boxed.0).map(Zeroizing::new).map_err(|_| DoesNotOpen)?;
        let (Some((words, file)), 64) = (plain.split_first_chunk(), plain.len()) else {
            return Err(DoesNotOpen);
        };
        let file = file.try_into().expect("32 of 64 bytes are left");
        Ok(ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(words),
            file_key: FileKey::from_bytes(file),
        })
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey(..)")
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({SEALED_KEY_LEN} bytes)")
    }
}
