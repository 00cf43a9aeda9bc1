//! Challenges: a participant asks for evidence that is made now, and the enclave answers while it lives.
//!
//! The server carries both and can make up neither: the answer is bound to the challenge by the hardware.

use super::{Problems, enclave::load};
use crate::{
    db::challenges::Asked,
    extract::{Concerned, Holder, Json},
    problem::{Answer, Failure},
    server::App,
};
use axum::{extract::State, http::StatusCode};
use sealroom_lifecycle::wire::{AnswerChallenge, Challenges};
use sealroom_protocol::{
    Challenge, ComputationId, PublicKey,
    api::{ChallengeAnswer, ChallengeRequest},
};
use std::time::Duration;
use tokio::time::Instant;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Largest evidence with what vouches for it, as JSON.
const MAX_EVIDENCE: usize = 4 << 20;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(challenge)).routes(routes!(unanswered, answer))
}

/// Asks the enclave for evidence that is bound to a challenge of the caller's; waits a while for it.
#[utoipa::path(post, path = "/computations/{id}/challenge", tag = "keys",
    security(("token" = [])), params(("id" = ComputationId, Path)), request_body = ChallengeRequest,
    responses((status = 200, body = ChallengeAnswer), Problems))]
async fn challenge(
    about: Concerned,
    State(app): State<App>,
    Json(request): Json<ChallengeRequest>,
) -> Answer<axum::Json<ChallengeAnswer>> {
    let Some(asked) = about.state.identity.as_ref().map(|identity| identity.keys.signing) else {
        let hint = "wait until everybody has joined and the code is there";
        return Err(Failure::wrong_state("no enclave has an identity for it", hint));
    };
    let (id, challenge, db) = (about.id, request.challenge, app.engine.db());
    match db.ask(id, challenge).await? {
        Asked::Waits => app.engine.note_challenge(),
        Asked::Again => {
            let hint = "make up another: a challenge counts once";
            return Err(Failure::invalid("this challenge was asked before", hint));
        }
        Asked::TooMany => {
            let detail = "too many challenges wait for this computation's enclave";
            return Err(Failure::wrong_state(detail, "try again in a minute"));
        }
    }
    let wait = app.config.challenge_answer;
    let answer = app.stop.run_until_cancelled(answer_to(&app, id, (asked, challenge), wait)).await;
    db.forget(id, challenge).await?;
    let text = answer.ok_or_else(Failure::stopping)??.ok_or_else(|| {
        Failure::no_answer(format!("the enclave is gone, or silent for {} s", wait.as_secs()))
    })?;
    serde_json::from_str(&text)
        .map(axum::Json)
        .map_err(|error| Failure::internal("a stored answer is damaged", &error))
}

/// Waits for an answer. Another identity's would not be one.
async fn answer_to(
    app: &App,
    id: ComputationId,
    (asked, challenge): (PublicKey, Challenge),
    wait: Duration,
) -> Answer<Option<String>> {
    let (mut news, deadline) = (app.engine.challenges(), Instant::now() + wait);
    loop {
        news.mark_unchanged();
        let answer = app.engine.db().answered(id, challenge).await?;
        let now = Instant::now();
        let state = load(app, id).await?;
        if state.identity.as_ref().is_none_or(|identity| identity.keys.signing != asked) {
            return Ok(None);
        }
        if answer.is_some() || now >= deadline {
            return Ok(answer);
        }
        let pause = app.engine.patience(deadline - now).min(Duration::from_secs(1));
        drop(tokio::time::timeout(pause, news.changed()).await);
    }
}

/// What participants ask; waits a while for something.
#[utoipa::path(get, path = "/enclave/computations/{id}/challenges", tag = "enclave",
    security(("token" = [])),
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 200, body = Challenges), Problems))]
async fn unanswered(holder: Holder, State(app): State<App>) -> Answer<axum::Json<Challenges>> {
    let (mut news, deadline) = (app.engine.challenges(), Instant::now() + app.config.long_poll);
    loop {
        news.mark_unchanged();
        let challenges = app.engine.db().unanswered(holder.id).await?;
        let now = Instant::now();
        if !challenges.is_empty() || now >= deadline || app.stop.is_cancelled() {
            return Ok(axum::Json(Challenges { challenges }));
        }
        let pause = app.engine.patience(deadline - now);
        tokio::select! {
            _ = tokio::time::timeout(pause, news.changed()) => {}
            () = app.stop.cancelled() => {}
        }
    }
}

/// Answers a challenge.
#[utoipa::path(post, path = "/enclave/computations/{id}/challenges", tag = "enclave",
    security(("token" = [])), request_body = AnswerChallenge,
    params(("id" = ComputationId, Path), ("x-sealroom-lease" = String, Header)),
    responses((status = 204), Problems))]
async fn answer(
    holder: Holder,
    State(app): State<App>,
    Json(said): Json<AnswerChallenge>,
) -> Answer<StatusCode> {
    // Another enclave's answer, after this one was lost, would be for other keys: harmless, but useless.
    load(&app, holder.id).await?;
    let answer = ChallengeAnswer { evidence: said.evidence };
    let text = serde_json::to_string(&answer)
        .map_err(|error| Failure::internal("an answer can't be written", &error))?;
    if text.len() > MAX_EVIDENCE {
        return Err(Failure::too_large("the evidence", MAX_EVIDENCE as u64));
    }
    if app.engine.db().answer(holder.id, said.challenge, &text).await? {
        app.engine.note_challenge();
    }
    Ok(StatusCode::NO_CONTENT)
}
