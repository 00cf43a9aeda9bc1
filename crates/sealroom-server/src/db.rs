//! The database: SQLite on one machine, PostgreSQL for many, through one code path.
//!
//! - [`accounts`]: accounts, refresh tokens, server secrets
//! - [`challenges`]: what participants ask enclaves for evidence
//! - [`log`]: events and what is projected from them
//! - [`leases`]: which enclave has which computation
//! - [`files`]: which blob holds which file

pub(crate) mod accounts;
pub(crate) mod challenges;
pub(crate) mod files;
pub(crate) mod leases;
pub(crate) mod log;

use crate::ServeError;
use sqlx::{
    Any, AnyConnection, AnyPool, Transaction,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};
use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections to the database. SQLite reads in parallel too.
const CONNECTIONS: u32 = 8;

/// What the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// A file, used by one server.
    Sqlite,
    /// Shared by any number of servers.
    Postgres,
}

/// The database.
#[derive(Clone)]
pub(crate) struct Db {
    pool: AnyPool,
    backend: Backend,
    /// SQLite has one writer at a time: who waits here waits in order, and not for a busy file.
    turns: Arc<Semaphore>,
}

/// A transaction that writes. Dropped without [`Write::commit`], nothing of it happens.
pub(crate) struct Write {
    transaction: Transaction<'static, Any>,
    _turn: OwnedSemaphorePermit,
}

impl Write {
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Db {
    /// Opens the database and brings its tables up to date.
    pub(crate) async fn open(url: Option<&str>, data_dir: &Path) -> Result<Self, ServeError> {
        sqlx::any::install_default_drivers();
        let (backend, url) = locate(url, data_dir)?;
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if backend == Backend::Sqlite {
                        // An acknowledged event survives a power cut: hence FULL.
                        for pragma in [
                            "PRAGMA busy_timeout = 30000",
                            "PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            });
        let pool = options.connect(&url).await?;
        let turns = if backend == Backend::Sqlite { 1 } else { CONNECTIONS as usize };
        migrate(&pool).await?;
        Ok(Self { pool, backend, turns: Arc::new(Semaphore::new(turns)) })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// Starts a transaction that writes.
    pub(crate) async fn write(&self) -> sqlx::Result<Write> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let transaction = match self.backend {
            Backend::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Backend::Postgres => self.pool.begin().await?,
        };
        Ok(Write { transaction, _turn: turn })
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Ends all connections; SQLite folds its write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

fn locate(url: Option<&str>, data_dir: &Path) -> Result<(Backend, String), ServeError> {
    let url = match url {
        None => sqlite_url(&data_dir.join("sealroom.db")),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            return Ok((Backend::Postgres, url.to_owned()));
        }
        Some(url) if url.starts_with("sqlite:") && url.contains('?') => url.to_owned(),
        Some(url) if url.starts_with("sqlite:") => format!("{url}?mode=rwc"),
        // A URL may hold a password: only its scheme is repeated.
        Some(url) => {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(ServeError::DatabaseUrl(scheme.chars().take(20).collect()));
        }
    };
    Ok((Backend::Sqlite, url))
}

fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{path}?mode=rwc")
}

/// Two programs may be the first at the same moment (`serve` and `account add`), and SQLite's
/// migrations have no lock: who comes second tries again and finds the tables.
async fn migrate(pool: &AnyPool) -> Result<(), ServeError> {
    let tables = [
        ("tables", include_str!("db/0001_tables.sql")),
        ("challenges", include_str!("db/0002_challenges.sql")),
    ];
    let migrations = || {
        let new = |version, (name, sql): (&'static str, &'static str)| {
            let sql = sqlx::SqlSafeStr::into_sql_str(sql);
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        };
        (1..).zip(tables).map(|(version, table)| new(version, table)).collect()
    };
    let mut last = Ok(());
    for _ in 0..5 {
        last = Migrator::with_migrations(migrations()).run(pool).await;
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(last?)
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Whether an insert lost against one with the same key.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| {
        // 40001, 40P01: PostgreSQL gave up one of two transactions that were in each other's way.
        e.is_unique_violation() || matches!(e.code().as_deref(), Some("40001" | "40P01"))
    })
}
