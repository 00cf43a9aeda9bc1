//! Opening the participants' keys: all of them, or none.

use crate::{identity::Identity, withdrawal::TakenBack};
use sealroom_lifecycle::{State, event::DataFile, state::Participant};
use sealroom_protocol::{
    Digest, InventoryEntry, ParticipantId, PublicKey, Release, Suite, Timestamp,
    manifest::CanonicalManifest,
    release::{Expected, OpenedRelease, ReleaseRefusal},
};
use sealroom_seal::{FileKey, PreSharedKey};

/// What one participant has released.
pub(crate) struct Released {
    pub(crate) id: ParticipantId,
    pub(crate) suite: Suite,
    pub(crate) public_key: PublicKey,
    pub(crate) file_key: FileKey,
    pub(crate) inventory: Vec<InventoryEntry>,
    /// Names the release that all this was in.
    pub(crate) digest: Digest,
}

/// Why keys are refused. Everybody has to approve again then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyRefusal {
    #[error("{0} has not released its key")]
    Missing(ParticipantId),
    #[error("{0} has taken that key back")]
    TakenBack(ParticipantId),
    #[error("the key of the {id} is refused")]
    Release { id: ParticipantId, source: ReleaseRefusal },
    /// A sealed box of the 2022 suite does not say whose it is: somebody who has seen it could sign it as
    /// his own, and pass for one who knows the words.
    #[error("{0} and {1} have released the same file key")]
    SharedKey(ParticipantId, ParticipantId),
    /// Names nobody: who is right is not for the enclave to say.
    #[error("the safety words of the participants differ")]
    SafetyWords,
}

/// Opens every release against the manifest, and compares the pre-shared keys in constant time.
pub(crate) fn open_all(
    state: &State,
    taken_back: &TakenBack,
    manifest: &CanonicalManifest,
    identity: &Identity,
) -> Result<Vec<Released>, KeyRefusal> {
    let mut released = Vec::new();
    let mut words: Vec<PreSharedKey> = Vec::new();
    for (id, part) in manifest.manifest().participants() {
        let participant = state.participant(id).ok_or(KeyRefusal::Missing(id))?;
        let stored = participant.release.as_ref().ok_or(KeyRefusal::Missing(id))?;
        if taken_back.contains(&stored.release.digest()) {
            return Err(KeyRefusal::TakenBack(id));
        }
        let opened = open(&stored.release, id, manifest, identity)
            .map_err(|source| KeyRefusal::Release { id, source })?;
        words.push(opened.keys.pre_shared_key);
        released.push(Released {
            id,
            suite: part.suite,
            public_key: part.public_key,
            file_key: opened.keys.file_key,
            inventory: opened.inventory.unwrap_or_else(|| listed_by_server(participant)),
            digest: stored.release.digest(),
        });
    }
    if let Some((one, other)) = shared_key(&released) {
        return Err(KeyRefusal::SharedKey(one, other));
    }
    // All are compared, whatever the first ones say.
    let all_equal = words.windows(2).fold(true, |equal, pair| equal & (pair[0] == pair[1]));
    if all_equal { Ok(released) } else { Err(KeyRefusal::SafetyWords) }
}

/// Two participants with one file key. Every pair is compared, in constant time.
fn shared_key(released: &[Released]) -> Option<(ParticipantId, ParticipantId)> {
    let pairs = released
        .iter()
        .enumerate()
        .flat_map(|(n, one)| released.iter().skip(n + 1).map(move |other| (one, other)));
    pairs.fold(None, |found, (one, other)| {
        if one.file_key == other.file_key { found.or(Some((one.id, other.id))) } else { found }
    })
}

/// Opens one release as that of the participant `id`.
pub(crate) fn open(
    release: &Release,
    id: ParticipantId,
    manifest: &CanonicalManifest,
    identity: &Identity,
) -> Result<OpenedRelease, ReleaseRefusal> {
    let part = manifest.manifest().participant(id);
    let part = part.ok_or(ReleaseRefusal::Elsewhere { what: "participant" })?;
    let expected = Expected {
        computation: manifest.manifest().computation.uuid,
        role: id.role,
        participant: &part.public_key,
        manifest: manifest.digest(),
        identity: &identity.signing.public(),
    };
    release.clone().check(part.suite, &expected)?.open(&identity.opening_keys())
}

/// The files that the server says a participant has, in its order: all there is to go by where a suite
/// has no room for a list of the participant's own.
fn listed_by_server(participant: &Participant) -> Vec<InventoryEntry> {
    let entry = |(file, at): &(DataFile, Timestamp)| InventoryEntry {
        name: file.name.clone(),
        size: file.size,
        sha256: file.sha256,
        uploaded_at: u64::try_from(at.as_millisecond()).unwrap_or_default(),
    };
    participant.files.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::Role;

    #[test]
    fn one_file_key_is_one_participants() {
        let released = |index, key: &FileKey| Released {
            id: ParticipantId { role: Role::DataProvider, index },
            suite: Suite::Sodium,
            public_key: PublicKey::from_bytes([0; 32]),
            file_key: key.clone(),
            inventory: vec![],
            digest: Digest::of(b""),
        };
        let keys: Vec<FileKey> = (0..3).map(|_| FileKey::random()).collect();
        let distinct = [released(0, &keys[0]), released(1, &keys[1]), released(2, &keys[2])];
        assert_eq!(shared_key(&distinct), None);
        let copied = [released(0, &keys[0]), released(1, &keys[1]), released(2, &keys[0])];
        let pair = shared_key(&copied).map(|(one, other)| (one.index, other.index));
        assert_eq!(pair, Some((0, 2)));
    }
}
