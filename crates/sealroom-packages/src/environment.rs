//! The environment of a computation: a runtime, the packages that the code adds, and what of it the manifest says.

use crate::{
    layer::{Fetch, Layer, LayerError, Recipe, Store},
    runtimes::{Installed, Ready},
    wheel::Reserved,
    workshop::Workshop,
};
use sealroom_protocol::{
    Lock, PackageName,
    manifest::{EnvironmentPart, PackagePart, SourcePart},
    package::{LockedPackage, PackageRules},
};
use sealroom_sandbox::{Launcher, Runtime, SandboxError};
use std::sync::atomic::AtomicBool;

/// What a run starts with.
#[derive(Debug)]
pub struct Environment {
    /// The interpreter, with all packages.
    pub runtime: Runtime,
    /// What the manifest says of it.
    pub part: EnvironmentPart,
    // Held as long as runs may need them.
    _layers: (Ready, Option<Layer>),
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The lock is for something else.
    #[error("the lock is for {found}, the computation has {wanted}")]
    OtherRuntime {
        /// What the lock is for.
        found: String,
        /// What it has to be for.
        wanted: String,
    },
    /// A package that comes with the runtime already.
    #[error("`{0}` comes with the runtime, and is in the lock of the code again")]
    Twice(PackageName),
    /// A source distribution that the computation does not allow.
    #[error("`{0}` would have to be built from source, which the computation does not allow")]
    SourceNotAllowed(PackageName),
    /// A package that the computation does not allow.
    #[error("{0}")]
    Forbidden(String),
    /// Its packages.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The jail.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl EnvironmentError {
    /// Whether other code, or other packages, would do: trying again would not.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Layer(error) => error.is_refusal(),
            Self::Sandbox(_) => false,
            _ => true,
        }
    }
}

/// Puts an environment together: the runtime's layer, and one for the packages that the code adds.
///
/// # Errors
/// Every [`EnvironmentError`].
pub fn prepare(
    ready: Ready,
    added: Option<&Lock>,
    rules: &PackageRules,
    (store, fetch): (&Store, &mut dyn Fetch),
    (launcher, cancel): (&Launcher, &AtomicBool),
) -> Result<Environment, EnvironmentError> {
    let installed = &ready.installed;
    let mut runtime = ready.runtime()?;
    let added = added.filter(|lock| !lock.packages.is_empty());
    // What can be told from names is told before anything is fetched.
    if let Some(lock) = added {
        check(installed, lock, rules)?;
    }
    let all = installed.lock.packages.iter().chain(added.iter().flat_map(|lock| &lock.packages));
    for package in all.clone() {
        forbid(rules, &package.name, None)?;
    }
    let code = match added {
        None => None,
        Some(lock) => {
            let reserved = Reserved::new(installed.reserved.iter().cloned());
            let recipe = Recipe {
                lock,
                python_version: &installed.python_version,
                platform: &installed.platform,
                reserved: &reserved,
                below: ready.layer.as_ref(),
                tools: ready.tools.as_ref(),
            };
            let workshop = Workshop { launcher, bare: &ready.bare, cancel };
            Some(store.layer(&recipe, &workshop, fetch)?)
        }
    };
    if let Some(layer) = &code {
        runtime = runtime.with_layer(layer.folder())?;
    }
    let of_profile = installed.lock.packages.iter().map(|p| part(p, ready.layer.as_ref(), true));
    let of_code = added.iter().flat_map(|lock| &lock.packages);
    let of_code = of_code.map(|package| part(package, code.as_ref(), false));
    let mut packages: Vec<PackagePart> = of_profile.chain(of_code).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    for package in &packages {
        forbid(rules, &package.name, package.license.as_deref())?;
    }
    let part = EnvironmentPart {
        profile: installed.name.clone(),
        python: installed.python_version.clone(),
        platform: installed.platform.text(),
        variables: installed.variables.clone(),
        lock_sha256: EnvironmentPart::digest_of(&packages),
        packages,
    };
    Ok(Environment { runtime, part, _layers: (ready, code) })
}

fn forbid(
    rules: &PackageRules,
    name: &PackageName,
    license: Option<&str>,
) -> Result<(), EnvironmentError> {
    rules.refuses(name, license).map_or(Ok(()), |why| Err(EnvironmentError::Forbidden(why)))
}

/// Whether a lock is one for this runtime, on top of what it has.
fn check(installed: &Installed, lock: &Lock, rules: &PackageRules) -> Result<(), EnvironmentError> {
    let wanted = (&installed.name, installed.platform.python_text(), installed.platform.text());
    let found = (&lock.runtime, lock.python.clone(), lock.platform.clone());
    if found != wanted {
        let text = |(name, python, platform): (_, String, String)| -> String {
            format!("the runtime `{name}` with Python {python} on {platform}")
        };
        return Err(EnvironmentError::OtherRuntime { found: text(found), wanted: text(wanted) });
    }
    let mut own = installed.lock.packages.iter();
    if let Some(twice) = own.find(|own| lock.packages.iter().any(|p| p.name == own.name)) {
        return Err(EnvironmentError::Twice(twice.name.clone()));
    }
    match lock.sources().find(|package| !rules.allow_source.contains(&package.name)) {
        Some(source) => Err(EnvironmentError::SourceNotAllowed(source.name.clone())),
        None => Ok(()),
    }
}

fn part(package: &LockedPackage, layer: Option<&Layer>, of_profile: bool) -> PackagePart {
    let LockedPackage { name, version, file, size, sha256, via } = package.clone();
    let facts = layer.and_then(|layer| layer.facts(&name));
    let license = facts.and_then(|facts| facts.license.clone());
    let built = facts.and_then(|facts| facts.built.clone());
    let built_from = built.is_some().then(|| SourcePart { file: file.clone(), sha256 });
    let (file, size, sha256) = match built {
        Some(built) => (built.file, built.size, built.sha256),
        None => (file, size, sha256),
    };
    PackagePart { name, version, license, file, size, sha256, built_from, of_profile, via }
}
