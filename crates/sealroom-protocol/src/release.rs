//! Provisioning: a participant releases its key to an identity that it has verified.
//!
//! The steps are types. A [`KeyRelease`] is what the host handed over; [`KeyRelease::check`] turns it
//! into a [`CheckedRelease`] once its signature and binding are those expected; only that opens.

mod sodium;

pub use sodium::SodiumRelease;

use crate::{Base64, ComputationId, Digest, FileName, PublicKey, Role, Signature, Suite};
use sealroom_seal::{
    framed,
    release::{OpeningKey, ReleaseError, ReleasedKeys, SealedKeys, SealingKey},
    sign::SigningKey,
    sodium::{BoxKey, BoxedKeys},
};
use serde::{Deserialize, Serialize};

/// The purpose in front of what is signed and bound.
const PURPOSE: &[u8] = b"sealroom/key-release/v1";
/// Files that one data provider may list.
pub const MAX_INVENTORY: usize = 10_000;

/// One sealed file of a data provider, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InventoryEntry {
    /// The file's name.
    pub name: FileName,
    /// Bytes of the sealed file.
    pub size: u64,
    /// SHA-256 of the sealed file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
    /// The provider's clock when it uploaded, in milliseconds since 1970. Orders the files of all
    /// providers together, so that the server has no say in the order of inputs.
    pub uploaded_at: u64,
}

/// A participant's key on its way to an identity, in the format of its suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Release {
    /// Of the native suite.
    Hybrid(KeyRelease),
    /// Of the 2022 client's suite.
    Sodium(SodiumRelease),
}

/// A key release of the native suite as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRelease {
    /// The computation that the key is for.
    pub computation: ComputationId,
    /// As what the participant releases it.
    pub role: Role,
    /// The participant's signature key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub participant: PublicKey,
    /// The manifest that the participant has approved.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub manifest: Digest,
    /// The signature key of the identity that it is released to. Two identities may have the same
    /// manifest; a release is for one of them.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub identity: PublicKey,
    /// HPKE's `enc`.
    pub encapsulated: Base64,
    /// HPKE's `ct`: the pre-shared key and the file key.
    pub ciphertext: Base64,
    /// A data provider's sealed files in order; empty for the others.
    #[serde(default)]
    pub inventory: Vec<InventoryEntry>,
    /// Ed25519 by `participant` over all of the above.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Signature,
}

/// Whose release is expected, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The computation.
    pub computation: ComputationId,
    /// The participant's role.
    pub role: Role,
    /// The participant's registered key.
    pub participant: &'a PublicKey,
    /// The manifest of the identity that stands now.
    pub manifest: Digest,
    /// The signature key of that identity.
    pub identity: &'a PublicKey,
}

/// What a participant has verified and releases its key to.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The computation.
    pub computation: ComputationId,
    /// The manifest.
    pub manifest: Digest,
    /// The identity's signature key.
    pub identity: &'a PublicKey,
    /// The identity's sealing key.
    pub sealing: &'a SealingKey,
}

/// A release that is this participant's, for this manifest.
#[derive(Clone, Debug)]
pub struct CheckedRelease(KeyRelease);

/// A release of either suite whose signature was checked.
#[derive(Clone, Debug)]
pub enum Checked {
    /// Of the native suite.
    Hybrid(CheckedRelease),
    /// Of the 2022 client's suite.
    Sodium(BoxedKeys),
}

/// The secret keys of an identity, one for each suite.
#[derive(Clone, Copy, Debug)]
pub struct OpeningKeys<'a> {
    /// For the native suite.
    pub hybrid: &'a OpeningKey,
    /// For the 2022 client's suite.
    pub sodium: &'a BoxKey,
}

/// What a release held.
#[derive(Debug)]
pub struct OpenedRelease {
    /// The keys.
    pub keys: ReleasedKeys,
    /// The participant's own list of its files; `None` where the suite has no room for one.
    pub inventory: Option<Vec<InventoryEntry>>,
}

/// Why a release is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRefusal {
    /// Made for something else.
    #[error("the key was released for another {what}")]
    Elsewhere {
        /// What differs: computation, role, participant, manifest or identity.
        what: &'static str,
    },
    /// Not signed by the participant's registered key.
    #[error("the release is not signed by the participant's registered key")]
    Signature,
    /// The inventory can't be one.
    #[error("the inventory {problem}")]
    Inventory {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Signed well, but sealed to another identity, or altered before it was signed.
    #[error("the released key does not open with this identity")]
    DoesNotOpen,
}

