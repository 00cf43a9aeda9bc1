use super::CommandResult;
use crate::{context::Global, error::CliError, term::Term};
use sealroom_client::Session;
use sealroom_protocol::{Email, LogPolicy, Policy, Suite, Timestamp, api::NewComputation};
use std::process::ExitCode;

/// Create a computation, as its owner
///
/// Prints its identifier and three safety words. Tell the words to every participant yourself, not
/// through the server: they show that nobody was put in a participant's place.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A name for it
    #[arg(long)]
    name: String,
    /// Who brings the code
    #[arg(long, value_name = "EMAIL")]
    code: Email,
    /// Who brings data; once for each, their order counts
    #[arg(long, value_name = "EMAIL", required = true)]
    data: Vec<Email>,
    /// Who gets results; once for each, their order counts
    #[arg(long, value_name = "EMAIL", required = true)]
    result: Vec<Email>,
    /// Runs that one approval allows
    #[arg(long, value_name = "N")]
    max_runs: Option<u32>,
    /// No run starts after this moment, such as 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
    /// Who may read what the code prints
    #[arg(long, value_enum, default_value_t = Logs::None)]
    logs: Logs,
    /// Plaintext bytes of results for each consumer
    #[arg(long, value_name = "BYTES")]
    max_result_bytes: Option<u64>,
    /// Memory of the code
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<u64>,
    /// Seconds that a run may take
    #[arg(long, value_name = "SECONDS")]
    max_run_seconds: Option<u64>,
    /// Suites that participants may use: `hybrid`, `sodium` (the 2022 client) [default: both]
    ///
    /// The formats of `sodium` do not tie files to their places and have no signed list of them.
    /// Whoever types the safety words into the 2022 client can have them taken from it by a server that lies,
    /// for the whole computation. `--suites hybrid` refuses its registrations.
    #[arg(long, value_name = "SUITES", value_delimiter = ',')]
    suites: Vec<Suite>,
    /// It protects nothing; for trying things out
    #[arg(long)]
    dev_mode: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Logs {
    /// Nobody
    None,
    /// The code provider
    CodeProvider,
}

impl Args {
    fn policy(&self) -> Policy {
        let default = Policy::default();
        Policy {
            max_runs: self.max_runs.unwrap_or(default.max_runs),
            expires_at: self.expires_at,
            logs: match self.logs {
                Logs::None => LogPolicy::None,
                Logs::CodeProvider => LogPolicy::CodeProvider,
            },
            max_result_bytes: self.max_result_bytes.unwrap_or(default.max_result_bytes),
            max_memory_bytes: self.max_memory_bytes.unwrap_or(default.max_memory_bytes),
            max_run_seconds: self.max_run_seconds.unwrap_or(default.max_run_seconds),
            suites: (!self.suites.is_empty()).then(|| self.suites.iter().copied().collect()),
            ..default
        }
    }
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let policy = args.policy();
    policy
        .check()
        .map_err(|error| CliError::usage(error.to_string(), "choose a limit within the range"))?;
    let new = NewComputation {
        name: args.name.clone(),
        code_provider_email: args.code.clone(),
        data_providers_emails: args.data.clone(),
        result_consumers_emails: args.result.clone(),
        dev_mode: args.dev_mode,
        policy,
    };
    let profile = global.profile()?;
    let (computation, words) = Session::open(&profile)?.create(&new)?;
    let id = computation.uuid;
    let shown = serde_json::json!({"computation": id, "safety_words": words.expose()});
    term.data(&shown, |_| format!("computation   {id}\nsafety words  {}", words.expose()));
    term.say("Tell the three words to every participant yourself, not through the server.");
    if args.dev_mode {
        term.say(term.red("DEVELOPMENT MODE: this computation protects nothing."));
    }
    Ok(ExitCode::SUCCESS)
}
