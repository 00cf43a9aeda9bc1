use super::CommandResult;
use crate::{
    context::{DEV_MODE, Global},
    error::CliError,
    policy::{self, PolicyArgs},
    term::Term,
};
use sealroom_client::Session;
use sealroom_protocol::{Email, Policy, Suite, Timestamp, api::NewComputation};
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
    #[command(flatten)]
    policy: PolicyArgs,
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

impl Args {
    fn policy(&self) -> Result<Policy, CliError> {
        let policy = self.policy.policy(None)?;
        let policy = Policy {
            max_runs: self.max_runs.unwrap_or(policy.max_runs),
            expires_at: self.expires_at,
            suites: (!self.suites.is_empty()).then(|| self.suites.iter().copied().collect()),
            ..policy
        };
        policy::check(&policy, self.result.len())?;
        Ok(policy)
    }
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let policy = args.policy()?;
    let new = NewComputation {
        name: args.name.clone(),
        code_provider_email: args.code.clone(),
        data_providers_emails: args.data.clone(),
        result_consumers_emails: args.result.clone(),
        dev_mode: args.dev_mode,
        policy: Some(policy),
    };
    let profile = global.profile()?;
    let (computation, words) = Session::open(&profile)?.create(&new)?;
    let id = computation.uuid;
    let shown = serde_json::json!({"computation": id, "safety_words": words.expose()});
    term.data(&shown, |_| format!("computation   {id}\nsafety words  {}", words.expose()));
    term.say("Tell the three words to every participant yourself, not through the server.");
    if args.dev_mode {
        term.warn(DEV_MODE);
    }
    Ok(ExitCode::SUCCESS)
}
