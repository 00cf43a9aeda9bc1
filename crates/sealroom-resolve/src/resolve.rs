//! The steps from requirements to files.

use crate::{
    compiled::{Compiled, Pinned},
    error::{Explanation, ResolveError},
    pip,
    process::Limits,
    requirements::Requirements,
    sources::{self, Source, Wanted},
    target::Target,
    tools::Tools,
    uv::{self, Metadata, Question},
    work::Work,
};
use sealroom_protocol::{
    Digest,
    package::{LOCK_VERSION, Lock, LockedPackage, PackageName},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Packages that were fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What they are.
    pub lock: Lock,
    /// Where their files are, in the order of the lock.
    pub files: Vec<PathBuf>,
}

/// Resolves requirements on top of a runtime, and fetches what the runtime does not have.
///
/// The files are in `into`, which is made if it is not there; nothing else is left anywhere but in the caches of uv and
/// pip, and nothing at all is left in `into` if it fails. Nothing of a package is run.
///
/// A package comes as a source distribution only if it has no wheel, `target` allows it, and the requirements name its
/// version with `==`.
///
/// # Errors
/// Every [`ResolveError`] but [`ResolveError::Vanished`].
pub fn resolve(
    requirements: &Requirements,
    target: &Target,
    tools: &Tools,
    limits: &Limits,
    into: &Path,
) -> Result<Fetched, ResolveError> {
    let work = Work::new(tools, limits, into)?;
    // Code of 2022 lists what its runtime has: no index has to be asked for that.
    let requirements = &requirements.beyond(target);
    if requirements.is_empty() {
        return finish(work, Vec::new(), target, requirements.digest());
    }
    let wanted = may_be_sources(requirements, target);
    let (compiled, sources) = match compile(&work, target, requirements, &[]) {
        Err(error) if error.is_of_requirements() && !wanted.is_empty() => {
            let sources = sources::of_those_without_wheel(&work, target, &wanted)?;
            if sources.is_empty() {
                return Err(error);
            }
            (compile(&work, target, requirements, &sources)?, sources)
        }
        compiled => (compiled?, Vec::new()),
    };
    let packages = without_base(compiled.packages, target)?;
    let packages = with_own_hashes(packages, requirements)?;
    let packages = fetch(&work, target, &compiled.indexes, packages, &sources)?;
    finish(work, packages, target, requirements.digest())
}

fn compile(
    work: &Work,
    target: &Target,
    requirements: &Requirements,
    sources: &[Source],
) -> Result<Compiled, ResolveError> {
    let metadata: Vec<Metadata> = sources.iter().map(|source| source.metadata.clone()).collect();
    let base = target.base.iter().map(|(name, version)| format!("{name}=={version}\n"));
    let question = Question {
        requirements: requirements.to_text(),
        constraints: base.collect(),
        sources: &metadata,
        alone: false,
    };
    uv::compile(work, target, &question)
}

/// What is pinned, asked for on this target, allowed as source, and not there already.
pub(crate) fn may_be_sources(requirements: &Requirements, target: &Target) -> Vec<Wanted> {
    let environment = target.environment();
    let in_base = |name: &PackageName| target.base.iter().any(|(of_base, _)| of_base == name);
    let mut wanted = BTreeMap::new();
    for entry in requirements.entries() {
        let holds = entry.marker.as_ref().is_none_or(|marker| marker.holds(&environment));
        if !holds || !target.allow_source.contains(&entry.name) || in_base(&entry.name) {
            continue;
        }
        let Some(version) = entry.pinned.as_ref().and_then(|version| version.parse().ok()) else {
            continue;
        };
        let (name, hashes) = (entry.name.clone(), entry.hashes.clone());
        wanted.insert(name.clone(), Wanted { name, version, hashes });
    }
    wanted.into_values().collect()
}

/// What the runtime does not have already.
pub(crate) fn without_base(
    packages: Vec<Pinned>,
    target: &Target,
) -> Result<Vec<Pinned>, ResolveError> {
    let base: BTreeMap<_, _> = target.base.iter().map(|(name, version)| (name, version)).collect();
    let mut rest = Vec::new();
    for package in packages {
        match base.get(&package.name) {
            None => rest.push(package),
            Some(base) if pip::same_version(base.as_str(), package.version.as_str()) => {}
            Some(base) => {
                let (found, base) = (package.version.to_string(), base.to_string());
                return Err(ResolveError::BaseChanged { name: package.name, found, base });
            }
        }
    }
    Ok(rest)
}

/// Where the requirements themselves have hashes, only those count.
fn with_own_hashes(
    mut packages: Vec<Pinned>,
    requirements: &Requirements,
) -> Result<Vec<Pinned>, ResolveError> {
    let mut own: BTreeMap<&PackageName, BTreeSet<Digest>> = BTreeMap::new();
    for entry in requirements.entries().iter().filter(|entry| !entry.hashes.is_empty()) {
        own.entry(&entry.name).or_default().extend(&entry.hashes);
    }
    for package in &mut packages {
        let Some(own) = own.get(&package.name) else { continue };
        package.hashes.retain(|hash| own.contains(hash));
        if package.hashes.is_empty() {
            let explanation = Explanation(format!(
                "no file of {} {} in the index has a hash that the requirements name",
                package.name, package.version
            ));
            return Err(ResolveError::HashMismatch { explanation });
        }
    }
    Ok(packages)
}

/// Has pip fetch what is not a source distribution that is there already.
pub(crate) fn fetch(
    work: &Work,
    target: &Target,
    indexes: &[String],
    packages: Vec<Pinned>,
    sources: &[Source],
) -> Result<Vec<LockedPackage>, ResolveError> {
    let source_of =
        |package: &Pinned| sources.iter().find(|source| source.metadata.name == package.name);
    let mut locked = Vec::with_capacity(packages.len());
    let mut wheels = Vec::new();
    for package in packages {
        match source_of(&package) {
            Some(source) => locked.push(source.locked(package.via)),
            None => wheels.push(package),
        }
    }
    locked.extend(pip::wheels(work, target, indexes, &wheels)?);
    Ok(locked)
}

/// The lock, and its files in their place.
pub(crate) fn finish(
    work: Work,
    mut packages: Vec<LockedPackage>,
    target: &Target,
    requirements: Digest,
) -> Result<Fetched, ResolveError> {
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let lock = Lock {
        version: LOCK_VERSION.to_owned(),
        runtime: target.runtime.clone(),
        python: target.python_minor().to_owned(),
        platform: target.platform(),
        requirements,
        packages,
    };
    lock.check()?;
    let files = work.deliver(&lock.packages)?;
    Ok(Fetched { lock, files })
}
