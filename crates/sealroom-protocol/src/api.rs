//! Bodies of the HTTP interface, shared by those who send and those who read them.
//!
//! Field names of [`Computation`] are those that the 2022 client reads; what it does not know it
//! ignores. Times are RFC 3339.

use crate::{
    Challenge, CodeFile, ComputationId, Digest, Email, Envelope, Evidence, FileName, IdentityKeys,
    Lock, ParticipantId, Policy, PublicKey, Role, RuntimeName, Suite, Timestamp,
    package::Variables,
    receipt::{RunStatus, SealedResult},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! bodies {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }
    )*};
}

bodies! {
    /// `POST /oauth/token`.
    pub struct TokenRequest {
        /// `refresh_token`.
        #[serde(rename = "type")]
        pub kind: String,
        /// What `sealroom account add` printed.
        pub refresh_token: String,
    }

    /// A token for the `Authorization: Bearer` header.
    pub struct TokenResponse {
        /// A JWT with the claim `exp`.
        pub access_token: String,
    }

    /// `POST /accounts`, for the administrator.
    pub struct NewAccount {
        /// The account's address.
        pub email: Email,
    }

    /// The answer to [`NewAccount`].
    pub struct AccountToken {
        /// The account's address.
        pub email: Email,
        /// Its refresh token. It is not stored and can't be shown again.
        pub refresh_token: String,
    }

    /// Who the caller is.
    pub struct Account {
        /// The account's identifier; absent for a participant who has no account yet.
        pub uuid: Option<String>,
        /// Its address.
        pub email: Email,
    }

    /// `POST /computations`.
    pub struct NewComputation {
        /// The owner's name for it.
        pub name: String,
        /// Who brings the code.
        pub code_provider_email: Email,
        /// Who brings data, in order.
        pub data_providers_emails: Vec<Email>,
        /// Who gets results, in order.
        pub result_consumers_emails: Vec<Email>,
        /// Whether it protects nothing, for trying things out.
        #[serde(default)]
        pub dev_mode: bool,
        /// The limits; the defaults where absent. The 2022 client knows none.
        #[serde(default)]
        pub policy: Option<Policy>,
    }

    /// `GET /runtimes/{name}`, and `GET /runtimes` for all: what code can run in.
    pub struct Runtime {
        /// Its name.
        pub name: RuntimeName,
        /// What it is for.
        pub description: String,
        /// Version of CPython.
        pub python: String,
        /// `x86_64`, `aarch64`.
        pub arch: String,
        /// Version of glibc.
        pub glibc: (u16, u16),
        /// Tags of machines whose wheels fit, the most special first.
        pub platform_tags: Vec<String>,
        /// Names that packages must not have: Python's own modules.
        pub reserved: Vec<String>,
        /// Variables that it sets.
        #[serde(default)]
        pub variables: Variables,
        /// The packages that come with it.
        pub lock: Lock,
    }

    /// `POST /computations/{id}/register`.
    pub struct Registration {
        /// The participant's Ed25519 key.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub public_key: PublicKey,
        /// As what the caller registers.
        pub side: Role,
        /// The formats that it will use. The 2022 client does not say: it knows but its own.
        #[serde(default = "Registration::suite_of_2022")]
        pub suite: Suite,
    }

    /// `POST /computations/{id}/key/provisioning`, as the 2022 client sends it.
    pub struct Provisioning {
        /// As what the caller releases its key.
        pub role: Role,
        /// The 176 bytes of a signed sealed box, as integers.
        pub sealed_symmetric_key: Vec<u8>,
    }

    /// `POST /computations/{id}/repository`, as the 2022 client sends it.
    pub struct Repository {
        /// The repository's place.
        pub github: GitHub,
    }

    /// A repository on GitHub.
    pub struct GitHub {
        /// `https://github.com/OWNER/NAME`.
        pub repository_url: String,
        /// A branch, a tag or a commit; the default branch without it.
        #[serde(default)]
        pub ref_name: Option<String>,
    }

    /// `POST /computations/{id}/key/revoke`.
    pub struct Revocation {
        /// As what the caller revokes its key.
        pub role: Role,
        /// Every release that it made to the identity that stands, should the server not have them all.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        pub releases: Vec<Digest>,
    }

    /// `GET /computations/{id}`.
    pub struct Computation {
        /// Its identifier.
        pub uuid: ComputationId,
        /// The owner's name for it.
        pub name: String,
        /// When it was created.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        pub created_at: Timestamp,
        /// Who created it.
        pub owner: Account,
        /// Whether it protects nothing.
        pub dev_mode: bool,
        /// Its limits.
        pub policy: Policy,
        /// Where it stands.
        pub phase: Phase,
        /// What it waits for, in words.
        pub waiting_for: Vec<String>,
        /// Who brings the code.
        pub code_provider: Participant,
        /// Who brings data, in order.
        pub data_providers: Vec<Participant>,
        /// Who gets results, in order.
        pub result_consumers: Vec<Participant>,
        /// The stored code; empty if there is none.
        pub code: Vec<CodeFile>,
        /// The enclave's part.
        pub enclave: Enclave,
        /// Every run so far.
        pub runs: Vec<Run>,
        /// What enclaves have said of keys that were taken back.
        #[serde(default)]
        pub destroyed_keys: Vec<DestroyedKey>,
        /// What the caller is in it, `ComputationOwner` included.
        pub my_roles: Vec<String>,
        /// The newest event.
        pub head: Head,
    }

    /// The newest event of a computation's log.
    pub struct Head {
        /// Its sequence number.
        pub seq: u64,
        /// Its hash.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub hash: Digest,
    }

    /// One participant as the server sees it.
    pub struct Participant {
        /// The account's identifier, if there is one yet.
        pub uuid: Option<String>,
        /// Its address.
        pub email: Email,
        /// Its role and place.
        pub id: ParticipantId,
        /// Its key, once registered.
        pub public_key: Option<RegisteredKey>,
        /// Its formats, once registered.
        pub suite: Option<Suite>,
        /// When the code came (code provider).
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub code_uploaded_at: Option<Timestamp>,
        /// When its first file came (data provider).
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub starting_uploading_at: Option<Timestamp>,
        /// When it said done (data provider).
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub done_uploading_at: Option<Timestamp>,
        /// When it first fetched a result of the newest run (result consumer).
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub result_downloaded_at: Option<Timestamp>,
        /// When it released its key to the identity that stands now.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub symmetric_key_uploaded_at: Option<Timestamp>,
        /// Its sealed files (data provider).
        #[serde(default)]
        pub files: Vec<StoredFile>,
    }

    /// A registered key.
    pub struct RegisteredKey {
        /// 64 hexadecimal digits.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub content: PublicKey,
        /// The last 8 bytes of its SHA3-256, as the 2022 client shows them.
        #[serde(default)]
        pub fingerprint: Vec<u8>,
        /// When it was registered.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        pub uploaded_at: Timestamp,
    }

    /// A stored data file.
    pub struct StoredFile {
        /// Its name.
        pub name: FileName,
        /// Stored bytes.
        pub size: u64,
        /// SHA-256 of the stored bytes.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub sha256: Digest,
    }

    /// An enclave's word for a key that is gone.
    pub struct DestroyedKey {
        /// Whose.
        pub participant: ParticipantId,
        /// When it was recorded.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        pub at: Timestamp,
        /// The signed [`Destruction`](crate::Destruction).
        pub record: Envelope,
    }

    /// The enclave's part of a computation.
    pub struct Enclave {
        /// The identity that stands now.
        pub identity: Option<Identity>,
    }

    /// An enclave identity with all that is needed to verify it.
    pub struct Identity {
        /// The Ed25519 key as a list of 32 integers, as the 2022 client wants it.
        pub public_key: Vec<u8>,
        /// The keys.
        pub keys: IdentityKeys,
        /// The canonical manifest.
        pub manifest: String,
        /// The quote in base64, as the 2022 client wants it.
        pub quote: String,
        /// The evidence.
        pub evidence: Evidence,
    }

    /// `POST /computations/{id}/challenge`: asks the enclave for evidence of its own, made now.
    pub struct ChallengeRequest {
        /// What the evidence has to be bound to, beside manifest and keys.
        pub challenge: Challenge,
    }

    /// The enclave's answer.
    pub struct ChallengeAnswer {
        /// Evidence for [`IdentityKeys::report_data`] with the challenge.
        pub evidence: Evidence,
    }

    /// One run.
    pub struct Run {
        /// Its number, from 1.
        pub number: u32,
        /// The same as text, which the 2022 client wants.
        pub uuid: String,
        /// When it started.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
        pub created_at: Timestamp,
        /// When it ended.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
        pub ended_at: Option<Timestamp>,
        /// How it ended.
        pub status: Option<RunStatus>,
        /// Its results, for all consumers.
        pub results: Vec<SealedResult>,
        /// Whether a sealed log is there.
        pub has_log: bool,
        /// 0 for success, the code's exit code, or 1 for another failure; absent while it runs.
        pub exit_code: Option<i32>,
        /// Why it failed. The 2022 service gave what the code printed, which nobody agreed to.
        pub output: String,
        /// When each result consumer first fetched a result of it, by account.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
        pub results_fetches_datetimes_by_result_consumers_uuid: BTreeMap<String, Timestamp>,
    }

    /// `GET /computations/{id}/runs/{number}`: all that is needed to check a run.
    pub struct RunDetail {
        /// The run.
        pub run: Run,
        /// The identity that it ran under.
        pub identity: Identity,
        /// The signed receipt; absent while it runs and after a crash.
        pub receipt: Option<Envelope>,
    }
}

impl Registration {
    fn suite_of_2022() -> Suite {
        Suite::Sodium
    }
}

/// Where a computation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Participants have yet to join, or the code to come.
    Preparing,
    /// All is there for an enclave to make its identity.
    WaitingForEnclave,
    /// The identity stands; data and keys are awaited.
    Collecting,
    /// The enclave is starting or executing a run.
    Running,
    /// The newest run succeeded.
    Succeeded,
    /// The newest run failed.
    Failed,
    /// The owner has closed it.
    Archived,
    /// Its files are gone.
    Removed,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Preparing => "preparing",
            Self::WaitingForEnclave => "waiting for an enclave",
            Self::Collecting => "collecting data and keys",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Archived => "archived",
            Self::Removed => "removed",
        })
    }
}
