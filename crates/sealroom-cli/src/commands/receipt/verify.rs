use super::{
    super::{CommandResult, verify::verdict},
    JudgedBy, check_kind, load_dossier, up_to_date,
};
use crate::{context::Of, error::CliError, term::Term};
use sealroom_attest::{Judgement, Roots};
use sealroom_client::receipts::{self, Acceptance, Checked};
use sealroom_protocol::{Timestamp, receipt::RunStatus, text::visible};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

/// Check the file of a run, without a network and without a profile
///
/// Everything is checked as it was known when the run began: receipt, manifest, the participants' releases, inputs, times,
/// evidence. With newer collateral the evidence is judged again, as it is known now. Exit code 1 if anything is refused.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file that `sealroom receipt get` wrote
    file: PathBuf,
    /// The run that it has to be of, as ID/N, or the computation
    #[arg(long, value_name = "ID/N")]
    of: Option<Of>,
    #[command(flatten)]
    by: JudgedBy,
    /// Newer collateral: judge the evidence again, as it is known now
    #[arg(long, value_name = "FILE")]
    collateral: Option<PathBuf>,
    /// Compare the sealed results in this folder (`sealroom receipt get --results`) with those of the receipt
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Accept an enclave that no hardware vouches for; only for data that is not secret
    #[arg(long)]
    allow_simulated: bool,
}

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let policy = args.by.policy();
    let statuses = up_to_date();
    let accepted = Acceptance {
        policy,
        statuses: &statuses,
        allow_simulated: args.allow_simulated,
        roots: &Roots::pinned(),
    };
    let newer = args.collateral.as_deref().map(super::super::collateral::read).transpose()?;
    let dossier = load_dossier(&args.file)?;
    check_kind(newer.as_ref(), &dossier)?;
    let mut checked = receipts::verify(&dossier, &accepted);
    if let Some(receipt) = &checked.receipt {
        let asked = args.of.map(|of| receipts::check_asked(receipt, of.computation, of.run));
        checked.verdict.checks.extend(asked);
        if let Some(folder) = &args.results {
            let found = receipts::check_results(receipt, folder);
            checked.verdict.checks.extend(found.map_err(|error| CliError::io(folder, &error))?);
        }
    }
    let at = args.by.now();
    let now = newer.zip(checked.manifest.as_ref()).map(|(newer, manifest)| {
        receipts::judge(&dossier, manifest, &accepted, &newer.endorsements, at)
    });
    let trusted = checked.verdict.is_trusted()
        && now.as_ref().is_none_or(|judgement| judgement.verdict.is_trusted());
    let shown = json!({
        "trusted": trusted,
        "receipt": checked.receipt,
        "manifest_digest": checked.manifest.as_ref().map(|manifest| manifest.digest()),
        "then": {
            "at": checked.receipt.as_ref().map(|receipt| receipt.started_at),
            "trusted": checked.verdict.is_trusted(),
            "checks": checked.verdict.checks,
            "evidence": checked.then.as_ref().map(evidence),
        },
        "now": now.as_ref().map(|judgement| json!({
            "at": moment(at),
            "trusted": judgement.verdict.is_trusted(),
            "checks": judgement.verdict.checks,
            "evidence": evidence(judgement),
        })),
    });
    term.data(&shown, |_| text(&checked, now.as_ref().map(|judgement| (at, judgement)), term));
    Ok(if trusted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the evidence says, for programs.
fn evidence(judgement: &Judgement) -> Value {
    json!({
        "fields": judgement.fields,
        "platforms": judgement.platforms,
        "issued": judgement.issued.map(moment),
        "expires": judgement.expires.map(moment),
    })
}

/// A moment in words.
fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
    time.map_or_else(|| format!("{seconds} s"), |time| time.to_string())
}

fn text(checked: &Checked, now: Option<(u64, &Judgement)>, term: &Term) -> String {
    let mut out = String::new();
    if let Some(receipt) = &checked.receipt {
        let head = format!("run {} of {}", receipt.run, receipt.computation);
        let _ = writeln!(out, "{}", term.bold(&head));
        let _ = writeln!(out, "  manifest {}", receipt.manifest);
        let ended = match &receipt.status {
            RunStatus::Succeeded => "succeeded".to_owned(),
            RunStatus::Failed { reason, .. } => format!("failed: {}", visible(reason)),
        };
        let _ = writeln!(out, "  {} to {}, {ended}", receipt.started_at, receipt.ended_at);
    }
    let began = checked.receipt.as_ref().map(|receipt| receipt.started_at.to_string());
    let heading = format!("as it was known then, {}", began.unwrap_or_default());
    let heading = heading.trim_end_matches(", ");
    let _ = writeln!(out, "\n{}", term.bold(heading));
    out += &verdict(&checked.verdict, term);
    if let Some((at, judgement)) = now {
        let heading = format!("the evidence as it is known now, {}", moment(at));
        let _ = writeln!(out, "\n{}", term.bold(&heading));
        out += &verdict(&judgement.verdict, term);
    }
    out
}
