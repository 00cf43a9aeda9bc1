//! What has to be done with a package's own text before code can use it: compiling it, and building a wheel from it.
//! Both happen in a jail like any run's, with no network and with nothing of anybody's in it.

use sealroom_sandbox::{
    CodeFile, Exit, FileSource, Input, Job, Launcher, Limits, Participants, ResultWriter, Results,
    Runtime, SandboxError,
};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

/// How long compiling or building may take: minutes for the largest.
const LONGEST: Duration = Duration::from_secs(1200);
/// What is kept of what a build says.
const LOG: u64 = 16 << 10;
/// Lines of it that are repeated.
const LOG_LINES: usize = 12;
/// Bytes that may come of it: what a layer may hold.
const LARGEST: u64 = crate::wheel::MAX_UNPACKED;

/// Starts jails for work on packages.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// Starts the jails.
    pub launcher: &'a Launcher,
    /// The interpreter, with no packages but ours.
    pub bare: &'a Runtime,
    /// If set, the work ends.
    pub cancel: &'a AtomicBool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The jail.
    #[error("the jail cannot be started")]
    Jail(#[from] SandboxError),
    /// The program in it.
    #[error("{what} failed: {how}{said}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// How it ended.
        how: String,
        /// The last that it said, made harmless: empty, or behind a colon.
        said: String,
    },
    /// Our own disk.
    #[error("what comes of it cannot be kept")]
    Disk(#[from] io::Error),
}

impl Workshop<'_> {
    /// Compiles every module below `tree`; `shown` is where it will be. Returns a TAR of what Python keeps in
    /// `__pycache__`.
    ///
    /// # Errors
    /// Every [`WorkError`].
    pub(crate) fn compile(
        &self,
        tree: &Path,
        shown: &Path,
        spool: &Path,
    ) -> Result<File, WorkError> {
        let program = format!(
            "from sealroom import Enclave, _compile\n\
             with open('compiled.tar', 'w+b') as out:\n    \
                 _compile.compile_tree({}, out, {})\n    \
                 out.seek(0)\n    \
                 with Enclave() as enclave:\n        \
                     enclave.write(out, name='compiled.tar')\n",
            literal(tree),
            literal(shown),
        );
        let runtime = self.bare.with_layer(tree)?;
        let (_, file) = self.work("compiling", &runtime, program, vec![], spool)?;
        Ok(file)
    }

    /// Builds a wheel from a source distribution; `tools` is the folder with what builds. Returns its name and bytes.
    ///
    /// # Errors
    /// Every [`WorkError`].
    pub(crate) fn build(
        &self,
        name: &str,
        source: File,
        tools: &Path,
        spool: &Path,
    ) -> Result<(String, File), WorkError> {
        let program = format!(
            "import os, shutil\n\
             from sealroom import Enclave, _build\n\
             name = {}\n\
             with Enclave() as enclave:\n    \
                 (source,) = enclave.read()\n    \
                 os.mkdir('work')\n    \
                 with open(name, 'wb') as out:\n        \
                     shutil.copyfileobj(source, out)\n    \
                 wheel = _build.build(os.path.abspath(name), os.path.abspath('work'))\n    \
                 with open(wheel, 'rb') as built:\n        \
                     enclave.write(built, name=os.path.basename(wheel))\n",
            literal(Path::new(name)),
        );
        let source = Arc::new(FileSource::new(source)?);
        let input = Input { provider: 0, name: name.to_owned(), source };
        let runtime = self.bare.with_layer(tools)?;
        self.work("building", &runtime, program, vec![input], spool)
    }

    fn work(
        &self,
        what: &'static str,
        runtime: &Runtime,
        program: String,
        inputs: Vec<Input>,
        spool: &Path,
    ) -> Result<(String, File), WorkError> {
        let mut results = One { file: tempfile::tempfile_in(spool)?, name: Arc::default() };
        let name = Arc::clone(&results.name);
        let outcome = self.launcher.run(
            runtime,
            Job {
                code: vec![CodeFile {
                    path: "run.py".to_owned(),
                    sealed: false,
                    source: Arc::new(program.into_bytes()),
                }],
                inputs,
                participants: Participants {
                    data_providers: vec![[0; 32]],
                    result_consumers: vec![[0; 32]],
                    ..Participants::default()
                },
                limits: Limits {
                    wall: LONGEST,
                    scratch_bytes: LARGEST,
                    result_bytes: LARGEST,
                    result_count: 1,
                    log_bytes: LOG,
                    ..Limits::default()
                },
                layers: &[],
                results: &mut results,
                cancel: self.cancel,
            },
        )?;
        let name = name.lock().map(|name| name.clone()).unwrap_or_default();
        match (outcome.exit, name) {
            (Exit::Code(0), Some(name)) => {
                let mut file = results.file;
                io::Seek::rewind(&mut file)?;
                Ok((name, file))
            }
            (exit, _) => {
                let how = match exit {
                    Exit::Code(code) => format!("exit code {code}"),
                    Exit::Signal(signal) => format!("signal {signal}"),
                    Exit::TimedOut => format!("not done after {} s", LONGEST.as_secs()),
                    Exit::Cancelled => "cancelled".to_owned(),
                    Exit::LimitExceeded(excess) => excess.words,
                };
                Err(WorkError::Failed { what, how, said: last_words(&outcome.log) })
            }
        }
    }
}

/// The end of what a program said, where its errors stand.
fn last_words(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let last = last.iter().map(|line| sealroom_protocol::text::visible(line));
    last.map(|line| format!("\n    {line}")).collect()
}

/// A path as a literal of Python.
fn literal(path: &Path) -> String {
    let text = serde_json::to_string(&path.to_string_lossy()).unwrap_or_default();
    // JSON's strings are Python's, but for the surrogates that no path of ours has.
    text
}

/// The one result, in a file without a name.
struct One {
    file: File,
    name: Arc<Mutex<Option<String>>>,
}

impl Results for One {
    fn begin(&mut self, _: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        self.file.set_len(0)?;
        let mut file = self.file.try_clone()?;
        io::Seek::rewind(&mut file)?;
        Ok(Box::new(Writer { file, name: name.to_owned(), committed: Arc::clone(&self.name) }))
    }
}

struct Writer {
    file: File,
    name: String,
    committed: Arc<Mutex<Option<String>>>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let mut committed = self.committed.lock().map_err(|_| io::Error::other("poisoned"))?;
        *committed = Some(self.name);
        Ok(())
    }
}
