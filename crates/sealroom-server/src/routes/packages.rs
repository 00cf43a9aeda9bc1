//! Runtimes that code can run in, and the files of packages that it adds.

use super::Problems;
use crate::{
    db::files::{File, Place},
    extract::{Components, Concerned, User, component},
    problem::{Answer, Failure},
    server::App,
    upload::{self, Incoming, Limits},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use sealroom_lifecycle::state::Closed;
use sealroom_protocol::{
    ComputationId, Digest, Role, RuntimeName, Suite,
    api::Runtime,
    package::{MAX_PACKAGE, MAX_PACKAGES, MAX_PACKAGES_TOTAL},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(put))
}

/// The runtimes that code can run in.
#[utoipa::path(get, path = "/runtimes", tag = "packages", security(("token" = [])),
    responses((status = 200, body = Vec<Runtime>), Problems))]
async fn list(_: User, State(app): State<App>) -> axum::Json<Vec<Runtime>> {
    axum::Json(app.config.offer.runtimes.clone())
}

/// One runtime.
#[utoipa::path(get, path = "/runtimes/{name}", tag = "packages", security(("token" = [])),
    params(("name" = RuntimeName, Path)),
    responses((status = 200, body = Runtime), Problems))]
async fn show(
    _: User,
    Components((name,)): Components<(String,)>,
    State(app): State<App>,
) -> Answer<axum::Json<Runtime>> {
    let name: RuntimeName = component(&name)?;
    let found = app.config.offer.runtimes.iter().find(|runtime| runtime.name == name);
    found.cloned().map(axum::Json).ok_or_else(|| app.config.offer.lacks(&name))
}

/// Stores the file of a package, ahead of the code that adds it. For a code provider.
///
/// Harmless when repeated. What the code's lock does not name is deleted when the code comes.
#[utoipa::path(put, path = "/computations/{id}/packages/{sha256}", tag = "packages",
    security(("token" = [])), params(("id" = ComputationId, Path), ("sha256" = String, Path)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 204), Problems))]
async fn put(
    about: Concerned,
    Components((_, sha256)): Components<(String, String)>,
    State(app): State<App>,
    request: Request,
) -> Answer<StatusCode> {
    about.must_use(Role::CodeProvider, Suite::Hybrid)?;
    let wanted: Digest = component(&sha256)?;
    if about.state.closed != Closed::Open {
        let hint = "its owner can create a new one with `sealroom new`";
        return Err(Failure::wrong_state("the computation is archived", hint));
    }
    let is_known =
        |lock: &sealroom_protocol::Lock| lock.packages.iter().any(|p| p.sha256 == wanted);
    let code = about.state.code.as_ref();
    if code.is_some_and(|code| !code.lock.as_ref().is_some_and(is_known)) {
        let hint = "take it back first with `sealroom code reset`; everybody approves again then";
        return Err(Failure::wrong_state("the code is there already", hint));
    }
    let (parts, body) = request.into_parts();
    let limits = Limits { max_bytes: MAX_PACKAGE, idle: app.config.body_idle };
    let incoming = Incoming::new(&parts.headers, body, limits)?;
    let stored = incoming.store(&app.engine).await?;
    stage(&app, about.id, wanted, stored).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a stored blob a package's file, if it is the one.
pub(super) async fn stage(
    app: &App,
    computation: ComputationId,
    wanted: Digest,
    stored: upload::Stored,
) -> Answer<()> {
    let upload::Stored { blob, size, sha256 } = stored;
    let place = Place::Package(wanted);
    let staged = async {
        if sha256 != wanted {
            let detail = format!("the body has SHA-256 {sha256}, not {wanted}");
            return Err(Failure::invalid(detail, "send it again"));
        }
        let (count, bytes) = app.engine.db().packages(computation).await?;
        if count >= MAX_PACKAGES as u64 || bytes.saturating_add(size) > MAX_PACKAGES_TOTAL {
            let detail = format!(
                "the packages of a computation are at most {MAX_PACKAGES} files and {MAX_PACKAGES_TOTAL} bytes"
            );
            return Err(Failure::invalid(detail, "ask for fewer, or choose another runtime"));
        }
        let file = File { computation, place: place.clone(), sha256, size, blob: blob.clone() };
        app.engine.stage_package(file).await
    };
    let staged = staged.await;
    upload::settle(&app.engine, computation, &place, sha256, blob).await;
    staged?;
    app.metrics.stored("package", size);
    Ok(())
}
