//! A file that comes as the only part of a form, as the 2022 client sends it.

use crate::{
    problem::{Answer, Failure},
    upload::{Incoming, Limits},
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures::stream;
use multer::{Field, Multipart};
use sealroom_protocol::text::visible;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What the only part is called.
const FIELD: &str = "file";
/// Room for boundaries and headers around the file.
const AROUND: u64 = 64 << 10;

/// Finds the file of a form: its name, as the client gave it, and its content, which is read to the
/// form's end before it counts.
pub(crate) async fn file(
    headers: &HeaderMap,
    body: Body,
    limits: Limits,
) -> Answer<(String, Incoming)> {
    let whole = Limits { max_bytes: limits.max_bytes.saturating_add(AROUND), ..limits };
    let whole = Incoming::new(headers, body, whole)?;
    let typed = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = multer::parse_boundary(typed.unwrap_or_default()).map_err(|_| {
        Failure::malformed("the body has to be multipart/form-data with a boundary")
    })?;
    let around = Allowance::default();
    let mut form = Multipart::new(whole.into_pieces(around.clone()), boundary);
    let field = form.next_field().await.map_err(refuse)?;
    around.lift();
    let field = field.ok_or_else(|| Failure::malformed("the form has no file in it"))?;
    let name = match (field.name(), field.file_name()) {
        (Some(FIELD), Some(name)) => name.to_owned(),
        (name, _) => {
            let name = visible(&name.unwrap_or_default().chars().take(80).collect::<String>());
            let detail = format!("the form's part is `{name}`, expected a file called `{FIELD}`");
            return Err(Failure::malformed(detail));
        }
    };
    let pieces = stream::unfold(Some((form, field, around)), |state| async {
        let (form, mut field, around) = state?;
        match field.chunk().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((form, field, around)))),
            Ok(None) => end(form, field, &around).await.err().map(|failure| (Err(failure), None)),
            Err(error) => Some((Err(refuse(error)), None)),
        }
    });
    Ok((name, Incoming::of_pieces(pieces, limits)))
}

/// Whether the form ends after its file.
async fn end(mut form: Multipart<'_>, file: Field<'_>, around: &Allowance) -> Answer<()> {
    drop(file);
    around.grant();
    match form.next_field().await.map_err(refuse)? {
        None => Ok(()),
        Some(_) => Err(Failure::malformed("the form has more than one part, expected one file")),
    }
}

fn refuse(error: multer::Error) -> Failure {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Broken>() {
            Ok(broken) => broken.0,
            Err(_) => Failure::cut_short("the connection broke before the form's end"),
        },
        multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => Failure::cut_short("the form ends before its end"),
        error => {
            tracing::debug!("a form is refused: {error}");
            Failure::malformed("the form cannot be read")
        }
    }
}

/// A failure that goes through a library which takes errors alone.
#[derive(Debug)]
struct Broken(Failure);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body cannot be read")
    }
}

impl std::error::Error for Broken {}

/// How many bytes may come before a file begins and after it ends: a reader of forms keeps all of them
/// until it finds a boundary.
#[derive(Clone)]
struct Allowance(Arc<AtomicU64>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(AROUND)))
    }
}

impl Allowance {
    /// Inside the file: what comes is passed on.
    fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// Outside again.
    fn grant(&self) {
        self.0.store(AROUND, Ordering::Relaxed);
    }

    /// Whether one more piece may come, whose end nobody knows before.
    fn take(&self, len: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.0.store(left.saturating_sub(len as u64), Ordering::Relaxed);
        }
        left > 0
    }
}

