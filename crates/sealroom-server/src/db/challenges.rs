//! Challenges: asked by participants, answered by enclaves, on whichever server either of them is.

use super::{Db, is_conflict, now_ms};
use sealroom_protocol::{Challenge, ComputationId};
use sqlx::Row;
use std::time::Duration;

/// How long a challenge is kept. Who has asked waits for less.
const KEPT: Duration = Duration::from_secs(300);
/// Challenges of one computation that may wait at once.
const MOST: i64 = 64;

/// What became of a challenge that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It waits for the enclave.
    Waits,
    /// It was asked before.
    Again,
    /// Too many wait.
    TooMany,
}

impl Db {
    /// Puts a challenge to the enclave.
    pub(crate) async fn ask(
        &self,
        computation: ComputationId,
        challenge: Challenge,
    ) -> sqlx::Result<Asked> {
        let mut write = self.write().await?;
        let oldest = now_ms() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        sqlx::query("DELETE FROM challenges WHERE asked_at < $1")
            .bind(oldest)
            .execute(&mut *write)
            .await?;
        let row = sqlx::query("SELECT COUNT(*) FROM challenges WHERE computation = $1")
            .bind(computation.to_string())
            .fetch_one(&mut *write)
            .await?;
        if row.try_get::<i64, _>(0)? >= MOST {
            return Ok(Asked::TooMany);
        }
        let insert = "INSERT INTO challenges (computation, challenge, asked_at, evidence) \
                      VALUES ($1, $2, $3, '')";
        let done = sqlx::query(insert)
            .bind(computation.to_string())
            .bind(challenge.to_string())
            .bind(now_ms())
            .execute(&mut *write)
            .await;
        match done {
            Ok(_) => {}
            Err(error) if is_conflict(&error) => return Ok(Asked::Again),
            Err(error) => return Err(error),
        }
        write.commit().await?;
        Ok(Asked::Waits)
    }

    /// What waits for an answer, the oldest first.
    pub(crate) async fn unanswered(
        &self,
        computation: ComputationId,
    ) -> sqlx::Result<Vec<Challenge>> {
        let select = "SELECT challenge FROM challenges \
                      WHERE computation = $1 AND evidence = '' ORDER BY asked_at";
        let rows = sqlx::query(select).bind(computation.to_string()).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get(0)?;
                text.parse().map_err(|_| sqlx::Error::Decode("a challenge is damaged".into()))
            })
            .collect()
    }

    /// Stores an answer. `false`: nobody waits for it.
    pub(crate) async fn answer(
        &self,
        computation: ComputationId,
        challenge: Challenge,
        evidence: &str,
    ) -> sqlx::Result<bool> {
        let mut write = self.write().await?;
        let update = "UPDATE challenges SET evidence = $3 \
                      WHERE computation = $1 AND challenge = $2 AND evidence = ''";
        let done = sqlx::query(update)
            .bind(computation.to_string())
            .bind(challenge.to_string())
            .bind(evidence)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The answer, if it is there.
    pub(crate) async fn answered(
        &self,
        computation: ComputationId,
        challenge: Challenge,
    ) -> sqlx::Result<Option<String>> {
        let select = "SELECT evidence FROM challenges \
                      WHERE computation = $1 AND challenge = $2 AND evidence <> ''";
        let row = sqlx::query(select)
            .bind(computation.to_string())
            .bind(challenge.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    /// Forgets a challenge that nobody waits for any more.
    pub(crate) async fn forget(
        &self,
        computation: ComputationId,
        challenge: Challenge,
    ) -> sqlx::Result<()> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM challenges WHERE computation = $1 AND challenge = $2")
            .bind(computation.to_string())
            .bind(challenge.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await
    }
}
