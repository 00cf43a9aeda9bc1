//! A Python environment on disk: where it is, which interpreter it is for, what is in it.
//!
//! ```text
//! runtime/lib/                      packages `sealroom` and `cosmian_lib_sgx`, `_sealroom.abi3.so`
//! runtime/default/runtime.json      {"interpreter", "base_prefix", "version", ...}
//! runtime/default/site-packages/    the locked packages
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::job::Limits;
use crate::spec::Start;

/// The set of packages a run gets.
const PROFILE: &str = "default";

/// A located runtime directory.
#[derive(Clone, Debug)]
pub struct Runtime {
    root: PathBuf,
    interpreter: PathBuf,
    base_prefix: PathBuf,
    version: String,
}

/// What the interpreter says about itself, from inside the jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeReport {
    /// Such as `3.11.7`.
    pub python_version: String,
    /// Installed packages, sorted by name.
    pub packages: Vec<Package>,
    /// Names of the layers of the jail that hold on this machine, sorted.
    pub jail: Vec<String>,
}

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// As its metadata spells it.
    pub name: String,
    /// As its metadata spells it.
    pub version: String,
}

#[derive(Deserialize)]
struct Description {
    interpreter: PathBuf,
    base_prefix: PathBuf,
    version: String,
}

impl Runtime {
    /// Finds the runtime: `explicit`, `$SEALROOM_RUNTIME`, then `../runtime`, `../../runtime` and
    /// `../share/sealroom/runtime` seen from the folder of this program.
    ///
    /// # Errors
    /// [`SandboxError::RuntimeMissing`] lists the places; a place that was named but is not one is not passed over.
    pub fn locate(explicit: Option<&Path>) -> Result<Self, SandboxError> {
        let named = explicit.map(Path::to_path_buf);
        let named = named.or_else(|| std::env::var_os("SEALROOM_RUNTIME").map(PathBuf::from));
        let tried = match named {
            Some(root) => vec![root],
            None => usual_places(),
        };
        match tried.iter().find(|root| description(root).is_file()) {
            Some(root) => Self::open(root),
            None => Err(SandboxError::RuntimeMissing { tried }),
        }
    }

    /// Such as `3.11.7`, as found when the runtime was set up.
    pub fn python_version(&self) -> &str {
        &self.version
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn open(root: &Path) -> Result<Self, SandboxError> {
        let path = description(root);
        let invalid = |reason: String| SandboxError::RuntimeInvalid { path: path.clone(), reason };
        let root = root.canonicalize().map_err(|e| invalid(e.to_string()))?;
        let text = std::fs::read(&path).map_err(|e| invalid(e.to_string()))?;
        let found: Description =
            serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        let resolve = |path: &Path| {
            path.canonicalize().map_err(|e| invalid(format!("`{}`: {e}", path.display())))
        };
        let base_prefix = resolve(&found.base_prefix)?;
        if base_prefix.parent().is_none() {
            return Err(invalid("the interpreter's prefix is the root directory".to_owned()));
        }
        Ok(Self {
            root,
            interpreter: resolve(&found.interpreter)?,
            base_prefix,
            version: found.version,
        })
    }

    /// The command line of a run: isolated, no site module, no bytecode written, UTF-8 whatever the locale.
    pub(crate) fn start(&self, limits: &Limits, mode: &str) -> Start {
        let lib = self.root.join("lib");
        let site_packages = self.root.join(PROFILE).join("site-packages");
        let bootstrap = lib.join("sealroom/_bootstrap.py");
        let words = ["-I", "-S", "-B", "-X", "utf8"].map(str::to_owned).into_iter();
        let paths = [&bootstrap, &lib, &site_packages].map(|path| path.display().to_string());
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let wall = limits.wall.as_secs().saturating_add(10);
        Start {
            program: self.interpreter.clone(),
            args: words.chain(paths).chain([mode.to_owned()]).collect(),
            readable: vec![self.base_prefix.clone(), lib, self.root.join(PROFILE)],
            memory_bytes: limits.memory_bytes,
            processes: limits.processes,
            scratch_bytes: limits.scratch_bytes,
            cpu_seconds: wall.saturating_mul(cores),
            cpus: limits.cpus,
        }
    }
}

fn description(root: &Path) -> PathBuf {
    root.join(PROFILE).join("runtime.json")
}

fn usual_places() -> Vec<PathBuf> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let Some(folder) = program.ok().and_then(|path| path.parent().map(Path::to_path_buf)) else {
        return Vec::new();
    };
    // Tests live one folder deeper than programs, in `deps`; the build's own layout puts `runtime` beside `release`.
    ["../runtime", "../../runtime", "../share/sealroom/runtime"].map(|at| folder.join(at)).to_vec()
}
