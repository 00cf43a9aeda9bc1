//! Fetching results: nothing is written under its name before everything about it is checked.

use crate::{ClientError, Observed, Progress, Session};
use sealroom_http::{Body, Method, path_component};
use sealroom_protocol::{
    ComputationId, Digest, FileContext, FileKind, FileName, ParticipantId, Role,
    api::{Computation, RunDetail},
    context::{log_path, result_path},
    manifest::CanonicalManifest,
    receipt::{INDEX, IndexEntry, Receipt, ResultIndex, RunStatus, SealedResult},
};
use sealroom_seal::{Hashed, stream::OpenReader};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest sealed index that is opened: ten thousand long names fit.
const MAX_INDEX: u64 = 8 << 20;

/// A result that was opened.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OpenedResult {
    /// Which run it is of.
    pub run: u32,
    /// The name that the code gave it.
    pub name: FileName,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
}

/// A run whose receipt was checked against what this profile approved.
#[derive(Debug)]
pub struct CheckedRun {
    /// What the enclave says of it.
    pub receipt: Receipt,
    /// The manifest that it ran under, which this profile approved.
    manifest: CanonicalManifest,
}

impl Session<'_> {
    /// Fetches run `number` and checks it: this profile approved the identity, which signed the
    /// receipt, which is the one that was seen before, if one was.
    ///
    /// # Errors
    /// [`ClientError::BadResult`], [`ClientError::Receipt`], [`ClientError::NoResults`].
    pub fn checked_run(&self, id: ComputationId, number: u32) -> Result<CheckedRun, ClientError> {
        let detail: RunDetail = self.http.get(&Self::path(id, &format!("/runs/{number}")))?;
        let Some(envelope) = &detail.receipt else {
            let problem = match detail.run.status {
                None => format!("run {number} is not finished"),
                Some(_) => format!("run {number} was cut off and left no receipt"),
            };
            return Err(ClientError::NoResults(problem));
        };
        let memory = self.profile.memory(id)?;
        let key = detail.identity.keys.signing;
        let manifest = CanonicalManifest::parse(&detail.identity.manifest)
            .map_err(|error| ClientError::BadResult(error.to_string()))?;
        if memory.approved.get(&key) != Some(&manifest.digest()) {
            let problem = "the run is by an enclave identity that you have not approved";
            return Err(ClientError::BadResult(problem.to_owned()));
        }
        let receipt: Receipt = envelope.verify(&key)?;
        if receipt.computation != id
            || receipt.run != number
            || receipt.manifest != manifest.digest()
        {
            let problem = "the receipt is of another run, manifest or computation";
            return Err(ClientError::BadResult(problem.to_owned()));
        }
        let text = serde_json::to_vec(&receipt).expect("receipts have string keys");
        let digest = Digest::of(&text);
        if memory.receipts.get(&number).is_some_and(|seen| *seen != digest) {
            let problem = format!("another receipt of run {number} was shown before");
            return Err(ClientError::BadResult(problem));
        }
        self.profile.remember(id, |memory| {
            memory.receipts.insert(number, digest);
        })?;
        Ok(CheckedRun { receipt, manifest })
    }

    /// Who this profile is as `role`, by its key in the approved manifest.
    fn participant(
        &self,
        run: &CheckedRun,
        role: Role,
    ) -> Result<Option<ParticipantId>, ClientError> {
        let mut participants = run.manifest.manifest().participants();
        match self.profile.keys(run.receipt.computation, role) {
            Ok(keys) => Ok(participants
                .find(|(_, part)| part.public_key == keys.signing.public())
                .map(|(participant, _)| participant)),
            Err(ClientError::NotJoined { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names that the code gave this consumer's results, by the numbers they are published under.
    fn open_index(
        &self,
        id: ComputationId,
        number: u32,
        mine: &[&SealedResult],
    ) -> Result<ResultIndex, ClientError> {
        let Some(index) = mine.iter().find(|result| result.name.as_str() == INDEX) else {
            return Ok(ResultIndex::default());
        };
        if index.size > MAX_INDEX {
            return Err(ClientError::BadResult("the index of results is too large".to_owned()));
        }
        let mut text = Vec::new();
        let place = result_path(number, &index.name);
        let keys = (Role::ResultConsumer, &place, FileKind::Result);
        let expected = Some((index.size, index.sha256));
        let rest = format!("/runs/{number}/results/{INDEX}");
        self.open_stored(id, &rest, keys, expected, &mut text, &())?;
        let index: ResultIndex = serde_json::from_slice(&text)
            .map_err(|error| ClientError::BadResult(format!("the index of results: {error}")))?;
        let mut names: Vec<&FileName> = index.results.values().map(|entry| &entry.name).collect();
        names.sort();
        let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        if twice || names.iter().any(|name| name.as_str().starts_with('.')) {
            return Err(ClientError::BadResult(
                "a result has a name that it can't have".to_owned(),
            ));
        }
        Ok(index)
    }

    /// Fetches, checks and opens all results of run `number` that are for this profile, into `out`.
    ///
    /// # Errors
    /// Those of [`Self::checked_run`]; nothing half-opened is left in `out`.
    pub fn get_results(
        &self,
        id: ComputationId,
        number: u32,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<OpenedResult>, ClientError> {
        let run = self.checked_run(id, number)?;
        if let RunStatus::Failed { reason, .. } = &run.receipt.status {
            return Err(ClientError::NoResults(format!("run {number} failed: {reason}")));
        }
        let role = Role::ResultConsumer;
        let me = self.participant(&run, role)?;
        let consumer = me.ok_or(ClientError::NotJoined { role, computation: id })?.index;
        let mine: Vec<&SealedResult> =
            run.receipt.results.iter().filter(|result| result.consumer == consumer).collect();
        let index = self.open_index(id, number, &mine)?;
        let fault = |source| ClientError::Io { path: out.to_owned(), source };
        fs::create_dir_all(out).map_err(fault)?;
        let mut opened = Vec::new();
        for result in mine.into_iter().filter(|result| result.name.as_str() != INDEX) {
            let entry = index.results.get(&result.name).ok_or_else(|| {
                ClientError::BadResult(format!("result {} has no name", result.name))
            })?;
            opened.push(self.open_result(id, (number, result), entry, out, progress)?);
        }
        if opened.is_empty() {
            return Err(ClientError::NoResults(format!("run {number} wrote no result for you")));
        }
        // All are whole and genuine: now they get their names.
        opened
            .into_iter()
            .map(|(file, result)| {
                file.persist(&result.path).map_err(|error| fault(error.error))?;
                Ok(result)
            })
            .collect()
    }

    fn open_result(
        &self,
        id: ComputationId,
        (number, result): (u32, &SealedResult),
        IndexEntry { name, bytes }: &IndexEntry,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<(tempfile::NamedTempFile, OpenedResult), ClientError> {
        let path = out.join(name.as_str());
        let fault = |source| ClientError::Io { path: path.clone(), source };
        let rest = format!("/runs/{number}/results/{}", path_component(result.name.as_str()));
        let place = result_path(number, &result.name);
        // `tempfile` makes its files 0600, and so they stay.
        let mut file = tempfile::NamedTempFile::new_in(out).map_err(fault)?;
        progress.begin(name.as_str(), result.size);
        let keys = (Role::ResultConsumer, &place, FileKind::Result);
        let expected = Some((result.size, result.sha256));
        let opened = self.open_stored(id, &rest, keys, expected, &mut file, progress);
        progress.end();
        // The rest is padding, which hides how much there is.
        if opened? < *bytes {
            let problem = format!("`{name}` is shorter than its index says");
            return Err(ClientError::BadResult(problem));
        }
        file.as_file().set_len(*bytes).map_err(fault)?;
        Ok((file, OpenedResult { run: number, name: name.clone(), path, size: *bytes }))
    }

    /// The log of run `number`, in whichever role of this profile's it was sealed for.
    ///
    /// # Errors
    /// Those of [`Self::checked_run`], and [`ClientError::NoResults`] if the run kept no log for it.
    pub fn get_log(&self, id: ComputationId, number: u32) -> Result<Vec<u8>, ClientError> {
        let run = self.checked_run(id, number)?;
        for role in Role::ALL {
            let me = self.participant(&run, role)?;
            let Some(sealed) = me.and_then(|me| run.receipt.log_for(me)) else { continue };
            let expected = Some((sealed.size, sealed.sha256));
            let place = log_path(number);
            let rest = format!("/runs/{number}/log?role={}", role.wire_name());
            let mut log = Vec::new();
            self.open_stored(id, &rest, (role, &place, FileKind::Log), expected, &mut log, &())?;
            return Ok(log);
        }
        Err(ClientError::NoResults(format!("run {number} kept no log for you")))
    }

    /// Downloads a sealed file, compares it with what the receipt says, and opens it into `out`.
    fn open_stored(
        &self,
        id: ComputationId,
        rest: &str,
        (role, place, kind): (Role, &String, FileKind),
        expected: Option<(u64, Digest)>,
        out: &mut impl io::Write,
        progress: &dyn Progress,
    ) -> Result<u64, ClientError> {
        let keys = self.profile.keys(id, role)?;
        let context =
            FileContext { computation: id, participant: &keys.signing.public(), kind, path: place };
        let response = self.http.call(Method::GET, &Self::path(id, rest), Body::Empty)?;
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let limit = expected.map_or(1 << 30, |(size, _)| size.saturating_add(1));
        let mut sealed = Hashed::new(Observed { inner: body, progress }.take(limit));
        let mut plain = OpenReader::new(&mut sealed, &keys.file, &context.associated_data());
        let copied = io::copy(&mut plain, out);
        let (_, size, sha256) = sealed.finish();
        if copied.is_ok() && expected.is_some_and(|expected| expected != (size, sha256)) {
            let problem = format!("`{place}` is not the file that the receipt names");
            return Err(ClientError::BadResult(problem));
        }
        copied.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                ClientError::BadResult(format!("`{place}` does not open: {error}"))
            }
            _ => sealroom_http::HttpError::Transfer(error).into(),
        })
    }
}

/// The newest run that has ended well, if any has; what it claims is checked when it is fetched.
#[must_use]
pub fn newest_success(computation: &Computation) -> Option<u32> {
    let succeeded = |run: &&sealroom_protocol::api::Run| run.status == Some(RunStatus::Succeeded);
    computation.runs.iter().rfind(succeeded).map(|run| run.number)
}
