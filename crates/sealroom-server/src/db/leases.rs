//! Leases: which enclave has which computation, and until when.
//!
//! Every change of a lease is one statement with its condition in it, so that of two who want the
//! same only one gets it, on every database.

use super::{Db, is_conflict, now_ms};
use sealroom_lifecycle::EnclaveId;
use sealroom_protocol::{ComputationId, Digest};
use sqlx::{AnyConnection, Row};
use std::time::Duration;

/// A lease as it is stored; its token only as a hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) computation: ComputationId,
    pub(crate) enclave: EnclaveId,
    pub(crate) token: Digest,
}

fn end(lasts: Duration) -> i64 {
    now_ms().saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX))
}

impl Db {
    /// Takes a lease on a computation that nobody has one on. `false`: somebody was faster.
    pub(crate) async fn take_lease(&self, lease: &Lease, lasts: Duration) -> sqlx::Result<bool> {
        let mut write = self.write().await?;
        let insert = "INSERT INTO leases (computation, enclave, token_hash, expires_at) \
                      SELECT $1, $2, $3, $4 FROM computations WHERE id = $1 AND needs_enclave = 1";
        let taken = sqlx::query(insert)
            .bind(lease.computation.to_string())
            .bind(lease.enclave.to_string())
            .bind(lease.token.to_string())
            .bind(end(lasts))
            .execute(&mut *write)
            .await;
        match taken {
            Ok(done) if done.rows_affected() == 1 => {}
            Ok(_) => return Ok(false),
            Err(error) if is_conflict(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        sqlx::query("UPDATE computations SET claimed_at = $2 WHERE id = $1")
            .bind(lease.computation.to_string())
            .bind(now_ms())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Who holds the lease on `computation` under this token, if it has not run out.
    pub(crate) async fn lease(
        &self,
        computation: ComputationId,
        token: Digest,
    ) -> sqlx::Result<Option<Lease>> {
        let select = "SELECT computation, enclave, token_hash FROM leases \
                      WHERE computation = $1 AND token_hash = $2 AND expires_at > $3";
        let row = sqlx::query(select)
            .bind(computation.to_string())
            .bind(token.to_string())
            .bind(now_ms())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(lease).transpose()
    }

    /// Leases that have run out.
    pub(crate) async fn expired_leases(&self) -> sqlx::Result<Vec<Lease>> {
        let select = "SELECT computation, enclave, token_hash FROM leases WHERE expires_at <= $1";
        let rows = sqlx::query(select).bind(now_ms()).fetch_all(&self.pool).await?;
        rows.iter().map(lease).collect()
    }

    /// The leases that `enclave` holds.
    pub(crate) async fn leases_of(&self, enclave: EnclaveId) -> sqlx::Result<Vec<Lease>> {
        let select = "SELECT computation, enclave, token_hash FROM leases WHERE enclave = $1";
        let rows = sqlx::query(select).bind(enclave.to_string()).fetch_all(&self.pool).await?;
        rows.iter().map(lease).collect()
    }

    pub(crate) async fn count_leases(&self) -> sqlx::Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) FROM leases").fetch_one(&self.pool).await?;
        row.try_get(0)
    }

    /// Gives all enclaves time to come back after the server was away.
    pub(crate) async fn extend_all_leases(&self, lasts: Duration) -> sqlx::Result<()> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE leases SET expires_at = $1 WHERE expires_at < $1")
            .bind(end(lasts))
            .execute(&mut *write)
            .await?;
        write.commit().await
    }
}

/// Makes the lease last again. `false`: it is gone.
///
/// What an enclave writes is written in the same transaction. The lease can't be lost in between:
/// the row is locked, and who ends it looks at its time again.
pub(crate) async fn renew(
    connection: &mut AnyConnection,
    lease: &Lease,
    lasts: Duration,
) -> sqlx::Result<bool> {
    let update = "UPDATE leases SET expires_at = $4 \
                  WHERE computation = $1 AND token_hash = $2 AND expires_at > $3";
    let done = sqlx::query(update)
        .bind(lease.computation.to_string())
        .bind(lease.token.to_string())
        .bind(now_ms())
        .bind(end(lasts))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a lease: whatever its time, or only if it has run out. `false`: nothing was ended.
pub(crate) async fn drop_lease(
    connection: &mut AnyConnection,
    lease: &Lease,
    only_expired: bool,
) -> sqlx::Result<bool> {
    let before = if only_expired { now_ms() } else { i64::MAX };
    let delete = "DELETE FROM leases \
                  WHERE computation = $1 AND token_hash = $2 AND expires_at <= $3";
    let done = sqlx::query(delete)
        .bind(lease.computation.to_string())
        .bind(lease.token.to_string())
        .bind(before)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn lease(row: &sqlx::any::AnyRow) -> sqlx::Result<Lease> {
    let (computation, enclave, token): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let wrong = || sqlx::Error::Decode("a stored lease is damaged".into());
    Ok(Lease {
        computation: computation.parse().map_err(|_| wrong())?,
        enclave: EnclaveId(enclave.parse().map_err(|_| wrong())?),
        token: token.parse().map_err(|_| wrong())?,
    })
}
