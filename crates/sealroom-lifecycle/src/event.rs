//! Events: what happened to a computation, and the chain that holds them together.

use sealroom_protocol::{
    CodeFile, ComputationId, Digest, Email, Envelope, Evidence, FileName, IdentityKeys, Lock,
    ParticipantId, Policy, PublicKey, Release, Suite, Timestamp,
};
use sealroom_seal::framed;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Names one enclave process while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct EnclaveId(pub Uuid);

impl fmt::Display for EnclaveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who made something happen, as the server has authenticated it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody with an account.
    Account(Email),
    /// An enclave that holds the lease on the computation.
    Enclave(EnclaveId),
    /// The server itself: a lease ran out.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(email) => email.fmt(f),
            Self::Enclave(id) => write!(f, "enclave {id}"),
            Self::Server => f.write_str("server"),
        }
    }
}

/// Why an identity no longer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Withdrawal {
    /// The code was taken back or replaced.
    CodeReset,
    /// The enclave that held it is gone.
    EnclaveLost,
    /// The released keys were refused: differing safety words, or a release that does not open.
    KeysRefused,
    /// The owner asked for a new round of approvals.
    NewRound,
    /// The computation was archived.
    Archived,
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeReset => "the code was taken back",
            Self::EnclaveLost => "the enclave was lost",
            Self::KeysRefused => "the released keys were refused",
            Self::NewRound => "the owner asked everybody to approve again",
            Self::Archived => "the computation was archived",
        })
    }
}

/// A sealed data file as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DataFile {
    /// Its name.
    pub name: FileName,
    /// Stored bytes.
    pub size: u64,
    /// SHA-256 of the stored bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
}

/// Everything that can happen to a computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The owner created it.
    Created {
        /// Its identifier.
        computation: ComputationId,
        /// The owner's name for it.
        name: String,
        /// Who created it.
        owner: Email,
        /// Who brings the code.
        code_provider: Email,
        /// Who brings data, in order.
        data_providers: Vec<Email>,
        /// Who gets results, in order.
        result_consumers: Vec<Email>,
        /// Whether it protects nothing.
        dev_mode: bool,
        /// Its limits.
        policy: Policy,
    },
    /// A participant registered its key.
    Registered {
        /// Who.
        participant: ParticipantId,
        /// Its key.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        public_key: PublicKey,
        /// Its formats.
        suite: Suite,
    },
    /// The code arrived.
    CodeUploaded {
        /// Its files, sorted by path.
        files: Vec<CodeFile>,
        /// SHA-256 of the stored archive.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        archive: Digest,
    },
    /// The packages that the code adds are those of this lock.
    EnvironmentLocked {
        /// The lock.
        lock: Lock,
    },
    /// The enclave can't make an environment for the code: other code has to come.
    EnvironmentRefused {
        /// Why.
        reason: String,
    },
    /// The code was taken back.
    CodeReset,
    /// An enclave published its identity.
    IdentityPublished {
        /// Which enclave.
        enclave: EnclaveId,
        /// The canonical manifest.
        manifest: String,
        /// Its keys.
        keys: IdentityKeys,
        /// What it shows for itself.
        evidence: Evidence,
    },
    /// The identity no longer stands, and every key released to it is void.
    IdentityWithdrawn {
        /// Why.
        reason: Withdrawal,
    },
    /// A sealed data file arrived; one of the same name is replaced.
    DataUploaded {
        /// Whose.
        participant: ParticipantId,
        /// The file.
        file: DataFile,
    },
    /// A data provider took its files back.
    DataReset {
        /// Who.
        participant: ParticipantId,
    },
    /// A data provider has uploaded all its files.
    DataDone {
        /// Who.
        participant: ParticipantId,
    },
    /// A participant released its key to the identity that stands.
    KeyProvisioned {
        /// Who.
        participant: ParticipantId,
        /// The release.
        release: Release,
    },
    /// The enclave has opened a released key.
    KeyAccepted {
        /// Whose.
        participant: ParticipantId,
    },
    /// A released key does not open with the identity that stands; it counts as not released.
    KeyRefused {
        /// Whose.
        participant: ParticipantId,
    },
    /// A participant took its key back.
    KeyRevoked {
        /// Who.
        participant: ParticipantId,
        /// Releases that it knows of beside the one that stands: none of them counts either.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        releases: Vec<Digest>,
    },
    /// The enclave has destroyed a key that was taken back.
    KeyDestroyed {
        /// Whose.
        participant: ParticipantId,
        /// What the enclave says of it.
        record: Envelope,
    },
    /// The owner asked for another run.
    RunRequested,
    /// The enclave started a run.
    RunStarted {
        /// Its number, from 1.
        run: u32,
    },
    /// The run ended; its results, if any, are published with this.
    RunFinished {
        /// Its number.
        run: u32,
        /// What the enclave says of it.
        receipt: Envelope,
    },
    /// A result consumer fetched a result of the run for the first time.
    ResultFetched {
        /// Its number.
        run: u32,
        /// Who.
        participant: ParticipantId,
    },
    /// The run was cut off: nothing is known of it but that it has no results.
    RunLost {
        /// Its number.
        run: u32,
    },
    /// The owner closed the computation.
    Archived,
    /// Its files were deleted.
    Removed,
}

/// An event in its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Record {
    /// Sequence number, from 0.
    pub seq: u64,
    /// When, by the server's clock.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Who made it happen.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
    /// The hash of the record before; zeros for the first.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub previous: Digest,
    /// SHA-256 over "sealroom/event/v1", `previous`, and the canonical JSON of the rest, each behind
    /// its length.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: Digest,
}

/// What the first record has for `previous`.
pub const GENESIS: Digest = Digest::from_bytes([0; 32]);

#[derive(Serialize)]
struct Hashed<'a> {
    seq: u64,
    at: Timestamp,
    actor: &'a Actor,
    event: &'a Event,
}

impl Record {
    /// Puts an event behind the record `previous` (`None` for the first).
    #[must_use]
    pub fn chain(
        previous: Option<(u64, Digest)>,
        at: Timestamp,
        actor: Actor,
        event: Event,
    ) -> Self {
        let (seq, previous) = previous.map_or((0, GENESIS), |(seq, hash)| (seq + 1, hash));
        let mut record = Self { seq, at, actor, event, previous, hash: GENESIS };
        record.hash = record.computed_hash();
        record
    }

    /// The hash that this record must have.
    #[must_use]
    pub fn computed_hash(&self) -> Digest {
        let Self { seq, at, actor, event, .. } = self;
        let content = Hashed { seq: *seq, at: *at, actor, event };
        let content = serde_json_canonicalizer::to_vec(&content)
            .expect("events have string keys and finite numbers");
        Digest::of(&framed(&[b"sealroom/event/v1", self.previous.as_bytes(), &content]))
    }
}
