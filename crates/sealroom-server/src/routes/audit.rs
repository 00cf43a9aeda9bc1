//! The log: as a whole, and as it grows.

use super::Problems;
use crate::{
    extract::Concerned,
    problem::{Answer, Failure},
    server::App,
    view,
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::stream::{self, Stream};
use sealroom_lifecycle::Record;
use sealroom_protocol::ComputationId;
use serde::Serialize;
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(audit)).routes(routes!(events))
}

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Every record so far, in order, each chained to the one before.
#[utoipa::path(get, path = "/computations/{id}/audit", tag = "audit", security(("token" = [])),
    params(("id" = ComputationId, Path)), responses((status = 200, body = Vec<Record>), Problems))]
async fn audit(about: Concerned, State(app): State<App>) -> Answer<axum::Json<Vec<Record>>> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let after = records.last().map(|record| record.seq);
        let mut page = app.engine.db().records_after(about.id, after).await?;
        if page.is_empty() {
            return Ok(axum::Json(records));
        }
        records.append(&mut page);
    }
}

/// Each record as it happens (event `record`), and where the computation stands then (event
/// `status`), beginning with where it stands now.
///
/// Goes on after the record that `Last-Event-ID` names; without it, after the newest one.
#[utoipa::path(get, path = "/computations/{id}/events", tag = "audit", security(("token" = [])),
    params(("id" = ComputationId, Path), ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, description = "server-sent events",
        content_type = "text/event-stream"), Problems))]
async fn events(
    about: Concerned,
    State(app): State<App>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
    let after = match headers.get("last-event-id") {
        None => about.state.head.0,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            id.ok_or_else(|| Failure::malformed("Last-Event-ID is no sequence number"))?
        }
    };
    let feed = Feed { app, id: about.id, after, waiting: VecDeque::new(), begun: false };
    let stream = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok(event), feed))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Where a computation stands, in an event stream.
#[derive(Serialize)]
struct Status {
    phase: &'static str,
    waiting_for: Vec<String>,
}

struct Feed {
    app: App,
    id: ComputationId,
    after: u64,
    waiting: VecDeque<Event>,
    begun: bool,
}

impl Feed {
    /// The next event; `None` when the server stops or fails, and the caller connects again.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            let status = self.status().await?;
            self.waiting.push_back(status);
        }
        while self.waiting.is_empty() {
            let app = self.app.clone();
            let wait = app.engine.records_after(self.id, Some(self.after), app.config.long_poll);
            let records = app.stop.run_until_cancelled(wait).await?.ok()?;
            for record in &records {
                self.after = record.seq;
                let id = record.seq.to_string();
                let event = Event::default().event("record").id(id).json_data(record).ok()?;
                self.waiting.push_back(event);
            }
            if !records.is_empty() {
                let status = self.status().await?;
                self.waiting.push_back(status);
            }
        }
        self.waiting.pop_front()
    }

    async fn status(&self) -> Option<Event> {
        let state = self.app.engine.load(self.id).await.ok()??;
        let status =
            Status { phase: view::phase_name(state.phase()), waiting_for: state.waiting_for() };
        // The number up to which the caller has been told, for when it connects again.
        let event = Event::default().event("status").id(self.after.to_string());
        event.json_data(status).ok()
    }
}
