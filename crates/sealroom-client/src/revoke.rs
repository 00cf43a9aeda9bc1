//! Taking a key back, and what the enclave says of it.

use crate::{ClientError, Session, session::participants};
use sealroom_http::Body;
use sealroom_protocol::{
    ComputationId, Destruction, Digest, Envelope, Role,
    api::{Computation, Revocation},
};
use std::time::{Duration, Instant};

/// How often the enclave's word is asked for.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of taking a key back.
#[derive(Debug)]
pub enum Revoked {
    /// This profile had released no key to the identity that stands.
    NothingReleased,
    /// The enclave has signed that the key is destroyed.
    Destroyed(Box<Destroyed>),
    /// The server has taken note. The enclave has said nothing: it has ended, or was not told.
    Unconfirmed,
}

/// A record of destruction by an identity that this profile approved, about its own release.
#[derive(Debug)]
pub struct Destroyed {
    /// What it says.
    pub said: Destruction,
    /// The signed record, to be kept.
    pub record: Envelope,
}

impl Session<'_> {
    /// Takes the key of `role` back, and waits up to `wait` for the enclave to sign that it is destroyed.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn revoke(
        &self,
        id: ComputationId,
        role: Role,
        wait: Duration,
    ) -> Result<Revoked, ClientError> {
        let before = self.computation(id)?;
        let mut mine = participants(&before).filter(|p| p.id.role == role);
        let stands = mine.any(|p| p.symmetric_key_uploaded_at.is_some());
        let released = self.profile.memory(id)?.released.get(&role).copied();
        self.post(id, "/key/revoke", Body::json(&Revocation { role }))?;
        let Some(release) = released else { return Ok(Revoked::NothingReleased) };
        if !stands {
            // A second time, or after the identity has gone: there may be a record from the first.
            let found = self.destruction_of(&before, release)?;
            let found = found.map(|found| Revoked::Destroyed(Box::new(found)));
            return Ok(found.unwrap_or(Revoked::NothingReleased));
        }
        let deadline = Instant::now() + wait;
        loop {
            let computation = self.computation(id)?;
            if let Some(found) = self.destruction_of(&computation, release)? {
                return Ok(Revoked::Destroyed(Box::new(found)));
            }
            // Without an identity nobody holds the key: whoever did is gone.
            if Instant::now() >= deadline || computation.enclave.identity.is_none() {
                return Ok(Revoked::Unconfirmed);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The record about `release`, if one is signed by an identity that this profile has approved.
    fn destruction_of(
        &self,
        computation: &Computation,
        release: Digest,
    ) -> Result<Option<Destroyed>, ClientError> {
        let approved = self.profile.memory(computation.uuid)?.approved;
        let found = computation.destroyed_keys.iter().rev().find_map(|gone| {
            approved.iter().find_map(|(identity, manifest)| {
                let said: Destruction = gone.record.verify(identity).ok()?;
                let mine = said.computation == computation.uuid
                    && said.manifest == *manifest
                    && said.releases.contains(&release);
                mine.then(|| Destroyed { said, record: gone.record.clone() })
            })
        });
        Ok(found)
    }
}
