//! The Python that a run gets: an interpreter, our own packages, and folders of other packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::job::Limits;
use crate::spec::Start;

/// What in a variable's value stands for the run's scratch folder.
pub const SCRATCH: &str = "$SCRATCH";

/// A Python environment on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    lib: PathBuf,
    interpreter: PathBuf,
    base_prefix: PathBuf,
    layers: Vec<PathBuf>,
    variables: BTreeMap<String, String>,
}

/// What the interpreter says about itself, from inside the jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeReport {
    /// Such as `3.11.7`.
    pub python_version: String,
    /// Names of modules that Python itself brings, sorted: what packages must not be called.
    pub stdlib: Vec<String>,
    /// Names of the layers of the jail that hold on this machine, sorted.
    pub jail: Vec<String>,
}

impl Runtime {
    /// An interpreter with its own library at `base_prefix`, and `lib`, the folder with the packages `sealroom` and
    /// `cosmian_lib_sgx` and the module `_sealroom`. All paths absolute.
    ///
    /// # Errors
    /// [`SandboxError::RuntimeInvalid`] names a path that is not there, or that an argument can't carry.
    pub fn new(lib: &Path, interpreter: &Path, base_prefix: &Path) -> Result<Self, SandboxError> {
        let resolve = |path: &Path| {
            let invalid =
                |reason: String| SandboxError::RuntimeInvalid { path: path.to_owned(), reason };
            let path = path.canonicalize().map_err(|error| invalid(error.to_string()))?;
            let text = path.to_str().ok_or_else(|| invalid("it is not UTF-8".to_owned()))?;
            // Python splits its search path there.
            if text.contains(':') {
                return Err(invalid("it has a colon in it".to_owned()));
            }
            match path.parent() {
                Some(_) => Ok(path),
                None => Err(invalid("it is the root directory".to_owned())),
            }
        };
        Ok(Self {
            lib: resolve(lib)?,
            interpreter: resolve(interpreter)?,
            base_prefix: resolve(base_prefix)?,
            layers: vec![],
            variables: BTreeMap::new(),
        })
    }

    /// The same with a further folder of packages, searched after those before it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_layer(&self, folder: &Path) -> Result<Self, SandboxError> {
        let checked = Self::new(&self.lib, &self.interpreter, folder)?;
        let mut with = self.clone();
        with.layers.push(checked.base_prefix);
        Ok(with)
    }

    /// The same with these variables in its environment. [`SCRATCH`] in a value is replaced.
    #[must_use]
    pub fn with_variables(&self, variables: &BTreeMap<String, String>) -> Self {
        Self { variables: variables.clone(), ..self.clone() }
    }

    /// The command line of a run: isolated, no site module, no bytecode written, UTF-8 whatever the locale.
    pub(crate) fn start(&self, limits: &Limits, mode: &str) -> Start {
        let bootstrap = self.lib.join("sealroom/_bootstrap.py").display().to_string();
        let words = ["-I", "-S", "-B", "-X", "utf8"].map(str::to_owned).into_iter();
        // Ours first: nothing that was installed can take its name.
        let path = [&self.lib].into_iter().chain(&self.layers);
        let path: Vec<String> = path.map(|path| path.display().to_string()).collect();
        let args = [bootstrap, path.join(":"), mode.to_owned()];
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let wall = limits.wall.as_secs().saturating_add(10);
        let folders = [&self.base_prefix, &self.lib].into_iter().chain(&self.layers);
        Start {
            program: self.interpreter.clone(),
            args: words.chain(args).collect(),
            readable: folders.cloned().collect(),
            variables: self.variables.clone(),
            memory_bytes: limits.memory_bytes,
            processes: limits.processes,
            scratch_bytes: limits.scratch_bytes,
            cpu_seconds: wall.saturating_mul(cores),
            cpus: limits.cpus,
        }
    }
}
