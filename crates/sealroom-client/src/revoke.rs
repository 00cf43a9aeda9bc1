//! Taking a key back, and what the enclave says of it.

use crate::{ClientError, Session, profile::ReleasedTo, session::participants};
use sealroom_http::Body;
use sealroom_protocol::{
    ComputationId, Destruction, Envelope, Role,
    api::{Computation, Revocation},
};
use std::time::{Duration, Instant};

/// How often the enclave's word is asked for.
const PAUSE: Duration = Duration::from_millis(200);
/// Releases that a revocation names, at most; nobody approves so often.
const MOST_NAMED: usize = 64;

/// What came of taking a key back.
#[derive(Debug)]
pub enum Revoked {
    /// This profile has never released a key, and the server knows of none.
    NothingReleased,
    /// The enclave has signed that the key is destroyed.
    Destroyed(Box<Destroyed>),
    /// The server has taken note. The enclave has said nothing: it has ended, or was not told.
    Unconfirmed,
}

/// A record of destruction by an identity that this profile approved, about all of its releases to it.
#[derive(Debug)]
pub struct Destroyed {
    /// What it says.
    pub said: Destruction,
    /// The signed record, to be kept.
    pub record: Envelope,
}

/// A key that was asked back.
#[derive(Debug)]
pub struct Asked {
    role: Role,
    released: Option<ReleasedTo>,
    /// By the server's word.
    stood: bool,
}

impl Session<'_> {
    /// Asks for the key of `role` back.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn revoke(&self, computation: &Computation, role: Role) -> Result<Asked, ClientError> {
        let id = computation.uuid;
        let mut mine = participants(computation).filter(|p| p.id.role == role);
        let stood = mine.any(|p| p.symmetric_key_uploaded_at.is_some());
        let released = self.profile.memory(id)?.released.get(&role).cloned();
        let named = released.iter().flat_map(|released| released.releases.iter().copied());
        let releases = named.take(MOST_NAMED).collect();
        self.post(id, "/key/revoke", Body::json(&Revocation { role, releases }))?;
        Ok(Asked { role, released, stood })
    }

    /// Waits up to `wait` for the enclave to sign that what was asked back is destroyed.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn await_destruction(
        &self,
        id: ComputationId,
        Asked { role: _, released, stood }: &Asked,
        wait: Duration,
    ) -> Result<Revoked, ClientError> {
        let Some(released) = released else {
            return Ok(if *stood { Revoked::Unconfirmed } else { Revoked::NothingReleased });
        };
        let deadline = Instant::now() + wait;
        loop {
            let computation = self.computation(id)?;
            if let Some(found) = self.destruction_of(&computation, released)? {
                return Ok(Revoked::Destroyed(Box::new(found)));
            }
            // Whoever held the key is gone then, if the server tells the truth: nothing more is to be had.
            let stands = computation.enclave.identity.as_ref();
            let stands = stands.is_some_and(|stands| stands.keys.signing == released.identity);
            if Instant::now() >= deadline || !stands {
                return Ok(Revoked::Unconfirmed);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The record about all of `released`, if it is signed by the identity that they were made for.
    fn destruction_of(
        &self,
        computation: &Computation,
        released: &ReleasedTo,
    ) -> Result<Option<Destroyed>, ClientError> {
        let approved = self.profile.memory(computation.uuid)?.approved;
        let Some(manifest) = approved.get(&released.identity) else { return Ok(None) };
        let found = computation.destroyed_keys.iter().rev().find_map(|gone| {
            let said: Destruction = gone.record.verify(&released.identity).ok()?;
            let all = released.releases.iter().all(|release| said.releases.contains(release));
            let mine = said.computation == computation.uuid && said.manifest == *manifest;
            (mine && all).then(|| Destroyed { said, record: gone.record.clone() })
        });
        Ok(found)
    }
}

impl Asked {
    /// As what.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
