//! What differs between two environments.

use crate::{commands::CommandResult, term::Term};
use sealroom_protocol::{
    Digest, PackageName, PackageVersion,
    manifest::{EnvironmentPart, PackagePart},
};
use serde::Serialize;
use std::{collections::BTreeSet, process::ExitCode};

/// One difference.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum Difference {
    /// Another runtime, Python, kind of machine or variable.
    Environment { what: String, a: String, b: String },
    /// In A alone.
    Removed { name: PackageName, version: PackageVersion },
    /// In B alone.
    Added { name: PackageName, version: PackageVersion },
    /// In both, in other versions.
    Version { name: PackageName, a: PackageVersion, b: PackageVersion },
    /// The same version, from another file.
    File { name: PackageName, version: PackageVersion, a: Digest, b: Digest },
}

pub(super) fn run(a: &EnvironmentPart, b: &EnvironmentPart, term: &Term) -> CommandResult {
    let differences = between(a, b);
    term.data(&differences, |differences| match differences.as_slice() {
        [] => "the same packages, from the same files".to_owned(),
        differences => differences.iter().map(|d| text(d, term)).collect::<Vec<_>>().join("\n"),
    });
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn between(a: &EnvironmentPart, b: &EnvironmentPart) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut environment = |what: &str, a: &str, b: &str| {
        if a != b {
            let (what, a, b) = (what.to_owned(), a.to_owned(), b.to_owned());
            differences.push(Difference::Environment { what, a, b });
        }
    };
    environment("runtime", a.profile.as_str(), b.profile.as_str());
    environment("Python", &a.python, &b.python);
    environment("platform", &a.platform, &b.platform);
    let variables: BTreeSet<&String> = a.variables.keys().chain(b.variables.keys()).collect();
    for name in variables {
        let value = |part: &EnvironmentPart| part.variables.get(name).cloned().unwrap_or_default();
        environment(name, &value(a), &value(b));
    }
    let names: BTreeSet<&PackageName> =
        a.packages.iter().chain(&b.packages).map(|package| &package.name).collect();
    differences.extend(names.into_iter().filter_map(|n| package(n, a.package(n), b.package(n))));
    differences
}

fn package(
    name: &PackageName,
    a: Option<&PackagePart>,
    b: Option<&PackagePart>,
) -> Option<Difference> {
    let name = name.clone();
    match (a, b) {
        (Some(a), None) => Some(Difference::Removed { name, version: a.version.clone() }),
        (None, Some(b)) => Some(Difference::Added { name, version: b.version.clone() }),
        (Some(a), Some(b)) if a.version != b.version => {
            Some(Difference::Version { name, a: a.version.clone(), b: b.version.clone() })
        }
        (Some(a), Some(b)) if a.sha256 != b.sha256 => {
            Some(Difference::File { name, version: a.version.clone(), a: a.sha256, b: b.sha256 })
        }
        _ => None,
    }
}

fn text(difference: &Difference, term: &Term) -> String {
    match difference {
        Difference::Environment { what, a, b } => {
            let value = |text: &str| sealroom_protocol::text::visible(text);
            format!("~ {what}: {} -> {}", value(a), value(b))
        }
        Difference::Removed { name, version } => term.red(&format!("- {name} {version}")),
        Difference::Added { name, version } => term.green(&format!("+ {name} {version}")),
        Difference::Version { name, a, b } => format!("~ {name} {a} -> {b}"),
        Difference::File { name, version, a, b } => {
            format!("~ {name} {version}, another file: {a} -> {b}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::package::Variables;

    fn package(name: &str, version: &str, content: &[u8]) -> PackagePart {
        PackagePart {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            license: None,
            file: format!("{name}-{version}-py3-none-any.whl").parse().unwrap(),
            size: 1,
            sha256: Digest::of(content),
            built_from: None,
            of_profile: true,
            via: BTreeSet::new(),
        }
    }

    fn environment(packages: Vec<PackagePart>) -> EnvironmentPart {
        EnvironmentPart {
            profile: "default".parse().unwrap(),
            python: "3.13.0".to_owned(),
            platform: "linux_x86_64".to_owned(),
            variables: Variables::new(),
            lock_sha256: EnvironmentPart::digest_of(&packages),
            packages,
        }
    }

    #[test]
    fn each_sort_of_difference_is_told_and_nothing_else() {
        let a = environment(vec![
            package("gone", "1", b"a"),
            package("newer", "1", b"a"),
            package("other", "1", b"a"),
            package("same", "1", b"a"),
        ]);
        let mut b = environment(vec![
            package("more", "1", b"a"),
            package("newer", "2", b"a"),
            package("other", "1", b"b"),
            package("same", "1", b"a"),
        ]);
        b.python = "3.8.18".to_owned();
        b.variables.insert("X".to_owned(), "1".to_owned());
        let found = between(&a, &b);
        let json = serde_json::to_value(&found).unwrap();
        let changes: Vec<&str> =
            json.as_array().unwrap().iter().map(|d| d["change"].as_str().unwrap()).collect();
        assert_eq!(changes, ["environment", "environment", "removed", "added", "version", "file"]);
        assert_eq!(between(&a, &a), []);
    }
}
