//! What is agreed, as options: the same ones for `sealroom new` and for trying it with `sealroom test`.

use crate::error::CliError;
use sealroom_protocol::{
    LogDetail, LogPolicy, Policy,
    contract::{Contract, MAX_LEN},
};
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Limits, logs and the output contract.
#[derive(clap::Args)]
pub(crate) struct PolicyArgs {
    /// What may leave a run: a file with an output contract (docs/contract.md)
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Who may read what the code prints
    #[arg(long, value_enum, default_value_t = Logs::None)]
    logs: Logs,
    /// Of what the code says, keep only where in it an exception was raised, and of which type
    #[arg(long)]
    scrub_logs: bool,
    /// Bytes of log kept
    #[arg(long, value_name = "BYTES")]
    max_log_bytes: Option<u64>,
    /// Plaintext bytes of results for each consumer
    #[arg(long, value_name = "BYTES")]
    max_result_bytes: Option<u64>,
    /// Result files for each consumer
    #[arg(long, value_name = "N")]
    max_results: Option<u32>,
    /// Memory of the code
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<u64>,
    /// Processes and threads of the code
    #[arg(long, value_name = "N")]
    max_processes: Option<u32>,
    /// Processors that the code may use at the same time [default: all]
    #[arg(long, value_name = "N")]
    max_cpus: Option<u32>,
    /// Bytes that the code may write to its scratch directory
    #[arg(long, value_name = "BYTES")]
    max_scratch_bytes: Option<u64>,
    /// Seconds that a run may take
    #[arg(long, value_name = "SECONDS")]
    max_run_seconds: Option<u64>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Logs {
    /// Nobody
    None,
    /// The code provider
    CodeProvider,
    /// Everybody who takes part
    Participants,
}

impl PolicyArgs {
    /// The policy that the options ask for; `usual` is the contract if none is named.
    pub(crate) fn policy(&self, usual: Option<&Path>) -> Result<Policy, CliError> {
        let default = Policy::default();
        let contract = self.contract.as_deref().or(usual).map(read_contract).transpose()?;
        Ok(Policy {
            logs: match self.logs {
                Logs::None => LogPolicy::None,
                Logs::CodeProvider => LogPolicy::CodeProvider,
                Logs::Participants => LogPolicy::Participants,
            },
            log_detail: if self.scrub_logs { LogDetail::Scrubbed } else { LogDetail::Full },
            max_log_bytes: self.max_log_bytes.unwrap_or(default.max_log_bytes),
            max_result_bytes: self.max_result_bytes.unwrap_or(default.max_result_bytes),
            max_results: self.max_results.unwrap_or(default.max_results),
            max_memory_bytes: self.max_memory_bytes.unwrap_or(default.max_memory_bytes),
            max_processes: self.max_processes.unwrap_or(default.max_processes),
            max_cpus: self.max_cpus,
            max_scratch_bytes: self.max_scratch_bytes.unwrap_or(default.max_scratch_bytes),
            max_run_seconds: self.max_run_seconds.unwrap_or(default.max_run_seconds),
            output: contract.unwrap_or_default(),
            ..default
        })
    }
}

/// Refuses a policy that can't be agreed to by so many consumers.
pub(crate) fn check(policy: &Policy, consumers: usize) -> Result<(), CliError> {
    policy
        .check()
        .map_err(|error| CliError::usage(error.to_string(), "change it as the message says"))?;
    let terms = policy.terms(Some(u16::try_from(consumers).unwrap_or(u16::MAX)));
    let hint = "see docs/contract.md, and try it with `sealroom test`";
    terms.map(drop).map_err(|error| CliError::usage(error.to_string(), hint))
}

fn read_contract(path: &Path) -> Result<Contract, CliError> {
    // Room for spaces and line breaks; how long it is without them is looked at later.
    const MOST: u64 = MAX_LEN as u64 * 4;
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut text))
        .map_err(|error| CliError::io(path, &error))?;
    let refuse = |problem: String| {
        let message = format!("`{}` is no output contract: {problem}", path.display());
        CliError::usage(message, "see docs/contract.md for what one looks like")
    };
    if text.len() as u64 > MOST {
        return Err(refuse(format!("it has more than {MOST} bytes")));
    }
    serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))
}
