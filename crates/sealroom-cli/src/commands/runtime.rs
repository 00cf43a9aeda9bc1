use super::CommandResult;
use crate::{context::Global, error::CliError, term::Term};
use sealroom_client::Session;
use sealroom_packages::Runtimes;
use sealroom_protocol::{RuntimeName, api};
use std::{path::PathBuf, process::ExitCode};

mod add;
mod interpreter;
mod source;

/// The runtimes of this machine: interpreters, each with the packages that come with it
///
/// For operators, and for `sealroom test`. A computation names one with `sealroom new --runtime NAME`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Set a runtime up from a folder with `runtime.toml` and `requirements.lock`; quick when nothing changed
    ///
    /// The folder's name is the runtime's. Packages are fetched by the lock's hashes, looked through, unpacked, and
    /// compiled in a jail.
    Add {
        /// The folder
        source: PathBuf,
        /// The interpreter [default: the newest on this machine that `runtime.toml` allows]
        #[arg(long, value_name = "PATH")]
        python: Option<PathBuf>,
        /// The folder of runtimes [default: the one that `make setup` made]
        #[arg(long, value_name = "DIR")]
        runtimes: Option<PathBuf>,
        /// If this machine has no interpreter for it, note that and succeed
        #[arg(long)]
        optional: bool,
    },
    /// Write the lock of a runtime anew, from its `requirements.in`
    Lock {
        /// The folder
        source: PathBuf,
        /// The folder of runtimes, where uv is [default: the one that `make setup` made]
        #[arg(long, value_name = "DIR")]
        runtimes: Option<PathBuf>,
    },
    /// List runtimes: those of this machine, or of the server
    List {
        /// The folder of runtimes [default: the one that `make setup` made]
        #[arg(long, value_name = "DIR", conflicts_with = "server")]
        runtimes: Option<PathBuf>,
        /// Ask the server of your profile
        #[arg(long)]
        server: bool,
    },
}

/// A runtime in a list.
#[derive(serde::Serialize)]
struct Line {
    name: RuntimeName,
    #[serde(skip_serializing_if = "Option::is_none")]
    python: Option<String>,
    packages: usize,
    description: String,
    /// Why it can't be had here.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<String>,
}

impl Line {
    fn of(runtime: api::Runtime) -> Self {
        let (python, packages) = (Some(runtime.python), runtime.lock.packages.len());
        let (name, description) = (runtime.name, runtime.description);
        Self { name, python, packages, description, absent: None }
    }
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        Command::Add { source, python, runtimes, optional } => {
            let runtimes = Runtimes::locate(runtimes.as_deref())?;
            add::run(source, python.as_deref(), &runtimes, *optional, term)
        }
        Command::Lock { source, runtimes } => {
            let runtimes = Runtimes::locate(runtimes.as_deref())?;
            let source = source::Source::read(source)?;
            source.lock_anew(&sealroom_resolve::Tools::locate(Some(runtimes.root()))?)?;
            term.say(format!("wrote the locks of `{}`", source.name));
            Ok(ExitCode::SUCCESS)
        }
        Command::List { runtimes, server } => {
            let lines = if *server {
                let session_profile = global.profile()?;
                let known = Session::open(&session_profile)?.runtimes()?;
                known.into_iter().map(Line::of).collect()
            } else {
                here(&Runtimes::locate(runtimes.as_deref())?)?
            };
            term.data(&lines, |lines: &Vec<Line>| lines.iter().map(text).collect());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn here(runtimes: &Runtimes) -> Result<Vec<Line>, CliError> {
    let mut lines = Vec::new();
    for name in runtimes.names() {
        lines.push(Line::of(runtimes.installed(&name)?.shown()));
    }
    let absent = runtimes.absent().into_iter();
    lines.extend(absent.map(|(name, reason)| Line {
        name,
        python: None,
        packages: 0,
        description: String::new(),
        absent: Some(reason),
    }));
    Ok(lines)
}

fn text(line: &Line) -> String {
    let Line { name, python, packages, description, absent } = line;
    match (python, absent) {
        (_, Some(reason)) => format!("{name:10}  not here: {reason}\n"),
        (python, None) => {
            let python = python.as_deref().unwrap_or_default();
            format!("{name:10}  Python {python:8}  {packages:3} packages  {description}\n")
        }
    }
}
