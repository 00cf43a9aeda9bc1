//! Stored files: which blob holds which file of which computation.
//!
//! A blob is written down as loose before its first byte is stored, stops being loose in the
//! transaction that makes a file of it, and becomes loose again in the one that drops the file. So
//! whatever a crash leaves behind is known by name.

use super::{Db, now_ms};
use sealroom_lifecycle::{State, state::Run};
use sealroom_protocol::{ComputationId, Digest, FileName, ParticipantId, Role, receipt::RunStatus};
use sqlx::{AnyConnection, Row};
use std::collections::HashSet;

/// What a file is to its computation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The code's archive.
    Code,
    /// A data provider's file.
    Data(ParticipantId, FileName),
    /// A result of a run: run, consumer, name.
    Result(u32, u16, FileName),
    /// The log of a run, for one of its readers.
    Log(u32, ParticipantId),
    /// A package that the code adds.
    Package(Digest),
    /// What vouches for a quote, which has that digest.
    Collateral(Digest),
}

impl Place {
    fn key(&self) -> String {
        match self {
            Self::Code => "code".to_owned(),
            Self::Data(provider, name) => format!("data/{}/{name}", provider.index),
            Self::Result(run, consumer, name) => format!("results/{run}/{consumer}/{name}"),
            Self::Log(run, ParticipantId { role, index }) => {
                format!("log/{run}/{}/{index}", role.short_name())
            }
            Self::Package(sha256) => format!("packages/{sha256}"),
            Self::Collateral(quote) => format!("collateral/{quote}"),
        }
    }
}

/// A file as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) computation: ComputationId,
    pub(crate) place: Place,
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
    pub(crate) blob: String,
}

impl Db {
    /// The blob that holds a file, and its size.
    pub(crate) async fn find_file(
        &self,
        computation: ComputationId,
        place: &Place,
        sha256: Digest,
    ) -> sqlx::Result<Option<(String, u64)>> {
        let select = "SELECT blob, size FROM files \
                      WHERE computation = $1 AND place = $2 AND sha256 = $3";
        let row = sqlx::query(select)
            .bind(computation.to_string())
            .bind(place.key())
            .bind(sha256.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs())))
    }

    /// The blob that holds the file at a place that has one.
    pub(crate) async fn blob_at(
        &self,
        computation: ComputationId,
        place: &Place,
    ) -> sqlx::Result<Option<String>> {
        let row = sqlx::query("SELECT blob FROM files WHERE computation = $1 AND place = $2")
            .bind(computation.to_string())
            .bind(place.key())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    /// The packages that are stored for a computation: how many, and their bytes.
    pub(crate) async fn packages(&self, computation: ComputationId) -> sqlx::Result<(u64, u64)> {
        let select = "SELECT COUNT(*), COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM files \
                      WHERE computation = $1 AND place LIKE 'packages/%'";
        let row = sqlx::query(select).bind(computation.to_string()).fetch_one(&self.pool).await?;
        let number = |at| row.try_get::<i64, _>(at).map(i64::unsigned_abs);
        Ok((number(0)?, number(1)?))
    }

    /// Writes down a blob before it is stored.
    pub(crate) async fn announce_blob(&self, blob: &str) -> sqlx::Result<()> {
        let mut write = self.write().await?;
        loosen(&mut write, blob).await?;
        write.commit().await
    }

    /// Forgets a blob that was deleted.
    pub(crate) async fn forget_blob(&self, blob: &str) -> sqlx::Result<()> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM loose_blobs WHERE blob = $1")
            .bind(blob)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    /// Blobs that have been loose since before `ms`.
    pub(crate) async fn loose_blobs(&self, ms: i64) -> sqlx::Result<Vec<String>> {
        let rows = sqlx::query("SELECT blob FROM loose_blobs WHERE since < $1 LIMIT 10000")
            .bind(ms)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}

async fn loosen(connection: &mut AnyConnection, blob: &str) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO loose_blobs (blob, since) VALUES ($1, $2)")
        .bind(blob)
        .bind(now_ms())
        .execute(connection)
        .await
        .map(drop)
}

/// Makes a file of a stored blob. One with the same content is there already: the blob stays loose.
pub(crate) async fn insert(connection: &mut AnyConnection, file: &File) -> sqlx::Result<bool> {
    let size = i64::try_from(file.size).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let insert = "INSERT INTO files (computation, place, sha256, size, blob) \
                  VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let done = sqlx::query(insert)
        .bind(file.computation.to_string())
        .bind(file.place.key())
        .bind(file.sha256.to_string())
        .bind(size)
        .bind(&file.blob)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM loose_blobs WHERE blob = $1")
        .bind(&file.blob)
        .execute(connection)
        .await?;
    Ok(true)
}

