//! Keys: released to an identity, taken back.

use super::Problems;
use crate::{
    engine::Along,
    extract::{Concerned, Json},
    problem::Answer,
    server::App,
};
use axum::{extract::State, http::StatusCode};
use sealroom_lifecycle::Command;
use sealroom_protocol::{ComputationId, KeyRelease, api::Revocation};
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
    let command = Command::Provision { release };
    app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
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
    let command = Command::Revoke { role: revocation.role };
    app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}
