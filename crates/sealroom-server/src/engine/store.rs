//! One transaction: the events, what is projected from them, and what goes along.

use super::{Along, Engine};
use crate::{
    db::{Write, files, files::Place, is_conflict, leases, log},
    problem::{Answer, Failure},
};
use sealroom_lifecycle::{Event, Record, State};

pub(super) enum Outcome {
    /// The blobs that are loose now.
    Stored(Vec<String>),
    /// Somebody else has stored first.
    Conflict,
}

impl Engine {
    /// Stores what was decided, all of it or nothing.
    pub(super) async fn store(
        &self,
        next: &State,
        records: &[Record],
        along: &Along,
        frees_files: bool,
    ) -> Answer<Outcome> {
        let mut write = self.db().write().await?;
        match self.write_all(&mut write, next, records, along, frees_files).await {
            Ok(loose) => match write.commit().await {
                Ok(()) => Ok(Outcome::Stored(loose)),
                Err(error) if is_conflict(&error) => Ok(Outcome::Conflict),
                Err(error) => Err(error.into()),
            },
            Err(Stop::Database(error)) if is_conflict(&error) => Ok(Outcome::Conflict),
            Err(Stop::Database(error)) => Err(error.into()),
            Err(Stop::Refused(failure)) => Err(*failure),
        }
    }

    async fn write_all(
        &self,
        write: &mut Write,
        next: &State,
        records: &[Record],
        along: &Along,
        frees_files: bool,
    ) -> Result<Vec<String>, Stop> {
        if let Some(lease) = &along.held
            && !leases::renew(write, lease, self.0.lease).await?
        {
            return Err(Failure::lease_lost().into());
        }
        if let Some((lease, only_expired)) = &along.dropped
            && !leases::drop_lease(write, lease, *only_expired).await?
        {
            return Err(Failure::lease_lost().into());
        }
        // A repeated command has no events; what it needed then, it need not have now.
        if records.is_empty() {
            return Ok(vec![]);
        }
        for (place, size, sha256) in &along.staged {
            if !files::is_there(write, next.computation, place, *size, *sha256).await? {
                return Err(missing(place).into());
            }
        }
        log::append(write, next.computation, records).await?;
        log::project(write, next).await?;
        if let Some(file) = &along.file {
            files::insert(write, file).await?;
        }
        if frees_files { Ok(files::drop_unused(write, next).await?) } else { Ok(vec![]) }
    }
}

/// What is spoken of, and was not uploaded like that.
fn missing(place: &Place) -> Failure {
    match place {
        Place::Package(sha256) => {
            let message = format!("the lock names a package that was not uploaded: {sha256}");
            Failure::invalid(message, "push the code with `sealroom code push`")
        }
        _ => {
            let message = "the receipt names a result or log that was not uploaded like that";
            Failure::invalid(message, "upload it before the run is finished")
        }
    }
}

enum Stop {
    Database(sqlx::Error),
    Refused(Box<Failure>),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Refused(Box::new(failure))
    }
}

pub(super) fn frees_files(event: &Event) -> bool {
    matches!(
        event,
        Event::CodeUploaded { .. }
            | Event::CodeReset
            | Event::DataUploaded { .. }
            | Event::DataReset { .. }
            | Event::RunFinished { .. }
            | Event::RunLost { .. }
            | Event::Removed
    )
}