impl Release {
    /// As what the participant releases its key.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Hybrid(release) => release.role,
            Self::Sodium(release) => release.role,
        }
    }

    /// In which suite's format it is.
    #[must_use]
    pub fn suite(&self) -> Suite {
        match self {
            Self::Hybrid(_) => Suite::Hybrid,
            Self::Sodium(_) => Suite::Sodium,
        }
    }

    /// Names this very release.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Hybrid(release) => release.digest(),
            Self::Sodium(release) => release.digest(),
        }
    }

    /// Checks that this is the release that is expected of a participant with this suite.
    ///
    /// # Errors
    /// Every [`ReleaseRefusal`] but `DoesNotOpen`.
    pub fn check(self, suite: Suite, expected: &Expected<'_>) -> Result<Checked, ReleaseRefusal> {
        if self.suite() != suite {
            return Err(ReleaseRefusal::Elsewhere { what: "suite" });
        }
        match self {
            Self::Hybrid(release) => release.check(expected).map(Checked::Hybrid),
            Self::Sodium(release) => release.check(expected).map(Checked::Sodium),
        }
    }
}

impl Checked {
    /// Opens the release.
    ///
    /// # Errors
    /// [`ReleaseRefusal::DoesNotOpen`] if it was sealed to another identity.
    pub fn open(self, identity: &OpeningKeys<'_>) -> Result<OpenedRelease, ReleaseRefusal> {
        match self {
            Self::Hybrid(release) => release.open(identity.hybrid),
            Self::Sodium(boxed) => {
                let keys = identity.sodium.open(&boxed).map_err(|_| ReleaseRefusal::DoesNotOpen)?;
                Ok(OpenedRelease { keys, inventory: None })
            }
        }
    }
}

fn info(manifest: &Digest, role: Role, participant: &PublicKey) -> Vec<u8> {
    framed(&[PURPOSE, manifest.as_bytes(), role.wire_name().as_bytes(), participant.as_bytes()])
}

fn inventory_digest(inventory: &[InventoryEntry]) -> Digest {
    Digest::of(&crate::canonical(&inventory))
}

impl KeyRelease {
    /// Seals `keys` to the identity `to` and signs the release.
    ///
    /// # Errors
    /// [`ReleaseError::BadSealingKey`] if nothing can be sealed to the identity.
    pub fn seal(
        to: &Recipient<'_>,
        role: Role,
        signer: &SigningKey,
        keys: &ReleasedKeys,
        inventory: Vec<InventoryEntry>,
    ) -> Result<Self, ReleaseError> {
        let participant = signer.public();
        let aad = inventory_digest(&inventory);
        let info = info(&to.manifest, role, &participant);
        let sealed = to.sealing.seal(keys, &info, aad.as_bytes())?;
        let mut release = Self {
            computation: to.computation,
            role,
            participant,
            manifest: to.manifest,
            identity: *to.identity,
            encapsulated: Base64(sealed.encapsulated),
            ciphertext: Base64(sealed.ciphertext),
            inventory,
            signature: Signature::from_bytes([0; 64]),
        };
        release.signature = signer.sign(&release.signed_bytes());
        Ok(release)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        framed(&[
            PURPOSE,
            self.computation.as_bytes(),
            self.role.wire_name().as_bytes(),
            self.participant.as_bytes(),
            self.manifest.as_bytes(),
            self.identity.as_bytes(),
            &self.encapsulated.0,
            &self.ciphertext.0,
            inventory_digest(&self.inventory).as_bytes(),
        ])
    }

