//! The event log, and what is projected from it for questions about many computations.

use super::Db;
use sealroom_lifecycle::{Record, State};
use sealroom_protocol::{ComputationId, Email};
use sqlx::{AnyConnection, Row};

/// Records that one question to the database brings.
const PAGE: i64 = 500;

impl Db {
    /// The records after sequence number `after`, all if that is `None`; at most [`PAGE`].
    pub(crate) async fn records_after(
        &self,
        computation: ComputationId,
        after: Option<u64>,
    ) -> sqlx::Result<Vec<Record>> {
        let select = "SELECT record FROM events WHERE computation = $1 AND seq > $2 \
                      ORDER BY seq LIMIT $3";
        let after = after.map_or(-1, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
        let rows = sqlx::query(select)
            .bind(computation.to_string())
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
        let record = |row: &sqlx::any::AnyRow| {
            let text: String = row.try_get(0)?;
            serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))
        };
        rows.iter().map(record).collect()
    }

    /// Whom these computations concern: those of `email`, newest first.
    pub(crate) async fn computations_of(&self, email: &Email) -> sqlx::Result<Vec<ComputationId>> {
        let select = "SELECT c.id FROM concerns n JOIN computations c ON c.id = n.computation \
                      WHERE n.email = $1 ORDER BY c.created_at DESC, c.id";
        let rows = sqlx::query(select).bind(email.as_str()).fetch_all(&self.pool).await?;
        ids(&rows)
    }

    /// Computations that wait for an enclave and have none, those first that waited longest.
    pub(crate) async fn claimable(&self) -> sqlx::Result<Vec<ComputationId>> {
        let select = "SELECT c.id FROM computations c WHERE c.needs_enclave = 1 AND NOT EXISTS \
                      (SELECT 1 FROM leases l WHERE l.computation = c.id) \
                      ORDER BY c.claimed_at, c.created_at LIMIT 16";
        ids(&sqlx::query(select).fetch_all(&self.pool).await?)
    }

    /// How many computations are in each phase.
    pub(crate) async fn phases(&self) -> sqlx::Result<Vec<(String, i64)>> {
        let select = "SELECT phase, COUNT(*) FROM computations GROUP BY phase";
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

fn ids(rows: &[sqlx::any::AnyRow]) -> sqlx::Result<Vec<ComputationId>> {
    let id = |row: &sqlx::any::AnyRow| {
        let text: String = row.try_get(0)?;
        text.parse::<ComputationId>().map_err(|error| sqlx::Error::Decode(error.into()))
    };
    rows.iter().map(id).collect()
}

/// Appends records. Fails with a conflict if somebody else has appended since `state` was read.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    computation: ComputationId,
    records: &[Record],
) -> sqlx::Result<()> {
    for record in records {
        let text =
            serde_json::to_string(record).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let seq = i64::try_from(record.seq).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query("INSERT INTO events (computation, seq, record) VALUES ($1, $2, $3)")
            .bind(computation.to_string())
            .bind(seq)
            .bind(text)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Writes what follows from `state`.
pub(crate) async fn project(connection: &mut AnyConnection, state: &State) -> sqlx::Result<()> {
    let upsert = "INSERT INTO computations (id, phase, needs_enclave, created_at, claimed_at) \
                  VALUES ($1, $2, $3, $4, 0) \
                  ON CONFLICT (id) DO UPDATE SET phase = $2, needs_enclave = $3";
    sqlx::query(upsert)
        .bind(state.computation.to_string())
        .bind(crate::view::phase_name(state.phase()))
        .bind(i64::from(state.needs_enclave()))
        .bind(state.created_at.as_millisecond())
        .execute(connection)
        .await
        .map(drop)
}

/// Writes whom a new computation concerns.
pub(crate) async fn project_concerns(
    connection: &mut AnyConnection,
    state: &State,
) -> sqlx::Result<()> {
    let mut emails: Vec<&Email> = state.participants.iter().map(|p| &p.email).collect();
    emails.push(&state.owner);
    emails.sort();
    emails.dedup();
    for email in emails {
        sqlx::query("INSERT INTO concerns (email, computation) VALUES ($1, $2)")
            .bind(email.as_str())
            .bind(state.computation.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
