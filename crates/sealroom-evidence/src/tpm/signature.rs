//! TPMT_SIGNATURE (section 11.3.4).

use super::{FormatError, Reader};

const RSASSA: u16 = 0x0014;
const ECDSA: u16 = 0x0018;
/// 4096 bits.
const MAX_RSA: u16 = 512;

/// How something was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    Rsassa,
    /// ECDSA.
    Ecdsa,
}

/// A signature, in the form in which the world outside of TPMs has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// How.
    pub scheme: Scheme,
    /// TPM_ALG_ID of the hash.
    pub hash: u16,
    /// RSASSA: as long as the modulus. ECDSA: r ‖ s, each filled up to 32 or 48 bytes (P-256, P-384).
    pub raw: Vec<u8>,
}

impl Signature {
    /// Reads a signature.
    ///
    /// # Errors
    /// Every [`FormatError`]; a scheme that is neither is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut from = Reader(bytes);
        let scheme = from.u16("sigAlg")?;
        let signature = match scheme {
            RSASSA => Self {
                scheme: Scheme::Rsassa,
                hash: from.u16("hash")?,
                raw: from.sized(MAX_RSA, "sig")?.to_vec(),
            },
            ECDSA => Self {
                scheme: Scheme::Ecdsa,
                hash: from.u16("hash")?,
                raw: fixed(from.sized(48, "signatureR")?, from.sized(48, "signatureS")?),
            },
            _ => {
                let (found, wanted) = (scheme.into(), "TPM_ALG_RSASSA or TPM_ALG_ECDSA");
                return Err(FormatError::Value { field: "sigAlg", found, wanted });
            }
        };
        from.end()?;
        Ok(signature)
    }
}

/// TPMs may leave out zeros in front.
fn fixed(r: &[u8], s: &[u8]) -> Vec<u8> {
    let len = if r.len().max(s.len()) > 32 { 48 } else { 32 };
    [padded(r, len), padded(s, len)].concat()
}

/// `number` with zeros in front, `len` bytes long.
pub(super) fn padded(number: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len.saturating_sub(number.len())];
    out.extend_from_slice(number);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_schemes_become_plain_bytes() {
        let rsa = [&[0, 0x14, 0, 0x0b, 1, 0][..], &[7; 256]].concat();
        let parsed = Signature::parse(&rsa).unwrap();
        assert_eq!((parsed.scheme, parsed.hash, parsed.raw), (Scheme::Rsassa, 0x0b, vec![7; 256]));

        let short = [&[0, 0x18, 0, 0x0b, 0, 31][..], &[1; 31], &[0, 32], &[2; 32]].concat();
        let parsed = Signature::parse(&short).unwrap();
        assert_eq!((parsed.scheme, parsed.hash), (Scheme::Ecdsa, 0x0b));
        assert_eq!(parsed.raw, [&[0][..], &[1; 31], &[2; 32]].concat());

        let p384 = [&[0, 0x18, 0, 0x0c, 0, 48][..], &[1; 48], &[0, 47], &[2; 47]].concat();
        let parsed = Signature::parse(&p384).unwrap();
        assert_eq!(parsed.raw, [&[1; 48][..], &[0], &[2; 47]].concat());

        for good in [rsa, short, p384] {
            for cut in 0..good.len() {
                assert!(matches!(Signature::parse(&good[..cut]), Err(FormatError::Truncated(_))));
            }
            let longer = [good, vec![0]].concat();
            assert_eq!(Signature::parse(&longer), Err(FormatError::Trailing(1)));
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        // RSAPSS, HMAC, none.
        for scheme in [0x16, 0x05, 0x10] {
            let bytes = [&[0, scheme, 0, 0x0b, 0, 1][..], &[0]].concat();
            assert!(matches!(Signature::parse(&bytes), Err(FormatError::Value { .. })));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, rsa: bool) {
            _ = Signature::parse(&bytes);
            let scheme = if rsa { 0x14 } else { 0x18 };
            _ = Signature::parse(&[&[0, scheme, 0, 0x0b][..], &bytes].concat());
        }
    }
}
