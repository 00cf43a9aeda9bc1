//! What the jailed program is told about its job: names, sizes, numbers and public keys, no content.

use std::sync::Arc;

use serde::Serialize;

use crate::error::SandboxError;
use crate::job::{Job, Participants, Source};

/// Bytes of the JSON: room for a hundred thousand files, little enough to hold.
const LARGEST: usize = 16 << 20;

/// The job's files under the numbers that the channel uses for them, and the JSON that says so.
pub(crate) struct Manifest {
    pub(crate) json: Vec<u8>,
    pub(crate) files: Vec<Arc<dyn Source>>,
}

#[derive(Serialize)]
struct Document<'a> {
    inputs: Vec<InputEntry<'a>>,
    code: Vec<CodeEntry<'a>>,
    participants: ParticipantsEntry,
}

/// All in hexadecimal digits.
#[derive(Serialize)]
struct ParticipantsEntry {
    computation: String,
    code_provider: String,
    data_providers: Vec<String>,
    result_consumers: Vec<String>,
}

#[derive(Serialize)]
struct InputEntry<'a> {
    id: usize,
    provider: u32,
    name: &'a str,
    size: u64,
}

#[derive(Serialize)]
struct CodeEntry<'a> {
    id: usize,
    path: &'a str,
    size: u64,
    sealed: bool,
}

impl Manifest {
    /// Numbers the files: inputs first, in their order, then code.
    pub(crate) fn of(job: &Job<'_>) -> Result<Self, SandboxError> {
        let inputs = job.inputs.iter().enumerate().map(|(id, input)| InputEntry {
            id,
            provider: input.provider,
            name: &input.name,
            size: input.source.len(),
        });
        let first = job.inputs.len();
        let code = job.code.iter().enumerate().map(|(at, file)| CodeEntry {
            id: first + at,
            path: &file.path,
            size: file.source.len(),
            sealed: file.sealed,
        });
        let document = Document {
            inputs: inputs.collect(),
            code: code.collect(),
            participants: ParticipantsEntry::of(&job.participants),
        };
        let json = serde_json::to_vec(&document)
            .map_err(|e| SandboxError::Io { action: "write the manifest", source: e.into() })?;
        if json.len() > LARGEST {
            return Err(SandboxError::ManifestTooLarge { found: json.len(), limit: LARGEST });
        }
        let inputs = job.inputs.iter().map(|input| Arc::clone(&input.source));
        let files = inputs.chain(job.code.iter().map(|file| Arc::clone(&file.source))).collect();
        Ok(Self { json, files })
    }
}

impl ParticipantsEntry {
    fn of(participants: &Participants) -> Self {
        let keys = |keys: &[[u8; 32]]| keys.iter().map(|key| hex(key)).collect();
        Self {
            computation: hex(&participants.computation),
            code_provider: hex(&participants.code_provider),
            data_providers: keys(&participants.data_providers),
            result_consumers: keys(&participants.result_consumers),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
