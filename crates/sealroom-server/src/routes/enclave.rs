//! What enclaves ask for: work, signs of life, and what their computation is made of.

use super::Problems;
use crate::{
    db::{
        files::Place,
        leases::{self, Lease},
    },
    engine::Along,
    extract::{Components, EnclaveCaller, Holder, Json, component},
    problem::{Answer, Failure},
    server::App,
    stream, sweeper,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sealroom_lifecycle::{
    Command,
    wire::{Claim, ClaimRequest, Events, RefuseEnvironment},
};
use sealroom_protocol::{ComputationId, Digest, FileName, ParticipantId, Role};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(claim))
        .routes(routes!(heartbeat))
        .routes(routes!(give_up))
        .routes(routes!(events))
        .routes(routes!(code))
        .routes(routes!(data))
        .routes(routes!(package))
        .routes(routes!(refuse_environment))
}

/// Asks for a computation to work on; waits a while for one.
#[utoipa::path(post, path = "/enclave/claims", tag = "enclave", security(("token" = [])),
    request_body = ClaimRequest,
    responses((status = 200, body = Claim), (status = 204, description = "no work"), Problems))]
async fn claim(
    _: EnclaveCaller,
    State(app): State<App>,
    Json(request): Json<ClaimRequest>,
) -> Answer<Response> {
    let mut work = app.engine.work();
    let deadline = tokio::time::Instant::now() + app.config.long_poll;
    loop {
        work.mark_unchanged();
        if let Some(claim) = try_claim(&app, &request).await? {
            return Ok(axum::Json(claim).into_response());
        }
        let now = tokio::time::Instant::now();
        if now >= deadline || app.stop.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let pause = app.engine.patience(deadline - now);
        tokio::select! {
            _ = tokio::time::timeout(pause, work.changed()) => {}
            () = app.stop.cancelled() => {}
        }
    }
}

async fn try_claim(app: &App, request: &ClaimRequest) -> Answer<Option<Claim>> {
    let db = app.engine.db();
    for computation in db.claimable().await? {
        let wanted = app.engine.load(computation).await?.map(|state| state.policy.runtime.clone());
        if wanted.is_none_or(|wanted| !request.runtimes.contains(&wanted)) {
            continue;
        }
        let secret = hex::encode(sealroom_seal::random::<32>());
        let token = Digest::of(secret.as_bytes());
        let lease = Lease { computation, enclave: request.enclave, token };
        let lasts = app.engine.lease_lasts();
        if db.take_lease(&lease, lasts).await? {
            let (enclave, attester) = (request.enclave, request.attester);
            tracing::info!(%computation, %enclave, %attester, "an enclave has claimed a computation");
            app.claimed.notify_one();
            let lease_seconds = lasts.as_secs();
            return Ok(Some(Claim { computation, lease: secret, lease_seconds }));
        }
    }
    Ok(None)
}

/// A sign of life: the lease lasts again from now.
#[utoipa::path(post, path = "/enclave/computations/{id}/heartbeat", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn heartbeat(holder: Holder, State(app): State<App>) -> Answer<StatusCode> {
    let mut write = app.engine.db().write().await?;
    if !leases::renew(&mut write, &holder.lease, app.engine.lease_lasts()).await? {
        return Err(Failure::lease_lost());
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the computation up.
#[utoipa::path(delete, path = "/enclave/computations/{id}/lease", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn give_up(holder: Holder, State(app): State<App>) -> Answer<StatusCode> {
    sweeper::end(&app.engine, holder.lease, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

/// What happened after record `after`, from the start without it; waits a while for something.
#[utoipa::path(get, path = "/enclave/computations/{id}/events", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header),
        ("after" = Option<u64>, Query)),
    responses((status = 200, body = Events), Problems))]
async fn events(
    holder: Holder,
    State(app): State<App>,
    query: Result<Query<After>, axum::extract::rejection::QueryRejection>,
) -> Answer<axum::Json<Events>> {
    let Query(After { after }) =
        query.map_err(|_| Failure::malformed("`after` is no sequence number"))?;
    let wait = app.engine.records_after(holder.id, after, app.config.long_poll);
    let records = app.stop.run_until_cancelled(wait).await.unwrap_or(Ok(vec![]))?;
    let head = load(&app, holder.id).await?.head.0;
    Ok(axum::Json(Events { records, head }))
}

pub(super) async fn load(app: &App, id: ComputationId) -> Answer<Arc<sealroom_lifecycle::State>> {
    app.engine.load(id).await?.ok_or_else(Failure::no_computation)
}

/// The code's archive.
#[utoipa::path(get, path = "/enclave/computations/{id}/code", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 200, description = "a TAR", content_type = "application/x-tar"), Problems))]
async fn code(holder: Holder, State(app): State<App>) -> Answer<Response> {
    let state = load(&app, holder.id).await?;
    let code = state.code.as_ref().ok_or_else(|| Failure::not_found("there is no code"))?;
    stream::file(&app.engine, holder.id, &Place::Code, code.archive, "application/x-tar").await
}

/// A data provider's sealed file.
#[utoipa::path(get, path = "/enclave/computations/{id}/data/{provider}/{name}", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("provider" = u16, Path), ("name" = FileName, Path),
        ("x-sealroom-lease" = String, Header)),
    responses((status = 200, description = "sealed bytes",
        content_type = "application/octet-stream"), Problems))]
async fn data(
    holder: Holder,
    Components((_, provider, name)): Components<(String, String, String)>,
    State(app): State<App>,
) -> Answer<Response> {
    let state = load(&app, holder.id).await?;
    let provider = ParticipantId { role: Role::DataProvider, index: component(&provider)? };
    let files = state.participant(provider).map(|p| p.files.as_slice()).unwrap_or_default();
    let found = files.iter().map(|(file, _)| file).find(|file| file.name.as_str() == name);
    let file = found.ok_or_else(|| Failure::not_found("there is no such file"))?;
    let place = Place::Data(provider, file.name.clone());
    stream::file(&app.engine, holder.id, &place, file.sha256, "application/octet-stream").await
}

/// The file of a package that the code adds.
#[utoipa::path(get, path = "/enclave/computations/{id}/packages/{sha256}", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("sha256" = String, Path),
        ("x-sealroom-lease" = String, Header)),
    responses((status = 200, description = "a package's file",
        content_type = "application/octet-stream"), Problems))]
async fn package(
    holder: Holder,
    Components((_, sha256)): Components<(String, String)>,
    State(app): State<App>,
) -> Answer<Response> {
    let sha256: Digest = component(&sha256)?;
    let state = load(&app, holder.id).await?;
    let lock = state.code.as_ref().and_then(|code| code.lock.as_ref());
    if !lock.is_some_and(|lock| lock.packages.iter().any(|p| p.sha256 == sha256)) {
        return Err(Failure::not_found("the code adds no such package"));
    }
    let place = Place::Package(sha256);
    stream::file(&app.engine, holder.id, &place, sha256, "application/octet-stream").await
}

/// Says that there can be no environment for the code: its provider has to push other code.
#[utoipa::path(post, path = "/enclave/computations/{id}/environment/refuse", tag = "enclave",
    security(("token" = [])), request_body = RefuseEnvironment,
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn refuse_environment(
    holder: Holder,
    State(app): State<App>,
    Json(refusal): Json<RefuseEnvironment>,
) -> Answer<StatusCode> {
    let command = Command::RefuseEnvironment { reason: refusal.reason };
    let along = Along::held(holder.lease);
    app.engine.execute(holder.id, holder.actor(), command, along).await?;
    Ok(StatusCode::NO_CONTENT)
}
