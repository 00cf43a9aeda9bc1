//! The event log: fetched whole, its chain and its story checked here.

use crate::{ClientError, Session};
use sealroom_lifecycle::{Event, Record, State, replay};
use sealroom_protocol::{ComputationId, Release, api::Head, text::visible};

/// A log that holds together.
#[derive(Debug)]
pub struct Audit {
    /// Its events.
    pub records: Vec<Record>,
    /// What they come to.
    pub state: State,
}

impl Session<'_> {
    /// Fetches and checks the log: every hash, every step, and that what was seen before is in it.
    ///
    /// # Errors
    /// [`ClientError::Audit`] says what is wrong with it.
    pub fn audit(&self, id: ComputationId) -> Result<Audit, ClientError> {
        // Looked up before asking: another command of this profile may see more meanwhile.
        let seen = self.profile.memory(id)?.head;
        let records: Vec<Record> = self.http.get(&Self::path(id, "/audit"))?;
        let state = replay(&records).map_err(|error| ClientError::Audit(error.to_string()))?;
        if state.computation != id {
            return Err(ClientError::Audit("it is of another computation".to_owned()));
        }
        if let Some(seen) = seen {
            let known = usize::try_from(seen.seq).ok().and_then(|at| records.get(at));
            if known.is_none_or(|record| record.hash != seen.hash) {
                let problem = format!("event {} was seen before and is not in it now", seen.seq);
                return Err(ClientError::Audit(problem));
            }
        }
        let (seq, hash) = state.head;
        self.see_head(id, &Head { seq, hash })?;
        Ok(Audit { records, state })
    }
}

/// What an event was, in words.
#[must_use]
pub fn describe(event: &Event) -> String {
    match event {
        Event::Created { name, .. } => format!("created `{}`", visible(name)),
        Event::Registered { participant, public_key, suite } => {
            format!("joined as {participant} with key {public_key} ({suite})")
        }
        Event::CodeUploaded { files, .. } => {
            let digest = sealroom_protocol::code::code_digest(files);
            format!("pushed code: {} files, digest {digest}", files.len())
        }
        Event::EnvironmentLocked { lock } => {
            format!("locked {} packages beside the runtime `{}`", lock.packages.len(), lock.runtime)
        }
        Event::EnvironmentRefused { reason } => {
            format!("refused the code: {}", visible(&reason.replace('\n', " ")))
        }
        Event::CodeReset => "took the code back".to_owned(),
        Event::IdentityPublished { manifest, .. } => {
            let digest = sealroom_protocol::Digest::of(manifest.as_bytes());
            format!("published an identity for manifest {digest}")
        }
        Event::IdentityWithdrawn { reason } => format!("the identity no longer stands: {reason}"),
        Event::DataUploaded { participant, file } => {
            format!("pushed `{}` as {participant}: {} bytes, {}", file.name, file.size, file.sha256)
        }
        Event::DataReset { participant } => format!("took the data of {participant} back"),
        Event::DataDone { participant } => {
            format!("said that the data of {participant} is complete")
        }
        Event::KeyProvisioned { participant, release: Release::Hybrid(release) } => {
            format!("released the key of {participant} for manifest {}", release.manifest)
        }
        Event::KeyProvisioned { participant, release: Release::Sodium(_) } => {
            format!("released the key of {participant}; its suite names no manifest")
        }
        Event::KeyAccepted { participant } => format!("opened the key of {participant}"),
        Event::KeyRefused { participant } => {
            format!("refused the key of {participant}: it is not for the identity that stands")
        }
        Event::ResultFetched { run, participant } => {
            format!("fetched a result of run {run} as {participant}")
        }
        Event::KeyRevoked { participant, .. } => format!("took the key of {participant} back"),
        Event::KeyDestroyed { participant, .. } => format!("destroyed the key of {participant}"),
        Event::RunRequested => "asked for another run".to_owned(),
        Event::RunStarted { run } => format!("started run {run}"),
        Event::RunFinished { run, .. } => format!("finished run {run}"),
        Event::RunLost { run } => format!("run {run} was cut off"),
        Event::Archived => "archived the computation".to_owned(),
        Event::Removed => "deleted its files".to_owned(),
    }
}
