//! Verifying with what the profile knows, and releasing a key.

use crate::{
    ClientError, Session,
    check::{self, Expectation, Fresh, Verification},
};
use sealroom_channel::Address;
use sealroom_collateral::Collateral;
use sealroom_http::Body;
use sealroom_protocol::{
    Base64, Challenge, ComputationId, Digest, Evidence, EvidenceKind, JailLevel, KeyRelease,
    PublicKey, Role,
    api::{Computation, Identity},
    manifest::CanonicalManifest,
    release::Recipient,
    text::visible,
};
use sealroom_seal::{release::ReleasedKeys, words::SafetyWords};
use std::{error::Error, time::Duration};

/// What an enclave gets to answer directly; some hardware takes half a minute to make evidence.
const DIRECT_PATIENCE: Duration = Duration::from_secs(60);

/// What the caller accepts beyond the profile's own policy.
#[derive(Clone, Debug, Default)]
pub struct Acceptance {
    /// What evidence of hardware is accepted; `None` for the profile's own policy.
    pub policy: Option<sealroom_attest::Policy>,
    /// What vouches for its evidence; `None` for what comes with it, or what the server keeps.
    pub collateral: Option<Collateral>,
    /// Evidence that proves nothing, beside what the policy accepts.
    pub allow_simulated: bool,
    /// A computation that protects nothing.
    pub allow_dev_mode: bool,
    /// The least jail that will do; `None` for a walled one.
    pub require_jail: Option<JailLevel>,
    /// The key that the caller takes part with elsewhere, with the 2022 client.
    pub public_key: Option<PublicKey>,
    /// The code that was agreed on.
    pub code_digest: Option<Digest>,
    /// Whether the published evidence will do, without a fresh answer of the enclave.
    pub without_challenge: bool,
    /// Where the enclave itself is asked, instead of by way of the server.
    pub direct: Option<Address>,
}

