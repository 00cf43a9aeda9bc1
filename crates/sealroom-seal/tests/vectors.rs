//! Runs `vectors/stream` and the primitives of `vectors/release`: files that other implementations
//! made. Their READMEs say how.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::{Deserializable as _, Kem as _, Serializable as _, kem::XWing};
use sealroom_seal::{
    Digest, FileKey,
    release::{OpeningKey, ReleaseError, SealedKeys},
    sign::{PublicKey, Signature, SigningKey},
    stream::{OpenReader, SealedFile, open_file},
    words::SafetyWords,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

/// A vector and the name of its file.
struct Vector {
    name: String,
    content: Value,
}

impl Vector {
    fn text(&self, field: &str) -> &str {
        self.content[field].as_str().unwrap_or_else(|| panic!("{} has no `{field}`", self.name))
    }

    fn hex(&self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap()
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.hex(field)
            .try_into()
            .unwrap_or_else(|_| panic!("{}: {field} has {N} bytes", self.name))
    }

    fn base64(&self, field: &str) -> Vec<u8> {
        STANDARD.decode(self.text(field)).unwrap()
    }
}

/// The vectors of a folder of `vectors`. There are some, or the loop over them would prove nothing.
fn vectors(folder: &str) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(folder);
    let mut vectors: Vec<Vector> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let content = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            Vector { name: path.file_name().unwrap().to_string_lossy().into_owned(), content }
        })
        .collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!vectors.is_empty(), "{} holds no vector", folder.display());
    vectors
}

/// The vectors of one kind in `vectors/release`.
fn of_kind(kind: &str) -> Vec<Vector> {
    let mut vectors = vectors("release");
    vectors.retain(|vector| vector.text("kind") == kind);
    assert!(!vectors.is_empty(), "vectors/release holds none of kind {kind}");
    vectors
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// `sealed` opened in each way that there is; `None` where a way refuses it.
fn opened(sealed: &[u8], key: &FileKey, associated_data: &[u8]) -> [Option<Vec<u8>>; 3] {
    let mut stream = Vec::new();
    let streamed = OpenReader::new(sealed, key, associated_data).read_to_end(&mut stream);
    let mut plain = tempfile::tempfile().unwrap();
    let whole = open_file(&file_of(sealed), &plain, key, associated_data, 2);
    let mut whole_plain = Vec::new();
    plain.rewind().unwrap();
    plain.read_to_end(&mut whole_plain).unwrap();
    let ranged = SealedFile::new(file_of(sealed), key, associated_data).and_then(|file| {
        let mut plain = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_at(0, &mut plain).map(|()| plain)
    });
    [streamed.ok().map(|_| stream), whole.ok().map(|_| whole_plain), ranged.ok()]
}

#[test]
fn sealed_files_of_tink_open_or_are_refused_as_they_should() {
    for vector in vectors("stream") {
        let key = FileKey::from_bytes(&vector.array("key"));
        let read = opened(&vector.base64("sealed"), &key, &vector.hex("associated_data"));
        let expected = match vector.text("expect") {
            "opens" => {
                let plaintext = &vector.content["plaintext"];
                assert_eq!(plaintext["rule"], "byte i is i mod 251", "{}", vector.name);
                let length = plaintext["length"].as_u64().unwrap();
                let plain: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
                assert_eq!(plaintext["sha256"], Digest::of(&plain).to_string(), "{}", vector.name);
                Some(plain)
            }
            "refused" => None,
            other => panic!("{} expects `{other}`", vector.name),
        };
        for (way, read) in ["OpenReader", "open_file", "SealedFile"].into_iter().zip(read) {
            let why = vector.text("why");
            assert!(read == expected, "{}, {way}: {why}", vector.name);
        }
    }
}

#[test]
fn x_wing_is_the_drafts() {
    for vector in of_kind("x-wing") {
        let secret = <XWing as hpke::Kem>::PrivateKey::from_bytes(&vector.hex("seed")).unwrap();
        let public = XWing::sk_to_pk(&secret).to_bytes();
        assert_eq!(public.as_slice(), vector.base64("public_key"), "{}", vector.name);
        let ciphertext = vector.base64("ciphertext");
        let capsule = <XWing as hpke::Kem>::EncappedKey::from_bytes(&ciphertext).unwrap();
        let shared = XWing::decap(&secret, None, &capsule).unwrap();
        assert_eq!(shared.0.as_slice(), vector.hex("shared_secret"), "{}", vector.name);
        let identity = OpeningKey::from_seed(&vector.hex("seed")).unwrap();
        assert_eq!(identity.public().to_bytes(), vector.base64("public_key"), "{}", vector.name);
    }
}

#[test]
fn released_keys_open_or_are_refused_as_they_should() {
    for vector in of_kind("hpke") {
        let identity = OpeningKey::from_seed(&vector.hex("seed")).unwrap();
        let sealed = SealedKeys {
            encapsulated: vector.base64("encapsulated"),
            ciphertext: vector.base64("ciphertext"),
        };
        let read = identity.open(&sealed, &vector.hex("info"), &vector.hex("associated_data"));
        let (name, why) = (&vector.name, vector.text("why"));
        match vector.text("expect") {
            "opens" => {
                let keys = read.unwrap_or_else(|error| panic!("{name}, {why}: {error}"));
                assert_eq!(*keys.pre_shared_key.to_hex(), vector.text("pre_shared_key"), "{name}");
                assert_eq!(*keys.file_key.to_hex(), vector.text("file_key"), "{name}");
            }
            "refused" => assert_eq!(read, Err(ReleaseError::DoesNotOpen), "{name}: {why}"),
            other => panic!("{name} expects `{other}`"),
        }
    }
}

#[test]
fn signatures_are_those_of_openssl() {
    for vector in of_kind("ed25519") {
        let name = &vector.name;
        let key = SigningKey::from_seed(&vector.array("seed"));
        let public = PublicKey::from_bytes(vector.array("public_key"));
        assert_eq!(key.public(), public, "{name}");
        let (message, signature) = (vector.hex("message"), vector.array("signature"));
        let signature = Signature::from_bytes(signature);
        let valid = match vector.text("expect") {
            "valid" => true,
            "refused" => false,
            other => panic!("{name} expects `{other}`"),
        };
        assert_eq!(public.verify(&message, &signature).is_ok(), valid, "{name}");
        assert_eq!(key.sign(&message) == signature, valid, "{name}: Ed25519 is deterministic");
    }
}

#[test]
fn safety_words_give_the_key_of_another_pbkdf2() {
    for vector in of_kind("safety-words") {
        let words: SafetyWords = vector.text("words").parse().unwrap();
        let key = words.pre_shared_key(&vector.array("uuid"));
        assert_eq!(*key.to_hex(), vector.text("pre_shared_key"), "{}", vector.name);
    }
}
