//! The runtimes of a machine: interpreters, each with the packages that come with it.
//!
//! ```text
//! RUNTIMES/lib/               packages `sealroom` and `cosmian_lib_sgx`, `_sealroom.abi3.so`
//! RUNTIMES/layers/            layers of packages that belong to runtimes
//! RUNTIMES/NAME/runtime.json  one runtime: interpreter, lock, the key of its layer
//! RUNTIMES/NAME/absent        or why it can't be had on this machine, in one line
//! RUNTIMES/tools/             uv and pip, for whoever resolves packages
//! ```

use crate::{
    layer::{Layer, Store},
    platform::Platform,
};
use sealroom_protocol::{Digest, Lock, RuntimeName, api, package::Variables};
use sealroom_sandbox::{Runtime, SandboxError};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The version of the description that this crate writes and reads.
pub const VERSION: &str = "sealroom/runtime/v1";
const DESCRIPTION: &str = "runtime.json";
const ABSENT: &str = "absent";

/// The folder of runtimes.
#[derive(Clone, Debug)]
pub struct Runtimes {
    root: PathBuf,
}

/// A runtime as it was set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// [`VERSION`].
    pub version: String,
    /// Its name.
    pub name: RuntimeName,
    /// What it is for.
    pub description: String,
    /// SHA-256 of all that it was set up from: the same again changes nothing.
    pub made_from: Digest,
    /// The interpreter.
    pub interpreter: PathBuf,
    /// Where its standard library is.
    pub base_prefix: PathBuf,
    /// Its full version.
    pub python_version: String,
    /// What wheels have to fit.
    pub platform: Platform,
    /// Names that packages must not have.
    pub reserved: Vec<String>,
    /// Variables for the code.
    pub variables: Variables,
    /// The packages that come with it.
    pub lock: Lock,
    /// The layer that they are in.
    pub layer: Digest,
    /// The layer with what builds source distributions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Digest>,
}

