//! The manifest: made here, from what the server handed over, and enforced here. Pure.

use sealroom_lifecycle::State;
use sealroom_protocol::{
    CodeFile, EvidenceKind, JailPart, Manifest, PublicKey, Suite,
    manifest::{
        CanonicalManifest, ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart,
        VERSION as MANIFEST_VERSION,
    },
};
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
}

/// What this machine has found and made ready.
pub(crate) struct Found {
    pub(crate) environment: EnvironmentPart,
    /// The layers of its jail.
    pub(crate) jail: Vec<String>,
    pub(crate) attester: EvidenceKind,
}

pub(crate) fn manifest(
    state: &State,
    code: Vec<CodeFile>,
    found: Found,
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
        environment: found.environment,
        policy: state.policy.clone(),
        runtime: RuntimePart {
            enclave: VERSION.to_owned(),
            attester: found.attester,
            jail: JailPart::of(found.jail),
        },
    }
    .canonical())
}
