//! What enclaves bring: their identity, and runs with their results.

use super::{Problems, enclave::load};
use crate::{
    db::files::{File, Place},
    engine::Along,
    extract::{Components, Holder, Json, component},
    problem::{Answer, Failure},
    server::App,
    upload::{self, Incoming, Limits, Stored},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use sealroom_lifecycle::{
    Command,
    state::Run,
    wire::{FinishRun, JudgeKey, KeyDestroyed, PublishIdentity, RunNumber},
};
use sealroom_protocol::{
    ComputationId, FileName, ParticipantId, Receipt, Role, receipt::RunStatus,
};
use std::collections::HashSet;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(publish))
        .routes(routes!(judge))
        .routes(routes!(destroyed))
        .routes(routes!(start))
        .routes(routes!(put_result))
        .routes(routes!(put_log))
        .routes(routes!(finish))
}

/// Publishes the identity that participants may release their keys to.
#[utoipa::path(post, path = "/enclave/computations/{id}/identity", tag = "enclave",
    security(("token" = [])), request_body = PublishIdentity,
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn publish(
    holder: Holder,
    State(app): State<App>,
    Json(identity): Json<PublishIdentity, 4>,
) -> Answer<StatusCode> {
    let PublishIdentity { manifest, keys, evidence } = identity;
    let command = Command::PublishIdentity { manifest, keys, evidence };
    let along = Along::held(holder.lease);
    let state = app.engine.execute(holder.id, holder.actor(), command, along).await?;
    app.keeper.want_for_standing(&state);
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether a released key opens. Harmless when repeated.
#[utoipa::path(post, path = "/enclave/computations/{id}/keys/judge", tag = "enclave",
    security(("token" = [])), request_body = JudgeKey,
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn judge(
    holder: Holder,
    State(app): State<App>,
    Json(judgement): Json<JudgeKey>,
) -> Answer<StatusCode> {
    let JudgeKey { participant, release, opens } = judgement;
    let command = Command::JudgeKey { participant, release, opens };
    app.engine.execute(holder.id, holder.actor(), command, Along::held(holder.lease)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that a key which was taken back is gone. Harmless when repeated.
#[utoipa::path(post, path = "/enclave/computations/{id}/keys/destroyed", tag = "enclave",
    security(("token" = [])), request_body = KeyDestroyed,
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn destroyed(
    holder: Holder,
    State(app): State<App>,
    Json(said): Json<KeyDestroyed, 4>,
) -> Answer<StatusCode> {
    let KeyDestroyed { participant, record } = said;
    let command = Command::RecordDestruction { participant, record };
    app.engine.execute(holder.id, holder.actor(), command, Along::held(holder.lease)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a run.
#[utoipa::path(post, path = "/enclave/computations/{id}/runs", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 200, body = RunNumber), Problems))]
async fn start(
    holder: Holder,
    State(app): State<App>,
    _: Request,
) -> Answer<axum::Json<RunNumber>> {
    let along = Along::held(holder.lease);
    let state = app.engine.execute(holder.id, holder.actor(), Command::StartRun, along).await?;
    let run = state.running().ok_or_else(Failure::broken)?.number;
    Ok(axum::Json(RunNumber { run }))
}

/// Stages a sealed result; nobody sees it before the run is finished.
#[utoipa::path(put, path = "/enclave/computations/{id}/runs/{run}/results/{consumer}/{name}",
    tag = "enclave", security(("token" = [])),
    params(("id" = ComputationId, Path), ("run" = u32, Path), ("consumer" = u16, Path),
        ("name" = FileName, Path), ("x-sealroom-lease" = String, Header)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 204), Problems))]
async fn put_result(
    holder: Holder,
    Components((_, run, consumer, name)): Components<(String, String, String, String)>,
    State(app): State<App>,
    request: Request,
) -> Answer<StatusCode> {
    let (run, consumer, name) = (component(&run)?, component(&consumer)?, component(&name)?);
    let state = load(&app, holder.id).await?;
    let id = ParticipantId { role: Role::ResultConsumer, index: consumer };
    if state.participant(id).is_none() {
        return Err(Failure::not_found("there is no such result consumer"));
    }
    stage(holder, &app, run, Place::Result(run, consumer, name), request).await
}

/// Stages the log, sealed for one participant; nobody sees it before the run is finished.
#[utoipa::path(put, path = "/enclave/computations/{id}/runs/{run}/logs/{role}/{index}",
    tag = "enclave", security(("token" = [])),
    params(("id" = ComputationId, Path), ("run" = u32, Path), ("role" = String, Path),
        ("index" = u16, Path), ("x-sealroom-lease" = String, Header)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 204), Problems))]
