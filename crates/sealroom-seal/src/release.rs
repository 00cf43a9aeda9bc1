//! Key release: HPKE (RFC 9180) in base mode with X-Wing, HKDF-SHA256 and AES-256-GCM.
//!
//! KEM 0x647a (X25519 + ML-KEM-768, draft-connolly-cfrg-xwing-kem), KDF 0x0001, AEAD 0x0002.
//! One message per encapsulation. Who released it is shown by a signature around it, not here.

use crate::{FileKey, PreSharedKey};
use hpke::{
    Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _, aead::AesGcm256,
    kdf::HkdfSha256, kem::XWing,
};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of an X-Wing public key.
pub const PUBLIC_KEY_LEN: usize = 1216;
/// Bytes of an X-Wing ciphertext, RFC 9180's `enc`.
pub const ENCAPSULATED_LEN: usize = 1120;
/// Bytes of the sealed pair of keys: 64 and the tag of AES-256-GCM.
pub const CIPHERTEXT_LEN: usize = 64 + 16;

/// The enclave's secret X-Wing key. Wiped on drop by the KEM library.
pub struct OpeningKey(<XWing as Kem>::PrivateKey);

/// The enclave's public X-Wing key: what participants seal their keys to.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey(<XWing as Kem>::PublicKey);

/// What a participant releases: the key of its files, and the key of the safety words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedKeys {
    /// Compared with everybody else's before anything is opened.
    pub pre_shared_key: PreSharedKey,
    /// Opens the participant's files, or seals its results.
    pub file_key: FileKey,
}

/// [`ReleasedKeys`] for one enclave identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKeys {
    /// RFC 9180's `enc`, [`ENCAPSULATED_LEN`] bytes.
    pub encapsulated: Vec<u8>,
    /// RFC 9180's `ct`, [`CIPHERTEXT_LEN`] bytes.
    pub ciphertext: Vec<u8>,
}

/// Why keys could not be sealed or opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Not an X-Wing key.
    #[error("a sealing key is {PUBLIC_KEY_LEN} bytes with a valid ML-KEM-768 part")]
    BadSealingKey,
    /// Another identity, other bound data, or altered bytes: told apart for nobody.
    #[error("the released key does not open with this identity")]
    DoesNotOpen,
}

/// A fresh pair of keys.
#[must_use]
pub fn generate() -> (OpeningKey, SealingKey) {
    let (secret, public) = XWing::gen_keypair();
    (OpeningKey(secret), SealingKey(public))
}

impl SealingKey {
    /// Reads the 1216 bytes of an X-Wing key.
    ///
    /// # Errors
    /// [`ReleaseError::BadSealingKey`] if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReleaseError> {
        <XWing as Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| ReleaseError::BadSealingKey)
    }

    /// The 1216 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// Seals `keys`; `info` and `aad` must be given again to open them.
    ///
    /// # Errors
    /// [`ReleaseError::BadSealingKey`] if nothing can be encapsulated to this key.
    pub fn seal(
        &self,
        keys: &ReleasedKeys,
        info: &[u8],
        aad: &[u8],
    ) -> Result<SealedKeys, ReleaseError> {
        let mut plain = Zeroizing::new([0; 64]);
        plain[..32].copy_from_slice(keys.pre_shared_key.expose());
        plain[32..].copy_from_slice(keys.file_key.expose());
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            info,
            plain.as_slice(),
            aad,
        )
        .map_err(|_| ReleaseError::BadSealingKey)?;
        Ok(SealedKeys { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext })
    }
}

impl OpeningKey {
    /// The key of 32 secret bytes (X-Wing, section 5.2). For vectors; identities use [`generate`].
    ///
    /// # Errors
    /// [`ReleaseError::BadSealingKey`] if there are not 32.
    pub fn from_seed(seed: &[u8]) -> Result<Self, ReleaseError> {
        <XWing as Kem>::PrivateKey::from_bytes(seed)
            .map(Self)
            .map_err(|_| ReleaseError::BadSealingKey)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealingKey {
        SealingKey(XWing::sk_to_pk(&self.0))
    }

    /// Opens what was sealed to this key under the same `info` and `aad`.
    ///
    /// # Errors
    /// [`ReleaseError::DoesNotOpen`], whatever the reason.
    pub fn open(
        &self,
        sealed: &SealedKeys,
        info: &[u8],
        aad: &[u8],
    ) -> Result<ReleasedKeys, ReleaseError> {
        let plain = self.open_bytes(&sealed.encapsulated, &sealed.ciphertext, info, aad)?;
        let (Some((words, file)), 64) = (plain.split_first_chunk(), plain.len()) else {
            return Err(ReleaseError::DoesNotOpen);
        };
        let file = file.try_into().expect("32 of 64 bytes are left");
        Ok(ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(words),
            file_key: FileKey::from_bytes(file),
        })
    }

    fn open_bytes(
        &self,
        encapsulated: &[u8],
        ciphertext: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ReleaseError> {
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated)
            .map_err(|_| ReleaseError::DoesNotOpen)?;
        hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            info,
            ciphertext,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| ReleaseError::DoesNotOpen)
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey(..)")
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey(sha256:{})", crate::Digest::of(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> ReleasedKeys {
        ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(&[1; 32]),
            file_key: FileKey::from_bytes(&[2; 32]),
        }
    }

    #[test]
    fn only_the_identity_with_the_same_binding_opens() {
        let (mine, public) = generate();
        let sealed = public.seal(&keys(), b"info", b"aad").unwrap();
        assert_eq!(sealed.encapsulated.len(), ENCAPSULATED_LEN);
        assert_eq!(sealed.ciphertext.len(), CIPHERTEXT_LEN);
        assert_eq!(mine.open(&sealed, b"info", b"aad"), Ok(keys()));
        let refused = Err(ReleaseError::DoesNotOpen);
        assert_eq!(mine.open(&sealed, b"info2", b"aad"), refused, "another manifest");
        assert_eq!(mine.open(&sealed, b"info", b"aad2"), refused, "another inventory");
        assert_eq!(generate().0.open(&sealed, b"info", b"aad"), refused, "another identity");
    }

    #[test]
    fn a_public_key_survives_its_bytes_and_rubbish_is_no_key() {
        let (_, public) = generate();
        assert_eq!(SealingKey::from_bytes(&public.to_bytes()), Ok(public));
        for bad in [vec![], vec![0; PUBLIC_KEY_LEN - 1], vec![0xff; PUBLIC_KEY_LEN]] {
            assert_eq!(SealingKey::from_bytes(&bad), Err(ReleaseError::BadSealingKey));
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused(at: prop::sample::Index, bit in 0..8u8) {
            let (mine, public) = generate();
            let mut sealed = public.seal(&keys(), b"", b"").unwrap();
            let at = at.index(ENCAPSULATED_LEN + CIPHERTEXT_LEN);
            match at.checked_sub(ENCAPSULATED_LEN) {
                None => sealed.encapsulated[at] ^= 1 << bit,
                Some(at) => sealed.ciphertext[at] ^= 1 << bit,
            }
            prop_assert_eq!(mine.open(&sealed, b"", b""), Err(ReleaseError::DoesNotOpen));
        }

        #[test]
        fn rubbish_is_refused(encapsulated: Vec<u8>, ciphertext: Vec<u8>) {
            let sealed = SealedKeys { encapsulated, ciphertext };
            prop_assert!(generate().0.open(&sealed, b"", b"").is_err());
        }
    }
}
