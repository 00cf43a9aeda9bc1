//! The calls that only the 2022 client makes; it makes most of the native ones too. They end in the same
//! commands, on the same computations.

use super::{Problems, code, data, keys, runs};
use crate::{
    engine::now,
    extract::{Concerned, Json},
    form,
    git::GitSource,
    problem::{Answer, Failure},
    server::App,
    upload::{self, Limits},
};
use axum::{
    extract::{FromRequest as _, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use sealroom_lifecycle::{
    Command, decide,
    event::DataFile,
    state::{self, Closed, RunEnd},
};
use sealroom_protocol::{
    CodeFile, ComputationId, Digest, FileName, PublicKey, Release, Role, Suite,
    api::{Phase, Provisioning, Repository, StoredFile},
    receipt::{RunStatus, SINGLE},
    release::SodiumRelease,
};
use sealroom_seal::sodium::SealedKey;
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the client puts behind the name of each sealed file.
const SUFFIX: &str = ".enc";
/// With a character set, the client does not guess one over all bytes of the result.
const RESULT_TYPE: &str = "application/octet-stream; charset=latin-1";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(upload_code))
        .routes(routes!(fetch_code))
        .routes(routes!(upload_data))
        .routes(routes!(provision))
        .routes(routes!(results))
}

/// Where the computation stands, in the 2022 client's words.
#[utoipa::path(get, path = "/computations/{id}/status", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses((status = 200, body = Value), Problems))]
async fn status(about: Concerned) -> axum::Json<Value> {
    axum::Json(status_of(&about.state))
}

fn status_of(state: &sealroom_lifecycle::State) -> Value {
    let untouched =
        state.code.is_none() && state.participants.iter().all(|p| p.registered.is_none());
    let enclave = match state.phase() {
        Phase::Archived => return json!("Archived"),
        Phase::Removed => return json!("Removed"),
        Phase::Preparing if untouched => return json!("NotStarted"),
        Phase::Preparing => json!({ "Init": init(state) }),
        Phase::WaitingForEnclave => json!("IdentityProcessing"),
        Phase::Collecting => json!({ "SetupInput": setup_input(state) }),
        Phase::Running => json!("Running"),
        Phase::Succeeded => json!("Success"),
        Phase::Failed => json!({ "Failure": failure(state) }),
    };
    json!({ "Started": enclave })
}

/// Who has registered, and whether the code is there.
fn init(state: &sealroom_lifecycle::State) -> Value {
    let keys = |role| -> Vec<PublicKey> {
        state.of_role(role).filter_map(|p| p.registered).map(|(key, ..)| key).collect()
    };
    json!({
        "cache": {
            "CodeProvider": keys(Role::CodeProvider).first(),
            "DataProvider": keys(Role::DataProvider),
            "ResultConsumer": keys(Role::ResultConsumer),
            "Enclave": [],
        },
        "code": state.code.is_some(),
    })
}

/// Whose key is there, and which data is complete.
fn setup_input(state: &sealroom_lifecycle::State) -> Value {
    let key = |p: &state::Participant| p.release.is_some();
    json!({
        "cp": state.of_role(Role::CodeProvider).all(key),
        "dps": state.of_role(Role::DataProvider).map(|p| (p.done_at.is_some(), key(p))).collect::<Vec<_>>(),
        "rcs": state.of_role(Role::ResultConsumer).map(key).collect::<Vec<_>>(),
    })
}

/// Which run failed, and why.
fn failure(state: &sealroom_lifecycle::State) -> Value {
    let last = state.runs.last();
    let status = last.and_then(|run| run.end.as_ref()).map(|end| &end.status);
    match status {
        Some(RunStatus::Failed { reason, exit_code }) => {
            json!({ "run": last.map(|run| run.number), "reason": reason, "exit_code": exit_code })
        }
        _ => Value::Null,
    }
}

/// Stores the code, from a form. For a code provider of the suite `sodium`.
///
/// Harmless when repeated with the same bytes.
#[utoipa::path(post, path = "/computations/{id}/code", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 200, body = Vec<CodeFile>), Problems))]
async fn upload_code(
    about: Concerned,
    State(app): State<App>,
    request: Request,
) -> Answer<axum::Json<Vec<CodeFile>>> {
    code::receive(&app, &about, request, Suite::Sodium).await
}

/// Fetches the code, in clear, from a public GitHub repository, if the server's operator allows it. For a
/// code provider of the suite `sodium`.
///
/// Harmless when repeated while the repository stands still.
#[utoipa::path(post, path = "/computations/{id}/repository", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = Repository,
    responses((status = 200, body = Vec<CodeFile>), Problems))]
async fn fetch_code(
    about: Concerned,
    State(app): State<App>,
    request: Request,
) -> Answer<axum::Json<Vec<CodeFile>>> {
    let refused = code::would_refuse(&about)?;
    about.must_use(Role::CodeProvider, Suite::Sodium)?;
    app.git.allowed()?;
    let Json(Repository { github }): Json<Repository> = Json::from_request(request, &app).await?;
    let source = GitSource::parse(&github.repository_url, github.ref_name.as_deref())?;
    let tar = app.git.fetch(&source).await?;
    let (tar, size, sha256) = upload::measured(tar).await?;
    match refused {
        // The same again, because the answer got lost?
        Some((known, _)) if known.archive == sha256 => Ok(axum::Json(known.files)),
        Some((_, rejection)) => Err(rejection.into()),
        None => code::keep(&app, &about, tar, size, sha256).await,
    }
}

