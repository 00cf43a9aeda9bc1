//! Numbers for Prometheus. Labels are route patterns, never paths: no identifier, no name.

use crate::{
    db::Db,
    problem::{Answer, Failure},
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use std::{panic::AssertUnwindSafe, time::Instant};

/// The server's numbers.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    uploaded: IntCounterVec,
    computations: IntGaugeVec,
    leases: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let opts = |name: &str, help: &str| Opts::new(format!("sealroom_{name}"), help);
        let requests = IntCounterVec::new(
            opts("http_requests_total", "Requests answered"),
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "sealroom_http_request_duration_seconds",
                "Time until a response began; long polls wait on purpose",
            ),
            &["route"],
        )?;
        let uploaded =
            IntCounterVec::new(opts("uploaded_bytes_total", "Bytes of stored files"), &["kind"])?;
        let computations =
            IntGaugeVec::new(opts("computations", "Computations in each phase"), &["phase"])?;
        let leases = IntGauge::with_opts(opts("leases", "Computations that an enclave holds"))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(uploaded.clone()))?;
        registry.register(Box::new(computations.clone()))?;
        registry.register(Box::new(leases.clone()))?;
        Ok(Self { registry, requests, seconds, uploaded, computations, leases })
    }

    /// Counts a stored file.
    pub(crate) fn stored(&self, kind: &str, bytes: u64) {
        self.uploaded.with_label_values(&[kind]).inc_by(bytes);
    }

    /// The text that Prometheus reads.
    pub(crate) async fn render(&self, db: &Db) -> Answer<Vec<u8>> {
        self.computations.reset();
        for (phase, count) in db.phases().await? {
            self.computations.with_label_values(&[phase.as_str()]).set(count);
        }
        self.leases.set(db.count_leases().await?);
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .map_err(|error| Failure::internal("cannot write metrics", &error))?;
        Ok(text)
    }
}

/// Counts and logs each request: one line, no query, no header, no body.
pub(crate) async fn observe(
    State(app): State<crate::server::App>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    // The panic itself is on stderr already.
    let response = answer.unwrap_or_else(|_| Failure::broken().into_response());
    let (status, elapsed) = (response.status(), begun.elapsed());
    let known_method = match method.as_str() {
        known @ ("DELETE" | "GET" | "HEAD" | "POST" | "PUT") => known,
        _ => "other",
    };
    app.metrics.requests.with_label_values(&[known_method, &route, status.as_str()]).inc();
    app.metrics.seconds.with_label_values(&[&route]).observe(elapsed.as_secs_f64());
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let status = status.as_u16();
    if status >= 400 {
        tracing::info!(status, elapsed_ms, "{method} {path}");
    } else {
        tracing::debug!(status, elapsed_ms, "{method} {path}");
    }
    response
}