impl Session<'_> {
    /// Verifies the identity that stands, and remembers which manifest was looked at.
    ///
    /// # Errors
    /// [`ClientError::NoIdentity`] if there is none; what was found is in the verdict, not an error.
    pub fn verify(
        &self,
        computation: &Computation,
        acceptance: &Acceptance,
    ) -> Result<Verification, ClientError> {
        let identity = computation.enclave.identity.as_ref().ok_or(ClientError::NoIdentity)?;
        let verification = self.verify_identity(computation.uuid, identity, acceptance, None)?;
        let digest = verification.manifest.as_ref().map(CanonicalManifest::digest);
        self.profile.remember(computation.uuid, |memory| memory.verified = digest)?;
        Ok(verification)
    }

    /// Verifies one identity with what the profile knows, not with what the server says.
    pub(crate) fn verify_identity(
        &self,
        id: ComputationId,
        identity: &Identity,
        acceptance: &Acceptance,
        verified: Option<Digest>,
    ) -> Result<Verification, ClientError> {
        let account = self.profile.account()?;
        let (memory, advisories) = (self.profile.memory(id)?, self.profile.advisories()?);
        let mut keys = Vec::new();
        for role in Role::ALL {
            match self.profile.keys(id, role) {
                Ok(found) => keys.push((role, found.signing.public())),
                Err(ClientError::NotJoined { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let is_code_provider = keys.iter().any(|(role, _)| *role == Role::CodeProvider);
        let expectation = Expectation {
            computation: id,
            email: &account.email,
            keys,
            public_key: acceptance.public_key,
            created: memory.created.as_ref(),
            pushed_code: is_code_provider.then_some(memory.code.as_slice()),
            pushed_lock: memory.lock.as_ref().filter(|_| is_code_provider),
            advisories: advisories.as_ref(),
            code_digest: acceptance.code_digest,
            verified,
            bounds: &self.profile.bounds()?,
            allow_dev_mode: acceptance.allow_dev_mode,
            require_jail: acceptance.require_jail.unwrap_or(JailLevel::Walled),
            fresh: self.ask(id, acceptance),
            endorsements: &self.endorsements(id, identity, acceptance)?,
            attestation: self.attestation(acceptance)?,
            seen: self.profile.seen_collateral()?,
            now: now(),
        };
        let verification = check::verify(identity, &expectation);
        if verification.verdict.is_trusted()
            && let Some((family, seen)) = verification.rests_on.clone()
        {
            self.profile.see_collateral(family, seen)?;
        }
        Ok(verification)
    }

    /// What vouches for the evidence, if it does not come with it. The server's word for it does not count: it is signed.
    fn endorsements(
        &self,
        id: ComputationId,
        identity: &Identity,
        acceptance: &Acceptance,
    ) -> Result<Vec<Base64>, ClientError> {
        let Evidence { kind, endorsements, .. } = &identity.evidence;
        if let Some(given) = &acceptance.collateral {
            return match given.serves(*kind) {
                true => Ok(given.endorsements.clone()),
                false => Err(ClientError::OtherCollateral { given: given.kind, evidence: *kind }),
            };
        }
        let software = matches!(kind, EvidenceKind::Simulated | EvidenceKind::Tpm);
        if software || !endorsements.is_empty() {
            return Ok(vec![]);
        }
        let kept = self.collateral(id, None)?.filter(|kept| kept.serves(*kind));
        Ok(kept.map(|kept| kept.endorsements).unwrap_or_default())
    }

    /// Has the enclave make evidence for a challenge that nobody knew before.
    fn ask(&self, id: ComputationId, acceptance: &Acceptance) -> Fresh {
        if let Some(address) = &acceptance.direct {
            let heard = sealroom_channel::ask(address, DIRECT_PATIENCE);
            return Fresh::Direct(address.clone(), heard.map_err(|error| reasons(&error)));
        }
        if acceptance.without_challenge {
            return Fresh::NotAsked;
        }
        let challenge = Challenge::random();
        match self.challenge(id, challenge) {
            Ok(evidence) => Fresh::Answered(challenge, evidence),
            Err(error) => Fresh::Silent(visible(&error.to_string())),
        }
    }

    /// What evidence is accepted: by the policy that the caller names or the profile has, and on request.
    fn attestation(&self, acceptance: &Acceptance) -> Result<sealroom_attest::Policy, ClientError> {
        let mut policy = match &acceptance.policy {
            Some(policy) => policy.clone(),
            None => self.profile.attestation()?.policy,
        };
        policy.accept.extend(acceptance.allow_simulated.then_some(EvidenceKind::Simulated));
        Ok(policy)
    }

    /// Verifies, and releases the keys of `roles` to the identity only if it is trusted.
    ///
    /// # Errors
    /// [`ClientError::NotTrusted`] with the verdict; those of the profile and the server.
    pub fn approve(
        &self,
        computation: &Computation,
        roles: &[Role],
        words: &SafetyWords,
        acceptance: &Acceptance,
    ) -> Result<Verification, ClientError> {
        let id = computation.uuid;
        let identity = computation.enclave.identity.as_ref().ok_or(ClientError::NoIdentity)?;
        // What was shown and what is approved must be the same thing.
        let verified = self.profile.memory(id)?.verified;
        let verification = self.verify_identity(id, identity, acceptance, verified)?;
        let (true, Some(manifest)) = (verification.verdict.is_trusted(), &verification.manifest)
        else {
            return Err(ClientError::NotTrusted(Box::new(verification.verdict)));
        };
        let sealing = identity.keys.sealing_key().map_err(|_| ClientError::NoIdentity)?;
        let to = Recipient {
            computation: id,
            manifest: manifest.digest(),
            identity: &identity.keys.signing,
            sealing: &sealing,
        };
        let pre_shared_key = words.pre_shared_key(id.as_bytes());
        let memory = self.profile.memory(id)?;
        // Before anything is released: what runs with the key is known as approved.
        let (key, digest) = (identity.keys.signing, manifest.digest());
        self.profile.remember(id, |memory| {
            memory.approved.insert(key, digest);
            memory.verified = Some(digest);
        })?;
        self.profile.set_words(id, words)?;
        for role in roles {
            let keys = self.profile.keys(id, *role)?;
            let released =
                ReleasedKeys { pre_shared_key: pre_shared_key.clone(), file_key: keys.file };
            let inventory = match role {
                Role::DataProvider => memory.inventory.clone(),
                _ => vec![],
            };
            let release = KeyRelease::seal(&to, *role, &keys.signing, &released, inventory)
                .map_err(|_| ClientError::NoIdentity)?;
            // To know it again should it ever be taken back.
            let digest = release.digest();
            self.profile.remember(id, |memory| {
                memory.release(*role, key, digest);
            })?;
            self.post(id, "/key/release", Body::json(&release))?;
        }
        Ok(verification)
    }
}

/// An error and what caused it, in one line.
fn reasons(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    visible(&text)
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
