//! Computations: created, listed, joined, closed.

use super::Problems;
use crate::{
    engine::Along,
    extract::{Concerned, Json, User},
    problem::Answer,
    server::App,
    view,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use sealroom_lifecycle::{Command, command::Create};
use sealroom_protocol::{
    ComputationId, Policy,
    api::{Computation, NewComputation, Registration},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show, remove))
        .routes(routes!(register))
        .routes(routes!(archive))
        .routes(routes!(run))
}

/// Creates a computation; the caller owns it.
#[utoipa::path(post, path = "/computations", tag = "computations", security(("token" = [])),
    request_body = NewComputation, responses((status = 201, body = Computation), Problems))]
async fn create(
    User(caller): User,
    State(app): State<App>,
    Json(new): Json<NewComputation>,
) -> Answer<(StatusCode, axum::Json<Computation>)> {
    let policy = match new.policy {
        Some(policy) => policy,
        // The 2022 client does not know that there are any.
        None => Policy { runtime: app.config.offer.runtime_2022.clone(), ..Policy::default() },
    };
    app.config.offer.must_have(&policy.runtime)?;
    let wanted = Create {
        name: new.name,
        code_provider: new.code_provider_email,
        data_providers: new.data_providers_emails,
        result_consumers: new.result_consumers_emails,
        dev_mode: new.dev_mode,
        policy,
    };
    let state = app.engine.create(&caller.email, wanted).await?;
    let view = view::computation(app.engine.db(), &state, &caller.email).await?;
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// Every computation that the caller owns or takes part in, newest first.
#[utoipa::path(get, path = "/computations", tag = "computations", security(("token" = [])),
    responses((status = 200, body = Vec<Computation>), Problems))]
async fn list(User(caller): User, State(app): State<App>) -> Answer<axum::Json<Vec<Computation>>> {
    let db = app.engine.db();
    let mut views = Vec::new();
    for id in db.computations_of(&caller.email).await? {
        if let Some(state) = app.engine.load(id).await? {
            views.push(view::computation(db, &state, &caller.email).await?);
        }
    }
    Ok(axum::Json(views))
}

/// One computation.
#[utoipa::path(get, path = "/computations/{id}", tag = "computations", security(("token" = [])),
    params(("id" = ComputationId, Path)), responses((status = 200, body = Computation), Problems))]
async fn show(about: Concerned, State(app): State<App>) -> Answer<axum::Json<Computation>> {
    let db = app.engine.db();
    Ok(axum::Json(view::computation(db, &about.state, &about.caller.email).await?))
}

/// Registers the caller's key in one role. Harmless when repeated.
#[utoipa::path(post, path = "/computations/{id}/register", tag = "computations",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = Registration,
    responses((status = 204), Problems))]
async fn register(
    about: Concerned,
    State(app): State<App>,
    Json(registration): Json<Registration>,
) -> Answer<StatusCode> {
    let Registration { public_key, side, suite } = registration;
    let command = Command::Register { role: side, public_key, suite };
    app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for another run. For the owner.
#[utoipa::path(post, path = "/computations/{id}/run", tag = "computations",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses((status = 204), Problems))]
async fn run(about: Concerned, State(app): State<App>, _: Request) -> Answer<StatusCode> {
    owner_command(about, &app, Command::RequestRun).await
}

/// Closes the computation. For the owner.
#[utoipa::path(post, path = "/computations/{id}/archive", tag = "computations",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses((status = 204), Problems))]
async fn archive(about: Concerned, State(app): State<App>, _: Request) -> Answer<StatusCode> {
    owner_command(about, &app, Command::Archive).await
}

/// Deletes the files of an archived computation; its log stays. For the owner.
#[utoipa::path(delete, path = "/computations/{id}", tag = "computations",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses((status = 204), Problems))]
async fn remove(about: Concerned, State(app): State<App>) -> Answer<StatusCode> {
    owner_command(about, &app, Command::Remove).await
}

async fn owner_command(about: Concerned, app: &App, command: Command) -> Answer<StatusCode> {
    app.engine.execute(about.id, about.actor(), command, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}
