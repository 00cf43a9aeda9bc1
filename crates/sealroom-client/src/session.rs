//! One profile talking to its server.

use crate::{ClientError, Profile, profile::Account};
use sealroom_http::{Body, Client, Method, RefreshToken};
use sealroom_protocol::{
    Challenge, ComputationId, Evidence, PublicKey, Role, RuntimeName, Suite,
    api::{self, Computation, Head, NewComputation, Participant, Registration},
    receipt::RunStatus,
    text::visible,
};
use sealroom_seal::words::SafetyWords;

/// A profile that is logged in.
pub struct Session<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The connection, with the profile's account.
    pub http: Client,
}

/// Logs `profile` in: asks the server who the token belongs to, and remembers both.
///
/// # Errors
/// What the server says, and those of the profile.
pub fn login(profile: &Profile, server: &str, token: RefreshToken) -> Result<Account, ClientError> {
    let http = Client::new(server, Some(token.clone()))?;
    let me: api::Account = http.get("/me")?;
    let account = Account { server: http.base().to_owned(), email: me.email };
    profile.set_account(&account, &token)?;
    Ok(account)
}

impl<'a> Session<'a> {
    /// Opens the connection of a profile.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`], [`ClientError::Passphrase`].
    pub fn open(profile: &'a Profile) -> Result<Self, ClientError> {
        let account = profile.account()?;
        let http = Client::new(&account.server, Some(profile.refresh_token()?))?;
        Ok(Self { profile, http })
    }

    pub(crate) fn path(id: ComputationId, rest: &str) -> String {
        format!("/computations/{id}{rest}")
    }

    /// Creates a computation and makes its safety words, which the server never sees.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn create(&self, new: &NewComputation) -> Result<(Computation, SafetyWords), ClientError> {
        let computation: Computation = self.http.send(Method::POST, "/computations", new)?;
        let words = crate::words::generate();
        self.profile.set_words(computation.uuid, &words)?;
        self.profile.remember(computation.uuid, |memory| memory.created = Some(new.clone()))?;
        Ok((computation, words))
    }

    /// A runtime, as the server describes it. What of it matters is in the manifest, by the enclave's word.
    ///
    /// # Errors
    /// What the server says.
    pub fn runtime(&self, name: &RuntimeName) -> Result<api::Runtime, ClientError> {
        Ok(self.http.get(&format!("/runtimes/{name}"))?)
    }

    /// The runtimes that code can run in.
    ///
    /// # Errors
    /// What the server says.
    pub fn runtimes(&self) -> Result<Vec<api::Runtime>, ClientError> {
        Ok(self.http.get("/runtimes")?)
    }

    /// The computations that concern this account.
    ///
    /// # Errors
    /// What the server says.
    pub fn list(&self) -> Result<Vec<Computation>, ClientError> {
        let mut computations: Vec<Computation> = self.http.get("/computations")?;
        computations.iter_mut().for_each(make_visible);
        Ok(computations)
    }

    /// One computation. Refuses a server that has forgotten what it showed before.
    ///
    /// # Errors
    /// What the server says; [`ClientError::Audit`] if its log has become shorter or other.
    pub fn computation(&self, id: ComputationId) -> Result<Computation, ClientError> {
        // Looked up before asking: another command of this profile may see more meanwhile.
        let seen = self.profile.memory(id)?.head;
        let mut computation: Computation = self.http.get(&Self::path(id, ""))?;
        make_visible(&mut computation);
        if computation.uuid != id {
            let problem = "the server answers with another computation";
            return Err(ClientError::Audit(problem.to_owned()));
        }
        let head = &computation.head;
        if let Some(seen) = seen
            && (head.seq < seen.seq || head.seq == seen.seq && head.hash != seen.hash)
        {
            let (now, before) = (head.seq, seen.seq);
            return Err(ClientError::Audit(format!(
                "event {before} was seen before, now the log ends differently at event {now}"
            )));
        }
        self.see_head(id, head)?;
        Ok(computation)
    }

    /// Remembers the newest event that was seen.
    pub(crate) fn see_head(&self, id: ComputationId, head: &Head) -> Result<(), ClientError> {
        if self.profile.memory(id)?.head.is_some_and(|known| known.seq >= head.seq) {
            return Ok(());
        }
        self.profile.remember(id, |memory| {
            if memory.head.as_ref().is_none_or(|known| known.seq < head.seq) {
                memory.head = Some(head.clone());
            }
        })
    }

    /// Has the enclave make evidence for a challenge of one's own.
    ///
    /// # Errors
    /// What the server says: the enclave may be silent.
    pub fn challenge(
        &self,
        id: ComputationId,
        challenge: Challenge,
    ) -> Result<Evidence, ClientError> {
        let request = api::ChallengeRequest { challenge };
        let path = Self::path(id, "/challenge");
        let response = self.http.call(Method::POST, &path, Body::json(&request))?;
        let answer: api::ChallengeAnswer = self.http.json(response)?;
        Ok(answer.evidence)
    }

    /// Registers a key as `role`; harmless when repeated.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn join(&self, id: ComputationId, role: Role) -> Result<PublicKey, ClientError> {
        let public_key = self.profile.make_keys(id, role)?.signing.public();
        let registration = Registration { public_key, side: role, suite: Suite::Hybrid };
        self.post(id, "/register", Body::json(&registration))?;
        Ok(public_key)
    }

    /// Asks for another run, as the owner.
    ///
    /// # Errors
    /// What the server says.
    pub fn request_run(&self, id: ComputationId) -> Result<(), ClientError> {
        self.post(id, "/run", Body::Empty)
    }

    /// Closes the computation, as the owner.
    ///
    /// # Errors
    /// What the server says.
    pub fn archive(&self, id: ComputationId) -> Result<(), ClientError> {
        self.post(id, "/archive", Body::Empty)
    }

    /// Has the files of an archived computation deleted, as the owner.
    ///
    /// # Errors
    /// What the server says.
    pub fn remove(&self, id: ComputationId) -> Result<(), ClientError> {
        self.delete(id, "")
    }

    pub(crate) fn post(
        &self,
        id: ComputationId,
        rest: &str,
        body: Body<'_>,
    ) -> Result<(), ClientError> {
        self.http.call(Method::POST, &Self::path(id, rest), body)?;
        Ok(())
    }

    pub(crate) fn delete(&self, id: ComputationId, rest: &str) -> Result<(), ClientError> {
        self.http.call(Method::DELETE, &Self::path(id, rest), Body::Empty)?;
        Ok(())
    }
}

/// Texts that the server chose will be shown to somebody.
fn make_visible(computation: &mut Computation) {
    let failures = computation.runs.iter_mut().filter_map(|run| match &mut run.status {
        Some(RunStatus::Failed { reason, .. }) => Some(reason),
        _ => None,
    });
    let texts = computation.waiting_for.iter_mut().chain(&mut computation.my_roles);
    for text in texts.chain(failures).chain([&mut computation.name]) {
        *text = visible(text);
    }
}

/// The roles that the caller has in `computation`, by the server's word.
#[must_use]
pub fn my_roles(computation: &Computation) -> Vec<Role> {
    let mine = |role: &Role| computation.my_roles.iter().any(|name| name == role.wire_name());
    Role::ALL.into_iter().filter(mine).collect()
}

/// Every participant, in order.
pub fn participants(computation: &Computation) -> impl Iterator<Item = &Participant> {
    std::iter::once(&computation.code_provider)
        .chain(&computation.data_providers)
        .chain(&computation.result_consumers)
}
