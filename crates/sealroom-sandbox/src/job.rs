//! What the host hands to a run and what it gets back: plain types, no processes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Bytes that can be read at any offset: an opened sealed file, a clear file, memory.
///
/// Called from the thread that runs the job, only for ranges inside `0..len()`.
pub trait Source: Send + Sync {
    /// Size in bytes; constant for the life of the value.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills all of `buf` from `offset`.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read in full; the jailed program sees it as an `OSError`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end_of_file = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let start = usize::try_from(offset).map_err(|_| end_of_file())?;
        let end = start.checked_add(buf.len()).ok_or_else(end_of_file)?;
        buf.copy_from_slice(self.get(start..end).ok_or_else(end_of_file)?);
        Ok(())
    }
}

/// A clear file on disk as a [`Source`], with the size it had when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: std::fs::File,
    len: u64,
}

impl FileSource {
    /// Takes an open regular file.
    ///
    /// # Errors
    /// When its size cannot be asked for.
    pub fn new(file: std::fs::File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buf, offset)
    }
}

/// One input file. A job lists its inputs in the order of upload.
pub struct Input {
    /// Index of the data provider it came from, from 0.
    pub provider: u32,
    /// Name the provider gave it.
    pub name: String,
    /// Its bytes.
    pub source: Arc<dyn Source>,
}

/// One file of the code folder.
pub struct CodeFile {
    /// Relative, `/`-separated, already validated: no `..`, no empty part.
    pub path: String,
    /// Sealed files are importable and readable from memory only; clear ones are laid into the scratch directory.
    pub sealed: bool,
    /// Its bytes.
    pub source: Arc<dyn Source>,
}

/// Where results go. Called from the thread that runs the job.
pub trait Results {
    /// Opens a result for one or several consumers, who get the same bytes. One result is written at a time.
    ///
    /// # Errors
    /// Ends the run.
    fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>>;
}

/// One result being written. Dropped without [`commit`](Self::commit) it is discarded.
pub trait ResultWriter: io::Write {
    /// Makes it the result of its consumers under its name, in place of earlier ones.
    ///
    /// # Errors
    /// Ends the run.
    fn commit(self: Box<Self>) -> io::Result<()>;
}

/// How much a run may take. Crossing a bound that is not the kernel's alone ends the run with
/// [`Exit::LimitExceeded`] or [`Exit::TimedOut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the interpreter's start to its end.
    pub wall: Duration,
    /// Memory of the run, bytes; without a memory cgroup it binds each process by itself.
    pub memory_bytes: u64,
    /// Processes and threads at the same time.
    pub processes: u32,
    /// Whole processors at the same time, where a cgroup can bind them; without a number as many as there are.
    pub cpus: Option<u32>,
    /// Files the program writes for itself, bytes.
    pub scratch_bytes: u64,
    /// Results of one consumer, all names together, replaced ones given back, bytes.
    pub result_bytes: u64,
    /// Names of results per consumer.
    pub result_count: u32,
    /// What is kept of stdout and stderr together, bytes.
    pub log_bytes: u64,
}

impl Default for Limits {
    /// Generous for one machine: an hour, 4 GiB, 256 processes on all processors, 1 GiB of scratch, 1 GiB and 64 names of results, 1 MiB
    /// of log.
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            wall: Duration::from_secs(3600),
            memory_bytes: 4 * GIB,
            processes: 256,
            cpus: None,
            scratch_bytes: GIB,
            result_bytes: GIB,
            result_count: 64,
            log_bytes: 1 << 20,
        }
    }
}

/// Who takes part, as far as the code may know it: what is public.
#[derive(Clone, Debug, Default)]
pub struct Participants {
    /// The computation's identifier.
    pub computation: [u8; 16],
    /// The code provider's signature key.
    pub code_provider: [u8; 32],
    /// The data providers' signature keys, in order, those without files included.
    pub data_providers: Vec<[u8; 32]>,
    /// The result consumers' signature keys, in order.
    pub result_consumers: Vec<[u8; 32]>,
}

/// One run.
pub struct Job<'a> {
    /// The code folder; `run.py` is at its top.
    pub code: Vec<CodeFile>,
    /// All inputs, in the order of upload.
    pub inputs: Vec<Input>,
    /// Who takes part.
    pub participants: Participants,
    /// What the run may take.
    pub limits: Limits,
    /// Layers of the jail that have to hold before the job is told anything: those that somebody was promised.
    pub layers: &'a [String],
    /// Where its results go.
    pub results: &'a mut dyn Results,
    /// Set it from another thread, and the run ends within a tenth of a second.
    pub cancel: &'a AtomicBool,
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// stdout and stderr as they came, cut at [`Limits::log_bytes`].
    pub log: Vec<u8>,
    /// Whether more was said than is kept.
    pub log_truncated: bool,
    /// Where in the code the exception that ended it was raised, and of which type, if the program says so: places
    /// and names of the code alone, nothing of the data. A program that means to can choose among them.
    pub raised: Option<String>,
    /// From the interpreter's start to the last process's end.
    pub duration: Duration,
    /// The most memory in use at once: of the whole run where a cgroup tells, else of its largest process.
    pub peak_memory_bytes: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself; 0 is success.
    Code(i32),
    /// By a signal that neither the host nor a limit sent.
    Signal(i32),
    /// Killed at [`Limits::wall`].
    TimedOut,
    /// Killed because [`Job::cancel`] was set.
    Cancelled,
    /// Killed for taking more than it may, or for breaking the channel's rules.
    LimitExceeded(Excess),
}

/// Which bound a program went over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Which, as one of a fixed few: this may be told to anybody.
    pub bound: Bound,
    /// The same with names and numbers, some of which the program chose: not for those who must not hear from it.
    pub words: String,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// The rules of the channel to the host.
    #[error("the rules for reading inputs and writing results")]
    Channel,
    /// [`Limits::memory_bytes`].
    #[error("memory")]
    Memory,
    /// Processor time.
    #[error("processor time")]
    ProcessorTime,
    /// [`Limits::result_bytes`] or [`Limits::result_count`].
    #[error("the size or number of results")]
    Results,
    /// Where results go took no more of them.
    #[error("the room for results")]
    Storage,
}
