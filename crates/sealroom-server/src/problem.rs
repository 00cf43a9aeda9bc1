//! What a caller is told when something went wrong: problem details (RFC 9457) with a hint.
//!
//! Faults of our own are logged with all their causes and told to the caller without any.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sealroom_lifecycle::{Rejection, RejectionKind};
use sealroom_protocol::{Problem, problem::MEDIA_TYPE};
use std::error::Error;

/// A refusal or failure on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    hint: Option<String>,
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, slug, title, detail: detail.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong, in words.
    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "not logged in", detail)
            .hint("log in again with `sealroom login`")
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "not allowed", detail)
            .hint("ask the owner which role your account has")
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "not found", detail)
    }

    /// For strangers too: whether a computation exists is not theirs to know.
    pub(crate) fn no_computation() -> Self {
        Self::not_found("there is no such computation, or it does not concern this account")
            .hint("list yours with `sealroom list`")
    }

    pub(crate) fn wrong_state(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "wrong-state", "not now", detail).hint(hint)
    }

    pub(crate) fn lease_lost() -> Self {
        let detail = "this enclave does not hold the lease on the computation, or no longer";
        Self::new(StatusCode::CONFLICT, "lease-lost", "lease lost", detail)
            .hint("give the computation up and claim another")
    }

    pub(crate) fn contended() -> Self {
        let detail = "too many changes to this computation at once";
        Self::new(StatusCode::CONFLICT, "contended", "try again", detail).hint("try again")
    }

    pub(crate) fn invalid(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "not acceptable", detail).hint(hint)
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "malformed request", detail)
            .hint("see /openapi.json for what this call takes")
    }

    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        let detail = format!("{what} has more than {limit} bytes, the most that is taken");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "too large", detail).hint(
            "split it, or ask the server's operator for a larger limit (`serve --max-upload`)",
        )
    }

    pub(crate) fn media_type() -> Self {
        let detail = "the body has to be application/json";
        let title = "unsupported media type";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title, detail)
            .hint("see /openapi.json for what this call takes")
    }

    pub(crate) fn method_not_allowed(method: &str, path: &str) -> Self {
        let detail = format!("{path} has no {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "no such method", detail)
            .hint("see /openapi.json for the calls there are")
    }

    pub(crate) fn stalled() -> Self {
        let detail = "the request's body stood still for too long";
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "too slow", detail)
            .hint("nothing was stored; try again on a steadier connection")
    }

    pub(crate) fn cut_short(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "cut-short", "body cut short", detail)
            .hint("nothing was stored; send it again")
    }

    /// The enclave stays silent.
    pub(crate) fn no_answer(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "no-answer", "no answer", detail)
            .hint("try again; while it stays silent, nobody should release a key to it")
    }

    pub(crate) fn stopping() -> Self {
        let detail = "the server is stopping";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "stopping", detail).hint("try again")
    }

    fn storage_full() -> Self {
        let detail = "the server's storage is full; nothing was stored";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "storage full", detail)
            .hint("tell the server's operator")
    }

    /// A fault of our own, or of what we stand on.
    pub(crate) fn internal(what: &str, error: &(dyn Error + 'static)) -> Self {
        let mut causes = String::new();
        let mut next = Some(error);
        let mut full = false;
        while let Some(cause) = next {
            causes = format!("{causes}: {cause}");
            full |= is_storage_full(cause);
            next = cause.source();
        }
        tracing::error!("{what}{causes}");
        if full { Self::storage_full() } else { Self::broken() }
    }

    pub(crate) fn broken() -> Self {
        let detail = "the server could not do this";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "server fault", detail)
            .hint("the server's log says more")
    }
}

fn is_storage_full(cause: &(dyn Error + 'static)) -> bool {
    let io = cause.downcast_ref::<std::io::Error>();
    let database = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    io.is_some_and(|e| {
        matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    })
        // SQLITE_FULL, and PostgreSQL's disk_full.
        || database.is_some_and(|e| matches!(e.code().as_deref(), Some("13" | "53100")))
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let Rejection { kind, message, hint } = rejection;
        match kind {
            RejectionKind::Forbidden => Self::forbidden(message).hint(hint),
            RejectionKind::WrongState => Self::wrong_state(message, hint),
            RejectionKind::Invalid => Self::invalid(message, hint),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::internal("the database failed", &error)
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        Self::internal("the blob store failed", &error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("urn:sealroom:problem:{}", self.slug),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            hint: self.hint,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
