//! Runs `vectors/sodium`: files and key releases of the 2022 client's formats, made by libsodium. Its
//! README says how.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use sealroom_seal::{
    Digest, FileKey,
    release::ReleasedKeys,
    sign::{PublicKey, SigningKey},
    sodium::{self, BoxKey, SealedKey, SecretboxWriter, fingerprint},
    stream::OpenError,
};
use serde_json::Value;
use std::{fs, io::Write as _, path::Path};

fn of_kind(kind: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/sodium");
    let vectors: Vec<(String, Value)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
        })
        .filter(|(_, vector): &(String, Value)| vector["kind"] == kind)
        .collect();
    assert!(vectors.len() > 5, "{} vectors of kind {kind}", vectors.len());
    vectors
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(vector[field].as_str().unwrap()).unwrap()
}

fn array<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    bytes(vector, field).try_into().unwrap()
}

fn opened(sealed: &[u8], key: &FileKey) -> Result<Vec<u8>, OpenError> {
    let file = sodium::open(sealed, key, tempfile::tempfile().unwrap())?;
    let mut plain = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_at(0, &mut plain)?;
    Ok(plain)
}

fn plaintext(vector: &Value) -> Vec<u8> {
    match vector["length"].as_u64() {
        Some(length) => (0..length).map(|i| (i % 251) as u8).collect(),
        None => bytes(vector, "plaintext"),
    }
}

#[test]
fn secret_boxes_of_libsodium_open_or_are_refused_as_they_should() {
    for (name, vector) in of_kind("secretbox") {
        let key = FileKey::from_bytes(&array(&vector, "key"));
        if vector["expect"] == "refused" {
            assert!(opened(&bytes(&vector, "sealed"), &key).is_err(), "{name}");
            continue;
        }
        let plain = plaintext(&vector);
        // With libsodium's nonce, our box has to be libsodium's, byte for byte.
        let nonce = array::<24>(&vector, "nonce");
        let mut writer =
            SecretboxWriter::with_nonce(std::io::Cursor::new(Vec::new()), &key, nonce).unwrap();
        writer.write_all(&plain).unwrap();
        let sealed = writer.finish().unwrap().into_inner();
        match vector["sealed_sha256"].as_str() {
            Some(digest) => assert_eq!(Digest::of(&sealed).to_string(), digest, "{name}"),
            None => assert_eq!(sealed, bytes(&vector, "sealed"), "{name}"),
        }
        assert_eq!(opened(&sealed, &key).unwrap(), plain, "{name}");
    }
}

#[test]
fn sealed_keys_of_libsodium_open_or_are_refused_as_they_should() {
    for (name, vector) in of_kind("sealed-key") {
        let identity = SigningKey::from_seed(&array(&vector, "enclave_seed"));
        assert_eq!(identity.public().as_bytes(), &array(&vector, "enclave"), "{name}");
        let participant = PublicKey::from_bytes(array(&vector, "participant"));
        assert_eq!(fingerprint(&participant), array(&vector, "fingerprint"), "{name}");
        let computation: [u8; 16] =
            hex::decode(vector["computation"].as_str().unwrap().replace('-', ""))
                .unwrap()
                .try_into()
                .unwrap();
        let sealed = SealedKey::try_from(bytes(&vector, "sealed").as_slice()).unwrap();
        let checked = sealed.verify(&computation, &participant);
        let expect = vector["expect"].as_str().unwrap();
        assert_eq!(checked.is_err(), expect == "bad signature", "{name}");
        let Ok(boxed) = checked else { continue };
        let opened = BoxKey::of(&identity).open(&boxed);
        assert_eq!(opened.is_err(), expect == "does not open", "{name}");
        let Ok(opened) = opened else { continue };
        let expected = ReleasedKeys {
            pre_shared_key: sealroom_seal::PreSharedKey::from_bytes(&array(
                &vector,
                "pre_shared_key",
            )),
            file_key: FileKey::from_bytes(&array(&vector, "file_key")),
        };
        assert_eq!(opened, expected, "{name}");
    }
}

/// What was captured from the client itself: its key, words and box.
#[test]
fn the_clients_own_release_opens() {
    let sealed = "e798bf96447f546c9e4fcf9da52b267eb6491a1d48b4491cba50558917a6ea51d502ce07f7ac20e5\
                  bd2021b10a11686962f340bfd2655d77eecd5f2c7af9040ce29d7521911498b837ed692d12a81587\
                  898e0ac3f6208eac1069bca82fb6b6334cd9e9152515f17f250e0a1a5bc20d581e49b45e58c6b236\
                  8634f13763564b105e0d33f8b2af152e98ec1ab412224b59d69c9376cf3bd4c4ef8c043b3f072676\
                  9203a678454db10305fcf8e695cf875c";
    let sealed = SealedKey::try_from(hex::decode(sealed).unwrap().as_slice()).unwrap();
    let computation = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    let seed = |from: u8| -> [u8; 32] { std::array::from_fn(|i| from + i as u8) };
    let participant = SigningKey::from_seed(&seed(0x20)).public();
    let boxed = sealed.verify(&computation, &participant).unwrap();
    let opened = BoxKey::of(&SigningKey::from_seed(&seed(0))).open(&boxed).unwrap();
    assert_eq!(opened.file_key, FileKey::from_bytes(&seed(0x40)));
    let words: sealroom_seal::words::SafetyWords = "cargo error thank".parse().unwrap();
    assert_eq!(opened.pre_shared_key, words.pre_shared_key(&computation));
}

#[test]
fn only_176_bytes_can_be_a_sealed_key() {
    for len in [0, 64, 175, 177, 352] {
        assert!(SealedKey::try_from(vec![0; len].as_slice()).is_err(), "{len}");
    }
}
