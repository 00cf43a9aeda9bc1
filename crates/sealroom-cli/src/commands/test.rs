use super::CommandResult;
use crate::{error::CliError, syntax, term::Term};
use sealroom_client::code::list_folder;
use sealroom_protocol::{FileName, Policy, code::ENTRYPOINT};
use sealroom_sandbox::{
    CodeFile, Exit, FileSource, Input, Job, Launcher, Limits, Participants, ResultWriter, Results,
    Runtime,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// Run a code folder on this machine, on sample files, in the same jail as in the room
///
/// DIR is a folder made by `sealroom init`: code in `code/`, the files of data provider N in
/// `data/N/`, and, if there, what consumer N should get in `expected/N/`. Or DIR is a code folder,
/// and the files are named with --data. No server and no keys are involved.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// An input file, as FILE or N:FILE for data provider N
    #[arg(long, value_name = "[N:]FILE")]
    data: Vec<String>,
    /// How many result consumers there are [default: as many as `expected/` has, or 1]
    #[arg(long, value_name = "N")]
    consumers: Option<u32>,
    /// Where results go [default: `results` in DIR]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The Python environment [default: the one that `make setup` made]
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
}

/// What a run here came to.
#[derive(serde::Serialize)]
struct Report {
    success: bool,
    end: String,
    seconds: f64,
    results: Vec<Written>,
    differences: Vec<String>,
}

#[derive(serde::Serialize)]
struct Written {
    consumer: u32,
    name: String,
    size: u64,
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

    let runtime = Runtime::locate(args.runtime.as_deref())?;
    let launcher = Launcher::start()?;
    let open = |path: &Path| {
        let source = File::open(path).and_then(FileSource::new);
        source.map(Arc::new).map_err(|error| CliError::io(path, &error))
    };
    let mut results = Folder { out: out.clone(), written: Arc::default() };
    let written = Arc::clone(&results.written);
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
        limits: limits(&Policy::default()),
        results: &mut results,
        cancel: &AtomicBool::new(false),
    };
    let waiting = term.waiting("running in the jail");
    let outcome = launcher.run(&runtime, job)?;
    drop(waiting);
    let _ = io::stderr().write_all(&outcome.log);
    let success = outcome.exit == Exit::Code(0);
    let written = written.lock().map(|w| w.values().cloned().collect()).unwrap_or_default();
    let results = if success { keep(&out, written)? } else { vec![] };
    let differences = if success { compare(&expected, &results)? } else { vec![] };
    let report = Report {
        success: success && differences.is_empty(),
        end: describe(&outcome.exit),
        seconds: outcome.duration.as_secs_f64(),
        results,
        differences,
    };
    term.data(&report, |report| text(report, &expected, term));
    Ok(if report.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

/// The limits that a computation has by default.
fn limits(policy: &Policy) -> Limits {
    Limits {
        wall: Duration::from_secs(policy.max_run_seconds),
        memory_bytes: policy.max_memory_bytes,
        processes: policy.max_processes,
        scratch_bytes: policy.max_scratch_bytes,
        result_bytes: policy.max_result_bytes,
        result_count: policy.max_results,
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
    for r in &report.results {
        lines.push(format!("  consumer {}: {} bytes  {}", r.consumer, r.size, r.path.display()));
    }
    for line in &report.differences {
        lines.push(format!("  {}", term.red(line)));
    }
    if report.success && expected.is_dir() {
        lines.push(term.green("results are as expected"));
    }
    lines.join("\n")
}

fn named_file(text: &str) -> Result<(u32, PathBuf), CliError> {
    let numbered = text.split_once(':').and_then(|(n, path)| Some((n.parse().ok()?, path.into())));
    let (provider, path): (u32, PathBuf) = numbered.unwrap_or_else(|| (0, text.into()));
    if provider > 255 {
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
    (0..256).take_while(|n| dir.join(n.to_string()).is_dir()).count() as u32
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
fn keep(out: &Path, written: Vec<Kept>) -> Result<Vec<Written>, CliError> {
    let mut kept = Vec::new();
    for Kept { consumer, name, temp, size } in written {
        let folder = out.join(consumer.to_string());
        let path = folder.join(name.as_str());
        let moved = fs::create_dir_all(&folder).and_then(|()| fs::copy(temp.path(), &path));
        moved.map_err(|error| CliError::io(&path, &error))?;
        kept.push(Written { consumer, name: name.to_string(), size, path });
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

#[derive(Clone)]
struct Kept {
    consumer: u32,
    name: FileName,
    temp: Arc<tempfile::NamedTempFile>,
    size: u64,
}

type Shared = Arc<std::sync::Mutex<BTreeMap<(u32, FileName), Kept>>>;

/// Results as plain files.
struct Folder {
    out: PathBuf,
    written: Shared,
}

impl Results for Folder {
    fn begin(&mut self, consumer: u32, name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let name = name.parse().map_err(io::Error::other)?;
        fs::create_dir_all(&self.out)?;
        let temp = tempfile::NamedTempFile::new_in(&self.out)?;
        Ok(Box::new(Writer { consumer, name, temp, written: Arc::clone(&self.written) }))
    }
}

struct Writer {
    consumer: u32,
    name: FileName,
    temp: tempfile::NamedTempFile,
    written: Shared,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { consumer, name, temp, written } = *self;
        let size = temp.as_file().metadata()?.len();
        let kept = Kept { consumer, name: name.clone(), temp: Arc::new(temp), size };
        let mut written = written.lock().map_err(|_| io::Error::other("a thread panicked"))?;
        written.insert((consumer, name), kept);
        Ok(())
    }
}
