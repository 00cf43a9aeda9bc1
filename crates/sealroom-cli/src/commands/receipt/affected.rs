use super::{super::CommandResult, JudgedBy, load_dossier, up_to_date};
use crate::{error::CliError, term::Term};
use sealroom_attest::Roots;
use sealroom_client::receipts::{
    Acceptance,
    affected::{Entry, Looked, Newer, Sought, look},
};
use sealroom_protocol::{Dossier, EvidenceKind};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How deep folders are looked through.
const MAX_DEPTH: usize = 16;

/// List the archived runs, and their providers, that a newly broken platform touches
///
/// Exit code 1 if there is a file of which nothing can be said: then the list may be incomplete.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of runs, or folders with such files (`*.json`)
    #[arg(required = true, value_name = "DIR_OR_FILE")]
    files: Vec<PathBuf>,
    /// An advisory that the platform of a run was, or by newer collateral is, open to; once for each
    #[arg(long, value_name = "INTEL-SA-NNNNN")]
    advisory: Vec<String>,
    /// A platform: PPID, PIID (Intel) or chip id (AMD); once for each
    #[arg(long, value_name = "HEX", value_parser = hex)]
    platform: Vec<String>,
    /// A family of platforms (Intel's FMSPC); once for each
    #[arg(long, value_name = "HEX", value_parser = hex)]
    fmspc: Vec<String>,
    /// Newer collateral: list the runs whose evidence would be refused now; once for each platform
    #[arg(long, value_name = "FILE")]
    collateral: Vec<PathBuf>,
    #[command(flatten)]
    by: JudgedBy,
}

fn hex(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("these are no hexadecimal digits".to_owned())
    }
}

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let sought = Sought {
        advisories: args.advisory.iter().map(|id| id.trim().to_uppercase()).collect(),
        platforms: args.platform.iter().cloned().collect(),
        fmspcs: args.fmspc.iter().cloned().collect(),
    };
    if args.advisory.is_empty()
        && args.platform.is_empty()
        && args.fmspc.is_empty()
        && args.collateral.is_empty()
    {
        let message = "it is not said what has been broken";
        let hint = "name it with --advisory, --platform or --fmspc, or give newer --collateral";
        return Err(CliError::usage(message, hint));
    }
    let policy = args.by.policy();
    let statuses = up_to_date();
    let roots = Roots::pinned();
    let accepted =
        Acceptance { policy, statuses: &statuses, allow_simulated: false, roots: &roots };
    let newer = args.collateral.iter().map(|path| super::super::collateral::read(path));
    let newer = newer.collect::<Result<Vec<_>, _>>()?;
    let now = args.by.now();
    let mut touched: Vec<(PathBuf, Entry)> = Vec::new();
    let mut unjudged: Vec<(PathBuf, String)> = Vec::new();
    let mut unverified: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    let files = files(&args.files)?;
    for path in &files {
        let dossier: Dossier = match load_dossier(path) {
            Ok(dossier) => dossier,
            Err(error) => {
                unverified.insert(path.clone(), vec![error.message]);
                continue;
            }
        };
        let evidence = dossier.identity.evidence.kind;
        let of_kind = newer.iter().filter(|newer| newer.serves(evidence));
        let of_kind: Vec<Newer> = of_kind
            .map(|newer| Newer { kind: evidence, endorsements: newer.endorsements.clone() })
            .collect();
        match look(&dossier, &sought, &of_kind, &accepted, now) {
            Looked::Unverified(reasons) => drop(unverified.insert(path.clone(), reasons)),
            Looked::Run(entry) => {
                let simulated = evidence == EvidenceKind::Simulated;
                if !newer.is_empty() && entry.now.is_none() && !simulated {
                    let text = format!("run {} of {}", entry.run, entry.computation);
                    unjudged.push((path.clone(), text));
                }
                if !entry.because.is_empty() {
                    touched.push((path.clone(), *entry));
                }
            }
        }
    }
    let rows: Vec<_> =
        touched.iter().map(|(file, run)| json!({"file": file, "run": run})).collect();
    let unjudged_files: Vec<&PathBuf> = unjudged.iter().map(|(path, _)| path).collect();
    let shown = json!({
        "looked_at": files.len(),
        "affected": rows,
        "not_judged_now": unjudged_files,
        "unverified": unverified,
    });
    term.data(&shown, |_| text(&touched, term));
    for (path, run) in &unjudged {
        term.warn(&format!(
            "{}: no collateral is for the platform of {run}; what it is now is not known",
            path.display()
        ));
    }
    for (path, reasons) in &unverified {
        term.warn(&format!(
            "{}: nothing can be said of it: {}",
            path.display(),
            reasons.join("; ")
        ));
    }
    let (some, all) = (touched.len(), files.len());
    term.say(format!("{some} of {all} runs are affected"));
    Ok(if unverified.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(touched: &[(PathBuf, Entry)], term: &Term) -> String {
    let mut out = String::new();
    for (path, entry) in touched {
        let head = format!("run {} of {} `{}`", entry.run, entry.computation, entry.name);
        let _ = writeln!(out, "{}  {}", term.bold(&head), path.display());
        let _ = write!(out, "  {}, {}", entry.started_at, entry.kind);
        for platform in &entry.platforms {
            let _ = write!(out, ", platform {platform}");
        }
        out.push('\n');
        let status = |known: &sealroom_client::receipts::affected::Known| {
            let status = known.status.as_deref().unwrap_or("no status is published");
            match known.advisories.as_slice() {
                [] => status.to_owned(),
                open => format!("{status}, {}", open.join(", ")),
            }
        };
        let _ = writeln!(out, "  then: {}", status(&entry.then));
        if let Some(now) = &entry.now {
            let _ = writeln!(out, "  now: {}", status(&now.known));
        }
        for reason in &entry.because {
            let _ = writeln!(out, "  {}", term.red(reason));
        }
        for who in &entry.providers {
            let _ = writeln!(out, "  {} {} (key {})", who.role, who.email, who.public_key);
        }
    }
    out
}

/// The files that were named, and those in the folders that were, each once.
fn files(named: &[PathBuf]) -> Result<BTreeSet<PathBuf>, CliError> {
    let mut found = BTreeSet::new();
    for path in named {
        let is_folder = path.metadata().map_err(|error| CliError::io(path, &error))?.is_dir();
        if is_folder {
            below(path, MAX_DEPTH, &mut found)?;
        } else {
            found.insert(path.clone());
        }
    }
    Ok(found)
}

fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> Result<(), CliError> {
    if depth == 0 {
        let message = format!("`{}` is in too many folders", folder.display());
        return Err(CliError::new(message, "name the folder itself"));
    }
    let fault = |error| CliError::io(folder, &error);
    for entry in folder.read_dir().map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let (kind, path) = (entry.file_type().map_err(fault)?, entry.path());
        if kind.is_dir() {
            below(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.insert(path);
        }
    }
    Ok(())
}
