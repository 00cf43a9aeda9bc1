//! What packages are resolved for: a Python, a kind of machine, and what is there already.

use crate::marker::{Environment, major_minor};
use sealroom_protocol::package::{PackageName, PackageVersion, RuntimeName};
use std::collections::BTreeSet;

/// The newest and the oldest of the platforms that uv knows, by the minor version of glibc 2.
const GLIBC_OF_UV: [u16; 12] = [40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17];

/// Where packages will be installed, which need not be this machine.
#[derive(Clone, Debug)]
pub struct Target {
    /// The runtime that they come with, or on top of.
    pub runtime: RuntimeName,
    /// Its Python in full, such as `3.13.0`.
    pub python: String,
    /// Its processor, as Python names it: `x86_64`.
    pub arch: String,
    /// Its C library, such as (2, 36).
    pub glibc: (u16, u16),
    /// What wheels may be tagged with, the most specific first. [`Target::platform_tags_of`] makes them.
    pub platform_tags: Vec<String>,
    /// What comes with the runtime: stays as it is, and is not fetched.
    pub base: Vec<(PackageName, PackageVersion)>,
    /// Packages that may come as a source distribution where there is no wheel, if their version is pinned.
    pub allow_source: BTreeSet<PackageName>,
}

impl Target {
    /// The tags of a Linux with a C library, as pip would have them there (PEP 600).
    #[must_use]
    pub fn platform_tags_of(arch: &str, glibc: (u16, u16)) -> Vec<String> {
        // Of both architectures that have them, the oldest is that of manylinux1 or manylinux2014.
        let (oldest, legacy): (u16, &[(u16, &str)]) = match arch {
            "x86_64" => (5, &[(17, "2014"), (12, "2010"), (5, "1")]),
            _ => (17, &[(17, "2014")]),
        };
        let mut tags = Vec::new();
        for minor in (oldest..=if glibc.0 == 2 { glibc.1 } else { 0 }).rev() {
            tags.push(format!("manylinux_2_{minor}_{arch}"));
            let old = legacy.iter().filter(|(of, _)| *of == minor);
            tags.extend(old.map(|(_, name)| format!("manylinux{name}_{arch}")));
        }
        tags.push(format!("linux_{arch}"));
        tags
    }

    /// As a lock names it.
    #[must_use]
    pub fn platform(&self) -> String {
        format!("linux_{}", self.arch)
    }

    /// `3.13`.
    #[must_use]
    pub fn python_minor(&self) -> &str {
        major_minor(&self.python)
    }

    /// `cp313`: the tag of its binary interface.
    pub(crate) fn abi(&self) -> String {
        format!("cp{}", self.python_minor().replace('.', ""))
    }

    /// The nearest platform that uv knows.
    pub(crate) fn uv_platform(&self) -> String {
        let minor = if self.glibc.0 == 2 { self.glibc.1 } else { u16::MAX };
        let known = GLIBC_OF_UV.into_iter().find(|known| *known <= minor).unwrap_or(17);
        format!("{}-manylinux_2_{known}", self.arch)
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment { python: self.python.clone(), machine: self.arch.clone() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Target {
        Target {
            runtime: RuntimeName::default(),
            python: "3.13.0".to_owned(),
            arch: "x86_64".to_owned(),
            glibc: (2, 36),
            platform_tags: Target::platform_tags_of("x86_64", (2, 36)),
            base: Vec::new(),
            allow_source: BTreeSet::new(),
        }
    }

    #[test]
    fn tags_are_those_that_pip_would_have() {
        let tags = Target::platform_tags_of("x86_64", (2, 18));
        let first = ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];
        assert_eq!(tags[..3], first);
        let last = ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"];
        assert_eq!(tags[tags.len() - 3..], last);
        let arm = Target::platform_tags_of("aarch64", (2, 17));
        assert_eq!(arm, ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]);
    }

    #[test]
    fn uv_is_asked_for_no_newer_library_than_there_is() {
        for (glibc, platform) in [
            ((2, 36), "x86_64-manylinux_2_36"),
            ((2, 30), "x86_64-manylinux_2_28"),
            ((2, 12), "x86_64-manylinux_2_17"),
            ((2, 99), "x86_64-manylinux_2_40"),
        ] {
            assert_eq!(Target { glibc, ..sample() }.uv_platform(), platform);
        }
        assert_eq!((sample().abi(), sample().platform()), ("cp313".into(), "linux_x86_64".into()));
    }
}
