//! What becomes of a body that nobody reads to its end.
//!
//! A client that is refused in the middle of its body, and sends before it reads, would see a broken
//! connection instead of the reason. So the rest is read and forgotten, within limits. A client that
//! asks first (`Expect: 100-continue`) is refused before it sends, and nothing is read.

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

const MAX_BYTES: u64 = 64 << 20;
const MAX_TIME: Duration = Duration::from_secs(20);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Puts every request's body into a [`Drained`].
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let asks_first = request.headers().contains_key(header::EXPECT);
    next.run(request.map(|body| Body::new(Drained { body, read: !asks_first }))).await
}

/// A body whose rest is read when it is dropped.
struct Drained {
    body: Body,
    /// Whether the client has begun to send, as far as we know.
    read: bool,
}

impl HttpBody for Drained {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        self.read = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.read && !self.body.is_end_stream() {
            runtime.spawn(read_on(std::mem::take(&mut self.body)));
        }
    }
}

async fn read_on(body: Body) {
    let mut pieces = body.into_data_stream();
    let mut left = MAX_BYTES;
    let all = async {
        while let Ok(Some(Ok(piece))) = tokio::time::timeout(MAX_PAUSE, pieces.next()).await {
            left = left.saturating_sub(piece.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    drop(tokio::time::timeout(MAX_TIME, all).await);
}
