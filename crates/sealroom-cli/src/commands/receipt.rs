use super::CommandResult;
use crate::{
    context::{Global, Of, about},
    error::CliError,
    evidence_file,
    term::{Term, print},
};
use sealroom_attest::{Group, Policy, Roots, policy::TcbStatus};
use sealroom_client::{
    ClientError,
    receipts::{self, Acceptance},
};
use sealroom_collateral::Collateral;
use sealroom_protocol::{Digest, Dossier, dossier};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

mod affected;
mod verify;

/// Receipts of runs: keep one with all that it takes to check it, check it anywhere, find those that a broken platform touches
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write the file of a run: receipt, identity, evidence, collateral, the participants' signed key releases
    ///
    /// Nobody needs the server, or a profile, to check it. The participants' keys are in it, sealed to an enclave that is gone:
    /// give it to those alone who may have the ciphertext.
    Get {
        /// The run as ID/N, or the computation for its newest run
        of: Of,
        /// Where to write it, instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The collateral that you verified with, to keep it in the file [default: what came with the evidence, or what the
        /// server keeps]
        #[arg(long, value_name = "FILE")]
        collateral: Option<PathBuf>,
        /// Fetch your sealed results of the run too, into this folder
        #[arg(long, value_name = "DIR")]
        results: Option<PathBuf>,
    },
    Verify(verify::Args),
    Affected(affected::Args),
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        Command::Get { of, out, collateral, results } => {
            get(*of, out.as_deref(), collateral.as_deref(), results.as_deref(), global, term)
        }
        Command::Verify(args) => verify::run(args, term),
        Command::Affected(args) => affected::run(args, term),
    }
}

/// By what evidence is judged: the options that `verify` and `affected` share.
#[derive(clap::Args)]
struct JudgedBy {
    /// Judge the evidence by this attestation policy, measurements too [default: genuine, and up to date]
    #[arg(long, value_name = "FILE", value_parser = super::policy::read)]
    policy: Option<Policy>,
    /// The moment that counts as now, seconds since 1970 [default: this machine's clock]
    #[arg(long, value_name = "UNIX_SECONDS", requires = "collateral")]
    at: Option<u64>,
}

impl JudgedBy {
    fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    fn now(&self) -> u64 {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.at.unwrap_or_else(clock)
    }
}

/// What will do without a policy.
fn up_to_date() -> BTreeSet<TcbStatus> {
    BTreeSet::from([TcbStatus::UpToDate])
}

fn get(
    of: Of,
    out: Option<&Path>,
    collateral: Option<&Path>,
    results: Option<&Path>,
    global: &Global,
    term: &Term,
) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, of.computation, term)?;
    let ended = computation.runs.iter().rfind(|run| run.status.is_some()).map(|run| run.number);
    let number = of.run.or(ended).ok_or_else(|| {
        ClientError::NoResults("no run of this computation has ended yet".to_owned())
    })?;
    let collateral = match collateral {
        Some(path) => Some(super::collateral::read(path)?),
        None => session.collateral(of.computation, Some(number))?,
    };
    let endorsements = collateral.as_ref().map(|found| found.endorsements.clone());
    let dossier = session.dossier(of.computation, number, endorsements.unwrap_or_default())?;
    check_kind(collateral.as_ref(), &dossier)?;
    let statuses = TcbStatus::ACCEPTABLE.into_iter().collect();
    let roots = Roots::pinned();
    let accepted =
        Acceptance { policy: None, statuses: &statuses, allow_simulated: true, roots: &roots };
    let checked = receipts::verify(&dossier, &accepted);
    for failure in checked.verdict.failures() {
        // Whoever keeps a file wants one that can be checked; what is to be thought of the platform is for who checks it.
        match failure.group {
            Group::Hardware | Group::UpToDate | Group::Enclave => {
                term.warn(&format!("the evidence is refused: {}", failure.text));
            }
            _ => return Err(ClientError::BadResult(failure.text.clone()).into()),
        }
    }
    if let Some(folder) = results {
        let written = session.sealed_results(&dossier, folder)?;
        term.say(format!("{} sealed results are in {}", written.len(), folder.display()));
    }
    let bytes = dossier.to_bytes();
    match out {
        Some(path) => {
            std::fs::write(path, &bytes).map_err(|error| CliError::io(path, &error))?;
            let digest = Digest::of(&bytes);
            term.data(&serde_json::json!({"file": path, "run": number, "sha256": digest}), |_| {
                format!("run {number} is in {}, SHA-256 {digest}", path.display())
            });
        }
        None => print(&String::from_utf8_lossy(&bytes)),
    }
    Ok(ExitCode::SUCCESS)
}

fn load_dossier(path: &Path) -> Result<Dossier, CliError> {
    let bytes = evidence_file::read(path, dossier::MAX_LEN)?;
    Dossier::parse(&bytes).map_err(|error| {
        let hint = "ask for the file again; `sealroom receipt get ID/N --out FILE` writes one";
        let cause = CliError::from_chain(&error, None);
        let message = format!("`{}` is refused: {}", path.display(), cause.message);
        CliError { causes: cause.causes, ..CliError::new(message, hint) }
    })
}

/// Refuses collateral for another kind of evidence. Azure's kinds take that of their hardware.
fn check_kind(collateral: Option<&Collateral>, dossier: &Dossier) -> Result<(), CliError> {
    let evidence = dossier.identity.evidence.kind;
    match collateral {
        Some(collateral) if !collateral.serves(evidence) => Err(CliError::new(
            format!(
                "the collateral is for evidence of kind `{}`, the run has `{evidence}`",
                collateral.kind
            ),
            "give the collateral of that platform, or none",
        )),
        _ => Ok(()),
    }
}
