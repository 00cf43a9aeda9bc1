//! From a stored file to a response's body.

use crate::{
    db::files::Place,
    engine::Engine,
    problem::{Answer, Failure},
};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use sealroom_protocol::{ComputationId, Digest};

/// Streams a stored file.
pub(crate) async fn file(
    engine: &Engine,
    computation: ComputationId,
    place: &Place,
    sha256: Digest,
    media_type: &'static str,
) -> Answer<Response> {
    let (blob, size) = engine.db().find_file(computation, place, sha256).await?.ok_or_else(gone)?;
    let content = match engine.blobs().read(&blob).await {
        Ok(content) => content,
        // Replaced or removed since.
        Err(object_store::Error::NotFound { .. }) => return Err(gone()),
        Err(error) => return Err(error.into()),
    };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(size)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, Body::from_stream(content.into_stream())).into_response())
}

fn gone() -> Failure {
    Failure::not_found("the file is not there, or no longer")
        .hint("see what there is with `sealroom status`")
}
