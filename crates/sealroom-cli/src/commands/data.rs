use super::CommandResult;
use crate::{
    context::{Global, about},
    error::CliError,
    term::Term,
};
use sealroom_client::{ClientError, data::file_name};
use sealroom_protocol::{ComputationId, FileName};
use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

/// Bring data, as a data provider
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Seal files and upload them, in this order
    ///
    /// They are sealed on their way out; a file of the same name that was pushed before is replaced.
    Push {
        /// The computation
        id: ComputationId,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Another name, for a single file
        #[arg(long)]
        name: Option<FileName>,
    },
    /// Say that all your data is there
    Done {
        /// The computation
        id: ComputationId,
    },
    /// Take all your data back, and your key with it
    Reset {
        /// The computation
        id: ComputationId,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    match &args.command {
        Command::Push { id, files, name } => {
            if name.is_some() && files.len() != 1 {
                let hint = "push the files one by one, or without --name";
                return Err(CliError::usage("--name is for a single file", hint));
            }
            let mut names = BTreeSet::new();
            for file in files {
                let name = file_name(file)?;
                if !names.insert(name.clone()) {
                    return Err(ClientError::SameName(name.to_string()).into());
                }
            }
            let (session, _) = about(&profile, *id, term)?;
            let mut pushed = Vec::new();
            for file in files {
                let entry = session.push_data(*id, file, name.clone(), term)?;
                term.say(format!("sealed and pushed `{}` ({} bytes)", entry.name, entry.size));
                pushed.push(entry);
            }
            if term.is_json() {
                term.data(&pushed, |_| String::new());
            }
        }
        Command::Done { id } => {
            about(&profile, *id, term)?.0.data_done(*id)?;
            term.say("your data is complete");
        }
        Command::Reset { id } => {
            about(&profile, *id, term)?.0.reset_data(*id)?;
            term.say("your data is taken back");
        }
    }
    Ok(ExitCode::SUCCESS)
}
