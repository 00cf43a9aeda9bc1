use super::CommandResult;
use crate::{
    error::CliError,
    packages::{self, Added, FromFolder},
    policy::{self, PolicyArgs},
    syntax,
    term::Term,
};
use folder::{Folder, Kept};
use sealroom_client::code::list_folder;
use sealroom_output::Contracted;
use sealroom_packages::{Runtimes, environment};
use sealroom_protocol::{
    JailLevel, JailPart, LogDetail, LogPolicy, Policy,
    code::ENTRYPOINT,
    contract::{Broken, Terms},
    text::visible,
};
use sealroom_sandbox::{
    CodeFile, Exit, FileSource, Input, Job, Launcher, Limits, Outcome, Participants,
};
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

mod folder;

/// The usual name of a folder's output contract.
const CONTRACT: &str = "contract.json";
/// Data providers and result consumers of a computation, at most.
const MOST: u32 = 256;

/// Run a code folder on this machine, on sample files, in the same jail and under the same contract as in the room
///
/// DIR is a folder made by `sealroom init`: code in `code/`, the files of data provider N in
/// `data/N/`, what may leave a run in `contract.json`, and, if there, what consumer N should get in
/// `expected/N/`. Or DIR is a code folder, and the files are named with --data. No server and no keys are
/// involved.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// An input file, as FILE or N:FILE for data provider N
    #[arg(long, value_name = "[N:]FILE")]
    data: Vec<String>,
    /// How many result consumers there are [default: as many as `expected/` has, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    consumers: Option<u32>,
    /// Where results go [default: `results` in DIR]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The folder of Python runtimes [default: the one that `make setup` made]
    #[arg(long, value_name = "DIR")]
    runtimes: Option<PathBuf>,
    /// The least jail that will do: `full`, `walled` or `minimum`
    #[arg(long, value_name = "LEVEL", default_value_t = JailLevel::Minimum)]
    require_jail: JailLevel,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// What a run here came to.
#[derive(serde::Serialize)]
struct Report {
    success: bool,
    end: String,
    seconds: f64,
    jail: JailPart,
    clauses: Vec<ClauseReport>,
    results: Vec<Written>,
    differences: Vec<String>,
    /// What the log would have, if anybody gets one.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

/// How the run did by one clause of the contract.
#[derive(serde::Serialize)]
struct ClauseReport {
    clause: String,
    text: String,
    /// Absent if the run had ended before it could be told.
    holds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(serde::Serialize)]
struct Written {
    consumer: u32,
    name: String,
    size: u64,
    /// As it would leave the room.
    padded_size: u64,
    path: PathBuf,
}

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let scaffold = args.dir.join("code");
    let is_scaffold = scaffold.join(ENTRYPOINT).is_file();
    let code = if is_scaffold { scaffold } else { args.dir.clone() };
    let sources = list_folder(&code)?;
    syntax::check(&code.join(ENTRYPOINT))?;
    let inputs = match (args.data.is_empty(), is_scaffold) {
        (true, true) => sample_files(&args.dir.join("data"))?,
        _ => args.data.iter().map(|text| named_file(text)).collect::<Result<_, _>>()?,
    };
    let providers = inputs.iter().map(|(n, _)| n + 1).max().unwrap_or(1);
    let expected = args.dir.join("expected");
    let consumers = args.consumers.unwrap_or_else(|| count_folders(&expected).max(1));
    let out = args.out.clone().unwrap_or_else(|| args.dir.join("results"));
    let contract = Some(args.dir.join(CONTRACT)).filter(|path| is_scaffold && path.is_file());
    let policy = args.policy.policy(contract.as_deref())?;
    policy::check(&policy, consumers as usize)?;
    let terms = policy.terms(u16::try_from(consumers).ok());
    let terms =
        terms.map_err(|error| CliError::usage(error.to_string(), "see docs/contract.md"))?;