/// Makes a file of a stored blob, and drops what was at its place; returns the blobs that are loose now.
pub(crate) async fn replace(
    connection: &mut AnyConnection,
    file: &File,
) -> sqlx::Result<Vec<String>> {
    let (computation, place) = (file.computation.to_string(), file.place.key());
    let select =
        "SELECT sha256, blob FROM files WHERE computation = $1 AND place = $2 AND sha256 <> $3";
    let rows = sqlx::query(select)
        .bind(&computation)
        .bind(&place)
        .bind(file.sha256.to_string())
        .fetch_all(&mut *connection)
        .await?;
    let mut blobs = Vec::new();
    for row in rows {
        let (sha256, blob): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        drop_file(connection, &computation, &place, &sha256).await?;
        loosen(connection, &blob).await?;
        blobs.push(blob);
    }
    insert(connection, file).await?;
    Ok(blobs)
}

async fn drop_file(
    connection: &mut AnyConnection,
    computation: &str,
    place: &str,
    sha256: &str,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM files WHERE computation = $1 AND place = $2 AND sha256 = $3")
        .bind(computation)
        .bind(place)
        .bind(sha256)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether `state` refers to what is at a place, whatever it is.
pub(crate) fn is_used(state: &State, place: &Place) -> bool {
    Used::by(state).places.contains(&place.key())
}

/// Whether exactly this file is there.
pub(crate) async fn is_there(
    connection: &mut AnyConnection,
    computation: ComputationId,
    place: &Place,
    size: u64,
    sha256: Digest,
) -> sqlx::Result<bool> {
    let select = "SELECT size FROM files WHERE computation = $1 AND place = $2 AND sha256 = $3";
    let row = sqlx::query(select)
        .bind(computation.to_string())
        .bind(place.key())
        .bind(sha256.to_string())
        .fetch_optional(connection)
        .await?;
    let stored: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(stored.is_some_and(|stored| u64::try_from(stored) == Ok(size)))
}

/// Drops the files that `state` no longer refers to; returns their blobs, which are loose now.
pub(crate) async fn drop_unused(
    connection: &mut AnyConnection,
    state: &State,
) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::query("SELECT place, sha256, blob FROM files WHERE computation = $1")
        .bind(state.computation.to_string())
        .fetch_all(&mut *connection)
        .await?;
    let used = Used::by(state);
    let mut blobs = Vec::new();
    for row in rows {
        let (place, sha256, blob): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if used.has(&place, &sha256) {
            continue;
        }
        drop_file(connection, &state.computation.to_string(), &place, &sha256).await?;
        loosen(connection, &blob).await?;
        blobs.push(blob);
    }
    Ok(blobs)
}

/// The files that a state refers to.
struct Used {
    files: HashSet<(String, String)>,
    /// Where files are whose content no event speaks of.
    places: HashSet<String>,
    /// Where staged files are: of the run that is under way, of code that is to come.
    staged: Vec<String>,
}

impl Used {
    fn by(state: &State) -> Self {
        let mut used = Self { files: HashSet::new(), places: HashSet::new(), staged: Vec::new() };
        if state.closed == sealroom_lifecycle::state::Closed::Removed {
            return used;
        }
        match &state.code {
            Some(code) => {
                used.add(&Place::Code, code.archive);
                let packages = code.lock.iter().flat_map(|lock| &lock.packages);
                packages.for_each(|p| used.add(&Place::Package(p.sha256), p.sha256));
            }
            // They come before the code that asks for them.
            None => used.staged.push("packages/".to_owned()),
        }
        for provider in state.of_role(Role::DataProvider) {
            for (file, _) in &provider.files {
                used.add(&Place::Data(provider.id, file.name.clone()), file.sha256);
            }
        }
        state.runs.iter().for_each(|run| used.add_run(run));
        let ran = state.runs.iter().map(|run| &run.identity);
        for identity in state.identity.iter().chain(ran) {
            used.places.insert(crate::collateral::place(&identity.evidence).key());
        }
        used
    }

    fn add(&mut self, place: &Place, sha256: Digest) {
        self.files.insert((place.key(), sha256.to_string()));
    }

    fn add_run(&mut self, run: &Run) {
        let Some(end) = &run.end else {
            self.staged
                .extend([format!("results/{}/", run.number), format!("log/{}/", run.number)]);
            return;
        };
        if end.status == RunStatus::Succeeded {
            for result in &end.results {
                let place = Place::Result(run.number, result.consumer, result.name.clone());
                self.add(&place, result.sha256);
            }
        }
        for log in &end.logs {
            self.add(&Place::Log(run.number, log.reader), log.sha256);
        }
    }

    fn has(&self, place: &str, sha256: &str) -> bool {
        self.staged.iter().any(|staged| place.starts_with(staged.as_str()))
            || self.places.contains(place)
            || self.files.contains(&(place.to_owned(), sha256.to_owned()))
    }
}
