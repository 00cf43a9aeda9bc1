//! Files that somebody has resolved already: of a runtime's lock, as uv writes it, and of our own [`Lock`].

use crate::{
    compiled::{Compiled, Pinned},
    error::ResolveError,
    process::Limits,
    requirements::Requirements,
    resolve::{Fetched, fetch, finish, may_be_sources, without_base},
    sources::{self, Wanted},
    target::Target,
    tools::Tools,
    uv::{self, Metadata, Question, Scope},
    work::{Work, io_error},
};
use sealroom_protocol::{
    Digest,
    package::{Lock, LockedPackage, PackageName, Requester, RuntimeName},
};
use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// Fetches what a lock of uv's has for a target: [`compile_runtime_lock`] has written it. `requirements` is the SHA-256
/// of what it was made from, `direct` who stands for that.
///
/// # Errors
/// Every [`ResolveError`] of fetching.
pub fn fetch_locked(
    lock_text: &str,
    target: &Target,
    tools: &Tools,
    limits: &Limits,
    into: &Path,
    requirements: Digest,
    direct: &Requester,
) -> Result<Fetched, ResolveError> {
    let environment = target.environment();
    let mut packages = Compiled::parse(lock_text, direct)?.packages;
    packages.retain(|package| package.marker.as_ref().is_none_or(|m| m.holds(&environment)));
    let packages = without_base(packages, target)?;
    let work = Work::new(tools, limits, into)?;
    let may_be_source =
        packages.iter().filter(|package| target.allow_source.contains(&package.name));
    let wanted: Vec<_> = may_be_source.map(Wanted::of).collect();
    let sources = sources::of_those_without_wheel(&work, target, &wanted)?;
    let indexes = uv::indexes(&work, target)?;
    let packages = fetch(&work, target, &indexes, packages, &sources)?;
    finish(work, packages, target, requirements)
}

impl Wanted {
    fn of(package: &Pinned) -> Self {
        let (name, version) = (package.name.clone(), package.version.clone());
        Self { name, version, hashes: package.hashes.clone() }
    }
}

/// Fetches exactly the files that a lock names, whatever else the index has by now.
///
/// # Errors
/// [`ResolveError::Vanished`] or [`ResolveError::HashMismatch`] if the index has them no more; else every
/// [`ResolveError`] of fetching.
pub fn fetch_again(
    lock: &Lock,
    target: &Target,
    tools: &Tools,
    limits: &Limits,
    into: &Path,
) -> Result<Fetched, ResolveError> {
    let work = Work::new(tools, limits, into)?;
    let pinned = |package: &LockedPackage| Pinned {
        name: package.name.clone(),
        version: package.version.clone(),
        marker: None,
        hashes: [package.sha256].into(),
        via: package.via.clone(),
    };
    let packages: Vec<Pinned> = lock.packages.iter().map(pinned).collect();
    let wanted: Vec<Wanted> =
        lock.sources().map(pinned).map(|package| Wanted::of(&package)).collect();
    let vanished = |error: ResolveError| match error {
        ResolveError::NoWheel { name, explanation } => {
            match lock.packages.iter().find(|package| package.name.as_str() == name) {
                Some(package) => ResolveError::Vanished { file: package.file.to_string() },
                None => ResolveError::NoWheel { name, explanation },
            }
        }
        error => error,
    };
    let sources = sources::fetch(&work, target, &wanted).map_err(vanished)?;
    let indexes = uv::indexes(&work, target)?;
    let mut fetched = fetch(&work, target, &indexes, packages, &sources).map_err(vanished)?;
    fetched.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some((_, wanted)) = fetched.iter().zip(&lock.packages).find(|(a, b)| a != b) {
        return Err(ResolveError::Vanished { file: wanted.file.to_string() });
    }
    let files = work.deliver(&lock.packages)?;
    Ok(Fetched { lock: lock.clone(), files })
}

/// Resolves a runtime's `requirements.in` for all machines and all Pythons from `python_min` on, and writes the lock
/// that [`fetch_locked`] reads. What `allow_source` has may be without wheels, if its version is pinned.
///
/// # Errors
/// Every [`ResolveError`] of resolving.
pub fn compile_runtime_lock(
    requirements_in: &Path,
    lock_out: &Path,
    python_min: &str,
    allow_source: &BTreeSet<PackageName>,
    tools: &Tools,
    limits: &Limits,
) -> Result<(), ResolveError> {
    let text = fs::read(requirements_in).map_err(io_error("read the requirements of a runtime"))?;
    let requirements = Requirements::parse(&text)?;
    let folder = lock_out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let work = Work::new(tools, limits, folder.unwrap_or(Path::new(".")))?;
    // What is built has no files for one machine or another: the target is any.
    let oldest = Target {
        runtime: RuntimeName::default(),
        python: python_min.to_owned(),
        arch: "x86_64".to_owned(),
        glibc: (2, 17),
        platform_tags: Vec::new(),
        base: Vec::new(),
        allow_source: allow_source.clone(),
    };
    let sources = sources::fetch(&work, &oldest, &may_be_sources(&requirements, &oldest))?;
    let sources: Vec<Metadata> = sources.into_iter().map(|source| source.metadata).collect();
    let question =
        Question { requirements: requirements.to_text(), sources: &sources, ..Question::default() };
    let text = uv::ask(&work, Scope::Universal { python: python_min }, &question, uv::PLAIN)?;
    write(&work, lock_out, &text).map_err(io_error("write the lock of a runtime"))
}

fn write(work: &Work, to: &Path, text: &str) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    let mut file = builder.permissions(Permissions::from_mode(0o644)).tempfile_in(work.files())?;
    file.write_all(text.as_bytes())?;
    file.persist(to)?;
    Ok(())
}
