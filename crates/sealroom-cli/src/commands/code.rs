use super::CommandResult;
use crate::{
    context::{Global, about},
    error::CliError,
    packages::{self, Added},
    syntax,
    term::Term,
};
use sealroom_client::{Session, code};
use sealroom_packages::Runtimes;
use sealroom_protocol::{
    ComputationId,
    api::Computation,
    code::{ENTRYPOINT, REQUIREMENTS},
    package::LOCK_FILE,
    text::visible,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Bring the code, or look at what of it is in clear
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Seal a folder and upload it
    ///
    /// `run.py`, `requirements.txt` and `sealroom.lock` at its top stay in clear, everything else is sealed before it
    /// leaves this machine. Packages that `requirements.txt` asks for are resolved and locked by uv, unless
    /// `sealroom.lock` says which, and uploaded in clear. Hidden files and `__pycache__` are left out.
    Push {
        /// The computation
        id: ComputationId,
        /// The code folder
        folder: PathBuf,
        /// Where uv and pip are, in `tools`: a folder of runtimes [default: the one that `make setup` made, or the
        /// system's path]
        #[arg(long, value_name = "DIR")]
        runtimes: Option<PathBuf>,
    },
    /// Take the code back; everybody approves again after the next push
    Reset {
        /// The computation
        id: ComputationId,
    },
    /// Print the clear files of the code, after comparing them with the enclave's manifest
    Show {
        /// The computation
        id: ComputationId,
    },
    /// Print the digest of the code that you pushed, for the others to give to `verify`
    Digest {
        /// The computation
        #[arg(required_unless_present = "archive")]
        id: Option<ComputationId>,
        /// Of this archive instead: the TAR whose path the 2022 client's `upload_code` returns
        #[arg(long, value_name = "FILE", conflicts_with = "id")]
        archive: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    if let Command::Digest { archive: Some(archive), .. } = &args.command {
        term.data(&code::digest_of_archive(archive)?, ToString::to_string);
        return Ok(ExitCode::SUCCESS);
    }
    let profile = global.profile()?;
    match &args.command {
        Command::Push { id, folder, runtimes } => {
            code::list_folder(folder)?;
            syntax::check(&folder.join(ENTRYPOINT))?;
            let (session, computation) = about(&profile, *id, term)?;
            let added = added_packages(&session, &computation, folder, runtimes.as_deref(), term)?;
            let packages = added.as_ref().map(|added| added.files());
            let files = session.push_code(*id, folder, packages, term)?;
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
            about(&profile, *id, term)?.0.reset_code(*id)?;
            term.say("the code is taken back");
        }
        Command::Digest { id, .. } => {
            // What was pushed from here, not what the server says of it.
            let pushed = match id {
                Some(id) => profile.memory(*id)?.code,
                None => vec![],
            };
            if pushed.is_empty() {
                let hint =
                    "ask the code provider for it; `sealroom verify` shows what the enclave has";
                return Err(CliError::new("you have pushed no code from this profile", hint));
            }
            let digest = code::digest(&pushed);
            term.data(&digest, ToString::to_string);
        }
        Command::Show { id } => {
            let (session, computation) = about(&profile, *id, term)?;
            let clear = session.clear_code(&computation)?;
            let texts: BTreeMap<String, String> = clear
                .into_iter()
                .map(|(path, text)| (path.to_string(), String::from_utf8_lossy(&text).into_owned()))
                .collect();
            term.data(&texts, |texts| {
                let show = |(path, text): (&String, &String)| {
                    let lines: Vec<String> = text.lines().map(shown_line).collect();
                    format!("# {path}\n{}\n", lines.join("\n"))
                };
                texts.iter().map(show).collect()
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The packages that the code asks for beside those of its runtime.
fn added_packages(
    session: &Session<'_>,
    computation: &Computation,
    folder: &Path,
    runtimes: Option<&Path>,
    term: &Term,
) -> Result<Option<Added>, CliError> {
    if ![REQUIREMENTS, LOCK_FILE].iter().any(|name| folder.join(name).exists()) {
        return Ok(None);
    }
    let policy = &computation.policy;
    let local = Runtimes::locate(runtimes).ok().map(|found| found.root().to_owned());
    let tools = local.as_deref().or(runtimes);
    let runtime = session.runtime(&policy.runtime)?;
    packages::of_folder(folder, &runtime, &policy.packages, tools, term)
}

/// A line of somebody's source: tabs stay, and nothing in it reaches the terminal as a command.
fn shown_line(line: &str) -> String {
    line.split('\t').map(visible).collect::<Vec<_>>().join("\t")
}
