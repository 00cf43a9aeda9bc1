//! Runs: what came of them, for whom.

use super::Problems;
use crate::{
    db::files::Place,
    engine::Along,
    extract::{Components, Concerned, component},
    problem::{Answer, Failure},
    server::App,
    stream, view,
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::Method,
    response::Response,
};
use sealroom_lifecycle::{
    Command,
    state::{Run, RunEnd},
};
use sealroom_protocol::{
    ComputationId, FileName, LogPolicy, ParticipantId, Role,
    api::RunDetail,
    receipt::{RunStatus, SealedResult},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(result)).routes(routes!(log))
}

fn find<'a>(about: &'a Concerned, number: &str) -> Answer<&'a Run> {
    let number: u32 = component(number)?;
    let run = about.state.runs.iter().find(|run| run.number == number);
    run.ok_or_else(|| {
        Failure::not_found(format!("there is no run {number}"))
            .hint("list the runs with `sealroom status`")
    })
}

fn ended(run: &Run) -> Answer<&RunEnd> {
    run.end.as_ref().ok_or_else(|| {
        let detail = format!("run {} is under way", run.number);
        Failure::wrong_state(detail, "wait for its end with `sealroom status --watch`")
    })
}

/// A run with all that is needed to check it.
#[utoipa::path(get, path = "/computations/{id}/runs/{run}", tag = "runs",
    security(("token" = [])), params(("id" = ComputationId, Path), ("run" = u32, Path)),
    responses((status = 200, body = RunDetail), Problems))]
async fn show(
    about: Concerned,
    Components((_, number)): Components<(String, String)>,
    State(app): State<App>,
) -> Answer<axum::Json<RunDetail>> {
    let run = find(&about, &number)?;
    Ok(axum::Json(view::run_detail(app.engine.db(), &about.state, run).await?))
}

/// The caller's own sealed result. For a result consumer.
#[utoipa::path(get, path = "/computations/{id}/runs/{run}/results/{name}", tag = "runs",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("run" = u32, Path), ("name" = FileName, Path)),
    responses((status = 200, description = "sealed bytes",
        content_type = "application/octet-stream"), Problems))]
async fn result(
    about: Concerned,
    Components((_, number, name)): Components<(String, String, String)>,
    State(app): State<App>,
    method: Method,
) -> Answer<Response> {
    let me = about.participant(Role::ResultConsumer)?;
    let run = find(&about, &number)?;
    let end = ended(run)?;
    if end.status != RunStatus::Succeeded {
        let detail = format!("run {number} did not succeed and has no results");
        return Err(Failure::wrong_state(detail, "see why with `sealroom status`"));
    }
    let mine =
        |result: &&SealedResult| result.consumer == me.id.index && result.name.as_str() == name;
    let found = end.results.iter().find(mine).ok_or_else(|| {
        Failure::not_found(format!("run {number} has no result of this name for {}", me.id))
            .hint("list yours with `sealroom status`")
    })?;
    send_result(&app, &about, &method, run.number, found, "application/octet-stream").await
}

/// Streams a result of the caller's, and notes that it was fetched.
pub(super) async fn send_result(
    app: &App,
    about: &Concerned,
    method: &Method,
    run: u32,
    result: &SealedResult,
    media_type: &'static str,
) -> Answer<Response> {
    let place = Place::Result(run, result.consumer, result.name.clone());
    let sent = stream::file(&app.engine, about.id, &place, result.sha256, media_type).await?;
    if method == Method::GET {
        let command = Command::FetchResult { run };
        let noted = app.engine.execute(about.id, about.actor(), command, Along::default()).await;
        // The result is there, whether or not it can be noted that somebody fetched it.
        if noted.is_err() {
            tracing::warn!(computation = %about.id, run, "a fetched result is not noted");
        }
    }
    Ok(sent)
}

#[derive(Deserialize)]
struct AsRole {
    role: Option<Role>,
}

/// The log of a run as it is sealed for the caller, if the policy grants one.
#[utoipa::path(get, path = "/computations/{id}/runs/{run}/log", tag = "runs",
    security(("token" = [])), params(("id" = ComputationId, Path), ("run" = u32, Path),
        ("role" = Option<Role>, Query)),
    responses((status = 200, description = "sealed bytes",
        content_type = "application/octet-stream"), Problems))]
async fn log(
    about: Concerned,
    Components((_, number)): Components<(String, String)>,
    query: Result<Query<AsRole>, QueryRejection>,
    State(app): State<App>,
) -> Answer<Response> {
    let Ok(Query(AsRole { role })) = query else {
        let hint = "say `CodeProvider`, `DataProvider` or `ResultConsumer`, or nothing";
        return Err(Failure::invalid("there is no such role", hint));
    };
    // Whoever can't have one in any state learns nothing of the state.
    let state = &about.state;
    let to_all = state.dev_mode || state.policy.logs == LogPolicy::Participants;
    let may_read = |known: &&Role| to_all || **known == Role::CodeProvider;
    let asked = Role::ALL.iter().filter(|known| role.is_none_or(|role| role == **known));
    let mut asked = asked.filter(may_read);
    if !asked.any(|role| state.participant_of(&about.caller.email, *role).is_some()) {
        return Err(Failure::forbidden("the policy grants you no log"));
    }
    let run = find(&about, &number)?;
    let mine = |reader: ParticipantId| {
        let me = about.state.participant_of(&about.caller.email, reader.role);
        me.is_some_and(|me| me.id == reader) && role.is_none_or(|role| role == reader.role)
    };
    let log = ended(run)?.logs.iter().find(|log| mine(log.reader)).ok_or_else(|| {
        Failure::not_found(format!("run {number} has no log for you"))
            .hint("a log is kept for those to whom the policy grants it: see `sealroom verify`")
    })?;
    let place = Place::Log(run.number, log.reader);
    stream::file(&app.engine, about.id, &place, log.sha256, "application/octet-stream").await
}
