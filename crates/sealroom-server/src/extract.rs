//! What handlers take in: who calls, which computation, which lease, which JSON.
//!
//! Extractors run in the order of a handler's arguments. Who calls comes first, then what it may
//! see, then what the path and the body say: a stranger learns nothing from a malformed request.

use crate::{
    AccountKind,
    auth::Caller,
    db::leases::Lease,
    problem::{Answer, Failure},
    server::App,
};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, RawPathParams, Request},
    http::{header, request::Parts},
};
use futures::StreamExt as _;
use sealroom_lifecycle::{Actor, State, state::Participant, wire::LEASE_HEADER};
use sealroom_protocol::{ComputationId, Digest, Role, Suite};
use serde::de::DeserializeOwned;
use std::{str::FromStr, sync::Arc, time::Duration};

/// A JSON body is small: all of it has to come within this time.
const JSON_TIME: Duration = Duration::from_secs(60);

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let missing = || Failure::unauthenticated("this call needs an access token");
        let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = header.to_str().map_err(|_| missing())?;
        let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        app.tokens.check(token.trim())
    }
}

/// A person with an account. Enclaves are none.
pub(crate) struct User(pub(crate) Caller);

impl FromRequestParts<App> for User {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        match caller.kind {
            AccountKind::User | AccountKind::Admin => Ok(Self(caller)),
            AccountKind::Enclave => Err(Failure::forbidden("an enclave takes part in nothing")),
        }
    }
}

/// A caller together with a computation that concerns it.
pub(crate) struct Concerned {
    pub(crate) caller: Caller,
    pub(crate) id: ComputationId,
    pub(crate) state: Arc<State>,
}

impl FromRequestParts<App> for Concerned {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let User(caller) = User::from_request_parts(parts, app).await?;
        let id = computation_id(parts, app).await?;
        let state = app.engine.load(id).await?.ok_or_else(Failure::no_computation)?;
        if !state.concerns(&caller.email) {
            return Err(Failure::no_computation());
        }
        Ok(Self { caller, id, state })
    }
}

impl Concerned {
    pub(crate) fn actor(&self) -> Actor {
        Actor::Account(self.caller.email.clone())
    }

    /// The participant that the caller is in `role`.
    pub(crate) fn participant(&self, role: Role) -> Answer<&Participant> {
        let email = &self.caller.email;
        let found = self.state.participant_of(email, role);
        found.ok_or_else(|| Failure::forbidden(format!("{email} is no {role} of this computation")))
    }

    /// The suite that the caller has registered with in `role`, if it has.
    pub(crate) fn suite(&self, role: Role) -> Answer<Option<Suite>> {
        Ok(self.participant(role)?.registered.map(|(_, suite, _)| suite))
    }

    /// Refuses what another suite's client would have sent: its files would not open.
    pub(crate) fn must_use(&self, role: Role, suite: Suite) -> Answer<()> {
        match self.suite(role)? {
            Some(mine) if mine != suite => {
                let detail = format!(
                    "you have registered as {role} with the suite `{mine}`, and this is a call of `{suite}`"
                );
                let hint = match mine {
                    Suite::Hybrid => "use `sealroom`, which you have joined with",
                    Suite::Sodium => "use the 2022 client, which you have registered with",
                };
                Err(Failure::wrong_state(detail, hint))
            }
            _ => Ok(()),
        }
    }
}

/// An account of an enclave.
pub(crate) struct EnclaveCaller;

impl FromRequestParts<App> for EnclaveCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.kind == AccountKind::Enclave {
            return Ok(Self);
        }
        Err(Failure::forbidden("only an enclave may do this"))
    }
}

/// An enclave that holds the lease on the computation that it calls about.
pub(crate) struct Holder {
    pub(crate) id: ComputationId,
    pub(crate) lease: Lease,
}

impl FromRequestParts<App> for Holder {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        EnclaveCaller::from_request_parts(parts, app).await?;
        let id = computation_id(parts, app).await?;
        let token = parts.headers.get(LEASE_HEADER).ok_or_else(Failure::lease_lost)?;
        let lease = app.engine.db().lease(id, Digest::of(token.as_bytes())).await?;
        Ok(Self { id, lease: lease.ok_or_else(Failure::lease_lost)? })
    }
}

impl Holder {
    pub(crate) fn actor(&self) -> Actor {
        Actor::Enclave(self.lease.enclave)
    }
}

async fn computation_id(parts: &mut Parts, app: &App) -> Answer<ComputationId> {
    let params = RawPathParams::from_request_parts(parts, app).await;
    let params = params.map_err(|_| Failure::no_computation())?;
    let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(Failure::no_computation)
}

/// One component of the path. What can't be one names nothing.
pub(crate) fn component<T: FromStr>(text: &str) -> Answer<T> {
    text.parse().map_err(|_| Failure::not_found("the path names nothing that can be here"))
}

/// Path parameters as text, the computation's identifier among them.
pub(crate) struct Components<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Components<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value))
            .map_err(|_| Failure::not_found("the path names nothing that can be here"))
    }
}

/// A JSON body, of up to `TIMES` the usual size: an enclave's manifest or receipt lists thousands of
/// files.
pub(crate) struct Json<T, const TIMES: usize = 1>(pub(crate) T);

impl<T: DeserializeOwned, const TIMES: usize> FromRequest<App> for Json<T, TIMES> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let (parts, body) = request.into_parts();
        let typed = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !typed.is_some_and(is_json) {
            return Err(Failure::media_type());
        }
        let limit = app.config.max_json_bytes.saturating_mul(TIMES);
        if crate::upload::content_length(&parts.headers)?.is_some_and(|n| n > limit as u64) {
            return Err(Failure::too_large("the body", limit as u64));
        }
        let bytes = tokio::time::timeout(JSON_TIME, collect(body, limit))
            .await
            .map_err(|_| Failure::stalled())??;
        // A list would pass for an object whose fields come in order.
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'[') && is_json_text(&bytes) {
            return Err(misfit("expected an object, found a list"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            if is_json_text(&bytes) {
                misfit(error)
            } else {
                Failure::malformed(format!("the body is no JSON: {error}"))
            }
        })
    }
}

fn misfit(problem: impl std::fmt::Display) -> Failure {
    let hint = "see /openapi.json for what this call takes";
    Failure::invalid(format!("the body does not fit: {problem}"), hint)
}

fn is_json_text(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn collect(body: Body, limit: usize) -> Answer<Vec<u8>> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Failure::cut_short("the connection broke"))?;
        if bytes.len() + piece.len() > limit {
            return Err(Failure::too_large("the body", limit as u64));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
