//! The enclave's keys for one computation, and how evidence is bound to them.

use crate::{Base64, Digest, PublicKey};
use sealroom_seal::{digest::sha512, framed, release::SealingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// What a verifier makes up so that evidence can't be older: 32 random bytes, used once. Hexadecimal as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(sealroom_seal::random())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Not a challenge.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a challenge is 64 hexadecimal digits, and not all zero")]
pub struct ParseChallengeError;

impl FromStr for Challenge {
    type Err = ParseChallengeError;

    fn from_str(text: &str) -> Result<Self, ParseChallengeError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseChallengeError)?;
        if bytes == [0; 32] { Err(ParseChallengeError) } else { Ok(Self(bytes)) }
    }
}

impl Serialize for Challenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Challenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the enclave's identity is: fresh for each computation and manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityKeys {
    /// Ed25519: signs receipts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signing: PublicKey,
    /// X-Wing: participants seal their keys to it. 1216 bytes.
    pub sealing: Base64,
}

impl IdentityKeys {
    /// The sealing key, if the bytes are one.
    ///
    /// # Errors
    /// [`sealroom_seal::release::ReleaseError::BadSealingKey`] if not.
    pub fn sealing_key(&self) -> Result<SealingKey, sealroom_seal::release::ReleaseError> {
        SealingKey::from_bytes(&self.sealing.0)
    }

    /// The 64 bytes that evidence for these keys must carry (design, section 6):
    /// SHA-512("sealroom/identity/v1" ‖ manifest digest ‖ signing ‖ sealing ‖ challenge), every field
    /// behind its length. The challenge is empty for the published identity.
    #[must_use]
    pub fn report_data(&self, manifest: &Digest, challenge: &[u8]) -> [u8; 64] {
        sha512(&framed(&[
            b"sealroom/identity/v1",
            manifest.as_bytes(),
            self.signing.as_bytes(),
            &self.sealing.0,
            challenge,
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_covers_every_field() {
        let keys = |signing, sealing: &[u8]| IdentityKeys {
            signing: PublicKey::from_bytes([signing; 32]),
            sealing: Base64(sealing.to_vec()),
        };
        let here = keys(1, b"k").report_data(&Digest::of(b"m"), b"");
        assert_ne!(here, keys(2, b"k").report_data(&Digest::of(b"m"), b""));
        assert_ne!(here, keys(1, b"l").report_data(&Digest::of(b"m"), b""));
        assert_ne!(here, keys(1, b"k").report_data(&Digest::of(b"n"), b""));
        assert_ne!(here, keys(1, b"k").report_data(&Digest::of(b"m"), b"c"));
        assert_eq!(here, keys(1, b"k").report_data(&Digest::of(b"m"), b""));
    }
}
