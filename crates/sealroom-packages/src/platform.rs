//! Which wheels fit a Python on a machine: the tags of PEP 425, with those of PEP 600 for Linux.

use sealroom_protocol::package::WheelName;
use serde::{Deserialize, Serialize};

/// The C library that the oldest tags without a number of their own stand for (PEP 513, 571, 599).
const NAMED: [(u16, &str); 3] = [(17, "manylinux2014"), (12, "manylinux2010"), (5, "manylinux1")];

/// A CPython on a kind of Linux with glibc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// Of the interpreter: `(3, 13)`.
    pub python: (u16, u16),
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Version of glibc: `(2, 36)`.
    pub glibc: (u16, u16),
}

impl Platform {
    /// The interpreter's version as locks have it: `3.13`.
    #[must_use]
    pub fn python_text(&self) -> String {
        format!("{}.{}", self.python.0, self.python.1)
    }

    /// The kind of machine as locks have it: `linux_x86_64`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("linux_{}", self.arch)
    }

    /// Tags of machines that this one can stand in for, the most special first.
    #[must_use]
    pub fn platform_tags(&self) -> Vec<String> {
        let (major, newest) = self.glibc;
        // For other architectures than Intel's, the first of these systems was the one with 2.17.
        let oldest = if matches!(self.arch.as_str(), "x86_64" | "i686") { 5 } else { 17 };
        let mut tags = Vec::new();
        if major == 2 {
            for minor in (oldest..=newest).rev() {
                tags.push(format!("manylinux_2_{minor}_{}", self.arch));
                let named = NAMED.iter().find(|(of, _)| *of == minor);
                tags.extend(named.map(|(_, name)| format!("{name}_{}", self.arch)));
            }
        }
        tags.push(self.text());
        tags
    }

    /// Whether a wheel of this name can be installed.
    #[must_use]
    pub fn takes(&self, wheel: &WheelName<'_>) -> bool {
        let (major, minor) = self.python;
        let mine = self.platform_tags();
        wheel.platforms.iter().any(|platform| {
            let any = *platform == "any";
            let here = any || mine.iter().any(|tag| tag == platform);
            here && wheel.pythons.iter().any(|python| {
                wheel.abis.iter().any(|abi| takes_python((major, minor), python, abi))
            })
        })
    }
}

/// The pairs of Python and binary interface that CPython `major.minor` takes.
fn takes_python((major, minor): (u16, u16), python: &str, abi: &str) -> bool {
    let of = |prefix: &str| -> Option<Option<u16>> {
        let digits = python.strip_prefix(prefix)?.strip_prefix(&major.to_string())?;
        match digits {
            "" => Some(None),
            digits => digits.parse().ok().map(Some),
        }
    };
    let own = format!("cp{major}{minor}");
    // Until 3.7 its name ended with `m`.
    let own_abi = if minor < 8 { format!("{own}m") } else { own.clone() };
    match (of("cp"), of("py"), abi) {
        (Some(Some(_)), _, abi) if python == own && (abi == own_abi || abi == "none") => true,
        (Some(Some(since)), _, "abi3") => (2..=minor).contains(&since),
        (_, Some(since), "none") => since.is_none_or(|since| since <= minor),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::PackageFile;

    fn bookworm(python: (u16, u16), arch: &str) -> Platform {
        Platform { python, arch: arch.to_owned(), glibc: (2, 36) }
    }

    fn takes(platform: &Platform, tags: &str) -> bool {
        let file: PackageFile = format!("a-1-{tags}.whl").parse().unwrap();
        platform.takes(&file.wheel().unwrap())
    }

    #[test]
    fn wheels_for_this_python_and_machine_fit() {
        let here = bookworm((3, 13), "x86_64");
        for good in [
            "py3-none-any",
            "py2.py3-none-any",
            "py313-none-any",
            "py38-none-any",
            "cp313-cp313-manylinux_2_36_x86_64",
            "cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64",
            "cp313-cp313-manylinux1_x86_64",
            "cp313-none-any",
            "cp37-abi3-manylinux_2_28_x86_64",
            "cp310.cp313-abi3-linux_x86_64",
            "py3-none-manylinux_2_27_x86_64",
        ] {
            assert!(takes(&here, good), "{good}");
        }
        for bad in [
            "py2-none-any",
            "py314-none-any",
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp313-cp313t-manylinux_2_17_x86_64",
            "cp314-abi3-manylinux_2_17_x86_64",
            "cp313-cp313-manylinux_2_37_x86_64",
            "cp313-cp313-manylinux_2_17_aarch64",
            "cp313-cp313-musllinux_1_2_x86_64",
            "cp313-cp313-macosx_11_0_arm64",
            "cp313-cp313-win_amd64",
            "py3-abi3-any",
            "cp3-abi3-any",
            "pp310-none-any",
        ] {
            assert!(!takes(&here, bad), "{bad}");
        }
    }

    #[test]
    fn older_pythons_and_other_machines_have_tags_of_their_own() {
        let old = bookworm((3, 8), "x86_64");
        assert!(takes(&old, "cp38-cp38-manylinux1_x86_64") && takes(&old, "cp35-abi3-any"));
        assert!(!takes(&old, "cp39-abi3-any") && !takes(&old, "py39-none-any"));
        let arm = bookworm((3, 13), "aarch64");
        assert!(takes(&arm, "cp313-cp313-manylinux2014_aarch64"));
        let tags = arm.platform_tags();
        assert!(!tags.iter().any(|tag| tag.contains("_2_12_")), "{tags:?}");
        assert_eq!(tags.first().map(String::as_str), Some("manylinux_2_36_aarch64"));
        assert_eq!(tags.last().map(String::as_str), Some("linux_aarch64"));
    }
}
