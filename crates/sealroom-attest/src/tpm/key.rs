//! Keys that sign for TPMs: RSASSA-PKCS1-v1_5 or ECDSA on P-256, with SHA-256.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use x509_cert::{
    der::{
        Decode as _,
        asn1::{AnyRef, BitStringRef, ObjectIdentifier},
    },
    spki::SubjectPublicKeyInfo,
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// The public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttestationKey {
    /// RSAPublicKey (RFC 8017), DER.
    RsaDer(Vec<u8>),
    /// The same as two numbers, big endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The point, uncompressed.
    P256(Vec<u8>),
}

impl AttestationKey {
    /// From a SubjectPublicKeyInfo, DER; `None` if it is of no sort that is used here.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(der).ok()?;
        let key = info.subject_public_key.as_bytes()?.to_vec();
        let parameters = info.algorithm.parameters;
        match info.algorithm.oid {
            RSA if parameters.is_some_and(|it| it.is_null()) => Some(Self::RsaDer(key)),
            EC if parameters?.decode_as::<ObjectIdentifier>().ok()? == P256 => {
                Some(Self::P256(key))
            }
            _ => None,
        }
    }

    /// Whether it has signed `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let done =
            match self {
                Self::RsaDer(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
                    .verify(message, signature),
                Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    message,
                    signature,
                ),
                Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature),
            };
        done.is_ok()
    }
}
