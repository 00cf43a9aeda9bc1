//! From a code folder's `requirements.txt` to the packages that it adds to a runtime: resolved or taken from its lock,
//! fetched, and looked through as the enclave will do it.

use crate::{error::CliError, term::Term};
use sealroom_client::code::AddedPackages;
use sealroom_packages::{Fetch, Platform, Reserved, wheel::Wheel};
use sealroom_protocol::{
    Digest, Lock, api,
    code::REQUIREMENTS,
    package::{LOCK_FILE, LockedPackage, MAX_LOCK, PackageRules},
};
use sealroom_resolve::{Limits, Requirements, ResolveError, Target, Tools};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Packages that are here: their lock, and their files in its order.
pub(crate) struct Added {
    pub(crate) lock: Lock,
    files: Vec<PathBuf>,
    _folder: tempfile::TempDir,
}

impl Added {
    pub(crate) fn files(&self) -> AddedPackages<'_> {
        AddedPackages { lock: &self.lock, files: &self.files }
    }

    /// Gives their files to whoever installs them.
    pub(crate) fn source(&self) -> FromFolder {
        let pairs = self.lock.packages.iter().zip(&self.files);
        FromFolder(pairs.map(|(package, path)| (package.sha256, path.clone())).collect())
    }
}

/// Package files on this machine, by digest.
pub(crate) struct FromFolder(pub(crate) BTreeMap<Digest, PathBuf>);

impl FromFolder {
    pub(crate) fn nothing() -> Self {
        Self(BTreeMap::new())
    }
}

impl Fetch for FromFolder {
    fn fetch(&mut self, package: &LockedPackage, out: &mut dyn io::Write) -> io::Result<()> {
        let path = self.0.get(&package.sha256).ok_or(io::ErrorKind::NotFound)?;
        io::copy(&mut File::open(path)?, out).map(drop)
    }
}

/// The packages that the code in `folder` adds: those of its lock if it has one, else what its requirements resolve to
/// now. `tools` is a folder of runtimes with uv and pip in it.
pub(crate) fn of_folder(
    folder: &Path,
    runtime: &api::Runtime,
    rules: &PackageRules,
    tools: Option<&Path>,
    term: &Term,
) -> Result<Option<Added>, CliError> {
    let path = folder.join(LOCK_FILE);
    if !path.exists() {
        return resolve(folder, runtime, rules, tools, term);
    }
    let anew = "make it anew with `sealroom packages lock`, or remove it";
    let shown = path.display();
    let text = read(&path, MAX_LOCK as u64)?;
    let lock =
        Lock::parse(&text).map_err(|error| CliError::from_chain(&error, Some(anew.to_owned())))?;
    let requirements = requirements(folder)?;
    if requirements.as_ref().map(Requirements::digest) != Some(lock.requirements) {
        let message = format!("`{shown}` is not the lock of the `{REQUIREMENTS}` beside it");
        return Err(CliError::new(message, anew));
    }
    let platform = platform(runtime);
    let found = (&lock.runtime, &lock.python, &lock.platform);
    if found != (&runtime.name, &platform.python_text(), &platform.text()) {
        let message = format!(
            "`{shown}` is for the runtime `{}` with Python {} on {}, the computation has `{}` with {} on {}",
            lock.runtime,
            lock.python,
            lock.platform,
            runtime.name,
            platform.python_text(),
            platform.text()
        );
        return Err(CliError::new(message, anew));
    }
    allowed(&lock, rules)?;
    let into = temporary()?;
    let waiting = term.waiting("fetching the packages of the lock");
    let limits = Limits::default();
    let fetched = sealroom_resolve::fetch_again(
        &lock,
        &target(runtime, rules),
        &Tools::locate(tools)?,
        &limits,
        into.path(),
    );
    drop(waiting);
    let added = Added { files: fetched?.files, lock, _folder: into };
    look_through(&added, runtime)?;
    Ok(Some(added))
}

