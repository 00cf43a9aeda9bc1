//! Publicly known vulnerabilities (`vectors/advisories`) are found where they are, and not elsewhere.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod support;

use sealroom_advisories::{Advisories, Certainty};
use sealroom_protocol::package::Severity;
use support::{find, ids, now, vectors};

fn known() -> Advisories {
    let imported = Advisories::import(&vectors(), now()).unwrap();
    assert_eq!(
        imported.counts.to_string(),
        "18 records read, 16 kept, 1 about other ecosystems, 1 withdrawn"
    );
    imported.advisories
}

#[test]
fn each_is_found_in_the_versions_that_it_affects() {
    let known = known();
    let cases: [(&str, &str, &[&str]); 28] = [
        ("requests", "2.22.0", &["GHSA-9wx4-h78v-vm56", "PYSEC-2023-74"]),
        ("requests", "2.31.0", &["GHSA-9wx4-h78v-vm56"]),
        ("requests", "2.32.0", &[]),
        ("requests", "2.19.1", &["GHSA-9wx4-h78v-vm56", "PYSEC-2018-28", "PYSEC-2023-74"]),
        ("requests", "2.20.0", &["GHSA-9wx4-h78v-vm56", "PYSEC-2023-74"]),
        ("requests", "2.2.1", &["GHSA-9wx4-h78v-vm56", "PYSEC-2018-28"]),
        ("PyYAML", "5.3.1", &["PYSEC-2021-142"]),
        ("pyyaml", "5.3", &["PYSEC-2020-96", "PYSEC-2021-142"]),
        ("pyyaml", "5.4b2", &["PYSEC-2021-142"]),
        ("pyyaml", "5.4", &[]),
        ("pyyaml", "6.0.2", &[]),
        ("numpy", "1.15.4", &["PYSEC-2019-108"]),
        ("numpy", "1.16.2", &["GHSA-9fq2-x9r6-wfmf"]),
        ("numpy", "1.16.3", &[]),
        ("nltk", "3.4.4", &["PYSEC-2019-106"]),
        ("nltk", "3.4.5", &[]),
        ("Jinja2", "2.11.2", &["PYSEC-2021-66"]),
        ("jinja2", "3.1.6", &[]),
        ("keras", "3.8.0", &["GHSA-48g7-3x6r-xfhp"]),
        ("keras", "2.15.0", &[]),
        ("protobuf", "3.20.3", &["GHSA-8qvm-5x2c-j2w7"]),
        ("protobuf", "4.25.8", &[]),
        ("protobuf", "5.28.3", &["GHSA-8qvm-5x2c-j2w7"]),
        ("protobuf", "6.31.1", &[]),
        ("py", "1.11.0", &["PYSEC-2022-42969"]),
        ("py", "1.11.1", &[]),
        ("lodash", "4.17.20", &[]),
        ("never-heard-of", "1.0", &[]),
    ];
    for (name, version, found) in cases {
        assert_eq!(ids(&known, name, version), found, "{name} {version}");
    }
}

#[test]
fn a_finding_says_what_is_known() {
    let known = known();
    let found = find(&known, "pyyaml", "5.3.1").remove(0);
    let aliases: Vec<&str> = found.aliases.iter().map(|id| id.as_str()).collect();
    assert_eq!(aliases, ["CVE-2020-14343", "GHSA-8q59-q68h-6hv4"]);
    assert_eq!((found.severity, found.certainty), (Some(Severity::Critical), Certainty::Certain));
    assert_eq!(found.fixed_in, ["5.4"]);
    assert_eq!(found.modified, "2024-09-24T20:54:15Z".parse().unwrap());
    assert!(found.summary.starts_with("Code in untrusted YAML"), "{}", found.summary);
    assert_eq!(
        serde_json::to_value(&found).unwrap()["severity"],
        serde_json::json!("critical"),
        "as programs read it"
    );

    let two_that_differ = find(&known, "numpy", "1.15.4").remove(0);
    assert_eq!(two_that_differ.fixed_in, ["1.16.3"]);
    let three_ranges = find(&known, "protobuf", "5.28.3").remove(0);
    assert_eq!(three_ranges.fixed_in, ["5.29.5", "6.31.1"]);
    let no_fix = find(&known, "py", "1.11.0").remove(0);
    assert!(no_fix.fixed_in.is_empty());
}

#[test]
fn they_are_rated_by_their_vectors_and_unrated_ones_pass_no_rule() {
    let known = known();
    for (name, version, id, severity) in [
        ("requests", "2.22.0", "PYSEC-2023-74", Some(Severity::Medium)),
        ("requests", "2.19.1", "PYSEC-2018-28", Some(Severity::High)),
        ("nltk", "3.4", "PYSEC-2019-106", Some(Severity::High)),
        ("keras", "3.0.0", "GHSA-48g7-3x6r-xfhp", Some(Severity::High)),
        ("protobuf", "4.25.7", "GHSA-8qvm-5x2c-j2w7", Some(Severity::High)),
        ("jinja2", "2.10", "PYSEC-2021-66", None),
    ] {
        let found = find(&known, name, version);
        let finding = found.iter().find(|finding| finding.id.as_str() == id).unwrap();
        assert_eq!(finding.severity, severity, "{name} {version}");
        assert_eq!(finding.is_at_least(Severity::Critical), severity.is_none(), "{name} {version}");
    }
}

#[test]
fn versions_that_pep_440_does_not_have_are_never_clean() {
    let known = known();
    for (name, version, certainty) in
        [("py", "1.12x", Certainty::Unclear), ("pyyaml", "9.9.custom", Certainty::Unclear)]
    {
        let found = find(&known, name, version);
        assert!(!found.is_empty(), "{name} {version}");
        assert!(found.iter().all(|f| f.certainty == certainty), "{name} {version}");
    }
    assert!(find(&known, "never-heard-of", "1.12x").is_empty());
}

#[test]
fn it_says_how_recent_it_is() {
    let known = known();
    assert_eq!(known.as_of(), "2025-06-16T20:31:44Z".parse().unwrap());
    assert_eq!(known.imported_at(), now());
    assert_eq!((known.count(), known.packages()), (16, 8));
}
