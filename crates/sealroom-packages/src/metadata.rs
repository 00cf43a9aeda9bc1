//! What a wheel says of itself in `METADATA`: name, version, licence. The core metadata format, as far as that needs.

use sealroom_protocol::{PackageName, PackageVersion, text::is_deceptive};

/// Characters of a licence that are shown: expressions of SPDX are shorter, whole texts are cut.
const MAX_LICENSE: usize = 100;

/// The fields that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) name: PackageName,
    pub(crate) version: PackageVersion,
    /// An SPDX expression, or what else the package says, in one short line.
    pub(crate) license: Option<String>,
}

impl Metadata {
    /// Reads the header fields; what follows them is a description.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let header = text.split("\n\n").next().unwrap_or_default();
        let header = header.split("\r\n\r\n").next().unwrap_or_default();
        let all = |field: &'static str| {
            header.lines().enumerate().filter_map(move |(at, line)| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(field).then(|| (at, value.trim()))
            })
        };
        let first = |field: &'static str| all(field).next().map(|(_, value)| value);
        let license = first("License-Expression")
            .and_then(short)
            .or_else(|| first("License").and_then(short))
            .or_else(|| license_of_classifiers(all("Classifier").map(|(_, value)| value)));
        let (name, version) = (first("Name")?, first("Version")?);
        Some(Self { name: name.parse().ok()?, version: version.parse().ok()?, license })
    }
}

/// One line that says something, made harmless.
fn short(text: &str) -> Option<String> {
    let line: String = text.chars().filter(|c| !is_deceptive(*c)).take(MAX_LICENSE).collect();
    let says_nothing = line.is_empty() || ["UNKNOWN", "NONE"].contains(&&*line.to_uppercase());
    (!says_nothing).then_some(line)
}

/// `License :: OSI Approved :: MIT License`: the last words of each.
fn license_of_classifiers<'a>(classifiers: impl Iterator<Item = &'a str>) -> Option<String> {
    let licences = classifiers
        .filter(|classifier| classifier.starts_with("License ::"))
        .filter_map(|classifier| classifier.rsplit("::").next())
        .map(str::trim)
        .filter(|words| *words != "OSI Approved");
    short(&licences.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license(fields: &str) -> Option<String> {
        let text =
            format!("Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\n{fields}\n\nLicense: no\n");
        Metadata::parse(&text).unwrap().license
    }

    #[test]
    fn the_licence_is_what_the_package_says_first() {
        assert_eq!(license("License-Expression: MIT\nLicense: BSD").as_deref(), Some("MIT"));
        assert_eq!(license("License: BSD 3-Clause\n  and more").as_deref(), Some("BSD 3-Clause"));
        let classifiers = "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n\
                           Classifier: License :: OSI Approved :: BSD License\nClassifier: X :: Y";
        assert_eq!(license(classifiers).as_deref(), Some("MIT License, BSD License"));
        assert_eq!(license("Summary: nothing"), None);
        assert_eq!(license(&format!("License: {}", "x".repeat(500))).unwrap().len(), 100);
        assert_eq!(license("License: M\u{202e}IT").as_deref(), Some("MIT"));
    }

    #[test]
    fn without_a_name_and_a_version_it_says_nothing() {
        assert_eq!(Metadata::parse("Name: a\n"), None);
        assert_eq!(Metadata::parse("Name: a/b\nVersion: 1\n"), None);
        assert_eq!(Metadata::parse(""), None);
    }
}
