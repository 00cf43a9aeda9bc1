//! What the server says of itself.

use super::Problems;
use crate::{
    problem::{Answer, Failure},
    server::App,
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(index))
        .routes(routes!(document))
        .routes(routes!(health))
        .routes(routes!(metrics))
}

const INDEX: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Sealroom</title>
<h1>Sealroom</h1>
<p>This server coordinates confidential computations: it stores what participants have sealed, and
can open none of it.
<p>Work with it through the command line, <code>sealroom</code>, or through
<a href=\"/openapi.json\">its interface</a>.
</html>
";

/// What this server is.
#[utoipa::path(get, path = "/", tag = "system",
    responses((status = 200, description = "a page", content_type = "text/html")))]
async fn index() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    (headers, INDEX).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "system",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
async fn document(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// Whether the server can work.
#[utoipa::path(get, path = "/healthz", tag = "system",
    responses((status = 200, description = "it can", content_type = "application/json"), Problems))]
async fn health(State(app): State<App>) -> Answer<Response> {
    if app.stop.is_cancelled() {
        return Err(Failure::stopping());
    }
    app.engine.db().ping().await?;
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, "{\"status\":\"ok\"}").into_response())
}

/// Numbers for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain"), Problems))]
async fn metrics(State(app): State<App>) -> Answer<Response> {
    let text = app.metrics.render(app.engine.db()).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
