//! Opening the participants' keys: all of them, or none.

use crate::identity::Identity;
use sealroom_lifecycle::State;
use sealroom_protocol::{
    InventoryEntry, ParticipantId, PublicKey,
    manifest::CanonicalManifest,
    release::{Expected, ReleaseRefusal},
};
use sealroom_seal::{FileKey, PreSharedKey};

/// What one participant has released.
pub(crate) struct Released {
    pub(crate) id: ParticipantId,
    pub(crate) public_key: PublicKey,
    pub(crate) file_key: FileKey,
    pub(crate) inventory: Vec<InventoryEntry>,
}

/// Why keys are refused. Everybody has to approve again then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyRefusal {
    #[error("{0} has not released its key")]
    Missing(ParticipantId),
    #[error("the key of the {id} is refused")]
    Release { id: ParticipantId, source: ReleaseRefusal },
    /// Names nobody: who is right is not for the enclave to say.
    #[error("the safety words of the participants differ")]
    SafetyWords,
}

/// Opens every release against the manifest, and compares the pre-shared keys in constant time.
pub(crate) fn open_all(
    state: &State,
    manifest: &CanonicalManifest,
    identity: &Identity,
) -> Result<Vec<Released>, KeyRefusal> {
    let mut released = Vec::new();
    let mut words: Vec<PreSharedKey> = Vec::new();
    for (id, part) in manifest.manifest().participants() {
        let stored = state.participant(id).and_then(|p| p.release.as_ref());
        let (release, _) = stored.ok_or(KeyRefusal::Missing(id))?;
        let expected = Expected {
            computation: manifest.manifest().computation.uuid,
            role: id.role,
            participant: &part.public_key,
            manifest: manifest.digest(),
            identity: &identity.signing.public(),
        };
        let opened = release
            .clone()
            .check(&expected)
            .and_then(|checked| checked.open(&identity.opening))
            .map_err(|source| KeyRefusal::Release { id, source })?;
        words.push(opened.keys.pre_shared_key);
        released.push(Released {
            id,
            public_key: part.public_key,
            file_key: opened.keys.file_key,
            inventory: opened.inventory,
        });
    }
    // All are compared, whatever the first ones say.
    let all_equal = words.windows(2).fold(true, |equal, pair| equal & (pair[0] == pair[1]));
    if all_equal { Ok(released) } else { Err(KeyRefusal::SafetyWords) }
}
