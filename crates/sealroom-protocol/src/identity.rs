//! The enclave's keys for one computation, and how evidence is bound to them.

use crate::{Base64, Digest, PublicKey};
use sealroom_seal::{digest::sha512, framed, release::SealingKey};
use serde::{Deserialize, Serialize};

/// What the enclave's identity is: fresh for each computation and manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
