//! Accounts, their refresh tokens, and the server's own secrets.

use super::{Db, is_conflict, now_ms};
use crate::AccountKind;
use sealroom_protocol::{Digest, Email};
use sqlx::Row;

/// An account as it is stored.
pub(crate) struct StoredAccount {
    pub(crate) email: Email,
    pub(crate) kind: AccountKind,
}

impl Db {
    /// Makes the account if it is new. An account that is there keeps its kind.
    pub(crate) async fn ensure_account(
        &self,
        email: &Email,
        kind: AccountKind,
    ) -> sqlx::Result<()> {
        let insert = "INSERT INTO accounts (email, id, kind, created_at) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (email) DO NOTHING";
        let mut write = self.write().await?;
        sqlx::query(insert)
            .bind(email.as_str())
            .bind(uuid::Uuid::new_v4().to_string())
            .bind(kind.name())
            .bind(now_ms())
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    /// The account's identifier, if there is one.
    pub(crate) async fn account_id(&self, email: &Email) -> sqlx::Result<Option<String>> {
        let row = sqlx::query("SELECT id FROM accounts WHERE email = $1")
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    /// What the account may do, if there is one.
    pub(crate) async fn account_kind(&self, email: &Email) -> sqlx::Result<Option<AccountKind>> {
        let row = sqlx::query("SELECT kind FROM accounts WHERE email = $1")
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let kind: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        Ok(kind.as_deref().and_then(AccountKind::by_name))
    }

    /// Stores the hash of one more refresh token.
    pub(crate) async fn add_refresh_token(&self, email: &Email, hash: &Digest) -> sqlx::Result<()> {
        let insert = "INSERT INTO refresh_tokens (hash, email, created_at) VALUES ($1, $2, $3)";
        let mut write = self.write().await?;
        sqlx::query(insert)
            .bind(hash.to_string())
            .bind(email.as_str())
            .bind(now_ms())
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    /// Whose refresh token has this hash.
    pub(crate) async fn account_of_token(
        &self,
        hash: &Digest,
    ) -> sqlx::Result<Option<StoredAccount>> {
        let select = "SELECT a.email, a.kind FROM refresh_tokens t \
                      JOIN accounts a ON a.email = t.email WHERE t.hash = $1";
        let row = sqlx::query(select).bind(hash.to_string()).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let (email, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let account = email.parse().ok().zip(AccountKind::by_name(&kind));
        Ok(account.map(|(email, kind)| StoredAccount { email, kind }))
    }

    /// The secret `name`; `fresh` becomes it if there is none yet.
    pub(crate) async fn secret(&self, name: &str, fresh: String) -> sqlx::Result<String> {
        let mut write = self.write().await?;
        let inserted = sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2)")
            .bind(name)
            .bind(&fresh)
            .execute(&mut *write)
            .await;
        match inserted {
            Ok(_) => {
                write.commit().await?;
                return Ok(fresh);
            }
            Err(error) if is_conflict(&error) => drop(write),
            Err(error) => return Err(error),
        }
        let row = sqlx::query("SELECT value FROM secrets WHERE name = $1")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        row.try_get(0)
    }
}
