//! Source distributions: where there is no wheel, and the policy allows it.
//!
//! pip and uv would run what is in one to learn what it needs, even if it is only to be fetched. So neither is let near
//! it: uv is told beforehand what it needs (`dependency-metadata`), which a small program reads from the distribution
//! without running anything of it, and another one fetches the file, from the address that uv names.

use crate::{
    error::{Explanation, ResolveError},
    explain,
    pip::same_version,
    requirements::Requirement,
    target::Target,
    uv::{self, Metadata, Question, Scope},
    work::Work,
};
use pep440_rs::{Version, VersionSpecifiers};
use sealroom_protocol::{
    Digest,
    package::{LockedPackage, PackageFile, PackageName, PackageVersion, Requester},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, ffi::OsString, str::FromStr as _};

const FETCH: &str = include_str!("programs/fetch.py");
const REQUIRES: &str = include_str!("programs/requires.py");
const ORDER: &str = "order.json";
const ANSWER: &str = "answer.json";
/// Bytes of what a distribution says it needs.
const MAX_ANSWER: u64 = 4 << 20;

/// A package that may come as a source distribution.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub name: PackageName,
    pub version: PackageVersion,
    /// Files that it may be; any if there are none.
    pub hashes: BTreeSet<Digest>,
}

/// A source distribution that was fetched and read.
#[derive(Debug)]
pub(crate) struct Source {
    pub metadata: Metadata,
    pub file: PackageFile,
    pub size: u64,
    pub sha256: Digest,
}

impl Source {
    /// As it stands in a lock.
    pub(crate) fn locked(&self, via: BTreeSet<Requester>) -> LockedPackage {
        let Metadata { name, version, .. } = self.metadata.clone();
        let (file, size, sha256) = (self.file.clone(), self.size, self.sha256);
        LockedPackage { name, version, file, size, sha256, via }
    }
}

/// Fetches a source distribution for each that has no wheel.
pub(crate) fn of_those_without_wheel(
    work: &Work,
    target: &Target,
    wanted: &[Wanted],
) -> Result<Vec<Source>, ResolveError> {
    let mut without = Vec::new();
    for one in wanted {
        let requirements = format!("{}=={}\n", one.name, one.version);
        match uv::compile(
            work,
            target,
            &Question { requirements, alone: true, ..Question::default() },
        ) {
            Ok(_) => {}
            Err(error) if error.is_of_requirements() => without.push(one.clone()),
            Err(error) => return Err(error),
        }
    }
    fetch(work, target, &without)
}

/// Fetches the source distribution of each, whether or not there are wheels.
pub(crate) fn fetch(
    work: &Work,
    target: &Target,
    wanted: &[Wanted],
) -> Result<Vec<Source>, ResolveError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let indexes = uv::indexes(work, target)?;
    let fetch_one = |one: &Wanted| {
        let address = address_of(work, target, one)?;
        let (file, size, sha256) = download(work, &indexes, one, &address)?;
        let metadata = read(work, target, one, &file)?;
        Ok(Source { metadata, file, size, sha256 })
    };
    wanted.iter().map(fetch_one).collect()
}

/// The part of a `pylock.toml` (PEP 751) that is used here.
#[derive(Deserialize)]
struct PyLock {
    #[serde(default)]
    packages: Vec<PyLockPackage>,
}

#[derive(Deserialize)]
struct PyLockPackage {
    name: PackageName,
    sdist: Option<Address>,
}

#[derive(Deserialize)]
struct Address {
    url: Option<String>,
    #[serde(default)]
    hashes: Hashes,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<Digest>,
}

fn address_of(work: &Work, target: &Target, one: &Wanted) -> Result<Address, ResolveError> {
    // What it needs is not asked for yet: so any metadata will do, and keeps uv from building it.
    let metadata = Metadata::of_nothing(one.name.clone(), one.version.clone());
    let question = Question {
        requirements: format!("{}=={}\n", one.name, one.version),
        sources: &[metadata],
        alone: true,
        ..Question::default()
    };
    let missing = |explanation| ResolveError::NoWheel { name: one.name.to_string(), explanation };
    let text = match uv::ask(work, Scope::Of(target), &question, uv::PYLOCK) {
        Err(
            ResolveError::Unsatisfiable { explanation }
            | ResolveError::NoSuchPackage { explanation, .. }
            | ResolveError::NoWheel { explanation, .. },
        ) => return Err(missing(explanation)),
        text => text?,
    };
    let lock: PyLock = toml::from_str(&text).map_err(|error| ResolveError::Answer {
        tool: "uv",
        // What follows shows lines of the text.
        why: error.message().to_owned(),
    })?;
    let package = lock.packages.into_iter().find(|package| package.name == one.name);
    package.and_then(|package| package.sdist).ok_or_else(|| {
        missing(Explanation(format!(
            "the index has no source distribution of {} {} either",
            one.name, one.version
        )))
    })
}

/// What `fetch.py` is told.
#[derive(Serialize)]
struct Order<'a> {
    url: &'a str,
    to: &'a str,
    limit: u64,
}