/// Why a runtime can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// There is no folder of runtimes in any of the usual places.
    #[error("no Python runtimes in {}: run `make setup`", tried.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing {
        /// Where they were looked for, in order.
        tried: Vec<PathBuf>,
    },
    /// Not here, but others are.
    #[error("there is no runtime `{name}` here, but {}", list(known))]
    Unknown {
        /// The one that was asked for.
        name: RuntimeName,
        /// Those that there are.
        known: Vec<RuntimeName>,
    },
    /// It can't be had on this machine.
    #[error("the runtime `{name}` cannot be had on this machine: {reason}")]
    Absent {
        /// Which.
        name: RuntimeName,
        /// Why.
        reason: String,
    },
    /// Its description can't be used.
    #[error("`{}` does not describe a runtime: {reason}", path.display())]
    Invalid {
        /// The description.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A layer of it is gone.
    #[error("the packages of the runtime `{0}` are gone: run `make setup`")]
    NoLayer(RuntimeName),
    /// A part of it is unusable.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The disk.
    #[error("the folder of runtimes cannot be used")]
    Io(#[from] io::Error),
}

fn list(names: &[RuntimeName]) -> String {
    match names {
        [] => "none at all".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

/// A runtime that can be used, and what holds its packages.
#[derive(Debug)]
pub struct Ready {
    /// What it is.
    pub installed: Installed,
    /// The interpreter with no packages but ours.
    pub bare: Runtime,
    /// Its packages; none for a bare one.
    pub layer: Option<Layer>,
    /// What builds source distributions.
    pub tools: Option<Layer>,
}

impl Runtimes {
    /// Finds the folder: `explicit`, `$SEALROOM_RUNTIMES`, then `../runtime`, `../../runtime` and
    /// `../share/sealroom/runtime` seen from the folder of this program.
    ///
    /// # Errors
    /// [`RuntimeError::Missing`] lists the places; a place that was named but is not one is not passed over.
    pub fn locate(explicit: Option<&Path>) -> Result<Self, RuntimeError> {
        let named = explicit.map(Path::to_path_buf);
        let named = named.or_else(|| env::var_os("SEALROOM_RUNTIMES").map(PathBuf::from));
        let tried = named.map_or_else(usual_places, |root| vec![root]);
        match tried.iter().find(|root| root.join("lib").is_dir()) {
            Some(root) => Ok(Self { root: root.canonicalize()? }),
            None => Err(RuntimeError::Missing { tried }),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Our own packages.
    #[must_use]
    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// The layers that belong to runtimes.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn store(&self) -> io::Result<Store> {
        Store::open(&self.root.join("layers"))
    }

    /// Where layers of computations are kept unless somebody says otherwise.
    #[must_use]
    pub fn usual_cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The runtimes that can be used, by name.
    #[must_use]
    pub fn names(&self) -> Vec<RuntimeName> {
        let mut names: Vec<RuntimeName> = self
            .folders()
            .filter(|(_, folder)| folder.join(DESCRIPTION).is_file())
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names
    }

    /// The runtimes that can't be had on this machine, each with its reason.
    #[must_use]
    pub fn absent(&self) -> BTreeMap<RuntimeName, String> {
        let absent = self.folders().filter(|(_, folder)| !folder.join(DESCRIPTION).is_file());
        absent
            .filter_map(|(name, folder)| {
                let reason = fs::read_to_string(folder.join(ABSENT)).ok()?;
                Some((name, reason.trim().to_owned()))
            })
            .collect()
    }

    fn folders(&self) -> impl Iterator<Item = (RuntimeName, PathBuf)> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
    }

    /// What a runtime is.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`], [`RuntimeError::Absent`], [`RuntimeError::Invalid`].
    pub fn installed(&self, name: &RuntimeName) -> Result<Installed, RuntimeError> {
        let folder = self.root.join(name.as_str());
        let path = folder.join(DESCRIPTION);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = name.clone();
                return Err(match self.absent().remove(&name) {
                    Some(reason) => RuntimeError::Absent { name, reason },
                    None => RuntimeError::Unknown { name, known: self.names() },
                });
            }
            Err(error) => return Err(error.into()),
        };
        let invalid = |reason: String| RuntimeError::Invalid { path: path.clone(), reason };
        let found: Installed =
            serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
        found.lock.check().map_err(|error| invalid(error.to_string()))?;
        if found.version != VERSION || found.name != *name {
            return Err(invalid("it is of another version, or of another runtime".to_owned()));
        }
        Ok(found)
    }

    /// A runtime ready for use.
    ///
    /// # Errors
    /// Every [`RuntimeError`].
    pub fn ready(&self, name: &RuntimeName) -> Result<Ready, RuntimeError> {
        let installed = self.installed(name)?;
        let bare = Runtime::new(&self.lib(), &installed.interpreter, &installed.base_prefix)?;
        let store = self.store()?;
        let find = |key: Digest| -> Result<Layer, RuntimeError> {
            store.find(key)?.ok_or_else(|| RuntimeError::NoLayer(name.clone()))
        };
        let layer = match installed.lock.packages.is_empty() {
            true => None,
            false => Some(find(installed.layer)?),
        };
        let tools = installed.tools.map(find).transpose()?;
        Ok(Ready { installed, bare, layer, tools })
    }

    /// Writes a runtime's description, in place of an earlier one.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, installed: &Installed) -> io::Result<()> {
        let folder = self.root.join(installed.name.as_str());
        let text = serde_json::to_vec_pretty(installed)?;
        self.replace(&folder, DESCRIPTION, &text)?;
        drop(fs::remove_file(folder.join(ABSENT)));
        Ok(())
    }

    /// Notes why a runtime can't be had here, and forgets it if it could be had before.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_absent(&self, name: &RuntimeName, reason: &str) -> io::Result<()> {
        let folder = self.root.join(name.as_str());
        drop(fs::remove_file(folder.join(DESCRIPTION)));
        self.replace(&folder, ABSENT, format!("{reason}\n").as_bytes())
    }

    fn replace(&self, folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the layers that no runtime has and nobody uses.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn tidy(&self) -> io::Result<()> {
        let store = self.store()?;
        let known: Vec<Installed> =
            self.names().iter().filter_map(|name| self.installed(name).ok()).collect();
        for key in store.keys()? {
            let used =
                known.iter().any(|runtime| runtime.layer == key || runtime.tools == Some(key));
            if !used {
                store.remove(key)?;
            }
        }
        Ok(())
    }
}

impl Ready {
    /// The interpreter with the runtime's packages and variables.
    ///
    /// # Errors
    /// If a path can't be used.
    pub fn runtime(&self) -> Result<Runtime, SandboxError> {
        let runtime = self.bare.with_variables(&self.installed.variables);
        match &self.layer {
            Some(layer) => runtime.with_layer(layer.folder()),
            None => Ok(runtime),
        }
    }
}

impl Installed {
    /// As the server describes it.
    #[must_use]
    pub fn shown(&self) -> api::Runtime {
        api::Runtime {
            name: self.name.clone(),
            description: self.description.clone(),
            python: self.python_version.clone(),
            arch: self.platform.arch.clone(),
            glibc: self.platform.glibc,
            platform_tags: self.platform.platform_tags(),
            reserved: self.reserved.clone(),
            variables: self.variables.clone(),
            lock: self.lock.clone(),
        }
    }
}

fn usual_places() -> Vec<PathBuf> {
    let program = env::current_exe().and_then(|path| path.canonicalize());
    let Some(folder) = program.ok().and_then(|path| path.parent().map(Path::to_path_buf)) else {
        return Vec::new();
    };
    // Tests live one folder deeper than programs, in `deps`; the build's own layout puts `runtime` beside `release`.
    ["../runtime", "../../runtime", "../share/sealroom/runtime"].map(|at| folder.join(at)).to_vec()
}
