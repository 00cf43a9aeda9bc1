use super::CommandResult;
use crate::{context::Global, error::CliError, syntax, term::Term};
use sealroom_client::{Session, code};
use sealroom_protocol::{ComputationId, code::ENTRYPOINT};
use std::{path::PathBuf, process::ExitCode};

/// Bring the code, as the code provider
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Seal a folder and upload it
    ///
    /// `run.py` and `requirements.txt` at its top stay in clear, everything else is sealed before it
    /// leaves this machine. Hidden files and `__pycache__` are left out.
    Push {
        /// The computation
        id: ComputationId,
        /// The code folder
        folder: PathBuf,
    },
    /// Take the code back; everybody approves again after the next push
    Reset {
        /// The computation
        id: ComputationId,
    },
    /// Print the digest of the code as it is stored, for others to compare
    Digest {
        /// The computation
        id: ComputationId,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let session = Session::open(&profile)?;
    match &args.command {
        Command::Push { id, folder } => {
            code::list_folder(folder)?;
            syntax::check(&folder.join(ENTRYPOINT))?;
            let files = session.push_code(*id, folder, term)?;
            let digest = code::digest(&files);
            let shown = serde_json::json!({"digest": digest, "files": files});
            term.data(&shown, |_| {
                let lines: String = files
                    .iter()
                    .map(|f| {
                        let how = if f.sealed { "sealed" } else { "clear " };
                        format!("{how}  {:>10}  {}\n", f.size, f.path)
                    })
                    .collect();
                format!("{lines}code digest {digest}")
            });
        }
        Command::Reset { id } => {
            session.reset_code(*id)?;
            term.say("the code is taken back");
        }
        Command::Digest { id } => {
            let computation = session.computation(*id)?;
            if computation.code.is_empty() {
                let hint = "the code provider pushes it with `sealroom code push`";
                return Err(CliError::new("there is no code yet", hint));
            }
            let digest = code::digest(&computation.code);
            term.data(&digest, ToString::to_string);
        }
    }
    Ok(ExitCode::SUCCESS)
}