    let runtimes = Runtimes::locate(args.runtimes.as_deref())?;
    let launcher = Launcher::start()?;
    let ready = runtimes.ready(&policy.runtime)?;
    let jail = JailPart::of(launcher.probe(&ready.bare)?.jail);
    if jail.level < args.require_jail {
        let lacks = jail.missing.join(", ");
        let message = format!("the jail on this machine is `{}`: it lacks {lacks}", jail.level);
        let hint = "run where namespaces and cgroups can be made, as docs/operating.md says";
        return Err(CliError::new(message, hint));
    }
    let shown = ready.installed.shown();
    let added = packages::of_folder(&code, &shown, &policy.packages, Some(runtimes.root()), term)?;
    let store = packages::open_cache(&runtimes.usual_cache())?;
    let lock = added.as_ref().map(|added| &added.lock);
    let mut files = added.as_ref().map_or_else(FromFolder::nothing, Added::source);
    let (never, rules) = (AtomicBool::new(false), &policy.packages);
    let waiting = term.waiting("installing packages");
    let environment =
        environment::prepare(ready, lock, rules, (&store, &mut files), (&launcher, &never))?;
    drop(waiting);
    let open = |path: &Path| {
        let source = File::open(path).and_then(FileSource::new);
        source.map(Arc::new).map_err(|error| CliError::io(path, &error))
    };
    let mut results = Contracted::new(terms.clone(), Folder::new(out.clone()));
    let job = Job {
        code: sources
            .iter()
            .map(|s| {
                let (path, sealed) = (s.path.to_string(), !s.path.is_clear());
                Ok(CodeFile { path, sealed, source: open(&s.file)? })
            })
            .collect::<Result<_, CliError>>()?,
        inputs: inputs
            .iter()
            .map(|(provider, path)| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Input { provider: *provider, name, source: open(path)? })
            })
            .collect::<Result<_, CliError>>()?,
        participants: made_up(providers, consumers),
        limits: limits(&policy),
        layers: &jail.layers,
        results: &mut results,
        cancel: &AtomicBool::new(false),
    };
    let waiting = term.waiting("running in the jail");
    let outcome = launcher.run(&environment.runtime, job)?;
    drop(waiting);
    let _ = io::stderr().write_all(&outcome.log);
    let ended_well = outcome.exit == Exit::Code(0);
    let (broken, written) = match results.broken() {
        Some(broken) => (Some(broken), None),
        None if !ended_well => (None, None),
        None => match results.finish(u16::try_from(consumers).unwrap_or(u16::MAX)) {
            Ok(folder) => (None, Some(folder.into_written())),
            Err(broken) => (Some(broken), None),
        },
    };
    let success = written.is_some();
    let results = keep(&out, &terms, written.unwrap_or_default())?;
    let differences = if success { compare(&expected, &results)? } else { vec![] };
    let report = Report {
        success: success && differences.is_empty(),
        end: match &broken {
            Some(broken) => format!("the run breaks the output contract: {}", broken.clause),
            None => describe(&outcome.exit),
        },
        seconds: outcome.duration.as_secs_f64(),
        jail,
        clauses: clauses(&terms, broken.as_ref(), success),
        results,
        differences,
        log: log(&policy, &outcome),
    };
    term.data(&report, |report| text(report, &expected, term));
    Ok(if report.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn clauses(terms: &Terms, broken: Option<&Broken>, success: bool) -> Vec<ClauseReport> {
    let report = |clause: sealroom_protocol::contract::Clause| {
        let breach = broken.filter(|broken| broken.clause == clause.id);
        let holds = match breach {
            Some(_) => Some(false),
            None => success.then_some(true),
        };
        let detail = breach.map(|broken| broken.detail.clone());
        ClauseReport { clause: clause.id, text: clause.text, holds, detail }
    };
    terms.clauses().into_iter().map(report).collect()
}

/// What a reader of the log would see.
fn log(policy: &Policy, outcome: &Outcome) -> Option<String> {
    let text = match (policy.logs, policy.log_detail) {
        (LogPolicy::None, _) => return None,
        (_, LogDetail::Scrubbed) => outcome.raised.as_deref().unwrap_or_default().as_bytes(),
        (_, LogDetail::Full) => outcome.log.as_slice(),
    };
    let limit = usize::try_from(policy.max_log_bytes).unwrap_or(usize::MAX);
    Some(String::from_utf8_lossy(&text[..text.len().min(limit)]).into_owned())
}

/// Participants that nobody is: no keys are involved here, but code may look at the public ones.
fn made_up(providers: u32, consumers: u32) -> Participants {
    let key = |role: u8, index: u32| {
        let mut key = [role; 32];
        key[..4].copy_from_slice(&index.to_be_bytes());
        key
    };
    Participants {
        computation: [0; 16],
        code_provider: key(1, 0),
        data_providers: (0..providers).map(|index| key(2, index)).collect(),
        result_consumers: (0..consumers).map(|index| key(3, index)).collect(),
    }
}

fn limits(policy: &Policy) -> Limits {
    Limits {
        wall: Duration::from_secs(policy.max_run_seconds),
        memory_bytes: policy.max_memory_bytes,
        processes: policy.max_processes,
        cpus: policy.max_cpus,
        scratch_bytes: policy.max_scratch_bytes,
        result_bytes: policy.max_result_bytes,
        result_count: policy.max_results,
        // Here all is shown that fits.
        log_bytes: 1 << 20,
    }
}

fn describe(exit: &Exit) -> String {
    match exit {
        Exit::Code(0) => "the code ended well".to_owned(),
        Exit::Code(code) => format!("the code ended with exit code {code}"),
        Exit::Signal(signal) => format!("the code was ended by signal {signal}"),
        Exit::TimedOut => "the code took too long".to_owned(),
        Exit::Cancelled => "the run was cancelled".to_owned(),
        Exit::LimitExceeded(excess) => format!("the code broke a limit: {}", excess.words),
    }
}

fn text(report: &Report, expected: &Path, term: &Term) -> String {
    let end = if report.success { term.green(&report.end) } else { term.red(&report.end) };
    let mut lines = vec![format!("{end} ({:.1} s)", report.seconds)];
    lines.push(match report.jail.missing.as_slice() {
        [] => format!("  jail: full, {} layers", report.jail.layers.len()),
        missing => format!("  jail: {}, it lacks {}", report.jail.level, missing.join(", ")),
    });
    for clause in &report.clauses {
        let mark = match clause.holds {
            Some(true) => term.green("holds "),
            Some(false) => term.red("BROKEN"),
            None => "      ".to_owned(),
        };
        lines.push(format!("  {mark}  {}", clause.text));
        lines.extend(clause.detail.iter().map(|detail| format!("          {}", visible(detail))));
    }
    for r in &report.results {
        let padded = match r.padded_size {
            padded if padded == r.size => String::new(),
            padded => format!(" (padded to {padded})"),
        };
        let path = r.path.display();
        lines.push(format!("  consumer {}: {} bytes{padded}  {path}", r.consumer, r.size));
    }
    for line in &report.differences {
        lines.push(format!("  {}", term.red(line)));
    }
    if let Some(log) = &report.log {
        lines.push("  the log would be:".to_owned());
        lines.extend(log.lines().map(|line| format!("    {}", visible(line))));
    }
    if report.success && expected.is_dir() {
        lines.push(term.green("results are as expected"));
    }
    lines.join("\n")
}

fn named_file(text: &str) -> Result<(u32, PathBuf), CliError> {
    let numbered = text.split_once(':').and_then(|(n, path)| Some((n.parse().ok()?, path.into())));
    let (provider, path): (u32, PathBuf) = numbered.unwrap_or_else(|| (0, text.into()));
    if provider >= MOST {
        return Err(CliError::usage("there are at most 256 data providers", "count them from 0"));
    }
    Ok((provider, path))
}

fn sample_files(data: &Path) -> Result<Vec<(u32, PathBuf)>, CliError> {
    let mut files = Vec::new();
    for provider in 0..count_folders(data) {
        let folder = data.join(provider.to_string());
        for path in sorted_files(&folder)? {
            files.push((provider, path));
        }
    }
    Ok(files)
}

/// How many folders `0`, `1`, `2`, … there are in `dir`.
fn count_folders(dir: &Path) -> u32 {
    (0..MOST).take_while(|n| dir.join(n.to_string()).is_dir()).count() as u32
}

fn sorted_files(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    };
    list().map_err(|error| CliError::io(dir, &error))
}

