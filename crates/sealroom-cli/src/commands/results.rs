use super::CommandResult;
use crate::{
    context::{Global, about},
    error::CliError,
    term::{Term, print},
};
use sealroom_client::{ClientError, results::newest_success};
use sealroom_protocol::{ComputationId, api::Computation, receipt::RunStatus, text::visible};
use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// Open results, as a result consumer
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Fetch your results of a run, check them against its receipt, and open them
    Get {
        /// The computation
        id: ComputationId,
        /// Where they go; files of the same names are replaced
        #[arg(long, value_name = "DIR", default_value = "results")]
        out: PathBuf,
        /// Which run [default: the newest that succeeded]
        #[arg(long, value_name = "N")]
        run: Option<u32>,
    },
    /// Print what the code printed, if the policy grants it to you
    Log {
        /// The computation
        id: ComputationId,
        /// Which run [default: the newest]
        #[arg(long, value_name = "N")]
        run: Option<u32>,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    match &args.command {
        Command::Get { id, out, run } => {
            let (session, computation) = about(&profile, *id, term)?;
            let number = match run {
                Some(number) => *number,
                None => newest(&computation)?,
            };
            let opened = session.get_results(*id, number, out, term)?;
            term.data(&opened, |opened| {
                let line = |r: &sealroom_client::results::OpenedResult| {
                    format!("{:>10} bytes  {}\n", r.size, r.path.display())
                };
                opened.iter().map(line).collect()
            });
        }
        Command::Log { id, run } => {
            let (session, computation) = about(&profile, *id, term)?;
            let newest = computation.runs.last().map(|run| run.number);
            let number = run.or(newest).ok_or_else(|| no_results("there was no run yet"))?;
            let log = session.get_log(*id, number)?;
            if std::io::stdout().is_terminal() {
                let text = String::from_utf8_lossy(&log);
                let lines: Vec<String> = text.lines().map(visible).collect();
                print(&lines.join("\n"));
            } else {
                let _ = std::io::stdout().write_all(&log);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn no_results(problem: impl Into<String>) -> CliError {
    ClientError::NoResults(problem.into()).into()
}

fn newest(computation: &Computation) -> Result<u32, CliError> {
    newest_success(computation).ok_or_else(|| match computation.runs.last() {
        None => no_results("there was no run yet"),
        Some(run) => match &run.status {
            Some(RunStatus::Failed { reason, .. }) => {
                no_results(format!("run {} failed: {reason}", run.number))
            }
            _ => no_results(format!("run {} is not finished", run.number)),
        },
    })
}
