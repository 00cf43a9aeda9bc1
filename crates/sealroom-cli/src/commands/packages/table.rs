//! Packages as people read them.

use crate::term::Term;
use sealroom_advisories::{Advisories, Certainty};
use sealroom_client::check::packages::vulnerable;
use sealroom_protocol::{
    manifest::{EnvironmentPart, PackagePart},
    package::Requester,
    text::visible,
};
use serde::Serialize;
use std::fmt::Write as _;

/// Requesters that a row names.
const NAMED: usize = 3;

/// One package.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    #[serde(flatten)]
    package: &'a PackagePart,
    vulnerabilities: Vec<sealroom_advisories::Finding>,
}

pub(super) fn rows<'a>(
    environment: &'a EnvironmentPart,
    advisories: Option<&Advisories>,
) -> Vec<Row<'a>> {
    let known = advisories.map(|known| vulnerable(environment, known)).unwrap_or_default();
    let row = |package: &'a PackagePart| {
        let about = known.iter().filter(|v| v.package.name == package.name);
        Row { package, vulnerabilities: about.map(|v| v.finding.clone()).collect() }
    };
    environment.packages.iter().map(row).collect()
}

/// A table, as wide as it has to be, and what is known to be wrong below the package that it is wrong with.
pub(super) fn text(
    environment: &EnvironmentPart,
    rows: &[Row<'_>],
    advisories: Option<&Advisories>,
    term: &Term,
) -> String {
    let mut out = format!(
        "runtime `{}`, Python {} on {}, {} packages\n",
        environment.profile,
        environment.python,
        environment.platform,
        rows.len()
    );
    for (name, value) in &environment.variables {
        let _ = writeln!(out, "  {name}={}", visible(value));
    }
    let width =
        |of: fn(&PackagePart) -> usize| rows.iter().map(|r| of(r.package)).max().unwrap_or(0);
    // No less than the words above them.
    let names = width(|p| p.name.as_str().len()).max(7);
    let versions = width(|p| p.version.as_str().len()).max(7);
    let licences = width(|p| license(p).chars().count()).clamp(7, 30);
    if !rows.is_empty() {
        let head = format!(
            "{:names$}  {:versions$}  {:>9}  {:licences$}  asked for by",
            "package", "version", "size", "licence"
        );
        let _ = writeln!(out, "{}", term.bold(&head));
    }
    for Row { package, vulnerabilities } in rows {
        let cut: String = license(package).chars().take(30).collect();
        let built =
            package.built_from.as_ref().map(|source| format!("  (built from {})", source.file));
        let _ = writeln!(
            out,
            "{:names$}  {:versions$}  {:>9}  {:licences$}  {}{}",
            package.name,
            package.version,
            size(package.size),
            cut,
            requesters(package),
            built.unwrap_or_default(),
        );
        for finding in vulnerabilities {
            let severity = finding.severity.map_or("unrated".to_owned(), |s| s.to_string());
            let perhaps = if finding.certainty == Certainty::Unclear { ", perhaps" } else { "" };
            let fixed = match finding.fixed_in.first() {
                Some(version) => format!("; fixed in {version}"),
                None => String::new(),
            };
            let ids = std::iter::once(&finding.id).chain(&finding.aliases);
            let ids = ids.map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let line = format!("{ids} ({severity}{perhaps}): {}{fixed}", finding.summary);
            let _ = writeln!(out, "    {}", term.red(&line));
        }
    }
    let _ = match advisories {
        Some(known) => {
            let (as_of, imported) = (known.as_of(), known.imported_at());
            let open: usize = rows.iter().map(|row| row.vulnerabilities.len()).sum();
            writeln!(
                out,
                "{open} known vulnerabilities, by advisories as of {} (imported {})",
                as_of.strftime("%Y-%m-%d"),
                imported.strftime("%Y-%m-%d"),
            )
        }
        None => writeln!(
            out,
            "known vulnerabilities were not looked up: import advisories with `sealroom advisories import FILE`"
        ),
    };
    out
}

/// For `pip` and `uv`: the same packages, from the same files.
pub(super) fn requirements(environment: &EnvironmentPart) -> String {
    let mut out = format!(
        "# runtime `{}`, Python {} on {}\n",
        environment.profile, environment.python, environment.platform
    );
    for package in &environment.packages {
        let sha256 = package.built_from.as_ref().map_or(package.sha256, |source| source.sha256);
        let (name, version) = (&package.name, &package.version);
        let _ = writeln!(out, "{name}=={version} --hash=sha256:{sha256}");
    }
    out
}

fn license(package: &PackagePart) -> String {
    package.license.as_deref().map_or_else(|| "not said".to_owned(), visible)
}

fn requesters(package: &PackagePart) -> String {
    let name = |requester: &Requester| match requester {
        Requester::Code => "the code".to_owned(),
        Requester::Runtime => "the runtime".to_owned(),
        Requester::Package(name) => name.to_string(),
    };
    let mut names: Vec<String> = package.via.iter().map(name).collect();
    // The code and the runtime first.
    names.sort_by_key(|name| !name.starts_with("the "));
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", names.join(", "))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