impl Incoming {
    /// The pieces of the body, for a reader of forms.
    fn into_pieces(self, around: Allowance) -> impl futures::Stream<Item = Result<Bytes, Broken>> {
        stream::try_unfold((self, around), |(mut incoming, around)| async {
            // A reader of forms takes in all that is ready: let it be one piece at a time.
            tokio::task::yield_now().await;
            let piece = incoming.next().await.map_err(Broken)?;
            if !piece.as_ref().is_none_or(|piece| around.take(piece.len())) {
                let detail = format!("the form has more than {AROUND} bytes around its file");
                return Err(Broken(Failure::malformed(detail)));
            }
            Ok(piece.map(|bytes| (bytes, (incoming, around))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use std::{sync::atomic::AtomicUsize, time::Duration};

    const LIMITS: Limits = Limits { max_bytes: 100, idle: Duration::from_secs(5) };

    async fn read(body: &'static [u8]) -> Result<(String, Vec<u8>), String> {
        // Byte by byte: nothing may depend on how the network cuts it.
        let pieces = stream::iter(body.chunks(1).map(Ok::<_, std::io::Error>));
        read_all(Body::from_stream(pieces), LIMITS).await
    }

    async fn read_all(body: Body, limits: Limits) -> Result<(String, Vec<u8>), String> {
        let mut headers = HeaderMap::new();
        let typed = "multipart/form-data; boundary=b0".parse().unwrap();
        headers.insert(header::CONTENT_TYPE, typed);
        let (name, mut incoming) = file(&headers, body, limits).await.map_err(said)?;
        let mut content = Vec::new();
        while let Some(piece) = incoming.next().await.map_err(said)? {
            content.extend_from_slice(&piece);
        }
        Ok((name, content))
    }

    fn said(failure: Failure) -> String {
        failure.detail().to_owned()
    }

    #[tokio::test]
    async fn the_clients_form_is_read_and_no_other() {
        let good = b"--b0\r\nContent-Disposition: form-data; name=\"file\"; \
                     filename=\"d\xc3\xa9j\xc3\xa0 vu;x.enc\"\r\nContent-Type: application/octet-stream\r\n\
                     Expires: 0\r\n\r\ncontent\r\n--b\r\n--b0--\r\n";
        let (name, content) = read(good).await.unwrap();
        assert_eq!(
            (name.as_str(), content.as_slice()),
            ("d\u{e9}j\u{e0} vu;x.enc", &b"content\r\n--b"[..])
        );
        let cases: &[(&[u8], &str)] = &[
            (b"--b0--\r\n", "the form has no file in it"),
            (
                b"--b0\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b0--\r\n",
                "the form's part is `file`, expected a file called `file`",
            ),
            (
                b"--b0\r\nContent-Disposition: form-data; name=\"other\"; filename=\"a\"\r\n\r\nx\r\n--b0--\r\n",
                "the form's part is `other`, expected a file called `file`",
            ),
            (
                b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n\
                  --b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b\"\r\n\r\ny\r\n--b0--\r\n",
                "the form has more than one part, expected one file",
            ),
            (
                b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx",
                "the form ends before its end",
            ),
            (
                b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b0\r\n",
                "the form ends before its end",
            ),
            (b"", "the form ends before its end"),
        ];
        for (body, expected) in cases {
            assert_eq!(
                read(body).await.unwrap_err(),
                *expected,
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        let large = [
            b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
                .as_slice(),
            &[b'x'; 101],
            b"\r\n--b0--\r\n",
        ]
        .concat();
        let refused = read(large.leak()).await.unwrap_err();
        assert_eq!(refused, "the file has more than 100 bytes, the most that is taken");
    }

    #[tokio::test]
    async fn a_body_that_is_no_form_is_refused() {
        for typed in ["", "application/json", "multipart/form-data", "text/plain; boundary=x"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, typed.parse().unwrap());
            let refused = file(&headers, Body::from("x"), LIMITS).await;
            assert!(refused.is_err(), "{typed}");
        }
        let pieces = Incoming::of_pieces(stream::empty(), LIMITS);
        let pieces = pieces.into_pieces(Allowance::default());
        assert_eq!(pieces.count().await, 0);
    }

    #[tokio::test]
    async fn a_fast_sender_does_not_fill_the_memory() {
        let taken = Arc::new(AtomicUsize::new(0));
        let head = b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
        let count = Arc::clone(&taken);
        let endless = stream::repeat(Bytes::from_static(&[b'x'; 1 << 16])).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let body = stream::once(async { Bytes::from_static(head) }).chain(endless.take(10_000));
        let body = Body::from_stream(body.map(Ok::<_, std::io::Error>));
        let mut headers = HeaderMap::new();
        let typed = "multipart/form-data; boundary=b0".parse().unwrap();
        headers.insert(header::CONTENT_TYPE, typed);
        let limits = Limits { max_bytes: 1 << 40, ..LIMITS };
        let (_, mut incoming) = file(&headers, body, limits).await.map_err(said).unwrap();
        let mut read = 0;
        for _ in 0..50 {
            read += incoming.next().await.map_err(said).unwrap().unwrap().len();
            let ahead = (taken.load(Ordering::Relaxed) << 16) - read;
            assert!(ahead <= 4 << 16, "{ahead} bytes are held");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_may_not_be_long() {
        let head = "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a";
        let whole = format!("{head}\"\r\n\r\nx\r\n--b0\r\nX: ");
        for start in ["", head, &whole] {
            let start = Bytes::from(start.to_owned());
            let rest = stream::repeat(Bytes::from_static(&[b'x'; 4096])).take(100_000);
            let body = stream::once(async { start }).chain(rest).map(Ok::<_, std::io::Error>);
            let limits = Limits { max_bytes: 1 << 40, ..LIMITS };
            let refused = read_all(Body::from_stream(body), limits).await.unwrap_err();
            assert_eq!(refused, "the form has more than 65536 bytes around its file");
        }
    }

    /// Fuzz target: `cargo bolero test -p sealroom-server fuzz_form`.
    #[test]
    fn fuzz_form() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        bolero::check!().for_each(|bytes: &[u8]| {
            let start = b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"";
            for body in [bytes.to_vec(), [start, bytes].concat()] {
                drop(runtime.block_on(read_all(Body::from(body), LIMITS)));
            }
        });
    }
}
