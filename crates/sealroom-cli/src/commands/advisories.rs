use super::CommandResult;
use crate::{context::Global, error::CliError, term::Term};
use sealroom_advisories::{Advisories, ImportError};
use std::{path::PathBuf, process::ExitCode};

/// Known vulnerabilities of packages: `verify` and `packages` tell which are open
///
/// Nothing is fetched: import what osv.dev publishes for PyPI (a ZIP), or any files in its format. The newest date
/// among them is shown wherever they are used.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Read advisories in OSV format; they take the place of those that were imported before
    Import {
        /// A ZIP, a folder, or a file with one or more records
        file: PathBuf,
    },
    /// Say which advisories are there, and how old they are
    Show,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile_without_secrets()?;
    let advisories = match &args.command {
        Command::Import { file } => {
            let waiting = term.waiting("reading advisories");
            let imported = Advisories::import(file, jiff::Timestamp::now());
            drop(waiting);
            let imported = imported.map_err(|error| refuse(&error))?;
            let save = imported.advisories.save(&profile.advisories_file());
            save.map_err(sealroom_client::ClientError::from)?;
            let counts = imported.counts;
            term.say(format!(
                "left out: {} about other ecosystems, {} that were withdrawn",
                counts.other_ecosystem, counts.withdrawn
            ));
            imported.advisories
        }
        Command::Show => profile.advisories()?.ok_or_else(|| {
            let hint = "import some with `sealroom advisories import FILE`";
            CliError::new("no advisories are imported", hint)
        })?,
    };
    let shown = serde_json::json!({
        "advisories": advisories.count(),
        "packages": advisories.packages(),
        "as_of": advisories.as_of(),
        "imported_at": advisories.imported_at(),
        "source": { "name": advisories.source().name(), "sha256": advisories.source().sha256() },
    });
    term.data(&shown, |_| {
        format!(
            "{} advisories about {} packages, as of {} (imported {} from `{}`)",
            advisories.count(),
            advisories.packages(),
            advisories.as_of().strftime("%Y-%m-%d"),
            advisories.imported_at().strftime("%Y-%m-%d"),
            advisories.source().name(),
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn refuse(error: &ImportError) -> CliError {
    let hint =
        "give it a ZIP, folder or file in OSV format; what was imported before is still there";
    CliError::from_chain(error, Some(hint.to_owned()))
}
