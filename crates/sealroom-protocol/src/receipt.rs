//! Receipts: the enclave's signed statement of what one run read, executed and wrote.
//!
//! A [statement](crate::statement) whose subjects are the sealed results; the predicate says what they
//! were made from.

use crate::{
    ComputationId, Digest, Evidence, FileName, InventoryEntry, Manifest, ParticipantId, Timestamp,
    code::code_digest,
    statement::{Predicate, Subject},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RunStatus {
    /// The code ended with exit code 0; there may be results.
    Succeeded,
    /// It did not; there are no results.
    Failed {
        /// Why, without anything the code or the data said.
        reason: String,
        /// The code's exit code, if it came so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
}

/// One sealed result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SealedResult {
    /// Which result consumer can open it, from 0.
    pub consumer: u16,
    /// Its number, [`INDEX`] or [`SINGLE`]: the names that the code gave are for the consumer alone.
    pub name: FileName,
    /// Bytes of the sealed file.
    pub size: u64,
    /// SHA-256 of the sealed file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The computation.
    pub computation: ComputationId,
    /// The manifest in force.
    pub manifest: Digest,
    /// What the manifest and the evidence come to, part by part.
    pub basis: Basis,
    /// Which run of the computation, from 1.
    pub run: u32,
    /// Which run under this identity, from 1: the manifest's policy has a limit for it.
    pub run_of_identity: u32,
    /// The participants' key releases that were opened, by [digest](crate::Release::digest), in the manifest's order.
    /// None if they were refused; then nothing else was opened either.
    pub releases: Vec<Digest>,
    /// When the evidence of the identity was made, by the enclave's clock, which is the host's.
    pub published_at: Timestamp,
    /// When it started, by the enclave's clock, which is the host's.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub status: RunStatus,
    /// SHA-256 of the bill of materials of its environment (CycloneDX, JSON), which whoever has the manifest can make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Digest>,
    /// What it read: provider and file, in the order in which the code saw them.
    pub inputs: Vec<Input>,
    /// What it wrote.
    pub results: Vec<SealedResult>,
    /// The log, sealed for each of those to whom the policy grants it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<SealedLog>,
}

/// What a run stands on, by digests: what is in the manifest and the evidence, for those who have other copies of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The code: [`code_digest`].
    pub code: Digest,
    /// The package lock: the manifest's [`lock_sha256`](crate::manifest::EnvironmentPart::lock_sha256).
    pub lock: Digest,
    /// The policy in force: SHA-256 of its canonical JSON.
    pub policy: Digest,
    /// What the enclave showed for itself: [`Evidence::digest`].
    pub evidence: Digest,
}

impl Basis {
    /// What a run under `manifest` stands on, if the enclave showed `evidence`.
    #[must_use]
    pub fn of(manifest: &Manifest, evidence: &Evidence) -> Self {
        Self {
            code: code_digest(&manifest.code),
            lock: manifest.environment.lock_sha256,
            policy: Digest::of(&crate::canonical(&manifest.policy)),
            evidence: evidence.digest(),
        }
    }
}

/// A log sealed for one participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedLog {
    /// Who can open it.
    pub reader: ParticipantId,
    /// Bytes of the sealed file.
    pub size: u64,
    /// SHA-256 of the sealed file.
    pub sha256: Digest,
}

/// The name of each consumer's sealed index: which result has which name.
pub const INDEX: &str = "index";

/// The name that a consumer of the 2022 suite gets its one result under: its client asks for no other.
pub const SINGLE: &str = "result.bin";

/// What a consumer's index says, as JSON inside the sealed file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultIndex {
    /// What each result is, by the number that it is published under.
    pub results: BTreeMap<FileName, IndexEntry>,
}

/// What one result is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// The name that the code gave it.
    pub name: FileName,
    /// Its bytes; what comes after them is padding.
    pub bytes: u64,
}

/// One input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Which data provider, from 0.
    pub provider: u16,
    /// The file, as the provider listed it.
    pub file: InventoryEntry,
}

impl Predicate for Receipt {
    const TYPE: &'static str = "urn:sealroom:receipt:v1";

    fn subjects(&self) -> Vec<Subject> {
        let name =
            |r: &SealedResult| format!("consumers/{}/runs/{}/{}", r.consumer, self.run, r.name);
        self.results.iter().map(|r| Subject::new(name(r), r.sha256)).collect()
    }
}

