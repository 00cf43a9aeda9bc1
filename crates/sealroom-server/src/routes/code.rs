//! The code: brought by its provider, read by every participant.

use super::{Problems, packages};
use crate::{
    db::files::{File, Place},
    engine::{Along, now},
    extract::Concerned,
    form,
    packages::{Added, Asked},
    problem::{Answer, Failure},
    server::App,
    stream, syntax,
    upload::{self, Incoming, Limits},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use sealroom_lifecycle::{Command, Rejection, decide, state::Code};
use sealroom_protocol::{
    CodeFile, ComputationId, Digest, Lock, Role, Suite,
    archive::{self, ArchiveError, Clear},
    code::{ENTRYPOINT, REQUIREMENTS},
};
use sealroom_resolve::Fetched;
use std::io::{Read as _, Seek as _, SeekFrom};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put, get, reset))
}

/// Stores the code: a TAR of regular files, `run.py` at its top. For the code provider.
///
/// Harmless when repeated with the same bytes.
#[utoipa::path(put, path = "/computations/{id}/code", tag = "code", security(("token" = [])),
    params(("id" = ComputationId, Path)),
    request_body(content = String, content_type = "application/x-tar"),
    responses((status = 200, body = Vec<CodeFile>), Problems))]
async fn put(
    about: Concerned,
    State(app): State<App>,
    request: Request,
) -> Answer<axum::Json<Vec<CodeFile>>> {
    receive(&app, &about, request, Suite::Hybrid).await
}

/// Stores a request's body as the code: bare, or in a form, as the suite's client sends it.
pub(super) async fn receive(
    app: &App,
    about: &Concerned,
    request: Request,
    suite: Suite,
) -> Answer<axum::Json<Vec<CodeFile>>> {
    let (parts, body) = request.into_parts();
    let limits = Limits { max_bytes: app.config.max_code_bytes, idle: app.config.body_idle };
    let incoming = async || match suite {
        Suite::Hybrid => Incoming::new(&parts.headers, body, limits),
        Suite::Sodium => Ok(form::file(&parts.headers, body, limits).await?.1),
    };
    if let Some((known, rejection)) = would_refuse(about)? {
        // The same again, because the answer got lost?
        let (_, digest) = incoming().await?.digest().await?;
        let same = digest == known.archive;
        return if same { Ok(axum::Json(known.files)) } else { Err(rejection.into()) };
    }
    about.must_use(Role::CodeProvider, suite)?;
    let (file, size, sha256) = incoming().await?.spool(&app.config.data_dir.join("tmp")).await?;
    keep(app, about, file, size, sha256).await
}

/// Whether other code than what is stored would be refused now. An error if any would be.
pub(super) fn would_refuse(about: &Concerned) -> Answer<Option<(Code, Rejection)>> {
    // Asked with no digest that could be right.
    let archive = Digest::from_bytes([0; 32]);
    let any = Command::UploadCode { files: vec![], archive, lock: None };
    let Err(rejection) = decide(&about.state, &about.actor(), any, now()) else { return Ok(None) };
    let mine = about.participant(Role::CodeProvider).is_ok();
    match about.state.code.as_ref().filter(|_| mine) {
        Some(known) => Ok(Some((known.clone(), rejection))),
        None => Err(rejection.into()),
    }
}

/// Checks a spooled archive and stores it as the code.
pub(super) async fn keep(
    app: &App,
    about: &Concerned,
    file: std::fs::File,
    size: u64,
    sha256: Digest,
) -> Answer<axum::Json<Vec<CodeFile>>> {
    let suite = about.suite(Role::CodeProvider)?.unwrap_or(Suite::Hybrid);
    let (file, files, asked) = check(file, suite.into()).await?;
    let added = app.resolver.added(asked, suite, &about.state.policy, &app.config.offer).await?;
    let lock = lock(app, about, added).await?;
    let stored = upload::store_file(&app.engine, file, size, sha256).await?;
    let (blob, place) = (stored.blob, Place::Code);
    let file =
        File { computation: about.id, place: place.clone(), sha256, size, blob: blob.clone() };
    let along = Along::file(file).packages(lock.as_ref());
    let command = Command::UploadCode { files: files.clone(), archive: sha256, lock };
    let done = app.engine.execute(about.id, about.actor(), command, along).await;
    upload::settle(&app.engine, about.id, &place, sha256, blob).await;
    done?;
    app.metrics.stored("code", size);
    Ok(axum::Json(files))
}