fn download(
    work: &Work,
    indexes: &[String],
    one: &Wanted,
    address: &Address,
) -> Result<(PackageFile, u64, Digest), ResolveError> {
    let answer = |why: &str| ResolveError::Answer { tool: "uv", why: why.to_owned() };
    let url =
        address.url.as_deref().ok_or_else(|| answer("a source distribution has no address"))?;
    let file: PackageFile = file_of(url).parse()?;
    if !file.is_source() {
        return Err(answer("a wheel is named as a source distribution"));
    }
    let to = work.files().join(file.as_str());
    let limit = work.limits.total.min(sealroom_protocol::package::MAX_PACKAGE);
    let to = to.to_str().ok_or_else(|| answer("the folder for packages has no UTF-8 name"))?;
    let order = Order { url: &with_credentials(url, indexes), to, limit };
    let order = serde_json::to_string(&order).map_err(|error| answer(&error.to_string()))?;
    work.write(ORDER, &order)?;
    let arguments = ["-I", "-c", FETCH, ORDER].map(OsString::from);
    let ended = work.run("python3", work.tools.python(), &arguments)?;
    work.remove(ORDER)?;
    if !ended.status.success() {
        return Err(explain::fetch(&ended.said));
    }
    let (size, sha256) = work.measure(&file)?;
    let announced: Vec<&Digest> = address.hashes.sha256.iter().collect();
    let wrong = announced.iter().any(|hash| **hash != sha256)
        || (!one.hashes.is_empty() && !one.hashes.contains(&sha256));
    if wrong {
        let explanation = Explanation(format!("`{file}` has the SHA-256 value {sha256}"));
        return Err(ResolveError::HashMismatch { explanation });
    }
    Ok((file, size, sha256))
}

/// The name of the file at an address.
fn file_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    // The only characters of a name that are ever encoded.
    name.replace("%2B", "+").replace("%2b", "+").replace("%21", "!")
}

/// uv leaves the credentials out of addresses. They are those of an index on the same host.
fn with_credentials(url: &str, indexes: &[String]) -> String {
    let parts = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
        Some((scheme.to_owned(), user.map(str::to_owned), host.to_owned(), path.to_owned()))
    };
    let Some((scheme, None, host, path)) = parts(url) else { return url.to_owned() };
    let of_index = |option: &String| {
        let (_, index) = option.split_once(' ')?;
        let (its_scheme, user, its_host, _) = parts(index.trim())?;
        (its_scheme == scheme && its_host == host).then_some(user?)
    };
    match indexes.iter().find_map(of_index) {
        Some(user) => format!("{scheme}://{user}@{host}{path}"),
        None => url.to_owned(),
    }
}

/// What `requires.py` finds.
#[derive(Deserialize)]
struct Found {
    name: String,
    version: String,
    python: Option<String>,
    requires: Vec<String>,
    extras: Vec<String>,
}

fn read(
    work: &Work,
    target: &Target,
    one: &Wanted,
    file: &PackageFile,
) -> Result<Metadata, ResolveError> {
    let refuse = |why: String| ResolveError::Source { name: one.name.clone(), why };
    work.remove(ANSWER)?;
    let mut arguments = ["-I", "-c", REQUIRES].map(OsString::from).to_vec();
    arguments.extend([work.files().join(file.as_str()).into(), ANSWER.into()]);
    let ended = work.run("python3", work.tools.python(), &arguments)?;
    if !ended.status.success() {
        let last = ended.said.lines().rfind(|line| !line.trim().is_empty());
        return Err(refuse(last.unwrap_or("it cannot be read").trim().to_owned()));
    }
    let found: Found = serde_json::from_str(&work.read(ANSWER, MAX_ANSWER)?)
        .map_err(|error| refuse(error.to_string()))?;
    let is_it = found.name.parse::<PackageName>().is_ok_and(|name| name == one.name)
        && same_version(&found.version, one.version.as_str());
    if !is_it {
        return Err(refuse("it says that it is another package".to_owned()));
    }
    // uv looks only at what the index says of it.
    let pythons = found.python.as_ref().and_then(|text| VersionSpecifiers::from_str(text).ok());
    let python = Version::from_str(&target.python).ok();
    if let (Some(pythons), Some(python)) = (pythons, python)
        && !pythons.contains(&python)
    {
        return Err(refuse(format!("it is for Python {pythons}")));
    }
    let mut requires = Vec::new();
    for text in &found.requires {
        match text.parse::<Requirement>() {
            Ok(requirement) => requires.push(requirement.text),
            // Old ones name for an extra what nobody could install any more.
            Err(fault) if text.contains("extra ==") => tracing::debug!("left out: {fault}"),
            Err(fault) => return Err(refuse(fault.to_string())),
        }
    }
    let extras = found.extras.iter().filter_map(|extra| extra.parse::<PackageName>().ok());
    Ok(Metadata {
        requires,
        extras: extras.map(|extra| extra.to_string()).collect(),
        ..Metadata::of_nothing(one.name.clone(), one.version.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_the_host_of_their_index_alone() {
        let indexes = ["--index-url https://h:1/simple", "--extra-index-url https://u:p@k/simple"];
        let indexes = indexes.map(str::to_owned);
        for (url, expected) in [
            ("https://k/a.zip", "https://u:p@k/a.zip"),
            ("https://h:1/a.zip", "https://h:1/a.zip"),
            ("http://k/a.zip", "http://k/a.zip"),
            ("https://k:2/a.zip", "https://k:2/a.zip"),
            ("https://x@k/a.zip", "https://x@k/a.zip"),
            ("file:///k/a.zip", "file:///k/a.zip"),
        ] {
            assert_eq!(with_credentials(url, &indexes), expected);
        }
    }

    #[test]
    fn an_address_names_its_file() {
        assert_eq!(file_of("https://h/a/b-1%2Bx.tar.gz?c=/d#e/f"), "b-1+x.tar.gz");
        assert!(file_of("https://h/..%2fa.zip").parse::<PackageFile>().is_err());
    }
}
