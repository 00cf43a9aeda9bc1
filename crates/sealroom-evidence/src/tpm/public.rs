//! TPM2B_PUBLIC (section 12.2.5), and the same key as SubjectPublicKeyInfo (RFC 5280, 3279, 5480).

use super::{FormatError, Reader, signature::padded};

const RSA: u16 = 0x0001;
const ECC: u16 = 0x0023;
const NULL: u16 = 0x0010;
const OAEP: u16 = 0x0017;
const RSAES: u16 = 0x0015;
const ECDAA: u16 = 0x001a;
const P256: u16 = 0x0003;
const P384: u16 = 0x0004;

/// TPMA_OBJECT: fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign.
const ATTESTATION: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 18;
/// TPMA_OBJECT: decrypt.
const DECRYPT: u32 = 1 << 17;

/// A key that a TPM holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// TPMA_OBJECT.
    pub attributes: u32,
    /// The key itself.
    pub key: Key,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA, 2048 to 4096 bits.
    Rsa {
        /// n, big endian.
        modulus: Vec<u8>,
        /// e.
        exponent: u32,
    },
    /// NIST P-256.
    P256 {
        /// x ‖ y.
        point: Vec<u8>,
    },
    /// NIST P-384.
    P384 {
        /// x ‖ y.
        point: Vec<u8>,
    },
}

impl Public {
    /// Reads a key, with the length in front.
    ///
    /// # Errors
    /// Every [`FormatError`]; an algorithm or a curve that is not among [`Key`] is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut outer = Reader(bytes);
        let mut from = Reader(outer.sized(u16::MAX, "size")?);
        outer.end()?;
        let kind = from.u16("type")?;
        from.u16("nameAlg")?;
        let attributes = from.u32("objectAttributes")?;
        from.sized(64, "authPolicy")?;
        let key = match kind {
            RSA => rsa(&mut from)?,
            ECC => ecc(&mut from)?,
            _ => {
                let (found, wanted) = (kind.into(), "TPM_ALG_RSA or TPM_ALG_ECC");
                return Err(FormatError::Value { field: "type", found, wanted });
            }
        };
        from.end()?;
        Ok(Self { attributes, key })
    }

    /// Whether the TPM made the key, keeps it, and signs nothing with it but what it says itself.
    #[must_use]
    pub const fn is_attestation_key(&self) -> bool {
        self.attributes & ATTESTATION == ATTESTATION && self.attributes & DECRYPT == 0
    }
}

fn rsa(from: &mut Reader<'_>) -> Result<Key, FormatError> {
    symmetric_and_scheme(from)?;
    let bits = from.u16("keyBits")?;
    if !matches!(bits, 2048 | 3072 | 4096) {
        let (found, wanted) = (bits.into(), "2048, 3072 or 4096");
        return Err(FormatError::Value { field: "keyBits", found, wanted });
    }
    let exponent = match from.u32("exponent")? {
        0 => 65537,
        other => other,
    };
    let modulus = from.sized(512, "unique")?;
    // As many bits as it claims, so the highest one is set.
    if modulus.len() * 8 != usize::from(bits) || modulus.first().is_none_or(|byte| byte >> 7 == 0) {
        let (found, wanted) = (modulus.len() as u64, "a modulus of keyBits bits");
        return Err(FormatError::Value { field: "unique", found, wanted });
    }
    Ok(Key::Rsa { modulus: modulus.to_vec(), exponent })
}

fn ecc(from: &mut Reader<'_>) -> Result<Key, FormatError> {
    symmetric_and_scheme(from)?;
    let curve = from.u16("curveID")?;
    if from.u16("kdf")? != NULL {
        from.u16("kdf")?;
    }
    let len = match curve {
        P256 => 32,
        P384 => 48,
        _ => {
            let (found, wanted) = (curve.into(), "TPM_ECC_NIST_P256 or TPM_ECC_NIST_P384");
            return Err(FormatError::Value { field: "curveID", found, wanted });
        }
    };
    let [x, y] = [from.sized(len, "x")?, from.sized(len, "y")?];
    let point = [padded(x, len.into()), padded(y, len.into())].concat();
    Ok(if curve == P256 { Key::P256 { point } } else { Key::P384 { point } })
}

/// What a key may be used with. Says nothing about the key itself.
fn symmetric_and_scheme(from: &mut Reader<'_>) -> Result<(), FormatError> {
    if from.u16("symmetric")? != NULL {
        from.take(4, "symmetric")?;
    }
    match from.u16("scheme")? {
        NULL | RSAES => {}
        ECDAA => _ = from.take(4, "scheme")?,
        // The signing schemes and OAEP have a hash.
        0x0014 | 0x0016 | 0x0018 | OAEP | 0x001b | 0x001c => _ = from.u16("scheme")?,
        found => {
            let (found, wanted) = (found.into(), "a scheme for signing, or none");
            return Err(FormatError::Value { field: "scheme", found, wanted });
        }
    }
    Ok(())
}

