//! Packages: what the code runs with beside Python itself, and the lock that pins each to one file.
//!
//! Names are compared in the normal form of PEP 503, files are named as PEP 427 has it. A lock is made where
//! packages are resolved, outside the enclave; the enclave takes nothing but what a lock names, by size and
//! SHA-256.

use crate::{
    Digest,
    text::{text_type, visible},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// The version of [`Lock`] that this crate writes and reads.
pub const LOCK_VERSION: &str = "sealroom/lock/v1";
/// The lock of the code's own packages, beside [`REQUIREMENTS`](crate::code::REQUIREMENTS). It stays in clear.
pub const LOCK_FILE: &str = "sealroom.lock";
/// Packages in one lock: several times what large environments have.
pub const MAX_PACKAGES: usize = 1000;
/// Bytes of one package's file: the largest that are published are below it.
pub const MAX_PACKAGE: u64 = 2 << 30;
/// Bytes of all files of one lock.
pub const MAX_PACKAGES_TOTAL: u64 = 8 << 30;
/// Largest lock that is read, in bytes: [`MAX_PACKAGES`] of them, each asked for by several others.
pub const MAX_LOCK: usize = 1 << 20;
/// Names of packages or licences in one rule.
const MAX_RULES: usize = 1000;
/// Longest name of a package.
const MAX_NAME: usize = 100;
/// Longest version of a package.
const MAX_VERSION: usize = 64;
/// Longest name of a package's file.
const MAX_FILE: usize = 255;

/// Why a text is none of the names here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// No name that an index would have.
    #[error("`{0}` is no name of a package")]
    Name(String),
    /// No version.
    #[error("`{0}` is no version of a package")]
    Version(String),
    /// No name of a runtime.
    #[error("`{0}` is no name of a runtime: it has up to 32 of a-z, 0-9 and `-`")]
    Runtime(String),
    /// Neither the name of a wheel nor that of a source distribution.
    #[error("`{0}` is no file name of a wheel or source distribution")]
    File(String),
}

fn shown(text: &str) -> String {
    visible(&text.chars().take(80).collect::<String>())
}

/// The name of a package, in its normal form (PEP 503): `ruamel.yaml`, `Ruamel_YAML` and `ruamel-yaml` are the
/// same, the last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct PackageName(String);

impl FromStr for PackageName {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || PackageError::Name(shown(text));
        let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let whole = text.len() <= MAX_NAME && text.chars().all(of_name);
        if !whole || !ends_well(text.chars().next()) || !ends_well(text.chars().last()) {
            return Err(fault());
        }
        let parts = text.split(['-', '_', '.']).filter(|part| !part.is_empty());
        Ok(Self(parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()))
    }
}

/// The version of a package, as its file spells it. What comes before what (PEP 440) is not decided here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct PackageVersion(String);

impl FromStr for PackageVersion {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_version = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '!' | '+' | '_');
        let starts_well = text.starts_with(|c: char| c.is_ascii_digit() || c == 'v');
        if text.len() > MAX_VERSION || !starts_well || !text.chars().all(of_version) {
            return Err(PackageError::Version(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a runtime: an interpreter and the packages that come with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct RuntimeName(String);

impl Default for RuntimeName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl RuntimeName {
    /// Whether it is the one that counts where none is named.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for RuntimeName {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || text.len() > 32 || !text.chars().all(of_name) {
            return Err(PackageError::Runtime(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The file of a package: a wheel, or a source distribution that a wheel is built from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct PackageFile(String);

/// What the name of a wheel says (PEP 427).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName<'a> {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// For which Pythons: `cp313`, `py3`.
    pub pythons: Vec<&'a str>,
    /// For which binary interfaces: `cp313`, `abi3`, `none`.
    pub abis: Vec<&'a str>,
    /// For which machines: `any`, `manylinux_2_17_x86_64`.
    pub platforms: Vec<&'a str>,
}

impl PackageFile {
    /// Whether it has to be built before it can be installed.
    #[must_use]
    pub fn is_source(&self) -> bool {
        !self.0.ends_with(".whl")
    }

    /// What its name says, if it is a wheel.
    #[must_use]
    pub fn wheel(&self) -> Option<WheelName<'_>> {
        let stem = self.0.strip_suffix(".whl")?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, tags),
            // A build number, which starts with a digit, is between.
            [name, version, build, tags @ ..]
                if tags.len() == 3 && build.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (name, version, tags)
            }
            _ => return None,
        };
        let split = |at: usize| -> Vec<&str> { tags[at].split('.').collect() };
        Some(WheelName {
            name: name.parse().ok()?,
            version: version.parse().ok()?,
            pythons: split(0),
            abis: split(1),
            platforms: split(2),
        })
    }
}

impl FromStr for PackageFile {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let file = Self(text.to_owned());
        let of_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '!');
        let source = [".tar.gz", ".zip"].iter().any(|end| text.ends_with(end));
        let sound = text.len() <= MAX_FILE
            && text.chars().all(of_name)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !sound || !(source || file.wheel().is_some()) {
            return Err(PackageError::File(shown(text)));
        }
        Ok(file)
    }
}

