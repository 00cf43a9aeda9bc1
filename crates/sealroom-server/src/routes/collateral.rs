//! Collateral: what vouches for the evidence of a computation, as far as it is known here.

use super::Problems;
use crate::{
    collateral::{exists_for, place},
    extract::Concerned,
    problem::{Answer, Failure},
    server::App,
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use sealroom_collateral::Collateral;
use sealroom_lifecycle::state::Identity;
use sealroom_protocol::ComputationId;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(collateral))
}

#[derive(Deserialize)]
struct Which {
    run: Option<u32>,
}

/// What vouches for the evidence of the identity that stands, or of the one that run `run` had.
///
/// An untrusted cache: check it, or fetch it from elsewhere. Not there is 404; it may come a little later.
#[utoipa::path(get, path = "/computations/{id}/collateral", tag = "audit",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("run" = Option<u32>, Query)),
    responses((status = 200, body = Collateral), Problems))]
async fn collateral(
    about: Concerned,
    State(app): State<App>,
    query: Result<Query<Which>, QueryRejection>,
) -> Answer<Response> {
    let Query(Which { run }) = query.map_err(|_| Failure::malformed("`run` is no run's number"))?;
    let (identity, settled) = identity(&about, run)?;
    let kind = identity.evidence.kind;
    if !exists_for(kind) {
        let detail = format!("nothing vouches for evidence of kind `{kind}`");
        return Err(Failure::not_found(detail));
    }
    let Some(text) = app.engine.read_file_at(about.id, &place(&identity.evidence)).await? else {
        app.keeper.want(about.id, identity);
        return Err(Failure::not_found(
            "the server has no collateral for this evidence, or not yet",
        )
        .hint("try again in a minute, or fetch it with `sealroom collateral fetch`"));
    };
    let now = u64::try_from(crate::db::now_ms() / 1000).unwrap_or_default();
    let expires = Collateral::read(&text).ok().and_then(|found| found.expires());
    // What a run was approved with stays as it was.
    if !settled && expires.is_some_and(|until| until <= now) {
        app.keeper.want_newer(about.id, identity);
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The identity that is asked about, and whether a run has gone by what vouched for it.
fn identity(about: &Concerned, run: Option<u32>) -> Answer<(&Identity, bool)> {
    let runs = &about.state.runs;
    match (run, &about.state.identity) {
        (Some(number), _) => {
            let found = runs.iter().find(|run| run.number == number);
            let found = found.ok_or_else(|| {
                Failure::not_found(format!("there is no run {number}"))
                    .hint("list the runs with `sealroom status`")
            })?;
            Ok((&found.identity, true))
        }
        (None, Some(standing)) => {
            let used =
                |run: &sealroom_lifecycle::state::Run| run.identity.evidence == standing.evidence;
            Ok((standing, runs.iter().any(used)))
        }
        (None, None) => match runs.last() {
            Some(last) => Ok((&last.identity, true)),
            None => Err(Failure::not_found("no enclave has published an identity")
                .hint("see what is missing with `sealroom status`")),
        },
    }
}