async fn put_log(
    holder: Holder,
    Components((_, run, role, index)): Components<(String, String, String, String)>,
    State(app): State<App>,
    request: Request,
) -> Answer<StatusCode> {
    let run = component(&run)?;
    let role = Role::ALL.into_iter().find(|known| known.short_name() == role);
    let role = role.ok_or_else(|| Failure::not_found("there is no such role"))?;
    let reader = ParticipantId { role, index: component(&index)? };
    if load(&app, holder.id).await?.participant(reader).is_none() {
        return Err(Failure::not_found("there is no such participant"));
    }
    stage(holder, &app, run, Place::Log(run, reader), request).await
}

async fn stage(
    holder: Holder,
    app: &App,
    run: u32,
    place: Place,
    request: Request,
) -> Answer<StatusCode> {
    let (parts, body) = request.into_parts();
    if load(app, holder.id).await?.running().is_none_or(|open| open.number != run) {
        let detail = format!("run {run} is not under way");
        return Err(Failure::wrong_state(detail, "give the computation up and claim another"));
    }
    let limits = Limits { max_bytes: app.config.max_upload_bytes, idle: app.config.body_idle };
    let incoming = Incoming::new(&parts.headers, body, limits)?;
    let Stored { blob, size, sha256 } = incoming.store(&app.engine).await?;
    let kind = if matches!(place, Place::Log(..)) { "log" } else { "result" };
    let computation = holder.id;
    let file = File { computation, place: place.clone(), sha256, size, blob: blob.clone() };
    let staged = app.engine.stage(holder.lease, file).await;
    upload::settle(&app.engine, computation, &place, sha256, blob).await;
    staged?;
    app.metrics.stored(kind, size);
    Ok(StatusCode::NO_CONTENT)
}

/// Finishes a run: its end and its results are published in one step. Harmless when repeated.
#[utoipa::path(post, path = "/enclave/computations/{id}/runs/{run}/finish", tag = "enclave",
    security(("token" = [])), request_body = FinishRun,
    params(("id" = ComputationId, Path), ("run" = u32, Path),
        ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn finish(
    holder: Holder,
    Components((_, run)): Components<(String, String)>,
    State(app): State<App>,
    Json(end): Json<FinishRun, 4>,
) -> Answer<StatusCode> {
    let run: u32 = component(&run)?;
    let FinishRun { receipt, keys_refused } = end;
    let state = load(&app, holder.id).await?;
    let mut along = Along::held(holder.lease);
    // A receipt that does not verify has nothing to stage; the lifecycle refuses it.
    let said = |known: &Run| receipt.verify::<Receipt>(&known.identity.keys.signing).ok();
    let said = state.runs.iter().find(|known| known.number == run).and_then(said);
    if let Some(said) = said.filter(|said| said.run == run) {
        check_products(&state, &said)?;
        along = along.stage(&said);
    }
    let command = Command::FinishRun { run, receipt, keys_refused };
    app.engine.execute(holder.id, holder.actor(), command, along).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_products(state: &sealroom_lifecycle::State, said: &Receipt) -> Answer<()> {
    let refuse = |message: &str| Err(Failure::invalid(message, "the enclave has a fault"));
    if said.status != RunStatus::Succeeded && !said.results.is_empty() {
        return refuse("a run that did not succeed has no results");
    }
    let mut seen = HashSet::new();
    for result in &said.results {
        let id = ParticipantId { role: Role::ResultConsumer, index: result.consumer };
        if state.participant(id).is_none() {
            return refuse("the receipt has a result for a consumer that is not there");
        }
        if !seen.insert((result.consumer, &result.name)) {
            return refuse("the receipt has a result twice");
        }
    }
    let mut seen = HashSet::new();
    for log in &said.logs {
        if state.participant(log.reader).is_none() || !seen.insert(log.reader) {
            return refuse("the receipt has a log twice, or for somebody who is not there");
        }
    }
    Ok(())
}
