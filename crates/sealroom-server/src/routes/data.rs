//! Data: sealed files of data providers.

use super::Problems;
use crate::{
    db::files::{File, Place},
    engine::{Along, now},
    extract::{Components, Concerned},
    problem::{Answer, Failure},
    server::App,
    upload::{self, Incoming, Limits},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use sealroom_lifecycle::{Command, decide, event::DataFile};
use sealroom_protocol::{ComputationId, Digest, FileName, Role, Suite, api::StoredFile};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put)).routes(routes!(reset)).routes(routes!(done))
}

/// Stores a sealed file; one of the same name is replaced. For a data provider.
///
/// Harmless when repeated with the same bytes.
#[utoipa::path(put, path = "/computations/{id}/data/{name}", tag = "data",
    security(("token" = [])), params(("id" = ComputationId, Path), ("name" = FileName, Path)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = StoredFile), Problems))]
async fn put(
    about: Concerned,
    Components((_, name)): Components<(String, String)>,
    State(app): State<App>,
    request: Request,
) -> Answer<axum::Json<StoredFile>> {
    let (parts, body) = request.into_parts();
    let plan = plan(&about, &name, upload::content_length(&parts.headers)?)?;
    let limits = Limits { max_bytes: app.config.max_upload_bytes, idle: app.config.body_idle };
    let incoming = Incoming::new(&parts.headers, body, limits)?;
    let name = match plan {
        Plan::Store(name) => name,
        Plan::Compare(known, refusal) => {
            let same = incoming.digest().await? == (known.size, known.sha256);
            return if same { Ok(axum::Json(known)) } else { Err(*refusal) };
        }
    };
    let stored = incoming.store(&app.engine).await?;
    keep(&app, &about, name, stored).await
}

/// Makes a stored blob a file of the caller's.
pub(super) async fn keep(
    app: &App,
    about: &Concerned,
    name: FileName,
    stored: upload::Stored,
) -> Answer<axum::Json<StoredFile>> {
    let upload::Stored { blob, size, sha256 } = stored;
    let provider = about.participant(Role::DataProvider)?.id;
    let place = Place::Data(provider, name.clone());
    let file =
        File { computation: about.id, place: place.clone(), sha256, size, blob: blob.clone() };
    let command = Command::UploadData { file: DataFile { name: name.clone(), size, sha256 } };
    let done = app.engine.execute(about.id, about.actor(), command, Along::file(file)).await;
    upload::settle(&app.engine, about.id, &place, sha256, blob).await;
    done?;
    app.metrics.stored("data", size);
    Ok(axum::Json(StoredFile { name, size, sha256 }))
}

enum Plan {
    Store(FileName),
    /// It would be refused, unless it is what is stored already.
    Compare(StoredFile, Box<Failure>),
}

/// What to do with a body that was not read yet.
fn plan(about: &Concerned, name: &str, length: Option<u64>) -> Answer<Plan> {
    let me = about.participant(Role::DataProvider)?;
    let name: FileName = name
        .parse()
        .map_err(|error| Failure::invalid(format!("{error}"), "choose another file name"))?;
    // Asked with no digest that could be right: whether any file of this name would be taken now.
    let file = DataFile { name: name.clone(), size: 0, sha256: Digest::from_bytes([0; 32]) };
    let any = Command::UploadData { file };
    let Err(rejection) = decide(&about.state, &about.actor(), any, now()) else {
        about.must_use(Role::DataProvider, Suite::Hybrid)?;
        return Ok(Plan::Store(name));
    };
    let refusal = Failure::from(rejection);
    let known = me.files.iter().map(|(file, _)| file);
    match known.into_iter().find(|file| file.name == name && Some(file.size) == length) {
        Some(known) => Ok(Plan::Compare(crate::view::stored(known), Box::new(refusal))),
        None => Err(refusal),
    }
}

/// Takes all of the caller's files back, and its key. For a data provider.
#[utoipa::path(delete, path = "/computations/{id}/data", tag = "data", security(("token" = [])),
    params(("id" = ComputationId, Path)), responses((status = 204), Problems))]
async fn reset(about: Concerned, State(app): State<App>) -> Answer<StatusCode> {
    app.engine.execute(about.id, about.actor(), Command::ResetData, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that the caller has pushed all its files. Harmless when repeated. For a data provider.
#[utoipa::path(post, path = "/computations/{id}/data/done", tag = "data",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses((status = 204), Problems))]
async fn done(about: Concerned, State(app): State<App>, _: Request) -> Answer<StatusCode> {
    app.engine.execute(about.id, about.actor(), Command::DataDone, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}
