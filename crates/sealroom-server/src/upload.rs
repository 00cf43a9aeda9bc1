//! From a request's body to a stored blob or a spooled file, piece by piece, never as a whole in memory.
//!
//! A body counts only if it is complete: as long as its Content-Length says, within the limit, and
//! never still for too long. Otherwise nothing of it stays.

use crate::{
    blobs::Blobs,
    engine::Engine,
    problem::{Answer, Failure},
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use sealroom_protocol::Digest;
use sealroom_seal::{Hashed, Hasher};
use std::{io::Write as _, path::Path, time::Duration};

/// Pieces of a blob that may be on their way to the store at once.
const PARTS_UNDER_WAY: usize = 2;
/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_bytes: u64,
    pub(crate) idle: Duration,
}

/// A body on its way in.
pub(crate) struct Incoming {
    stream: BoxStream<'static, Answer<Bytes>>,
    promised: Option<u64>,
    limits: Limits,
    received: u64,
    hasher: Hasher,
}

/// A stored blob that no file refers to yet.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) blob: String,
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
}

impl Incoming {
    pub(crate) fn new(headers: &HeaderMap, body: Body, limits: Limits) -> Answer<Self> {
        let promised = content_length(headers)?;
        if promised.is_some_and(|length| length > limits.max_bytes) {
            return Err(Failure::too_large("the file", limits.max_bytes));
        }
        let broken = |_| Failure::cut_short("the connection broke before the file's end");
        let stream = body.into_data_stream().map_err(broken);
        Ok(Self { promised, ..Self::of_pieces(stream, limits) })
    }

    /// A body that is part of a larger one.
    pub(crate) fn of_pieces(
        stream: impl Stream<Item = Answer<Bytes>> + Send + 'static,
        limits: Limits,
    ) -> Self {
        let (stream, hasher) = (stream.boxed(), Hasher::default());
        Self { stream, promised: None, limits, received: 0, hasher }
    }

    /// The next piece; `None` when the body is complete.
    pub(crate) async fn next(&mut self) -> Answer<Option<Bytes>> {
        let piece = tokio::time::timeout(self.limits.idle, self.stream.next())
            .await
            .map_err(|_| Failure::stalled())?;
        match piece {
            Some(Ok(bytes)) => {
                self.received += bytes.len() as u64;
                if self.received > self.limits.max_bytes {
                    return Err(Failure::too_large("the file", self.limits.max_bytes));
                }
                self.hasher.update(&bytes);
                Ok(Some(bytes))
            }
            Some(Err(failure)) => Err(failure),
            None if self.promised.is_some_and(|promised| promised != self.received) => {
                let detail = format!("the body ended after {} bytes", self.received);
                Err(Failure::cut_short(detail))
            }
            None => Ok(None),
        }
    }

    /// Only hashes the body: size and digest.
    pub(crate) async fn digest(mut self) -> Answer<(u64, Digest)> {
        while self.next().await?.is_some() {}
        Ok((self.received, self.hasher.finish()))
    }

    /// Stores the body as a blob. Goes on to its own end if the caller goes away, so that what was
    /// begun is also cleaned up.
    pub(crate) async fn store(self, engine: &Engine) -> Answer<Stored> {
        let engine = engine.clone();
        crate::engine::detached(async move {
            let blob = Blobs::fresh_name();
            engine.db().announce_blob(&blob).await?;
            let stored = self.store_as(&engine, blob.clone()).await;
            if stored.is_err() {
                engine.blobs().delete(engine.db(), &[blob]).await;
            }
            stored
        })
        .await
    }

    async fn store_as(mut self, engine: &Engine, blob: String) -> Answer<Stored> {
        let mut writer = engine.blobs().writer(&blob).await?;
        loop {
            match self.next().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = writer.wait_for_capacity(PARTS_UNDER_WAY).await {
                        drop(writer.abort().await);
                        return Err(error.into());
                    }
                    writer.put(bytes);
                }
                Ok(None) => break,
                Err(failure) => {
                    drop(writer.abort().await);
                    return Err(failure);
                }
            }
        }
        writer.finish().await?;
        Ok(Stored { blob, size: self.received, sha256: self.hasher.finish() })
    }

    /// Writes the body to a temporary file in `folder`, which is gone when it is closed.
    pub(crate) async fn spool(mut self, folder: &Path) -> Answer<(std::fs::File, u64, Digest)> {
        let fault = |error: std::io::Error| Failure::internal("cannot spool an upload", &error);
        let mut file = tempfile::tempfile_in(folder).map_err(fault)?;
        while let Some(bytes) = self.next().await? {
            file = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file))
                .await
                .map_err(|error| Failure::internal("a task failed", &error))?
                .map_err(fault)?;
        }
        Ok((file, self.received, self.hasher.finish()))
    }
}

/// The size and digest of a spooled file, which is at its start again.
pub(crate) async fn measured(mut file: std::fs::File) -> Answer<(std::fs::File, u64, Digest)> {
    let task = tokio::task::spawn_blocking(move || {
        let mut hashed = Hashed::new(&mut file);
        std::io::copy(&mut hashed, &mut std::io::sink())?;
        let (_, size, sha256) = hashed.finish();
        std::io::Seek::rewind(&mut file)?;
        Ok((file, size, sha256))
    });
    task.await
        .map_err(|error| Failure::internal("a task failed", &error))?
        .map_err(|error: std::io::Error| Failure::internal("cannot read a spooled file", &error))
}

/// Stores a spooled file as a blob.
pub(crate) async fn store_file(
    engine: &Engine,
    file: std::fs::File,
    size: u64,
    sha256: Digest,
) -> Answer<Stored> {
    use tokio::io::AsyncReadExt as _;
    let blob = Blobs::fresh_name();
    engine.db().announce_blob(&blob).await?;
    let mut file = tokio::fs::File::from_std(file);
    let stored = async {
        let mut writer = engine.blobs().writer(&blob).await?;
        loop {
            let mut piece = bytes::BytesMut::with_capacity(1 << 20);
            let read = file.read_buf(&mut piece).await;
            let read =
                read.map_err(|error| Failure::internal("cannot read a spooled file", &error));
            match read {
                Ok(0) => break,
                Ok(_) => {
                    writer.wait_for_capacity(PARTS_UNDER_WAY).await?;
                    writer.put(piece.freeze());
                }
                Err(failure) => {
                    drop(writer.abort().await);
                    return Err(failure);
                }
            }
        }
        writer.finish().await?;
        Ok(())
    }
    .await;
    match stored {
        Ok(()) => Ok(Stored { blob, size, sha256 }),
        Err(failure) => {
            engine.blobs().delete(engine.db(), &[blob]).await;
            Err(failure)
        }
    }
}

/// The promised length of a body.
pub(crate) fn content_length(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Failure::malformed("Content-Length is no number"))
}

/// After an upload was decided on: deletes its blob if no file was made of it, because it was refused
/// or because the same file was there before.
pub(crate) async fn settle(
    engine: &Engine,
    computation: sealroom_protocol::ComputationId,
    place: &crate::db::files::Place,
    sha256: Digest,
    blob: String,
) {
    match engine.db().find_file(computation, place, sha256).await {
        Ok(Some((used, _))) if used == blob => {}
        Ok(_) => engine.blobs().delete(engine.db(), &[blob]).await,
        // It stays loose, and is deleted at the next start.
        Err(error) => tracing::warn!("cannot look for a stored file: {error}"),
    }
}
