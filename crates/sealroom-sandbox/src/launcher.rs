//! The host's handle of the launcher process.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

use crate::channel::Manifest;
use crate::error::SandboxError;
use crate::job::{Exit, Job, Limits, Outcome, Participants, ResultWriter, Results};
use crate::run::{self, Ran};
use crate::runtime::{Runtime, RuntimeReport};
use crate::spec::Start;
use crate::stage;
use crate::wire;

/// A small process that starts jails, made before this one holds any key.
///
/// It has an empty environment and nothing open but a socket to us; when our end closes, by drop or by our death, it
/// ends and so does every jail. Start it before other threads do work: it is a fresh `exec` of this program, which
/// must call [`run_hidden_stage`](crate::run_hidden_stage) first thing in `main`.
#[derive(Debug)]
pub struct Launcher {
    socket: Mutex<Option<OwnedFd>>,
    child: Child,
}

impl Launcher {
    /// Starts this program again as launcher.
    ///
    /// # Errors
    /// [`SandboxError::Launcher`] if no process could be had.
    pub fn start() -> Result<Self, SandboxError> {
        Self::start_with(Path::new("/proc/self/exe"))
    }

    /// Starts another program as launcher, one that calls [`run_hidden_stage`](crate::run_hidden_stage) too: for tests
    /// and for hosts that are libraries.
    ///
    /// # Errors
    /// [`SandboxError::Launcher`] if no process could be had.
    pub fn start_with(program: &Path) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Launcher { action: "start", source };
        let (ours, theirs) = wire::pair().map_err(failed)?;
        let child = Command::new(program)
            .arg0("sealroom-launcher")
            .arg(stage::LAUNCHER)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(Self { socket: Mutex::new(Some(ours)), child })
    }

    /// Starts the interpreter in a jail, without code or data, and asks what there is.
    ///
    /// # Errors
    /// If the jail cannot be built here or the interpreter does not start in it.
    pub fn probe(&self, runtime: &Runtime) -> Result<RuntimeReport, SandboxError> {
        let limits = Limits { wall: std::time::Duration::from_secs(60), ..Limits::default() };
        let mut nowhere = Nowhere;
        let job = Job {
            code: Vec::new(),
            inputs: Vec::new(),
            participants: Participants::default(),
            limits,
            layers: &[],
            results: &mut nowhere,
            cancel: &AtomicBool::new(false),
        };
        let ran = self.run_once(&runtime.start(&job.limits, "probe"), job)?;
        let said = String::from_utf8_lossy(&ran.outcome.log).into_owned();
        if ran.outcome.exit != Exit::Code(0) {
            let reason = format!("{:?}: {said}", ran.outcome.exit);
            return Err(SandboxError::Probe { reason });
        }
        let mut answer: Answer = serde_json::from_str(&said)
            .map_err(|e| SandboxError::Probe { reason: format!("{e}: {said}") })?;
        answer.stdlib.sort();
        let Answer { python_version, stdlib } = answer;
        Ok(RuntimeReport { python_version, stdlib, jail: ran.layers })
    }

    /// Runs a job to its end and answers its requests meanwhile; blocks this thread.
    ///
    /// # Errors
    /// Only what is not the program's doing: how the program ended is in the [`Outcome`].
    pub fn run(&self, runtime: &Runtime, job: Job<'_>) -> Result<Outcome, SandboxError> {
        let start = runtime.start(&job.limits, "run");
        self.run_once(&start, job).map(|ran| ran.outcome)
    }

    fn run_once(&self, start: &Start, job: Job<'_>) -> Result<Ran, SandboxError> {
        let manifest = Manifest::of(&job)?;
        run::begin(self, start)?.run(&manifest, job)
    }

    /// Hands a new jail its control socket.
    pub(crate) fn launch(&self, start: &Start, control: OwnedFd) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::Launcher { action: "reach", source };
        let socket = self.socket.lock().map_err(|_| failed(std::io::ErrorKind::Other.into()))?;
        let socket =
            socket.as_ref().ok_or_else(|| failed(std::io::ErrorKind::NotConnected.into()))?;
        wire::send(socket, start, &[control.as_fd()]).map_err(failed)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Ok(socket) = self.socket.get_mut() {
            *socket = None;
        }
        let _ = self.child.wait();
    }
}

#[derive(Deserialize)]
struct Answer {
    python_version: String,
    stdlib: Vec<String>,
}

/// Results of a probe, of which there are none.
struct Nowhere;

impl Results for Nowhere {
    fn begin(&mut self, _: &[u32], _: &str) -> std::io::Result<Box<dyn ResultWriter>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