/// Stores a sealed file, from a form. For a data provider of the suite `sodium`.
///
/// The same bytes under the same name are the same file; other bytes under that name are one more, as
/// this client expects.
#[utoipa::path(post, path = "/computations/{id}/data", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 200, body = StoredFile), Problems))]
async fn upload_data(
    about: Concerned,
    State(app): State<App>,
    request: Request,
) -> Answer<axum::Json<StoredFile>> {
    about.participant(Role::DataProvider)?;
    // Asked with no name that could be taken: whether any file would be taken now.
    let nothing = Digest::from_bytes([0; 32]);
    let file = DataFile { name: stored_name("any", nothing)?, size: 0, sha256: nothing };
    decide(&about.state, &about.actor(), Command::UploadData { file }, now())?;
    about.must_use(Role::DataProvider, Suite::Sodium)?;
    let (parts, body) = request.into_parts();
    let limits = Limits { max_bytes: app.config.max_upload_bytes, idle: app.config.body_idle };
    let (name, incoming) = form::file(&parts.headers, body, limits).await?;
    let name = name.strip_suffix(SUFFIX).unwrap_or(&name);
    // Before anything of it is stored: whether it can be a name at all.
    stored_name(name, nothing)?;
    let stored = incoming.store(&app.engine).await?;
    let name = stored_name(name, stored.sha256)?;
    data::keep(&app, &about, name, stored).await
}

/// A name that other bytes can't have: two uploads under one name are two files.
fn stored_name(name: &str, sha256: Digest) -> Answer<FileName> {
    let check = |text: &str| {
        text.parse::<FileName>().map_err(|error| {
            Failure::invalid(error.to_string(), "choose a short plain file name, without folders")
        })
    };
    check(name)?;
    let digest: String = sha256.to_string().chars().take(16).collect();
    check(&format!("{name}~{digest}"))
}

/// Releases the caller's key to the identity that stands. Harmless when repeated.
#[utoipa::path(post, path = "/computations/{id}/key/provisioning", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = Provisioning,
    responses((status = 204), Problems))]
async fn provision(
    about: Concerned,
    State(app): State<App>,
    Json(Provisioning { role, sealed_symmetric_key }): Json<Provisioning>,
) -> Answer<StatusCode> {
    about.participant(role)?;
    let sealed_key = SealedKey::try_from(sealed_symmetric_key.as_slice()).map_err(|error| {
        let hint = "send what the client's `seal_symkey` gives, as a list of integers";
        Failure::invalid(error.to_string(), hint)
    })?;
    keys::provide(&app, &about, Release::Sodium(SodiumRelease { role, sealed_key })).await
}

/// The caller's sealed result of the newest run; 202 while there is none yet. For a result consumer.
#[utoipa::path(get, path = "/computations/{id}/results", tag = "2022 client",
    security(("token" = [])), params(("id" = ComputationId, Path)),
    responses(
        (status = 200, description = "sealed bytes", content_type = "application/octet-stream"),
        (status = 202, description = "no result is there yet"),
        Problems))]
async fn results(about: Concerned, State(app): State<App>, method: Method) -> Answer<Response> {
    let me = about.participant(Role::ResultConsumer)?.id;
    about.must_use(Role::ResultConsumer, Suite::Sodium)?;
    let Some((run, end)) = newest_end(&about.state)? else {
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let mine = |r: &&sealroom_protocol::receipt::SealedResult| {
        r.consumer == me.index && r.name.as_str() == SINGLE
    };
    let found = end.results.iter().find(mine).ok_or_else(|| {
        let detail = format!("run {run} wrote no result `{SINGLE}` for {me}");
        Failure::not_found(detail).hint("ask the code provider what the code writes, and for whom")
    })?;
    runs::send_result(&app, &about, &method, run, found, RESULT_TYPE).await
}

/// The newest run, if it has succeeded; `None` while there may be one yet.
fn newest_end(state: &sealroom_lifecycle::State) -> Answer<Option<(u32, &RunEnd)>> {
    if state.closed == Closed::Removed {
        return Err(Failure::not_found("the computation's files are gone"));
    }
    let over = matches!(state.phase(), Phase::Failed | Phase::Archived);
    let hint = match state.closed {
        Closed::Open => {
            "the code provider resets the code and uploads it again; then all release keys again"
        }
        _ => "ask its owner for a new computation",
    };
    let last = state.runs.last().and_then(|run| Some((run.number, run.end.as_ref()?)));
    match last {
        Some((run, end)) if end.status == RunStatus::Succeeded => Ok(Some((run, end))),
        Some((run, RunEnd { status: RunStatus::Failed { reason, .. }, .. })) if over => {
            let detail = format!("run {run} failed and has no results: {reason}");
            Err(Failure::wrong_state(detail, hint))
        }
        None if over => {
            Err(Failure::wrong_state("the computation is archived and has no results", hint))
        }
        _ => Ok(None),
    }
}