    /// SHA-256 over all that is signed: names this very release.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.signed_bytes())
    }

    /// Checks that this is the release that is expected.
    ///
    /// # Errors
    /// Every [`ReleaseRefusal`] but `DoesNotOpen`.
    pub fn check(self, expected: &Expected<'_>) -> Result<CheckedRelease, ReleaseRefusal> {
        let differs = [
            ("computation", self.computation != expected.computation),
            ("role", self.role != expected.role),
            ("participant", self.participant != *expected.participant),
            ("manifest", self.manifest != expected.manifest),
            ("identity", self.identity != *expected.identity),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            return Err(ReleaseRefusal::Elsewhere { what });
        }
        self.participant
            .verify(&self.signed_bytes(), &self.signature)
            .map_err(|_| ReleaseRefusal::Signature)?;
        self.check_inventory()?;
        Ok(CheckedRelease(self))
    }

    fn check_inventory(&self) -> Result<(), ReleaseRefusal> {
        let refuse = |problem| Err(ReleaseRefusal::Inventory { problem });
        if self.inventory.len() > MAX_INVENTORY {
            return refuse("lists more than 10,000 files");
        }
        match (self.role, self.inventory.is_empty()) {
            (Role::DataProvider, true) => return refuse("lists no file"),
            (Role::CodeProvider | Role::ResultConsumer, false) => {
                return refuse("lists files, but only a data provider has some");
            }
            _ => {}
        }
        // JSON numbers are exact up to here; beyond, two inventories could have one digest.
        const EXACT: u64 = 1 << 53;
        if self.inventory.iter().any(|entry| entry.size > EXACT || entry.uploaded_at > EXACT) {
            return refuse("has a number of 2⁵³ or more");
        }
        let mut names: Vec<&FileName> = self.inventory.iter().map(|e| &e.name).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return refuse("names a file twice");
        }
        Ok(())
    }
}

