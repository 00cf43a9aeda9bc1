//! Commands: what somebody wants to happen.

use crate::event::DataFile;
use sealroom_protocol::{
    CodeFile, Digest, Email, Envelope, Evidence, IdentityKeys, Lock, ParticipantId, Policy,
    PublicKey, Release, Role, Suite,
};

/// What the owner wants to create.
#[derive(Clone, Debug)]
pub struct Create {
    /// The owner's name for it.
    pub name: String,
    /// Who brings the code.
    pub code_provider: Email,
    /// Who brings data, in order.
    pub data_providers: Vec<Email>,
    /// Who gets results, in order.
    pub result_consumers: Vec<Email>,
    /// Whether it protects nothing.
    pub dev_mode: bool,
    /// Its limits.
    pub policy: Policy,
}

/// What somebody wants to do to a computation. Participants are found by account and role.
#[derive(Clone, Debug)]
pub enum Command {
    /// A participant registers its key. Harmless when repeated.
    Register {
        /// As what.
        role: Role,
        /// Its key.
        public_key: PublicKey,
        /// Its formats.
        suite: Suite,
    },
    /// The code provider stores its code.
    UploadCode {
        /// The files of the archive.
        files: Vec<CodeFile>,
        /// SHA-256 of the archive.
        archive: Digest,
        /// The packages that it adds, if it asks for any.
        lock: Option<Lock>,
    },
    /// The code provider takes its code back.
    ResetCode,
    /// A data provider stores a sealed file. Replaces one of the same name.
    UploadData {
        /// The file.
        file: DataFile,
    },
    /// A data provider takes its files back.
    ResetData,
    /// A data provider has uploaded all. Harmless when repeated.
    DataDone,
    /// A participant releases its key. Harmless when repeated.
    Provision {
        /// The release.
        release: Release,
    },
    /// The enclave says whether a release opens. Harmless when repeated, and when the release is no
    /// longer the one that stands.
    JudgeKey {
        /// Whose.
        participant: ParticipantId,
        /// Which release: its digest.
        release: Digest,
        /// Whether it opens.
        opens: bool,
    },
    /// A participant takes its key back.
    Revoke {
        /// As what.
        role: Role,
        /// Further releases that it ever made, wherever they are.
        releases: Vec<Digest>,
    },
    /// A result consumer fetches a result. Harmless when repeated.
    FetchResult {
        /// Of which run.
        run: u32,
    },
    /// The owner wants another run.
    RequestRun,
    /// The owner closes the computation.
    Archive,
    /// The owner has its files deleted.
    Remove,
    /// The enclave publishes its identity.
    PublishIdentity {
        /// The canonical manifest.
        manifest: String,
        /// Its keys.
        keys: IdentityKeys,
        /// What it shows for itself.
        evidence: Evidence,
    },
    /// The enclave can't make an environment for the code. Harmless when repeated.
    RefuseEnvironment {
        /// Why.
        reason: String,
    },
    /// The enclave starts a run. Harmless when repeated while it is under way.
    StartRun,
    /// The enclave has finished a run.
    FinishRun {
        /// Its number.
        run: u32,
        /// What it says of it.
        receipt: Envelope,
        /// Whether the keys were refused, so that everybody has to approve again.
        keys_refused: bool,
    },
    /// The enclave has destroyed a key that was taken back. Harmless when repeated.
    RecordDestruction {
        /// Whose.
        participant: ParticipantId,
        /// What it says of it.
        record: Envelope,
    },
    /// The server has lost the enclave.
    LoseEnclave {
        /// Which.
        enclave: crate::EnclaveId,
    },
}
