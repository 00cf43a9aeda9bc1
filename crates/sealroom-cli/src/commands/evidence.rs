use super::{CommandResult, verify};
use crate::{context::Global, error::CliError, evidence_file, term::Term};
use sealroom_attest::{
    Check, Judgement, Measure, Outcome, Policy, Request, Roots, policy::TcbStatus,
};
use sealroom_protocol::{Base64, ComputationId, Evidence};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Look at evidence, of ours or of others: what it says, and whether it is genuine
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Judge the evidence in a folder, with what vouches for it
    ///
    /// The folder has `quote.bin` and `collateral.json` (SGX, TDX), or `report.bin` with `vek.der`, `ask.der` and
    /// `ark.der` or with `auxblob.bin` (SEV-SNP); beside them `hcl_report.bin`, `tpm_quote.msg`, `tpm_quote.sig` and
    /// `tpm_pcrs.json` (Azure), `ccel.bin` (TDX event log), `crl.der` (AMD's revocation list). Or it is one file:
    /// evidence as `sealroom evidence get` writes it. Exit code 1 if it is refused.
    Check(Box<CheckArgs>),
    /// Decode any evidence: a quote, a report, a paravisor's blob, a TPM's statement, an identity
    ///
    /// What it says is shown, and whether it is genuine as far as what came with it goes.
    Inspect {
        /// The evidence, raw, in base64, in hexadecimal digits or in JSON; `-` for standard input
        file: PathBuf,
        /// The moment for which it is judged, seconds since 1970; now without it
        #[arg(long, value_name = "UNIX_SECONDS")]
        at: Option<u64>,
    },
    /// Write the evidence of a computation's enclave to a file
    Get {
        /// The computation
        id: ComputationId,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct CheckArgs {
    /// A folder, or a file
    path: PathBuf,
    /// The moment for which it is judged, seconds since 1970; now without it
    #[arg(long, value_name = "UNIX_SECONDS")]
    at: Option<u64>,
    /// An attestation policy; without one, only whether it is genuine is decided
    #[arg(long, value_name = "FILE", value_parser = super::policy::read)]
    policy: Option<Policy>,
    /// States of the platform that are accepted beside `UpToDate` where there is no policy
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', conflicts_with = "policy")]
    accept_status: Vec<TcbStatus>,
    /// What the evidence has to carry: 128 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = report_data)]
    report_data: Option<[u8; 64]>,
}

fn report_data(text: &str) -> Result<[u8; 64], String> {
    let mut bytes = [0; 64];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "report data has 64 bytes: 128 hexadecimal digits".to_owned())?;
    Ok(bytes)
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        Command::Check(args) => check(args, term),
        Command::Inspect { file, at } => inspect(file, at.unwrap_or_else(now), term),
        Command::Get { id, out } => get(*id, out.as_deref(), global, term),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn check(args: &CheckArgs, term: &Term) -> CommandResult {
    let case = evidence_file::case(&args.path)?;
    let mut statuses: BTreeSet<TcbStatus> = [TcbStatus::UpToDate].into();
    statuses.extend(&args.accept_status);
    let measure = args.policy.as_ref().map_or(Measure::Genuine(&statuses), Measure::Policy);
    let now = args.at.unwrap_or_else(now);
    let judge = |evidence: &Evidence, endorsements: &[Base64]| {
        let report_data = args.report_data.as_ref();
        let roots = &Roots::pinned();
        sealroom_attest::verify(&Request {
            evidence,
            endorsements,
            report_data,
            measure,
            now,
            roots,
        })
    };
    let mut judgement = judge(&case.evidence, &[]);
    // The same certificates by another way have to come to the same.
    if let Some(table) = &case.table {
        let other = judge(&case.evidence, std::slice::from_ref(table));
        let new = other.verdict.failures().filter(|c| !judgement.verdict.checks.contains(c));
        let new: Vec<Check> = new.cloned().collect();
        judgement.verdict.checks.extend(new);
    }
    judgement.verdict.checks.extend(case.contradictions);
    if let Some(log) = &case.event_log {
        judgement.verdict.checks.push(evidence_file::event_log(log, &judgement.fields));
    }
    Ok(show(&judgement, now, None, term))
}

fn inspect(file: &Path, now: u64, term: &Term) -> CommandResult {
    let found = evidence_file::sniff(&evidence_file::read(file, evidence_file::MAX_BYTES)?)?;
    let statuses: BTreeSet<TcbStatus> = TcbStatus::ACCEPTABLE.into();
    let measure = Measure::Genuine(&statuses);
    let Some(evidence) = &found.evidence else {
        let shown = serde_json::json!({ "what": found.what, "fields": found.fields });
        term.data(&shown, |_| format!("{}\n{}", term.bold(&found.what), listed(&found.fields)));
        return Ok(ExitCode::FAILURE);
    };
    let roots = &Roots::pinned();
    let (endorsements, report_data) = (&[][..], None);
    let request = Request { evidence, endorsements, report_data, measure, now, roots };
    let mut judgement = sealroom_attest::verify(&request);
    for (name, value) in found.fields {
        judgement.fields.entry(name).or_insert(value);
    }
    Ok(show(&judgement, now, Some(&found.what), term))
}

/// Prints a judgement, and says by the exit code whether something failed.
fn show(judgement: &Judgement, now: u64, what: Option<&str>, term: &Term) -> ExitCode {
    let Judgement { verdict, fields, platforms, issued, expires } = judgement;
    let accepted = verdict.is_trusted();
    let list = |outcome| -> Vec<_> {
        let checks = verdict.checks.iter().filter(|check| check.outcome == outcome);
        checks.map(|c| serde_json::json!({ "code": c.code, "text": c.text })).collect()
    };
    // What a paravisor or a TPM adds stands beside what the hardware says.
    let (added, said): (Map<_, _>, Map<_, _>) = fields
        .clone()
        .into_iter()
        .partition(|(name, _)| ["tpm_", "vm_", "pcr"].iter().any(|start| name.starts_with(start)));
    let shown = serde_json::json!({
        "what": what,
        "verdict": if accepted { "accept" } else { "reject" },
        "reasons": list(Outcome::Failed),
        "open": list(Outcome::Open),
        "passed": list(Outcome::Passed),
        "warned": list(Outcome::Warned),
        "fields": said,
        "vtpm": added,
        "platforms": platforms,
        "at": now,
        "issued": issued,
        "expires": expires,
    });
    term.data(&shown, |_| {
        let mut out = what.map(|what| format!("{}\n", term.bold(what))).unwrap_or_default();
        out += &listed(fields);
        if !accepted {
            let _ = writeln!(out, "  (refused: nothing vouches for what it says)");
        }
        out + &verify::verdict(verdict, term)
    });
    if accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What evidence says, a line each.
fn listed(fields: &Map<String, Value>) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(out, "  {name}: {}", sealroom_protocol::text::visible(&value));
    }
    out
}

fn get(id: ComputationId, out: Option<&Path>, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (_, computation) = crate::context::about(&profile, id, term)?;
    let identity = computation.enclave.identity.ok_or(sealroom_client::ClientError::NoIdentity)?;
    let text = serde_json::to_string_pretty(&identity).unwrap_or_default();
    match out {
        Some(path) => std::fs::write(path, text + "\n").map_err(|e| CliError::io(path, &e))?,
        None => crate::term::print(&text),
    }
    Ok(ExitCode::SUCCESS)
}