/// Moves what was written to `out/CONSUMER/NAME`.
fn keep(out: &Path, terms: &Terms, written: Vec<Kept>) -> Result<Vec<Written>, CliError> {
    let mut kept = Vec::new();
    for Kept { consumer, name, temp, size } in written {
        let folder = out.join(consumer.to_string());
        let path = folder.join(name.as_str());
        let moved = fs::create_dir_all(&folder).and_then(|()| fs::copy(temp.path(), &path));
        moved.map_err(|error| CliError::io(&path, &error))?;
        let padded_size = terms.padded(size).unwrap_or(size);
        kept.push(Written { consumer, name: name.to_string(), size, padded_size, path });
    }
    Ok(kept)
}

/// How the results differ from what `expected` has, a line each.
fn compare(expected: &Path, results: &[Written]) -> Result<Vec<String>, CliError> {
    let mut differences = Vec::new();
    for consumer in 0..count_folders(expected) {
        for path in sorted_files(&expected.join(consumer.to_string()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let found = results.iter().find(|r| r.consumer == consumer && *r.name == *name);
            let Some(found) = found else {
                differences.push(format!("consumer {consumer} got no `{name}`"));
                continue;
            };
            let read = |path: &Path| fs::read(path).map_err(|error| CliError::io(path, &error));
            if read(&path)? != read(&found.path)? {
                differences.push(format!("`{name}` of consumer {consumer} is not as expected"));
            }
        }
    }
    Ok(differences)
}
