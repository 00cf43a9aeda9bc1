//! What is agreed, as options: the same ones for `sealroom new` and for trying it with `sealroom test`.

use crate::error::CliError;
use sealroom_protocol::{
    LogDetail, LogPolicy, PackageName, Policy, RuntimeName,
    contract::{Contract, MAX_LEN},
    package::{PackageRules, Severity},
};
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Limits, logs, the output contract, the runtime.
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
    /// The runtime that the code runs in: which Python, and which packages come with it
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) runtime: RuntimeName,
    #[command(flatten)]
    pub(crate) packages: PackageArgs,
}

/// What packages may be there.
#[derive(clap::Args)]
pub(crate) struct PackageArgs {
    /// A package of the code that may be built from source, in the jail; once for each [default: wheels alone]
    #[arg(long, value_name = "PACKAGE")]
    allow_source: Vec<PackageName>,
    /// A package that must not be there; once for each
    #[arg(long, value_name = "PACKAGE")]
    forbid_package: Vec<PackageName>,
    /// A licence that no package may have, such as `GPL` or `AGPL-3`; once for each
    #[arg(long, value_name = "LICENCE")]
    forbid_license: Vec<String>,
    /// Refuse packages with known vulnerabilities of this severity or above: `low`, `medium`, `high`, `critical`
    ///
    /// Whoever verifies looks them up in the advisories that it has imported.
    #[arg(long, value_name = "SEVERITY")]
    refuse_advisories: Option<Severity>,
}

impl PackageArgs {
    pub(crate) fn rules(&self) -> PackageRules {
        PackageRules {
            forbid: self.forbid_package.iter().cloned().collect(),
            forbid_licenses: self.forbid_license.iter().cloned().collect(),
            refuse_advisories: self.refuse_advisories,
            allow_source: self.allow_source.iter().cloned().collect(),
        }
    }
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
            runtime: self.runtime.clone(),
            packages: self.packages.rules(),
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