/// What the requirements in `folder` resolve to now; nothing if there are none.
pub(crate) fn resolve(
    folder: &Path,
    runtime: &api::Runtime,
    rules: &PackageRules,
    tools: Option<&Path>,
    term: &Term,
) -> Result<Option<Added>, CliError> {
    let Some(requirements) = requirements(folder)?.filter(|found| !found.is_empty()) else {
        return Ok(None);
    };
    let into = temporary()?;
    let waiting = term.waiting("resolving and fetching packages");
    let fetched = sealroom_resolve::resolve(
        &requirements,
        &target(runtime, rules),
        &Tools::locate(tools)?,
        &Limits::default(),
        into.path(),
    );
    drop(waiting);
    let fetched = fetched?;
    let added = Added { lock: fetched.lock, files: fetched.files, _folder: into };
    allowed(&added.lock, rules)?;
    look_through(&added, runtime)?;
    Ok(Some(added))
}

fn requirements(folder: &Path) -> Result<Option<Requirements>, CliError> {
    let path = folder.join(REQUIREMENTS);
    if !path.exists() {
        return Ok(None);
    }
    let text = read(&path, sealroom_resolve::MAX_REQUIREMENTS as u64)?;
    let requirements = Requirements::parse(&text).map_err(|error| {
        let mut refused = CliError::from_chain(&error, error.hint());
        refused.message = format!("`{}`: {}", path.display(), refused.message);
        refused
    })?;
    Ok(Some(requirements))
}

/// One byte more than is wanted tells that there are too many.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, CliError> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut text));
    read.map_err(|error| CliError::io(path, &error))?;
    Ok(text)
}

fn temporary() -> Result<tempfile::TempDir, CliError> {
    tempfile::tempdir().map_err(|error| CliError::io(&std::env::temp_dir(), &error))
}

fn allowed(lock: &Lock, rules: &PackageRules) -> Result<(), CliError> {
    let refused = lock.packages.iter().find_map(|package| rules.refuses(&package.name, None));
    match refused {
        None => Ok(()),
        Some(why) => Err(CliError::new(why, "do without it, or ask the owner to allow it")),
    }
}

pub(crate) fn platform(runtime: &api::Runtime) -> Platform {
    let mut numbers = runtime.python.split('.').map(|part| part.parse().unwrap_or(0));
    let python = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Platform { python, arch: runtime.arch.clone(), glibc: runtime.glibc }
}

fn target(runtime: &api::Runtime, rules: &PackageRules) -> Target {
    let base = runtime.lock.packages.iter();
    Target {
        runtime: runtime.name.clone(),
        python: runtime.python.clone(),
        arch: runtime.arch.clone(),
        glibc: runtime.glibc,
        platform_tags: runtime.platform_tags.clone(),
        base: base.map(|package| (package.name.clone(), package.version.clone())).collect(),
        allow_source: rules.allow_source.clone(),
    }
}

/// What the enclave would refuse is refused here, before anything is uploaded.
fn look_through(added: &Added, runtime: &api::Runtime) -> Result<(), CliError> {
    let (platform, reserved) = (platform(runtime), Reserved::new(runtime.reserved.iter().cloned()));
    for (package, path) in added.lock.packages.iter().zip(&added.files) {
        if package.file.is_source() {
            continue;
        }
        let file = File::open(path).map_err(|error| CliError::io(path, &error))?;
        if let Err(error) = Wheel::open(file, &package.file, &platform, &reserved) {
            let hint = "do without this package, or take another version of it".to_owned();
            let mut refused = CliError::from_chain(&error, Some(hint));
            refused.message = format!("`{}` is refused: {}", package.file, refused.message);
            return Err(refused);
        }
    }
    Ok(())
}

impl From<ResolveError> for CliError {
    fn from(error: ResolveError) -> Self {
        Self::from_chain(&error, error.hint())
    }
}

impl From<sealroom_resolve::ToolError> for CliError {
    fn from(error: sealroom_resolve::ToolError) -> Self {
        ResolveError::from(error).into()
    }
}

impl From<sealroom_packages::RuntimeError> for CliError {
    fn from(error: sealroom_packages::RuntimeError) -> Self {
        let hint = "set the runtimes up with `make setup`, and see `sealroom runtime list`";
        Self::from_chain(&error, Some(hint.to_owned()))
    }
}

impl From<sealroom_packages::EnvironmentError> for CliError {
    fn from(error: sealroom_packages::EnvironmentError) -> Self {
        Self::from_chain(
            &error,
            Some("change `requirements.txt`, or choose another runtime".to_owned()),
        )
    }
}

/// Where installed packages are kept by content.
pub(crate) fn open_cache(folder: &Path) -> Result<sealroom_packages::Store, CliError> {
    sealroom_packages::Store::open(folder).map_err(|error| CliError::io(folder, &error))
}
