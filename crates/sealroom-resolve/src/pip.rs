//! Having pip fetch files: those that were resolved, by hash, wheels alone. pip unpacks nothing for that.

use crate::{
    compiled::Pinned,
    error::{Explanation, ResolveError},
    explain,
    target::Target,
    work::{Work, io_error},
};
use pep440_rs::Version;
use sealroom_protocol::package::{LockedPackage, MAX_PACKAGES, PackageFile};
use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _, fs, str::FromStr as _};

const REQUIREMENTS: &str = "fetch.txt";

/// Fetches a wheel of each, and says what each is.
///
/// # Errors
/// What pip says, or what a limit does.
pub(crate) fn wheels(
    work: &Work,
    target: &Target,
    indexes: &[String],
    packages: &[Pinned],
) -> Result<Vec<LockedPackage>, ResolveError> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    if packages.len() > MAX_PACKAGES {
        return Err(ResolveError::TooMany(packages.len()));
    }
    let mut text = String::new();
    for option in indexes {
        let _ = writeln!(text, "{option}");
    }
    for package in packages {
        let _ = write!(text, "{}=={}", package.name, package.version);
        for hash in &package.hashes {
            let _ = write!(text, " --hash=sha256:{hash}");
        }
        text.push('\n');
    }
    work.write(REQUIREMENTS, &text)?;
    let ended = work.run("pip", work.tools.python(), &arguments(work, target))?;
    work.remove(REQUIREMENTS)?;
    if !ended.status.success() {
        return Err(explain::pip(&ended.said));
    }
    collect(work, packages)
}

fn arguments(work: &Work, target: &Target) -> Vec<OsString> {
    let mut arguments = work.tools.pip().to_vec();
    arguments.extend(
        [
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--no-color",
            "--progress-bar=off",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            "--implementation=cp",
            "--requirement",
            REQUIREMENTS,
            "--dest",
        ]
        .map(OsString::from),
    );
    arguments.push(work.files().into());
    arguments.push(format!("--python-version={}", target.python).into());
    // pip adds `abi3` and `none` by itself.
    arguments.push(format!("--abi={}", target.abi()).into());
    for tag in &target.platform_tags {
        arguments.push(format!("--platform={tag}").into());
    }
    if work.variable("UV_NO_INDEX").is_some_and(|value| is_true(value.to_str())) {
        arguments.push("--no-index".into());
    }
    arguments
}

/// As uv reads its variables.
fn is_true(value: Option<&str>) -> bool {
    let value = value.unwrap_or_default().to_ascii_lowercase();
    ["1", "true", "yes", "on", "y", "t"].contains(&value.as_str())
}

/// Looks at what pip has brought.
fn collect(work: &Work, packages: &[Pinned]) -> Result<Vec<LockedPackage>, ResolveError> {
    let answer = |why: String| ResolveError::Answer { tool: "pip", why };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(work.files()).map_err(io_error("look for packages' files"))? {
        let name = entry.map_err(io_error("look for packages' files"))?.file_name();
        let name = name.into_string().map_err(|_| answer("a file has no UTF-8 name".to_owned()))?;
        let file: PackageFile = name.parse()?;
        if let Some(wheel) = file.wheel() {
            files.insert(wheel.name, file.clone());
        }
    }
    let mut fetched = Vec::with_capacity(packages.len());
    for package in packages {
        let file = files.remove(&package.name);
        let file = file.ok_or_else(|| answer(format!("there is no file of `{}`", package.name)))?;
        let version = file.wheel().map(|wheel| wheel.version);
        // The file may spell it in another way: `1.0.0` for `1.0`.
        let version =
            version.filter(|v| same_version(v.as_str(), package.version.as_str())).ok_or_else(
                || answer(format!("`{file}` is not {} {}", package.name, package.version)),
            )?;
        let (size, sha256) = work.measure(&file)?;
        if !package.hashes.contains(&sha256) {
            let explanation = Explanation(format!("`{file}` has the SHA-256 value {sha256}"));
            return Err(ResolveError::HashMismatch { explanation });
        }
        let (name, via) = (package.name.clone(), package.via.clone());
        fetched.push(LockedPackage { name, version, file, size, sha256, via });
    }
    Ok(fetched)
}

pub(crate) fn same_version(a: &str, b: &str) -> bool {
    match (Version::from_str(a), Version::from_str(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}
