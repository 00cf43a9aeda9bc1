//! The lock file of the runtime: which wheels each package could have been installed from. Pure.
//!
//! Lines as `uv pip compile --generate-hashes` writes them: `NAME==VERSION [; MARKER] \`, then a line
//! `--hash=sha256:HEX [\]` for each file.

use sealroom_protocol::{Digest, manifest::PackagePart};
use sealroom_sandbox::Package;
use std::collections::BTreeMap;

/// Why a lock can't be put into a manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("line {0} of the lock file cannot be read")]
    Line(usize),
    #[error("`{0}` is installed, but the lock file does not have it")]
    Unlocked(String),
}

/// The installed packages, sorted by name, each with the wheels that the lock allows for its version.
pub(crate) fn packages(installed: &[Package], lock: &str) -> Result<Vec<PackagePart>, LockError> {
    let mut locked: BTreeMap<(String, &str), Vec<Digest>> = BTreeMap::new();
    let mut current = None;
    for (line, number) in lock.lines().map(str::trim).zip(1..) {
        let fault = || LockError::Line(number);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(hash) = line.strip_prefix("--hash=sha256:") {
            let hash = hash.trim_end_matches('\\').trim_end();
            let wheels = current.as_ref().and_then(|key| locked.get_mut(key)).ok_or_else(fault)?;
            wheels.push(hash.parse().map_err(|_| fault())?);
            continue;
        }
        let (name, rest) = line.split_once("==").ok_or_else(fault)?;
        let version = rest.split([' ', ';', '\\']).next().unwrap_or_default();
        let key = (normal(name), version);
        locked.entry(key.clone()).or_default();
        current = Some(key);
    }
    let part = |package: &Package| {
        let key = (normal(&package.name), package.version.as_str());
        let mut wheels =
            locked.get(&key).cloned().ok_or_else(|| LockError::Unlocked(package.name.clone()))?;
        wheels.sort();
        wheels.dedup();
        let (name, version) = (package.name.clone(), package.version.clone());
        Ok(PackagePart { name, version, wheels })
    };
    let mut parts = installed.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

/// Names that mean the same package are spelled alike (PEP 503).
fn normal(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn each_package_gets_the_wheels_of_its_version() {
        let (a, b, c) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"c"));
        let lock = format!(
            "# made by a tool\nNumPy==1.0 ; python_full_version < '3.9' \\\n    --hash=sha256:{a} \\\n    \
             --hash=sha256:{b}\n    # via -r requirements.in\nnumpy==2.0 \\\n    --hash=sha256:{c}\n\
             ruamel_yaml==1\n"
        );
        let installed = [package("ruamel.yaml", "1"), package("numpy", "1.0")];
        let parts = packages(&installed, &lock).unwrap();
        assert_eq!(parts[0].name, "numpy");
        assert_eq!(parts[0].wheels.len(), 2);
        assert!(parts[0].wheels.contains(&a) && !parts[0].wheels.contains(&c));
        assert!(parts[1].wheels.is_empty());
    }

    #[test]
    fn what_is_not_locked_is_refused() {
        let lock = format!("numpy==2.0 \\\n    --hash=sha256:{}\n", Digest::of(b"a"));
        for other in [package("numpy", "2.1"), package("evil", "1")] {
            assert!(matches!(packages(&[other], &lock), Err(LockError::Unlocked(_))));
        }
        for (bad, line) in [("--hash=sha256:00", 1), ("numpy\n", 1), ("a==1\n--hash=sha256:zz", 2)]
        {
            let refused = packages(&[], bad);
            assert!(matches!(refused, Err(LockError::Line(found)) if found == line), "{bad}");
        }
    }
}