text_type!(PackageName PackageVersion RuntimeName PackageFile);

/// Who asked for a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requester {
    /// The code: it is in its `requirements.txt`.
    Code,
    /// The runtime: it is in its `requirements.in`.
    Runtime,
    /// Another package, which needs it.
    Package(PackageName),
}

impl Requester {
    // No normal name of a package has a dot in it.
    const CODE: &str = "requirements.txt";
    const RUNTIME: &str = "requirements.in";
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str(Self::CODE),
            Self::Runtime => f.write_str(Self::RUNTIME),
            Self::Package(name) => name.fmt(f),
        }
    }
}

impl FromStr for Requester {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            Self::CODE => Ok(Self::Code),
            Self::RUNTIME => Ok(Self::Runtime),
            name => Ok(Self::Package(name.parse()?)),
        }
    }
}

impl Serialize for Requester {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Requester {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One package of a lock: the one file that it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// The name of its file.
    pub file: PackageFile,
    /// Bytes of its file.
    pub size: u64,
    /// SHA-256 of its file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
    /// Who asked for it, by the word of whoever resolved.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub via: BTreeSet<Requester>,
}

/// What packages were resolved to, for one Python on one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`LOCK_VERSION`].
    pub version: String,
    /// The runtime that they belong to, or come on top of.
    pub runtime: RuntimeName,
    /// Its Python, such as `3.13`: what wheels are made for.
    pub python: String,
    /// Its kind of machine, such as `linux_x86_64`.
    pub platform: String,
    /// SHA-256 of the file that was resolved.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub requirements: Digest,
    /// The packages, sorted by name.
    pub packages: Vec<LockedPackage>,
}

/// Why a text is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Over [`MAX_LOCK`].
    #[error("the lock has {found} bytes, at most {MAX_LOCK} are read")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Not JSON, or not the fields of a lock.
    #[error("the lock cannot be read")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("the lock has version `{0}`, this program reads `{LOCK_VERSION}`")]
    Version(String),
    /// Text that would show something else than it says.
    #[error("`{field}` of the lock is no plain text")]
    Text {
        /// Which.
        field: &'static str,
    },
    /// More than [`MAX_PACKAGES`].
    #[error("the lock has {found} packages, at most {MAX_PACKAGES} are accepted")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Not sorted, or one twice.
    #[error("the packages of the lock are not sorted by name, each once: look at `{0}`")]
    Order(PackageName),
    /// A file that says it is something else.
    #[error("the lock has `{file}` for {name} {version}")]
    OtherFile {
        /// The package.
        name: PackageName,
        /// Its version.
        version: PackageVersion,
        /// The file.
        file: PackageFile,
    },
    /// Over [`MAX_PACKAGE`].
    #[error("`{file}` has {size} bytes, at most {MAX_PACKAGE} are accepted")]
    TooLarge {
        /// The file.
        file: PackageFile,
        /// Its bytes.
        size: u64,
    },
    /// Over [`MAX_PACKAGES_TOTAL`].
    #[error("the packages have {0} bytes together, at most {MAX_PACKAGES_TOTAL} are accepted")]
    TotalTooLarge(u64),
}