/// The files of all data providers as the code sees them: in the order that the providers' own clocks give; of those
/// with the same time, by provider and then as the provider listed them.
#[must_use]
pub fn in_order<'a>(
    inventories: impl IntoIterator<Item = (u16, &'a [InventoryEntry])>,
) -> Vec<Input> {
    let of_one = |(provider, files): (u16, &'a [InventoryEntry])| {
        files.iter().map(move |file| Input { provider, file: file.clone() })
    };
    let mut files: Vec<Input> = inventories.into_iter().flat_map(of_one).collect();
    files.sort_by_key(|input| input.file.uploaded_at);
    files
}

impl Receipt {
    /// The log that `reader` can open, if there is one for it.
    #[must_use]
    pub fn log_for(&self, reader: ParticipantId) -> Option<&SealedLog> {
        self.logs.iter().find(|log| log.reader == reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Base64, EvidenceKind, Role, statement::Envelope};
    use sealroom_seal::sign::SigningKey;

    fn evidence() -> Evidence {
        let (kind, quote) = (EvidenceKind::Simulated, Base64(b"quote".to_vec()));
        Evidence { kind, quote, endorsements: vec![] }
    }

    #[test]
    fn the_basis_of_a_run_tells_which_part_is_another() {
        let (manifest, evidence) = (crate::manifest::tests::sample(), evidence());
        let basis = Basis::of(&manifest, &evidence);
        let mut endorsed = evidence.clone();
        endorsed.endorsements.push(Base64(b"newer".to_vec()));
        assert_eq!(Basis::of(&manifest, &endorsed), basis, "whoever vouches later changes nothing");
        let mut other = evidence.clone();
        other.kind = EvidenceKind::Snp;
        assert_ne!(Basis::of(&manifest, &other).evidence, basis.evidence);
        let mut other = manifest.clone();
        other.policy.max_runs += 1;
        let changed = Basis::of(&other, &evidence);
        assert_ne!(changed.policy, basis.policy);
        assert_eq!(Basis { policy: basis.policy, ..changed }, basis);
        let mut other = manifest;
        let (path, sha256) = ("x.py".parse().unwrap(), Digest::of(b"x"));
        other.code.push(crate::CodeFile { path, size: 1, sha256, sealed: true });
        let changed = Basis::of(&other, &evidence);
        assert_ne!(changed.code, basis.code);
        assert_eq!(Basis { code: basis.code, ..changed }, basis);
    }

    #[test]
    fn inputs_come_in_the_order_of_the_providers_clocks() {
        let entry = |(name, uploaded_at): (&str, u64)| InventoryEntry {
            name: name.parse().unwrap(),
            size: 0,
            sha256: Digest::of(b""),
            uploaded_at,
        };
        let one = [("a", 1), ("b", 5)].map(entry);
        let other = [("c", 3), ("e", 5), ("d", 5)].map(entry);
        let listed = in_order([(0, one.as_slice()), (1, other.as_slice())]);
        let names: Vec<&str> = listed.iter().map(|input| input.file.name.as_str()).collect();
        assert_eq!(names, ["a", "c", "b", "e", "d"]);
    }

    #[test]
    fn a_receipt_speaks_of_the_sealed_results_and_of_no_other() {
        let key = SigningKey::random();
        let result = SealedResult {
            consumer: 0,
            name: "0".parse().unwrap(),
            size: 56,
            sha256: Digest::of(b"sealed"),
        };
        let reader = ParticipantId { role: Role::CodeProvider, index: 0 };
        let receipt = Receipt {
            computation: ComputationId::random(),
            manifest: Digest::of(b"m"),
            basis: Basis::of(&crate::manifest::tests::sample(), &evidence()),
            run: 1,
            run_of_identity: 1,
            releases: vec![],
            published_at: Timestamp::UNIX_EPOCH,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            status: RunStatus::Succeeded,
            sbom: Some(Digest::of(b"sbom")),
            inputs: vec![],
            results: vec![result],
            logs: vec![SealedLog { reader, size: 60, sha256: Digest::of(b"log") }],
        };
        let text = format!("{:?}", receipt.subjects());
        assert!(text.contains("consumers/0/runs/1/0"), "{text}");
        assert_eq!(receipt.log_for(reader).unwrap().size, 60);
        let other = ParticipantId { role: Role::DataProvider, index: 0 };
        assert_eq!(receipt.log_for(other), None);
        let envelope: Envelope = receipt.clone().sign(&key);
        assert_eq!(envelope.verify::<Receipt>(&key.public()).unwrap(), receipt);
    }
}
