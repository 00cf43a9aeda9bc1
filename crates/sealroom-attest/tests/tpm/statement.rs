//! What a TPM signs, with everything in it for the test to choose.

use crate::sha256;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use sealroom_evidence::{
    tpm::Key,
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::Base64;
use std::collections::BTreeMap;

pub(crate) const SHA256: u16 = 0x0b;

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) magic: u32,
    pub(crate) kind: u16,
    pub(crate) nonce: Vec<u8>,
    /// Banks, and registers as bits.
    pub(crate) banks: Vec<(u16, [u8; 3])>,
    pub(crate) digest: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Statement {
    pub(crate) fn new(expected: &[u8; 64], pcrs: &BTreeMap<u8, [u8; 32]>) -> Self {
        let mut bits = [0; 3];
        for pcr in pcrs.keys() {
            bits[usize::from(pcr / 8)] |= 1 << (pcr % 8);
        }
        Self {
            magic: 0xff54_4347,
            kind: 0x8018,
            nonce: sha256(expected).to_vec(),
            banks: vec![(SHA256, bits)],
            digest: sha256(&pcrs.values().flatten().copied().collect::<Vec<_>>()).to_vec(),
            after: Vec::new(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let sized =
            |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let mut out = self.magic.to_be_bytes().to_vec();
        out.extend(self.kind.to_be_bytes());
        out.extend(sized(&[&[0, 0x0b][..], &[7; 32]].concat()));
        out.extend(sized(&self.nonce));
        // Clock, resets, restarts, safe, firmware.
        out.extend([[0; 8].as_slice(), &[0; 4], &[0; 4], &[1], &[9; 8]].concat());
        out.extend(u32::try_from(self.banks.len()).unwrap().to_be_bytes());
        for (hash, bits) in &self.banks {
            out.extend([&hash.to_be_bytes()[..], &[3], bits].concat());
        }
        out.extend(sized(&self.digest));
        out.extend(&self.after);
        out
    }
}

/// A key that signs statements.
pub(crate) enum Signer {
    P256(Vec<u8>),
    Rsa,
}

impl Signer {
    pub(crate) fn p256() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::P256(key.as_ref().to_vec())
    }

    fn rsa() -> RsaKeyPair {
        let key = include_bytes!("../../../sealroom-testpki/keys/test-only-stranger.rsa2048.pk8");
        RsaKeyPair::from_pkcs8(key).unwrap()
    }

    fn ecdsa(pkcs8: &[u8]) -> EcdsaKeyPair {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).unwrap()
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let key = match self {
            Self::P256(pkcs8) => {
                Key::P256 { point: Self::ecdsa(pkcs8).public_key().as_ref()[1..].to_vec() }
            }
            Self::Rsa => {
                let modulus = Self::modulus();
                Key::Rsa { modulus, exponent: 65537 }
            }
        };
        key.to_spki()
    }

    /// Of the RSA key.
    pub(crate) fn modulus() -> Vec<u8> {
        RsaPublicKeyComponents::<Vec<u8>>::from(Self::rsa().public()).n
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(pkcs8) => {
                Self::ecdsa(pkcs8).sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Rsa => {
                let key = Self::rsa();
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A bundle without key and hardware.
pub(crate) fn bundle(
    statement: &Statement,
    signer: &Signer,
    pcrs: &BTreeMap<u8, [u8; 32]>,
) -> Bundle {
    let message = statement.to_bytes();
    Bundle {
        hcl: None,
        key: None,
        signature: Base64(signer.sign(&message)),
        message: Base64(message),
        pcrs: Pcrs::new(pcrs.clone()).unwrap(),
        td_quote: None,
    }
}
