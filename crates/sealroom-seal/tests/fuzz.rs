//! Fuzz targets: what comes from outside in the 2022 client's formats. `cargo test` tries some random
//! inputs of each; `cargo bolero test -p sealroom-seal NAME` goes on for as long as it is let, guided by
//! coverage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use bolero::check;
use sealroom_seal::{
    FileKey,
    sign::SigningKey,
    sodium::{self, BoxKey, OVERHEAD, SEALED_KEY_LEN, SealedKey},
    stream::OpenError,
};

#[test]
fn fuzz_secretbox() {
    let key = FileKey::from_bytes(&[7; 32]);
    check!().for_each(|sealed: &[u8]| {
        let opened = sodium::open(sealed, &key, tempfile::tempfile().unwrap());
        assert!(opened.is_err(), "nobody guesses a tag");
        let too_short = matches!(opened, Err(OpenError::Length { .. }));
        assert_eq!(too_short, sealed.len() < OVERHEAD);
    });
}

#[test]
fn fuzz_sealed_key() {
    let participant = SigningKey::from_seed(&[1; 32]).public();
    check!().for_each(|bytes: &[u8]| match SealedKey::try_from(bytes) {
        Ok(sealed) => assert!(sealed.verify(&[0; 16], &participant).is_err()),
        Err(_) => assert_ne!(bytes.len(), SEALED_KEY_LEN),
    });
}

/// A participant signs whatever it likes: what is in the box is no less hostile for it.
#[test]
fn fuzz_signed_box() {
    let signer = SigningKey::from_seed(&[1; 32]);
    let identity = BoxKey::of(&SigningKey::from_seed(&[2; 32]));
    check!().with_type::<[[u8; 16]; 7]>().for_each(|boxed| {
        let boxed = boxed.as_flattened();
        let signature = signer.sign(&[&[0; 16], boxed].concat());
        let sealed = [signature.as_bytes().as_slice(), boxed].concat();
        let sealed = SealedKey::try_from(sealed.as_slice()).unwrap();
        let checked = sealed.verify(&[0; 16], &signer.public()).unwrap();
        assert!(identity.open(&checked).is_err(), "nobody guesses a tag");
    });
}
