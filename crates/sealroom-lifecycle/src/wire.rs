//! What server and enclave say to each other: claims, leases, heartbeats, runs.
//!
//! The enclave believes none of it: it folds the events itself, and binds what it read into the
//! manifest that participants approve.

use crate::{EnclaveId, Record};
use sealroom_protocol::{
    Challenge, ComputationId, Digest, Envelope, Evidence, EvidenceKind, IdentityKeys,
    ParticipantId, RuntimeName,
};
use serde::{Deserialize, Serialize};

macro_rules! bodies {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }
    )*};
}

bodies! {
    /// `POST /enclave/claims`: an idle enclave asks for work.
    pub struct ClaimRequest {
        /// Its name, fresh for each process.
        pub enclave: EnclaveId,
        /// Its version.
        pub version: String,
        /// The evidence that it gives.
        pub attester: EvidenceKind,
        /// The runtimes that it has.
        pub runtimes: Vec<RuntimeName>,
    }

    /// A computation that the enclave now holds the lease on.
    pub struct Claim {
        /// Which.
        pub computation: ComputationId,
        /// Names the lease in later calls (header `x-sealroom-lease`).
        pub lease: String,
        /// The lease ends this many seconds after the last heartbeat.
        pub lease_seconds: u64,
    }

    /// `GET /enclave/computations/{id}/events?after=SEQ`: what happened since.
    pub struct Events {
        /// The records after the one asked for, in order, at most a page of them; empty when the wait
        /// ran out.
        pub records: Vec<Record>,
        /// The sequence number of the newest record that there is.
        pub head: u64,
    }

    /// `POST /enclave/computations/{id}/identity`.
    pub struct PublishIdentity {
        /// The canonical manifest.
        pub manifest: String,
        /// Its keys.
        pub keys: IdentityKeys,
        /// What it shows for itself.
        pub evidence: Evidence,
    }

    /// `GET /enclave/computations/{id}/challenges`: what participants ask the enclave.
    pub struct Challenges {
        /// Those that it has not answered.
        pub challenges: Vec<Challenge>,
    }

    /// `POST /enclave/computations/{id}/challenges`: an answer.
    pub struct AnswerChallenge {
        /// To which.
        pub challenge: Challenge,
        /// Evidence that is bound to it.
        pub evidence: Evidence,
    }

    /// `POST /enclave/computations/{id}/environment/refuse`: there can be no environment for the code.
    pub struct RefuseEnvironment {
        /// Why.
        pub reason: String,
    }

    /// `POST /enclave/computations/{id}/keys/judge`: whether a released key opens.
    pub struct JudgeKey {
        /// Whose.
        pub participant: ParticipantId,
        /// Which release: its digest.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub release: Digest,
        /// Whether it opens.
        pub opens: bool,
    }

    /// `POST /enclave/computations/{id}/keys/destroyed`: a key that was taken back is gone.
    pub struct KeyDestroyed {
        /// Whose.
        pub participant: ParticipantId,
        /// What the enclave says of it.
        pub record: Envelope,
    }

    /// The answer to `POST /enclave/computations/{id}/runs`.
    pub struct RunNumber {
        /// The number of the run that was started.
        pub run: u32,
    }

    /// `POST /enclave/computations/{id}/runs/{run}/finish`.
    pub struct FinishRun {
        /// The signed receipt.
        pub receipt: Envelope,
        /// Whether the keys were refused.
        #[serde(default)]
        pub keys_refused: bool,
    }
}

/// The header that carries the lease.
pub const LEASE_HEADER: &str = "x-sealroom-lease";