impl Lock {
    /// Reads a lock.
    ///
    /// # Errors
    /// Every [`LockError`].
    pub fn parse(text: &[u8]) -> Result<Self, LockError> {
        if text.len() > MAX_LOCK {
            return Err(LockError::TooLong { found: text.len() });
        }
        let lock: Self = serde_json::from_slice(text)?;
        lock.check()?;
        Ok(lock)
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Every [`LockError`] but those of reading.
    pub fn check(&self) -> Result<(), LockError> {
        if self.version != LOCK_VERSION {
            return Err(LockError::Version(shown(&self.version)));
        }
        let plain = |text: &str| {
            let of_text = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            !text.is_empty() && text.len() <= 64 && text.chars().all(of_text)
        };
        for (field, text) in [("python", &self.python), ("platform", &self.platform)] {
            if !plain(text) {
                return Err(LockError::Text { field });
            }
        }
        if self.packages.len() > MAX_PACKAGES {
            return Err(LockError::TooMany { found: self.packages.len() });
        }
        if let Some(pair) = self.packages.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            return Err(LockError::Order(pair[1].name.clone()));
        }
        let mut total = 0_u64;
        for package in &self.packages {
            let LockedPackage { name, version, file, size, .. } = package;
            if file.wheel().is_some_and(|w| w.name != *name || w.version != *version) {
                let (name, version, file) = (name.clone(), version.clone(), file.clone());
                return Err(LockError::OtherFile { name, version, file });
            }
            if *size > MAX_PACKAGE {
                return Err(LockError::TooLarge { file: file.clone(), size: *size });
            }
            total = total.saturating_add(*size);
        }
        if total > MAX_PACKAGES_TOTAL {
            return Err(LockError::TotalTooLarge(total));
        }
        Ok(())
    }

    /// The packages that have to be built.
    pub fn sources(&self) -> impl Iterator<Item = &LockedPackage> {
        self.packages.iter().filter(|package| package.file.is_source())
    }

    /// Its text for people: one package a line would do, but this is JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a lock is JSON");
        text.push('\n');
        text
    }
}

/// What packages may be in an environment. Part of the policy; each participant can have stricter ones of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PackageRules {
    /// Packages that must not be there.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub forbid: BTreeSet<PackageName>,
    /// Licences that no package may have: a word of the licence's text, such as `AGPL`, whatever its case.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub forbid_licenses: BTreeSet<String>,
    /// Known vulnerabilities of this severity or above are refused. Who verifies looks them up, in the advisories
    /// that it has imported; the enclave knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse_advisories: Option<Severity>,
    /// Packages of the code that may be built from source, in the jail; wheels alone if there are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub allow_source: BTreeSet<PackageName>,
}

/// How bad a vulnerability is: the qualitative ratings of CVSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 and above.
    Critical,
}

impl Severity {
    /// All, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.to_string() == text).ok_or(UnknownSeverity)
    }
}

/// Not one of the severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a severity is `low`, `medium`, `high` or `critical`")]
pub struct UnknownSeverity;

impl PackageRules {
    /// Whether nothing is ruled.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they can be part of a policy.
    pub(crate) fn is_sound(&self) -> bool {
        let sizes = [self.forbid.len(), self.forbid_licenses.len(), self.allow_source.len()];
        let licence = |text: &String| {
            let plain = |c: char| !crate::text::is_deceptive(c);
            !text.trim().is_empty() && text.len() <= 100 && text.chars().all(plain)
        };
        sizes.iter().all(|n| *n <= MAX_RULES) && self.forbid_licenses.iter().all(licence)
    }

    /// Why a package must not be there, if it must not.
    #[must_use]
    pub fn refuses(&self, name: &PackageName, license: Option<&str>) -> Option<String> {
        if self.forbid.contains(name) {
            return Some(format!("`{name}` is forbidden"));
        }
        let license = license?;
        let found = words(license);
        let forbidden = self.forbid_licenses.iter().find(|text| is_part(&words(text), &found))?;
        Some(format!("`{name}` has the licence `{license}`, and `{forbidden}` is forbidden"))
    }
}

/// `AGPL-3.0-or-later` has the words `agpl`, `3`, `0`, `or`, `later`: so `GPL` does not mean it, `AGPL-3` does.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect()
}

fn is_part(sought: &[String], found: &[String]) -> bool {
    // `LGPLv3` is the word `lgpl` with its version behind it.
    let alike = |(sought, found): (&String, &String)| {
        let versioned = found.strip_prefix(sought.as_str()).and_then(|rest| rest.strip_prefix('v'));
        sought == found || versioned.is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    };
    !sought.is_empty()
        && found.windows(sought.len()).any(|window| sought.iter().zip(window).all(alike))
}