impl CheckedRelease {
    /// Opens the release. Only a checked one can be, so an unsigned one never is by mistake.
    ///
    /// # Errors
    /// [`ReleaseRefusal::DoesNotOpen`] if it was sealed to another identity.
    pub fn open(self, identity: &OpeningKey) -> Result<OpenedRelease, ReleaseRefusal> {
        let Self(release) = self;
        let info = info(&release.manifest, release.role, &release.participant);
        let aad = inventory_digest(&release.inventory);
        let sealed =
            SealedKeys { encapsulated: release.encapsulated.0, ciphertext: release.ciphertext.0 };
        let keys = identity
            .open(&sealed, &info, aad.as_bytes())
            .map_err(|_| ReleaseRefusal::DoesNotOpen)?;
        Ok(OpenedRelease { keys, inventory: Some(release.inventory) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_seal::{
        FileKey, PreSharedKey,
        release::generate,
        sodium::{SEALED_KEY_LEN, SealedKey},
    };

    struct Scene {
        opening: OpeningKey,
        sealing: SealingKey,
        signer: SigningKey,
        computation: ComputationId,
        manifest: Digest,
        identity: PublicKey,
    }

    fn scene() -> Scene {
        let (opening, sealing) = generate();
        let signer = SigningKey::random();
        let computation = ComputationId::random();
        let (manifest, identity) = (Digest::of(b"manifest"), SigningKey::random().public());
        Scene { opening, sealing, signer, computation, manifest, identity }
    }

    fn entry(name: &str) -> InventoryEntry {
        let (size, sha256) = (100, Digest::of(name.as_bytes()));
        InventoryEntry { name: name.parse().unwrap(), size, sha256, uploaded_at: 1 }
    }

    fn keys() -> ReleasedKeys {
        ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(&[1; 32]),
            file_key: FileKey::from_bytes(&[2; 32]),
        }
    }

    impl Scene {
        fn release(&self, role: Role, inventory: Vec<InventoryEntry>) -> KeyRelease {
            let to = Recipient {
                computation: self.computation,
                manifest: self.manifest,
                identity: &self.identity,
                sealing: &self.sealing,
            };
            KeyRelease::seal(&to, role, &self.signer, &keys(), inventory).unwrap()
        }

        fn check(&self, release: KeyRelease, role: Role) -> Result<CheckedRelease, ReleaseRefusal> {
            let participant = &self.signer.public();
            let (computation, manifest) = (self.computation, self.manifest);
            let identity = &self.identity;
            release.check(&Expected { computation, role, participant, manifest, identity })
        }
    }

    #[test]
    fn a_release_opens_where_it_was_meant_to() {
        let scene = scene();
        let release = scene.release(Role::DataProvider, vec![entry("b"), entry("a")]);
        let json = serde_json::to_string(&release).unwrap();
        let release = serde_json::from_str(&json).unwrap();
        let opened =
            scene.check(release, Role::DataProvider).unwrap().open(&scene.opening).unwrap();
        assert_eq!(opened.keys, keys());
        let inventory = vec![entry("b"), entry("a")];
        assert_eq!(opened.inventory, Some(inventory), "in the provider's order");
    }

    #[test]
    fn each_fault_is_refused_for_its_own_reason() {
        let scene = scene();
        let role = Role::DataProvider;
        let elsewhere = |what| ReleaseRefusal::Elsewhere { what };
        type Fault = (&'static str, fn(&mut KeyRelease), ReleaseRefusal);
        let faults: &[Fault] = &[
            ("computation", |r| r.computation = ComputationId::random(), elsewhere("computation")),
            ("role", |r| r.role = Role::ResultConsumer, elsewhere("role")),
            ("key", |r| r.participant = SigningKey::random().public(), elsewhere("participant")),
            ("manifest", |r| r.manifest = Digest::of(b"other"), elsewhere("manifest")),
            ("identity", |r| r.identity = SigningKey::random().public(), elsewhere("identity")),
            ("dropped file", |r| drop(r.inventory.pop()), ReleaseRefusal::Signature),
            ("swapped files", |r| r.inventory.swap(0, 1), ReleaseRefusal::Signature),
            ("added file", |r| r.inventory.push(entry("c")), ReleaseRefusal::Signature),
            (
                "altered digest",
                |r| r.inventory[0].sha256 = Digest::of(b""),
                ReleaseRefusal::Signature,
            ),
            ("altered order", |r| r.inventory[0].uploaded_at = 9, ReleaseRefusal::Signature),
            ("altered key", |r| r.ciphertext.0[0] ^= 1, ReleaseRefusal::Signature),
            ("altered capsule", |r| r.encapsulated.0[0] ^= 1, ReleaseRefusal::Signature),
        ];
        let good = scene.release(role, vec![entry("a"), entry("b")]);
        assert!(scene.check(good.clone(), role).is_ok(), "the untouched sample");
        for (name, spoil, reason) in faults {
            let mut release = good.clone();
            spoil(&mut release);
            assert_eq!(scene.check(release, role).unwrap_err(), *reason, "{name}");
        }
    }

    #[test]
    fn a_signature_by_the_participant_does_not_excuse_an_impossible_inventory() {
        let scene = scene();
        let cases = [
            (Role::DataProvider, vec![], "lists no file"),
            (Role::DataProvider, vec![entry("a"), entry("a")], "names a file twice"),
            (
                Role::CodeProvider,
                vec![entry("a")],
                "lists files, but only a data provider has some",
            ),
        ];
        for (role, inventory, problem) in cases {
            let refusal = scene.check(scene.release(role, inventory), role).unwrap_err();
            assert_eq!(refusal, ReleaseRefusal::Inventory { problem });
        }
    }

    #[test]
    fn a_key_sealed_to_another_identity_does_not_open() {
        let scene = scene();
        let checked =
            scene.check(scene.release(Role::ResultConsumer, vec![]), Role::ResultConsumer).unwrap();
        assert_eq!(checked.open(&generate().0).unwrap_err(), ReleaseRefusal::DoesNotOpen);
    }

    #[test]
    fn a_release_of_one_suite_does_not_pass_for_one_of_the_other() {
        let scene = scene();
        let role = Role::ResultConsumer;
        let participant = &scene.signer.public();
        let (computation, manifest) = (scene.computation, scene.manifest);
        let identity = &scene.identity;
        let expected = Expected { computation, role, participant, manifest, identity };
        let sealed_key = SealedKey::try_from([0; SEALED_KEY_LEN].as_slice()).unwrap();
        let sodium = Release::Sodium(SodiumRelease { role, sealed_key });
        let hybrid = Release::Hybrid(scene.release(role, vec![]));
        for (release, suite) in [(sodium, Suite::Hybrid), (hybrid, Suite::Sodium)] {
            let json = serde_json::to_string(&release).unwrap();
            assert_eq!(serde_json::from_str::<Release>(&json).unwrap(), release);
            let refusal = release.check(suite, &expected).unwrap_err();
            assert_eq!(refusal, ReleaseRefusal::Elsewhere { what: "suite" });
        }
    }
}
