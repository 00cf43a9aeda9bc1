use super::CommandResult;
use crate::{
    context::{Global, Of, about},
    error::CliError,
    policy::PackageArgs,
    term::Term,
};
use sealroom_advisories::Advisories;
use sealroom_client::{Profile, Session};
use sealroom_packages::sbom::cyclonedx;
use sealroom_protocol::{
    Digest, Receipt, RuntimeName, manifest::CanonicalManifest, manifest::Manifest,
};
use std::{fs, path::PathBuf, process::ExitCode};

mod diff;
mod lock;
mod table;

/// What the code runs with: every package, who asked for it, its licence, and what is known to be wrong with it
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The computation, or one of its runs as ID/N
    #[arg(required = true)]
    of: Option<Of>,
    /// Print it as a requirements file with hashes, to install the same packages elsewhere
    #[arg(long)]
    requirements: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Compare the packages of two computations, or of two runs
    ///
    /// Exit code 1 if they differ.
    Diff {
        /// A computation, or one of its runs as ID/N
        a: Of,
        /// The other
        b: Of,
    },
    /// Resolve `requirements.txt` of a code folder, and write `sealroom.lock` beside it
    ///
    /// `code push` takes the packages from that file then, the same ones each time. Without one it resolves anew.
    Lock {
        /// The code folder
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The runtime that the code is for
        #[arg(long, value_name = "NAME", default_value_t)]
        runtime: RuntimeName,
        /// The folder of runtimes [default: the one that `make setup` made; else the server of your profile is asked]
        #[arg(long, value_name = "DIR")]
        runtimes: Option<PathBuf>,
        #[command(flatten)]
        packages: PackageArgs,
    },
    /// Print the bill of materials (CycloneDX) of a computation, or of one of its runs as ID/N
    ///
    /// For a run, it is compared with the digest in the run's receipt.
    Sbom {
        /// The computation, or one of its runs as ID/N
        of: Of,
        /// Where to write it, instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        None => {
            let of =
                args.of.ok_or_else(|| CliError::usage("a computation is missing", "name it"))?;
            let profile = global.profile()?;
            let found = find(&profile, of, term)?;
            if args.requirements {
                crate::term::print(&table::requirements(&found.manifest.environment));
                return Ok(ExitCode::SUCCESS);
            }
            let advisories = profile.advisories()?;
            show(&found.manifest, advisories.as_ref(), term);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Diff { a, b }) => {
            let profile = global.profile()?;
            let (a, b) = (find(&profile, *a, term)?, find(&profile, *b, term)?);
            diff::run(&a.manifest.environment, &b.manifest.environment, term)
        }
        Some(Command::Lock { folder, runtime, runtimes, packages }) => {
            lock::run(folder, runtime, runtimes.as_deref(), packages, global, term)
        }
        Some(Command::Sbom { of, out }) => sbom(&global.profile()?, *of, out.as_ref(), term),
    }
}

/// Prints the packages of a manifest.
fn show(manifest: &Manifest, advisories: Option<&Advisories>, term: &Term) {
    let rows = table::rows(&manifest.environment, advisories);
    let shown = serde_json::json!({
        "profile": manifest.environment.profile,
        "python": manifest.environment.python,
        "platform": manifest.environment.platform,
        "lock_sha256": manifest.environment.lock_sha256,
        "advisories_as_of": advisories.map(Advisories::as_of),
        "packages": rows,
    });
    term.data(&shown, |_| table::text(&manifest.environment, &rows, advisories, term));
}

/// A manifest, and the receipt of the run that was asked about.
struct Found {
    manifest: Manifest,
    receipt: Option<Receipt>,
}

/// Looks into the log, whose chain is checked on the way.
fn find(profile: &Profile, of: Of, term: &Term) -> Result<Found, CliError> {
    let (session, _): (Session<'_>, _) = about(profile, of.computation, term)?;
    let state = session.audit(of.computation)?.state;
    let missing = |what: String| CliError::new(what, "see where it stands with `sealroom status`");
    let (identity, receipt) = match of.run {
        Some(number) => {
            let run = state.runs.iter().find(|run| run.number == number);
            let run = run.ok_or_else(|| missing(format!("there is no run {number}")))?;
            let receipt = run.end.as_ref().and_then(|end| end.receipt.as_ref());
            let said = receipt.map(|receipt| receipt.verify(&run.identity.keys.signing));
            let said = said.transpose().map_err(sealroom_client::ClientError::from)?;
            (Some(&run.identity), said)
        }
        // Before an identity stands, or after: what there was last.
        None => {
            let last = state.runs.last().map(|run| &run.identity);
            (state.identity.as_ref().or(last), None)
        }
    };
    let identity = identity.ok_or(sealroom_client::ClientError::NoIdentity)?;
    let manifest = CanonicalManifest::parse(&identity.manifest)
        .map_err(|error| sealroom_client::ClientError::BadCode(error.to_string()))?;
    Ok(Found { manifest: manifest.manifest().clone(), receipt })
}

fn sbom(profile: &Profile, of: Of, out: Option<&PathBuf>, term: &Term) -> CommandResult {
    let Found { manifest, receipt } = find(profile, of, term)?;
    let document = cyclonedx(&manifest.environment);
    let digest = Digest::of(&document);
    if let Some(wanted) = receipt.and_then(|receipt| receipt.sbom).filter(|w| *w != digest) {
        let message =
            format!("the receipt names the bill of materials {wanted}, this one is {digest}");
        let hint = "another version of this program made it: ask for that one";
        return Err(CliError::new(message, hint));
    }
    match out {
        Some(path) => {
            fs::write(path, &document).map_err(|error| CliError::io(path, &error))?;
            term.say(format!("{} has SHA-256 {digest}", path.display()));
        }
        None => crate::term::print(&String::from_utf8_lossy(&document)),
    }
    Ok(ExitCode::SUCCESS)
}
