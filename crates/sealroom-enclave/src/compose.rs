//! The manifest: made here, from what the server handed over, and enforced here. Pure.

use crate::lock;
use sealroom_lifecycle::State;
use sealroom_protocol::{
    CodeFile, Digest, EvidenceKind, JailPart, Manifest, PublicKey, Suite,
    manifest::{
        CanonicalManifest, ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart,
        VERSION as MANIFEST_VERSION,
    },
};
use sealroom_sandbox::RuntimeReport;
use std::collections::BTreeSet;

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why there can be no manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error("{0} has not joined")]
    NotJoined(String),
    #[error("{0} uses the suite `{1}`, which the policy does not allow")]
    Suite(String, Suite),
    #[error("two participants have registered the same key")]
    SharedKey,
    #[error("the policy can't be enforced")]
    Policy(#[from] sealroom_protocol::policy::PolicyError),
    #[error("the Python environment is not what its lock file says")]
    Lock(#[from] lock::LockError),
}

/// What the runtime is, as this machine found it.
pub(crate) struct Environment<'a> {
    pub(crate) report: &'a RuntimeReport,
    pub(crate) profile: &'a str,
    /// The lock file's text.
    pub(crate) lock: &'a str,
    pub(crate) attester: EvidenceKind,
}

pub(crate) fn manifest(
    state: &State,
    code: Vec<CodeFile>,
    environment: &Environment<'_>,
) -> Result<CanonicalManifest, ComposeError> {
    state.policy.check()?;
    let participant = |p: &sealroom_lifecycle::state::Participant| match p.registered {
        Some((_, suite, _)) if !state.policy.allows(suite) => {
            Err(ComposeError::Suite(p.id.to_string(), suite))
        }
        Some((public_key, suite, _)) => {
            Ok(ParticipantPart { role: p.id.role, email: p.email.clone(), suite, public_key })
        }
        None => Err(ComposeError::NotJoined(p.id.to_string())),
    };
    let keys: BTreeSet<PublicKey> =
        state.participants.iter().filter_map(|p| Some(p.registered?.0)).collect();
    if keys.len() != state.participants.len() {
        return Err(ComposeError::SharedKey);
    }
    let report = environment.report;
    let packages = lock::packages(&report.packages, environment.lock)?;
    Ok(Manifest {
        version: MANIFEST_VERSION.to_owned(),
        computation: ComputationPart {
            uuid: state.computation,
            name: state.name.clone(),
            owner: state.owner.clone(),
            created_at: state.created_at,
            dev_mode: state.dev_mode,
        },
        participants: state.participants.iter().map(participant).collect::<Result<_, _>>()?,
        code,
        environment: EnvironmentPart {
            profile: environment.profile.to_owned(),
            python: report.python_version.clone(),
            lock_sha256: Digest::of(environment.lock.as_bytes()),
            packages,
        },
        policy: state.policy.clone(),
        runtime: RuntimePart {
            enclave: VERSION.to_owned(),
            attester: environment.attester,
            jail: JailPart::of(report.jail.clone()),
        },
    }
    .canonical())
}
