//! Runs the key releases of `vectors/release`, which another implementation of HPKE, X-Wing and
//! Ed25519 made. The README there says how a release is put together.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use sealroom_protocol::{
    Base64, ComputationId, Digest, KeyRelease, PublicKey, Role,
    release::{Expected, Recipient},
};
use sealroom_seal::{
    FileKey, PreSharedKey, framed,
    release::{OpeningKey, ReleasedKeys, SealedKeys},
    sign::SigningKey,
};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};

#[derive(Deserialize)]
struct Vector {
    expect: Expect,
    refusal: Option<String>,
    why: String,
    identity_seed: String,
    expected: Context,
    composition: Composition,
    release: KeyRelease,
    pre_shared_key: Option<String>,
    file_key: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Opens,
    Refused,
}

#[derive(Deserialize)]
struct Context {
    computation: ComputationId,
    role: Role,
    participant: PublicKey,
    manifest: Digest,
    identity: PublicKey,
}

#[derive(Deserialize)]
struct Composition {
    info_fields: Vec<String>,
    info: String,
    canonical_inventory: String,
    associated_data: String,
    signed_fields: Vec<String>,
    signed_sha256: String,
}

/// The key releases among the vectors, by file name. There are some, or nothing would be proven.
fn vectors() -> Vec<(String, Vector)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/release");
    let vectors: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let value: serde_json::Value =
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            (value["kind"] == "key-release").then(|| {
                let vector = serde_json::from_value(value);
                (name.clone(), vector.unwrap_or_else(|error| panic!("{name}: {error}")))
            })
        })
        .collect();
    assert!(!vectors.is_empty(), "{} holds no key release", folder.display());
    vectors
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn framed_hex(fields: &[String]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|field| bytes(field)).collect();
    framed(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn each_release_opens_or_is_refused_for_its_own_reason() {
    for (name, vector) in vectors() {
        let identity = OpeningKey::from_seed(&bytes(&vector.identity_seed)).unwrap();
        let expected = Expected {
            computation: vector.expected.computation,
            role: vector.expected.role,
            participant: &vector.expected.participant,
            manifest: vector.expected.manifest,
            identity: &vector.expected.identity,
        };
        let inventory = vector.release.inventory.clone();
        let read = vector.release.check(&expected).and_then(|checked| checked.open(&identity));
        match vector.expect {
            Expect::Opens => {
                let opened = read.unwrap_or_else(|error| panic!("{name}, {}: {error}", vector.why));
                let keys = opened.keys;
                assert_eq!(Some(&*keys.pre_shared_key.to_hex()), vector.pre_shared_key.as_ref());
                assert_eq!(Some(&*keys.file_key.to_hex()), vector.file_key.as_ref(), "{name}");
                assert_eq!(opened.inventory, Some(inventory), "{name}");
            }
            Expect::Refused => {
                let refusal = read.expect_err(&name).to_string();
                assert_eq!(Some(refusal), vector.refusal, "{name}: {}", vector.why);
            }
        }
    }
}

#[test]
fn a_release_is_composed_as_the_vectors_spell_it_out() {
    let mut roles = BTreeSet::new();
    for (name, vector) in vectors().into_iter().filter(|(_, v)| v.expect == Expect::Opens) {
        let (release, spelt) = (vector.release, vector.composition);
        roles.insert(release.role);
        assert_eq!(framed_hex(&spelt.info_fields), bytes(&spelt.info), "{name}");
        let aad = Digest::of(spelt.canonical_inventory.as_bytes());
        assert_eq!(aad.to_string(), spelt.associated_data, "{name}");
        let signed = framed_hex(&spelt.signed_fields);
        assert_eq!(Digest::of(&signed).to_string(), spelt.signed_sha256, "{name}");
        assert_eq!(release.digest().to_string(), spelt.signed_sha256, "{name}");
        release.participant.verify(&signed, &release.signature).expect(&name);
    }
    assert_eq!(roles.len(), Role::ALL.len(), "there is one for each role");
}

#[test]
fn what_is_sealed_here_opens_with_the_bytes_that_the_vectors_spell_out() {
    for (name, vector) in vectors().into_iter().filter(|(_, v)| v.expect == Expect::Opens) {
        let identity = OpeningKey::from_seed(&bytes(&vector.identity_seed)).unwrap();
        // Another participant, as the vectors do not hold the secret key of theirs.
        let signer = SigningKey::random();
        let keys = ReleasedKeys {
            pre_shared_key: PreSharedKey::from_hex(&vector.pre_shared_key.unwrap()).unwrap(),
            file_key: FileKey::from_hex(&vector.file_key.unwrap()).unwrap(),
        };
        let to = Recipient {
            computation: vector.release.computation,
            manifest: vector.release.manifest,
            identity: &vector.release.identity,
            sealing: &identity.public(),
        };
        let (role, inventory) = (vector.release.role, vector.release.inventory);
        let made = KeyRelease::seal(&to, role, &signer, &keys, inventory).unwrap();
        let participant = signer.public().to_string();
        let Base64(encapsulated) = made.encapsulated.clone();
        let Base64(ciphertext) = made.ciphertext.clone();
        let mut info = vector.composition.info_fields;
        info[3].clone_from(&participant);
        let aad = bytes(&vector.composition.associated_data);
        let sealed = SealedKeys { encapsulated, ciphertext };
        let opened = identity.open(&sealed, &framed_hex(&info), &aad);
        assert_eq!(opened.as_ref(), Ok(&keys), "{name}");
        let mut signed: Vec<Vec<u8>> =
            vector.composition.signed_fields.iter().map(|field| bytes(field)).collect();
        signed[3] = bytes(&participant);
        (signed[6], signed[7]) = (sealed.encapsulated, sealed.ciphertext);
        let signed = framed(&signed.iter().map(Vec::as_slice).collect::<Vec<_>>());
        signer.public().verify(&signed, &made.signature).expect(&name);
    }
}
