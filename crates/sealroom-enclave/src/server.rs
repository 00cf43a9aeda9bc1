//! The calls to the server. It is not trusted: whoever uses an answer checks it.

use crate::formats::FromStart;
use sealroom_http::{Body, Client, HttpError, Method, RefreshToken, path_component};
use sealroom_lifecycle::{
    EnclaveId,
    wire::{
        AnswerChallenge, Challenges, Claim, ClaimRequest, Events, FinishRun, JudgeKey,
        KeyDestroyed, LEASE_HEADER, PublishIdentity, RefuseEnvironment, RunNumber,
    },
};
use sealroom_protocol::{Digest, EvidenceKind, FileName, ParticipantId, RuntimeName};
use std::{fs::File, io::Read};

/// The server, before a claim.
pub(crate) struct Server {
    base: String,
    token: RefreshToken,
    client: Client,
}

/// The server, about one computation that this enclave has the lease on.
pub(crate) struct Leased {
    client: Client,
    prefix: String,
}

/// Whether the server says that the lease is gone for good.
pub(crate) fn is_lease_lost(error: &HttpError) -> bool {
    error.problem().is_some_and(|problem| problem.kind.ends_with(":lease-lost"))
}

impl Server {
    pub(crate) fn new(base: &str, token: RefreshToken) -> Result<Self, HttpError> {
        let client = Client::new(base, Some(token.clone()))?;
        Ok(Self { base: base.to_owned(), token, client })
    }

    /// Asks for work; `None` if there was none within the server's wait.
    pub(crate) fn claim(
        &self,
        enclave: EnclaveId,
        attester: EvidenceKind,
        runtimes: &[RuntimeName],
    ) -> Result<Option<Claim>, HttpError> {
        let version = crate::compose::VERSION.to_owned();
        let request = ClaimRequest { enclave, version, attester, runtimes: runtimes.to_vec() };
        let body = Body::json(&request);
        let response = self.client.call(Method::POST, "/enclave/claims", body)?;
        match response.status().as_u16() {
            204 => Ok(None),
            _ => self.client.json(response).map(Some),
        }
    }

    pub(crate) fn leased(&self, claim: &Claim) -> Result<Leased, HttpError> {
        let client = Client::new(&self.base, Some(self.token.clone()))?
            .with_header(LEASE_HEADER, claim.lease.clone());
        Ok(Leased { client, prefix: format!("/enclave/computations/{}", claim.computation) })
    }
}

impl Leased {
    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    fn send(&self, method: Method, rest: &str, body: Body<'_>) -> Result<(), HttpError> {
        self.client.call(method, &self.path(rest), body).map(drop)
    }

    pub(crate) fn heartbeat(&self) -> Result<(), HttpError> {
        self.send(Method::POST, "/heartbeat", Body::Empty)
    }

    pub(crate) fn give_up(&self) -> Result<(), HttpError> {
        self.send(Method::DELETE, "/lease", Body::Empty)
    }

    /// What happened after record `after`; waits a while for something to happen.
    pub(crate) fn events(&self, after: Option<u64>) -> Result<Events, HttpError> {
        let query = after.map(|seq| format!("?after={seq}")).unwrap_or_default();
        self.client.get(&self.path(&format!("/events{query}")))
    }

    pub(crate) fn code(&self) -> Result<impl Read + use<>, HttpError> {
        self.download("/code")
    }

    pub(crate) fn data(
        &self,
        provider: ParticipantId,
        name: &FileName,
    ) -> Result<impl Read + use<>, HttpError> {
        self.download(&format!("/data/{}/{}", provider.index, path_component(name.as_str())))
    }

    /// The file of a package that the code adds.
    pub(crate) fn package(&self, sha256: &Digest) -> Result<impl Read + use<>, HttpError> {
        self.download(&format!("/packages/{sha256}"))
    }

    fn download(&self, rest: &str) -> Result<impl Read + use<>, HttpError> {
        let response = self.client.call(Method::GET, &self.path(rest), Body::Empty)?;
        // As long as it says it is: the caller stops at the length that it expects.
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Says that there can be no environment for the code.
    pub(crate) fn refuse_environment(&self, reason: String) -> Result<(), HttpError> {
        let body = RefuseEnvironment { reason };
        self.send(Method::POST, "/environment/refuse", Body::json(&body))
    }

    pub(crate) fn publish_identity(&self, identity: &PublishIdentity) -> Result<(), HttpError> {
        self.send(Method::POST, "/identity", Body::json(identity))
    }

    /// What participants ask; waits a while for something.
    pub(crate) fn challenges(&self) -> Result<Challenges, HttpError> {
        self.client.get(&self.path("/challenges"))
    }

    pub(crate) fn answer_challenge(&self, answer: &AnswerChallenge) -> Result<(), HttpError> {
        self.send(Method::POST, "/challenges", Body::json(answer))
    }

    pub(crate) fn judge_key(&self, judgement: &JudgeKey) -> Result<(), HttpError> {
        self.send(Method::POST, "/keys/judge", Body::json(judgement))
    }

    pub(crate) fn key_destroyed(&self, said: &KeyDestroyed) -> Result<(), HttpError> {
        self.send(Method::POST, "/keys/destroyed", Body::json(said))
    }

    pub(crate) fn start_run(&self) -> Result<u32, HttpError> {
        let response = self.client.call(Method::POST, &self.path("/runs"), Body::Empty)?;
        self.client.json::<RunNumber>(response).map(|started| started.run)
    }

    /// Stages a sealed result; nobody sees it before [`Self::finish_run`].
    pub(crate) fn put_result(
        &self,
        run: u32,
        consumer: u16,
        name: &FileName,
        sealed: &File,
    ) -> Result<(), HttpError> {
        self.put(
            &format!("/runs/{run}/results/{consumer}/{}", path_component(name.as_str())),
            sealed,
        )
    }

    pub(crate) fn put_log(
        &self,
        run: u32,
        reader: ParticipantId,
        sealed: &File,
    ) -> Result<(), HttpError> {
        let (role, index) = (reader.role.short_name(), reader.index);
        self.put(&format!("/runs/{run}/logs/{role}/{index}"), sealed)
    }

    fn put(&self, rest: &str, file: &File) -> Result<(), HttpError> {
        // A stream can't be sent twice by the client; here it can be opened again.
        let mut tries = 0;
        loop {
            let len = file.metadata().map_err(HttpError::Transfer)?.len();
            let mut reader = FromStart { file, at: 0 };
            match self.send(Method::PUT, rest, Body::Stream { len, reader: &mut reader }) {
                Err(HttpError::Unreachable { .. } | HttpError::Transfer(_)) if tries < 4 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(300 << tries));
                }
                result => return result,
            }
        }
    }

    pub(crate) fn finish_run(&self, run: u32, finish: &FinishRun) -> Result<(), HttpError> {
        let body = Body::json(finish);
        self.send(Method::POST, &format!("/runs/{run}/finish"), body)
    }
}