impl Key {
    /// As SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        let (algorithm, key) = match self {
            Self::Rsa { modulus, exponent } => {
                let numbers = [integer(modulus), integer(&exponent.to_be_bytes())].concat();
                // rsaEncryption, NULL
                (
                    [&b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"[..], b"\x05\x00"].concat(),
                    tagged(0x30, &numbers),
                )
            }
            Self::P256 { point } => (
                // id-ecPublicKey, prime256v1
                b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
                    .to_vec(),
                [&[4], point.as_slice()].concat(),
            ),
            Self::P384 { point } => (
                // id-ecPublicKey, secp384r1
                b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22".to_vec(),
                [&[4], point.as_slice()].concat(),
            ),
        };
        let bits = [&[0], key.as_slice()].concat();
        tagged(0x30, &[tagged(0x30, &algorithm), tagged(0x03, &bits)].concat())
    }
}

/// DER: INTEGER of a positive number.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let short = &number[zeros..];
    let sign = short.first().is_none_or(|byte| byte >> 7 == 1);
    tagged(0x02, &[if sign { &[0][..] } else { &[] }, short].concat())
}

/// DER: a tag, a length below 64 KiB, the content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let len: &[u8] = match (high, low) {
        (0, 0..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], len, content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parts of a key as TPM2_Create returns it, with the attributes of an attestation key.
    fn bytes(kind: u16, parameters: &[u8]) -> Vec<u8> {
        let inner = [
            &kind.to_be_bytes()[..],
            &[0, 0x0b],
            &(ATTESTATION | 1 << 6).to_be_bytes(),
            &[0, 0],
            parameters,
        ]
        .concat();
        [&u16::try_from(inner.len()).unwrap().to_be_bytes()[..], &inner].concat()
    }

    fn p256() -> Vec<u8> {
        let parameters =
            [&[0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10, 0, 32][..], &[1; 32], &[0, 31], &[2; 31]];
        bytes(ECC, &parameters.concat())
    }

    fn rsa(bits: u16, modulus: &[u8]) -> Vec<u8> {
        let len = u16::try_from(modulus.len()).unwrap().to_be_bytes();
        let parameters =
            [&[0, 0x10, 0, 0x14, 0, 0x0b][..], &bits.to_be_bytes(), &[0, 0, 0, 0], &len, modulus];
        bytes(RSA, &parameters.concat())
    }

    #[test]
    fn keys_are_read_and_written_as_the_world_has_them() {
        let key = Public::parse(&p256()).unwrap();
        assert!(key.is_attestation_key());
        let spki = key.key.to_spki();
        // openssl's bytes for any key on this curve.
        assert_eq!(
            spki[..26],
            *b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
        );
        assert_eq!(spki[26..], [&[4][..], &[1; 32], &[0], &[2; 31]].concat());

        let key = Public::parse(&rsa(2048, &[0xaa; 256])).unwrap();
        assert_eq!(key.key, Key::Rsa { modulus: vec![0xaa; 256], exponent: 65537 });
        let spki = key.key.to_spki();
        assert_eq!(spki.len(), 294, "as every RSA key of 2048 bits");
        assert_eq!(spki[..4], [0x30, 0x82, 0x01, 0x22]);
        assert_eq!(spki[spki.len() - 5..], [0x02, 0x03, 1, 0, 1]);
    }

    #[test]
    fn a_modulus_is_as_long_as_it_claims() {
        assert!(Public::parse(&rsa(2048, &[0x7f; 256])).is_err());
        assert!(Public::parse(&rsa(2048, &[0xff; 255])).is_err());
        assert!(Public::parse(&rsa(1024, &[0xff; 128])).is_err());
        assert!(Public::parse(&rsa(3072, &[0xff; 384])).is_ok());
    }

    #[test]
    fn a_key_that_signs_anything_is_no_attestation_key() {
        for bit in [1, 4, 5, 16, 18, 17] {
            let mut bytes = p256();
            let at = 2 + 2 + 2 + 3 - bit / 8;
            bytes[at] ^= 1 << (bit % 8);
            assert!(!Public::parse(&bytes).unwrap().is_attestation_key(), "bit {bit}");
        }
    }

    #[test]
    fn no_byte_may_be_missing_or_added() {
        for good in [p256(), rsa(2048, &[0xaa; 256])] {
            for cut in 0..good.len() {
                assert!(Public::parse(&good[..cut]).is_err());
            }
            assert_eq!(Public::parse(&[good, vec![0]].concat()), Err(FormatError::Trailing(1)));
        }
        let mut inner = p256();
        inner[1] += 1;
        inner.push(0);
        assert_eq!(Public::parse(&inner), Err(FormatError::Trailing(1)));
    }

    proptest! {
        #[test]
        fn nothing_panics(random: Vec<u8>, ecc: bool) {
            _ = Public::parse(&random);
            _ = Public::parse(&bytes(if ecc { ECC } else { RSA }, &random));
        }
    }
}
