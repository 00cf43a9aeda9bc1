//! The folder that a runtime is set up from.
//!
//! ```text
//! NAME/runtime.toml        description, which Python, variables, which packages are built from source
//! NAME/requirements.in     what somebody wants
//! NAME/requirements.lock   what that was resolved to, with hashes
//! NAME/build.in            what builds source distributions; optional, with its lock
//! NAME/build.lock
//! ```

use crate::error::CliError;
use pep440_rs::{Version, VersionSpecifiers};
use sealroom_protocol::{Digest, PackageName, RuntimeName, package::Variables};
use sealroom_resolve::{Limits, Tools};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Largest file of the folder: locks of a hundred packages, with the hashes of all their wheels, have half of it.
const MOST: u64 = 4 << 20;

/// See the module.
pub(super) struct Source {
    pub(super) name: RuntimeName,
    folder: PathBuf,
    pub(super) description: String,
    pub(super) python: VersionSpecifiers,
    pub(super) variables: Variables,
    pub(super) build: BTreeSet<PackageName>,
    toml: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    description: String,
    python: String,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    source: Build,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    packages: BTreeSet<PackageName>,
}

/// A lock file, and the requirements that it was made from.
pub(super) struct LockFile {
    pub(super) text: String,
    pub(super) requirements: Digest,
}

impl Source {
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let folder = folder.canonicalize().map_err(|error| CliError::io(folder, &error))?;
        let refuse = |problem: String| {
            let message = format!("`{}` is no source of a runtime: {problem}", folder.display());
            CliError::new(message, "see docs/packages.md for what one looks like")
        };
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name: RuntimeName = name.parse().map_err(|error| refuse(format!("{error}")))?;
        let toml = read(&folder.join("runtime.toml"))?
            .ok_or_else(|| refuse("it has no `runtime.toml`".to_owned()))?;
        let found: Toml = basic_toml::from_slice(&toml)
            .map_err(|error| refuse(format!("`runtime.toml`: {error}")))?;
        let python: VersionSpecifiers =
            found.python.parse().map_err(|error| refuse(format!("`python`: {error}")))?;
        if let Some(name) = found.variables.keys().find(|name| !is_variable(name)) {
            return Err(refuse(format!("`{name}` is no name of a variable for code")));
        }
        Ok(Self {
            name,
            description: sealroom_protocol::text::visible(&found.description),
            python,
            variables: found.variables,
            build: found.source.packages,
            folder,
            toml,
        })
    }

    /// `requirements.lock`, or `build.lock`, which may be missing.
    pub(super) fn lock(&self, stem: &str) -> Result<Option<LockFile>, CliError> {
        let requirements = read(&self.folder.join(format!("{stem}.in")))?;
        let lock = read(&self.folder.join(format!("{stem}.lock")))?;
        let (Some(requirements), Some(lock)) = (requirements, lock) else { return Ok(None) };
        let path = self.folder.join(format!("{stem}.lock"));
        let text = String::from_utf8(lock).map_err(|_| {
            CliError::io(&path, &io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
        })?;
        Ok(Some(LockFile { text, requirements: Digest::of(&requirements) }))
    }

    /// All that decides what it is set up to.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.toml
    }

    /// The oldest Python that it allows, which a lock for all has to serve.
    fn oldest(&self) -> String {
        let allowed = |minor: &u64| self.python.contains(&Version::new([3, *minor, 99]));
        format!("3.{}", (8..99).find(allowed).unwrap_or(8))
    }

    pub(super) fn lock_anew(&self, tools: &Tools) -> Result<(), CliError> {
        for stem in ["requirements", "build"] {
            let requirements = self.folder.join(format!("{stem}.in"));
            if requirements.is_file() {
                let lock = self.folder.join(format!("{stem}.lock"));
                sealroom_resolve::compile_runtime_lock(
                    &requirements,
                    &lock,
                    &self.oldest(),
                    &self.build,
                    tools,
                    &Limits::default(),
                )?;
            }
        }
        Ok(())
    }
}

/// Nothing that changes how the interpreter itself starts, or what it loads.
fn is_variable(name: &str) -> bool {
    let of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let ours = ["HOME", "PATH", "TMPDIR", "RUN"].contains(&name);
    let loads =
        ["LD_", "PYTHON", "GLIBC_", "SEALROOM_"].iter().any(|start| name.starts_with(start));
    !name.is_empty() && name.chars().all(of_name) && !ours && !loads
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, CliError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() > MOST => {
            let message = format!("`{}` has more than {MOST} bytes", path.display());
            return Err(CliError::new(message, "no file of a runtime's source is that large"));
        }
        _ => {}
    }
    fs::read(path).map(Some).map_err(|error| CliError::io(path, &error))
}
