//! Keys: released to an identity, taken back.

use super::Problems;
use crate::{
    engine::Along,
    extract::{Concerned, Json},
    problem::{Answer, Failure},
    server::App,
};
use axum::{extract::State, http::StatusCode};
use sealroom_lifecycle::{Command, Event};
use sealroom_protocol::{ComputationId, KeyRelease, ParticipantId, Release, api::Revocation};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(release)).routes(routes!(revoke))
}

/// Releases the caller's key to the identity that stands. Harmless when repeated.
#[utoipa::path(post, path = "/computations/{id}/key/release", tag = "keys",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = KeyRelease,
    responses((status = 204), Problems))]
async fn release(
    about: Concerned,
    State(app): State<App>,
    Json(release): Json<KeyRelease>,
) -> Answer<StatusCode> {
    provide(&app, &about, Release::Hybrid(release)).await
}

/// Releases a key, and waits a while for the enclave to say whether it opens.
pub(super) async fn provide(app: &App, about: &Concerned, release: Release) -> Answer<StatusCode> {
    let (role, digest) = (release.role(), release.digest());
    let command = Command::Provision { release };
    let state = app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    let me = state.participant_of(&about.caller.email, role).ok_or_else(Failure::broken)?;
    let waits = me.untried().is_some_and(|untried| untried.release.digest() == digest);
    if !waits {
        return Ok(StatusCode::NO_CONTENT);
    }
    let word = refused(app, about.id, me.id, state.head.0);
    let word = tokio::time::timeout(app.config.key_judgement, word);
    match app.stop.run_until_cancelled(word).await {
        Some(Ok(Ok(true))) => {
            let detail = "the key does not open with the enclave identity that stands: it was sealed \
                          to another one, or altered";
            let hint = "fetch the computation again, and seal to the identity that it has now";
            Err(Failure::invalid(detail, hint))
        }
        // Accepted; or no word in time, and the key is kept, and tried before a run.
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Waits for what becomes of the key that `participant` released with record `after`: whether the
/// enclave refuses it.
async fn refused(
    app: &App,
    id: ComputationId,
    participant: ParticipantId,
    mut after: u64,
) -> Answer<bool> {
    loop {
        let wait = app.config.key_judgement;
        for record in app.engine.records_after(id, Some(after), wait).await? {
            after = record.seq;
            match record.event {
                Event::KeyRefused { participant: whose } if whose == participant => {
                    return Ok(true);
                }
                Event::KeyAccepted { participant: whose }
                | Event::KeyProvisioned { participant: whose, .. }
                | Event::KeyRevoked { participant: whose, .. }
                    if whose == participant =>
                {
                    return Ok(false);
                }
                Event::IdentityWithdrawn { .. } | Event::RunStarted { .. } => return Ok(false),
                _ => {}
            }
        }
    }
}

/// Takes the caller's key back: until the run starts, and for every run after that.
#[utoipa::path(post, path = "/computations/{id}/key/revoke", tag = "keys",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = Revocation,
    responses((status = 204), Problems))]
async fn revoke(
    about: Concerned,
    State(app): State<App>,
    Json(revocation): Json<Revocation>,
) -> Answer<StatusCode> {
    let Revocation { role, releases } = revocation;
    let command = Command::Revoke { role, releases };
    app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}