/// The lock of what the code adds, once all of its files are staged.
async fn lock(app: &App, about: &Concerned, added: Added) -> Answer<Option<Lock>> {
    match added {
        Added::Nothing => Ok(None),
        Added::Locked(lock) => Ok(Some(lock)),
        Added::Resolved(Fetched { lock, files }, _folder) => {
            // What it would be refused for is no reason to store anything.
            let nothing = Digest::from_bytes([0; 32]);
            let requirements = CodeFile {
                path: REQUIREMENTS.parse().map_err(|_| Failure::broken())?,
                size: 0,
                sha256: lock.requirements,
                sealed: false,
            };
            let (files_, any) = (vec![requirements], Some(lock.clone()));
            let command = Command::UploadCode { files: files_, archive: nothing, lock: any };
            decide(&about.state, &about.actor(), command, now())?;
            for (package, path) in lock.packages.iter().zip(files) {
                let fault =
                    |error: std::io::Error| Failure::internal("cannot read a package", &error);
                let file = std::fs::File::open(path).map_err(fault)?;
                let stored =
                    upload::store_file(&app.engine, file, package.size, package.sha256).await?;
                packages::stage(app, about.id, package.sha256, stored).await?;
            }
            Ok(Some(lock))
        }
    }
}

/// Reads a spooled archive: its files, if it is one that can be run, and what it asks for.
async fn check(
    mut file: std::fs::File,
    clear: Clear,
) -> Answer<(std::fs::File, Vec<CodeFile>, Asked)> {
    let task = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Io)?;
        let (mut problem, mut asked) = (None, Asked::default());
        let files = archive::read(std::io::BufReader::new(&file), clear, |entry| {
            if entry.path.as_str() == ENTRYPOINT && !entry.sealed {
                problem = syntax::check(entry.content)?;
            } else if let Some(slot) = asked.slot(entry.path.as_str()).filter(|_| !entry.sealed) {
                let mut text = Vec::new();
                entry.content.take(Asked::MOST).read_to_end(&mut text)?;
                *slot = Some(text);
            }
            Ok(())
        })?;
        file.seek(SeekFrom::Start(0)).map_err(ArchiveError::Io)?;
        Ok((file, files, asked, problem))
    });
    let checked = task.await.map_err(|error| Failure::internal("a task failed", &error))?;
    let (file, files, asked, problem) = checked.map_err(refuse)?;
    match problem {
        None => Ok((file, files, asked)),
        Some(syntax::SyntaxProblem { line, message }) => {
            let detail = format!("`{ENTRYPOINT}` line {line}: {message}");
            Err(Failure::invalid(detail, "correct it and push the code again"))
        }
    }
}

fn refuse(error: ArchiveError) -> Failure {
    use std::error::Error as _;
    match &error {
        ArchiveError::Io(_) => Failure::internal("cannot read a spooled archive", &error),
        _ => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let hint = "an archive has regular files alone, `run.py` at its top in clear; \
                        `sealroom code push` makes one, and so does the 2022 client";
            Failure::invalid(format!("{error}{cause}"), hint)
        }
    }
}

/// The archive as it was stored. For participants.
#[utoipa::path(get, path = "/computations/{id}/code", tag = "code", security(("token" = [])),
    params(("id" = ComputationId, Path)),
    responses((status = 200, description = "a TAR", content_type = "application/x-tar"), Problems))]
async fn get(about: Concerned, State(app): State<App>) -> Answer<Response> {
    if Role::ALL.into_iter().all(|role| about.participant(role).is_err()) {
        return Err(Failure::forbidden("only participants see the code"));
    }
    let code = about.state.code.as_ref().ok_or_else(|| Failure::not_found("there is no code"))?;
    stream::file(&app.engine, about.id, &Place::Code, code.archive, "application/x-tar").await
}

/// Takes the code back, and with it the identity: everybody approves again. For the code provider.
#[utoipa::path(delete, path = "/computations/{id}/code", tag = "code", security(("token" = [])),
    params(("id" = ComputationId, Path)), responses((status = 204), Problems))]
async fn reset(about: Concerned, State(app): State<App>) -> Answer<StatusCode> {
    app.engine.execute(about.id, about.actor(), Command::ResetCode, Along::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}