/// Variables that a runtime sets for its code, sorted.
pub type Variables = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn locked(name: &str, file: &str) -> LockedPackage {
        LockedPackage {
            name: name.parse().unwrap(),
            version: "1.0".parse().unwrap(),
            file: file.parse().unwrap(),
            size: 10,
            sha256: Digest::of(b"wheel"),
            via: [Requester::Code, "numpy".parse().unwrap()].into(),
        }
    }

    fn sample() -> Lock {
        Lock {
            version: LOCK_VERSION.to_owned(),
            runtime: RuntimeName::default(),
            python: "3.13".to_owned(),
            platform: "linux_x86_64".to_owned(),
            requirements: Digest::of(b"six\n"),
            packages: vec![
                locked("a", "a-1.0-py3-none-any.whl"),
                locked("b-c", "b_c-1.0-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"),
                locked("d", "d-1.0.tar.gz"),
            ],
        }
    }

    #[test]
    fn names_of_the_same_package_are_the_same() {
        let name = |text: &str| text.parse::<PackageName>().unwrap();
        assert_eq!(name("Ruamel_.YAML"), name("ruamel-yaml"));
        assert_eq!(name("zope.interface").as_str(), "zope-interface");
        for bad in ["", "-a", "a-", "a b", "a/b", "é", "a\n", &"x".repeat(101)] {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_wheel_says_what_it_is_for() {
        let file: PackageFile = "b_c-1.0-2x-cp37.cp38-abi3-any.whl".parse().unwrap();
        let wheel = file.wheel().unwrap();
        assert_eq!((wheel.name.as_str(), wheel.version.as_str()), ("b-c", "1.0"));
        assert_eq!((wheel.pythons, wheel.abis), (vec!["cp37", "cp38"], vec!["abi3"]));
        for bad in [
            "a-1.whl",
            "a-1-x-py3-none-any.whl",
            "../a-1.tar.gz",
            "a-1.exe",
            "a-1-py3-none-any.whl ",
        ] {
            assert!(bad.parse::<PackageFile>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_lock_survives_writing_and_reading() {
        let lock = sample();
        assert_eq!(Lock::parse(lock.to_text().as_bytes()).unwrap(), lock);
        assert_eq!(lock.sources().count(), 1);
    }

    #[test]
    fn each_fault_of_a_lock_is_refused() {
        type Spoil = fn(&mut Lock);
        let faults: [(&str, Spoil); 8] = [
            ("version", |l| l.version = "sealroom/lock/v2".to_owned()),
            ("`python` of", |l| l.python = "3.13\n".to_owned()),
            ("`platform` of", |l| l.platform = String::new()),
            ("not sorted", |l| l.packages.swap(0, 1)),
            ("not sorted", |l| l.packages[1] = l.packages[0].clone()),
            ("for a 2", |l| l.packages[0].version = "2".parse().unwrap()),
            ("at most", |l| l.packages[0].size = MAX_PACKAGE + 1),
            ("together", |l| {
                let package = |n: usize| LockedPackage {
                    size: MAX_PACKAGE,
                    ..locked(&format!("p{n}"), "p-1.zip")
                };
                l.packages = (0..5).map(package).collect();
            }),
        ];
        for (message, spoil) in faults {
            let mut lock = sample();
            spoil(&mut lock);
            let error = Lock::parse(lock.to_text().as_bytes()).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
        let many = Lock { packages: vec![locked("a", "a-1.0.zip"); MAX_PACKAGES + 1], ..sample() };
        assert!(matches!(many.check(), Err(LockError::TooMany { .. })));
    }

    #[test]
    fn rules_name_packages_and_licences() {
        let rules = PackageRules {
            forbid: ["evil".parse().unwrap()].into(),
            forbid_licenses: ["GPL".to_owned(), "Apache-2".to_owned()].into(),
            ..PackageRules::default()
        };
        let refused =
            |name: &str, license| rules.refuses(&name.parse().unwrap(), license).is_some();
        assert!(refused("Evil", None));
        for bad in ["GPL-3.0-only", "GNU GPL v3", "gplv3", "MIT OR GPL-2.0", "Apache-2.0"] {
            assert!(refused("a", Some(bad)), "{bad}");
        }
        for good in ["LGPL-3.0", "AGPLv3", "MIT", "Apache-1.1", ""] {
            assert!(!refused("a", Some(good)), "{good}");
        }
        assert!(!refused("a", None));
    }

    proptest! {
        #[test]
        fn a_normal_name_is_its_own_normal_form(text: String) {
            if let Ok(name) = text.parse::<PackageName>() {
                prop_assert_eq!(name.as_str().parse::<PackageName>(), Ok(name.clone()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String, bytes: Vec<u8>) {
            let _ = (text.parse::<PackageFile>(), text.parse::<PackageVersion>(), Lock::parse(&bytes));
        }
    }
}
