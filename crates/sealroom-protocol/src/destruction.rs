//! What an enclave says once a participant has taken its key back: what was destroyed, and what had left.

use crate::{
    ComputationId, Digest, ParticipantId, PublicKey, Timestamp,
    statement::{Predicate, Subject},
};
use serde::{Deserialize, Serialize};

/// The enclave's signed word that a released key is gone.
///
/// Its subject is the release, by its digest: the enclave refuses that one from now on, whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destruction {
    /// The computation.
    pub computation: ComputationId,
    /// The manifest that the key was released for.
    pub manifest: Digest,
    /// Whose key.
    pub participant: ParticipantId,
    /// Its signature key.
    pub public_key: PublicKey,
    /// Every release of this participant's that the enclave has seen or was told of.
    pub releases: Vec<Digest>,
    /// When, by the enclave's clock, which is the host's.
    pub at: Timestamp,
    /// The run that was under way, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_run: Option<EndedRun>,
    /// Earlier runs under this identity of which the server had got sealed results or logs.
    pub earlier_results: Vec<u32>,
}

/// A run that ended because a key was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedRun {
    /// Its number.
    pub run: u32,
    /// Whether its processes were killed; if not, it had ended by itself.
    pub killed: bool,
    /// Files of this participant that lay opened for the run, and were destroyed.
    pub files: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// Whether sealed results or logs of it had been handed to the server already, and perhaps a receipt. The
    /// log says that the run has failed; a server may still show them to those whom they are sealed for.
    pub results_left: bool,
}

impl Predicate for Destruction {
    const TYPE: &'static str = "urn:sealroom:destruction:v1";

    fn subjects(&self) -> Vec<Subject> {
        let name = |n: usize| format!("releases/{}/{n}", self.participant);
        self.releases.iter().enumerate().map(|(n, sha256)| Subject::new(name(n), *sha256)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Receipt, Role, statement::StatementError};
    use sealroom_seal::sign::SigningKey;

    #[test]
    fn a_record_of_destruction_is_no_receipt() {
        let key = SigningKey::random();
        let destruction = Destruction {
            computation: ComputationId::random(),
            manifest: Digest::of(b"m"),
            participant: ParticipantId { role: Role::DataProvider, index: 0 },
            public_key: key.public(),
            releases: vec![Digest::of(b"release")],
            at: Timestamp::UNIX_EPOCH,
            ended_run: None,
            earlier_results: vec![1],
        };
        let envelope = destruction.clone().sign(&key);
        assert_eq!(envelope.verify::<Destruction>(&key.public()).unwrap(), destruction);
        let as_receipt = envelope.verify::<Receipt>(&key.public());
        assert!(matches!(as_receipt, Err(StatementError::Type)));
    }
}
