//! Keys that sign.

use super::asn1::{bit_string, explicit, number, oid, sequence, tlv};
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaKeyPair},
};

/// RSA keys that lie in files, for ring makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaKey {
    /// AMD's root.
    Ark,
    /// AMD's intermediate for chips.
    Ask,
    /// AMD's intermediate for cloud providers.
    Asvk,
    /// Somebody else's.
    Stranger,
}

/// A key that signs.
#[derive(Debug)]
pub struct Key(Kind);

#[derive(Debug)]
enum Kind {
    /// The same key twice: for signatures in DER, and for bare numbers.
    P256(EcdsaKeyPair, EcdsaKeyPair),
    P384(EcdsaKeyPair, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

fn ecdsa(
    der: &'static EcdsaSigningAlgorithm,
    fixed: &'static EcdsaSigningAlgorithm,
) -> (EcdsaKeyPair, EcdsaKeyPair) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(der, &random).unwrap();
    let read = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
    (read(der), read(fixed))
}

impl Key {
    /// A new one: ECDSA on P-256 with SHA-256.
    #[must_use]
    pub fn p256() -> Self {
        let (der, fixed) = ecdsa(
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        );
        Self(Kind::P256(der, fixed))
    }

    /// A new one: ECDSA on P-384 with SHA-384.
    #[must_use]
    pub fn p384() -> Self {
        let (der, fixed) = ecdsa(
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        );
        Self(Kind::P384(der, fixed))
    }

    /// One from the files: RSASSA-PSS with SHA-384, 2048 bits.
    #[must_use]
    pub fn rsa(key: RsaKey) -> Self {
        let pkcs8: &[u8] = match key {
            RsaKey::Ark => include_bytes!("../../keys/test-only-ark.rsa2048.pk8"),
            RsaKey::Ask => include_bytes!("../../keys/test-only-ask.rsa2048.pk8"),
            RsaKey::Asvk => include_bytes!("../../keys/test-only-asvk.rsa2048.pk8"),
            RsaKey::Stranger => include_bytes!("../../keys/test-only-stranger.rsa2048.pk8"),
        };
        Self(Kind::Rsa(RsaKeyPair::from_pkcs8(pkcs8).unwrap()))
    }

    /// The public key: an uncompressed point with its leading 4, or RSAPublicKey (DER).
    #[must_use]
    pub fn public(&self) -> &[u8] {
        match &self.0 {
            Kind::P256(key, _) | Kind::P384(key, _) => key.public_key().as_ref(),
            Kind::Rsa(key) => key.public_key().as_ref(),
        }
    }

    /// SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = match &self.0 {
            Kind::P256(..) => [oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")],
            Kind::P384(..) => [oid("1.2.840.10045.2.1"), oid("1.3.132.0.34")],
            Kind::Rsa(_) => [oid("1.2.840.113549.1.1.1"), tlv(0x05, &[])],
        };
        sequence(&[sequence(&algorithm), bit_string(self.public())])
    }

    /// AlgorithmIdentifier of its signatures, DER.
    #[must_use]
    pub fn algorithm(&self) -> Vec<u8> {
        match &self.0 {
            Kind::P256(..) => sequence(&[oid("1.2.840.10045.4.3.2")]),
            Kind::P384(..) => sequence(&[oid("1.2.840.10045.4.3.3")]),
            Kind::Rsa(_) => {
                let sha384 = sequence(&[oid("2.16.840.1.101.3.4.2.2"), tlv(0x05, &[])]);
                let mgf1 = sequence(&[oid("1.2.840.113549.1.1.8"), sha384.clone()]);
                // With the trailer that DER would leave out: AMD writes it.
                let parameters = sequence(&[
                    explicit(0, &sha384),
                    explicit(1, &mgf1),
                    explicit(2, &number(48)),
                    explicit(3, &number(1)),
                ]);
                sequence(&[oid("1.2.840.113549.1.1.10"), parameters])
            }
        }
    }

    /// A signature as certificates have it.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signature(message, false)
    }

    /// A signature as quotes and reports have it: r and s of equal length, big endian. RSA as in certificates.
    #[must_use]
    pub fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        self.signature(message, true)
    }

    fn signature(&self, message: &[u8], bare: bool) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.0 {
            Kind::P256(der, fixed) | Kind::P384(der, fixed) => {
                let key = if bare { fixed } else { der };
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Kind::Rsa(key) => {
                let mut out = vec![0; rsa::PublicKey::modulus_len(key.public())];
                key.sign(&signature::RSA_PSS_SHA384, &random, message, &mut out).unwrap();
                out
            }
        }
    }
}
