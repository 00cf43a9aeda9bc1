use super::{Certainty, Finding, of};
use crate::{entry::Entry, version::Asked};
use sealroom_protocol::package::Severity;
use serde_json::{Value, json};

/// An entry with a range from one version up to another.
fn entry(id: &str, aliases: &[&str], from: &str, fixed: &str, more: Value) -> Entry {
    let mut entry = json!({
        "id": id,
        "aliases": aliases,
        "modified": "2024-01-01T00:00:00Z",
        "affects": { "ranges": [{ "introduced": [from], "fixed": [fixed] }] },
    });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(entry).unwrap()
}

fn find(entries: &[Entry], version: &str) -> Vec<Finding> {
    of(entries, &Asked::new(&version.parse().unwrap()))
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}

fn texts(finding: &Finding) -> Vec<&str> {
    finding.aliases.iter().map(|id| id.as_str()).collect()
}

#[test]
fn one_vulnerability_of_several_databases_is_one_finding() {
    let more = |severity: &str, summary: &str, day: &str| {
        let modified = format!("2024-01-{day}T00:00:00Z");
        json!({ "severity": severity, "summary": summary, "modified": modified })
    };
    let entries = [
        entry("CVE-1", &[], "1", "2", more("medium", "by CVE", "03")),
        entry("GHSA-1", &["CVE-1"], "1", "2", more("high", "by GitHub", "02")),
        entry("PYSEC-1", &["CVE-1"], "1", "2", json!({})),
        entry("PYSEC-2", &["CVE-2"], "1", "2", json!({})),
    ];
    for turn in 0..entries.len() {
        let mut entries = entries.clone();
        entries.rotate_left(turn);
        let found = find(&entries, "1.5");
        assert_eq!(ids(&found), ["PYSEC-1", "PYSEC-2"], "turned {turn}");
        assert_eq!(texts(&found[0]), ["CVE-1", "GHSA-1"]);
        assert_eq!(found[0].severity, Some(Severity::High));
        assert!(["by CVE", "by GitHub"].contains(&found[0].summary.as_str()), "PYSEC has none");
        assert_eq!(found[0].modified, "2024-01-03T00:00:00Z".parse().unwrap());
        assert_eq!(found[1].severity, None);
    }
}

#[test]
fn names_join_across_any_number_of_advisories() {
    // A chain in which only neighbours name each other, the ends first and the middle last.
    let id = |n: usize| format!("X-{n}");
    let mut order: Vec<usize> = (0..20).filter(|n| n % 2 == 0).collect();
    order.extend((0..20).filter(|n| n % 2 == 1));
    let entries: Vec<Entry> =
        order.iter().map(|n| entry(&id(*n), &[&id(n + 1)], "1", "2", json!({}))).collect();
    let found = find(&entries, "1");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].aliases.len(), 20);
}

#[test]
fn what_is_related_through_nothing_stays_apart() {
    let entries = [
        entry("PYSEC-1", &["CVE-1"], "1", "2", json!({})),
        entry("PYSEC-2", &["CVE-2"], "1", "2", json!({})),
        entry("GHSA-2", &["CVE-2"], "1", "2", json!({})),
    ];
    assert_eq!(ids(&find(&entries, "1")), ["PYSEC-1", "PYSEC-2"]);
}

#[test]
fn it_is_named_by_an_advisory_that_has_the_version_and_rated_by_all() {
    let entries = [
        entry("PYSEC-1", &["CVE-1"], "1", "2", json!({ "severity": "critical", "summary": "a" })),
        entry("GHSA-1", &["CVE-1"], "1", "3", json!({ "severity": "low", "summary": "b" })),
    ];
    let found = find(&entries, "2.5");
    assert_eq!((ids(&found), texts(&found[0])), (vec!["GHSA-1"], vec!["CVE-1", "PYSEC-1"]));
    assert_eq!(found[0].severity, Some(Severity::Critical));
    assert_eq!(found[0].summary, "b");
    assert!(find(&entries, "3").is_empty());
}

#[test]
fn fixes_are_those_above_that_no_other_advisory_contradicts() {
    let ranges = |ranges: Value| json!({ "affects": { "ranges": ranges } });
    let branches = ranges(json!([
        { "introduced": ["1"], "fixed": ["1.10", "1.9"] },
        { "introduced": ["2"], "fixed": ["2.2"] },
        { "introduced": ["3"], "fixed": ["3.0.post1"] },
    ]));
    let entries = [entry("A-1", &["CVE-1"], "1", "2", branches)];
    let fixed = |entries: &[Entry], version: &str| find(entries, version)[0].fixed_in.clone();
    assert_eq!(fixed(&entries, "1.0"), ["1.9", "1.10", "2.2", "3.0.post1"]);
    assert_eq!(fixed(&entries, "2.1+cpu"), ["2.2", "3.0.post1"]);
    assert_eq!(fixed(&entries, "3"), ["3.0.post1"]);
    let later = entry("B-1", &["CVE-1"], "1", "1.10", json!({}));
    assert_eq!(fixed(&[entries[0].clone(), later], "1.0"), ["1.10", "2.2", "3.0.post1"]);
    let never = ranges(json!([{ "introduced": ["1"], "last_affected": ["9"] }]));
    assert!(fixed(&[entry("A-1", &[], "1", "2", never)], "1").is_empty());
    let many: Vec<String> = (2..1000).map(|n| n.to_string()).collect();
    let many = ranges(json!([{ "introduced": ["1"], "fixed": many }]));
    let many = fixed(&[entry("A-1", &[], "1", "2", many)], "1");
    assert_eq!((many.len(), many[0].as_str(), many[49].as_str()), (50, "2", "51"));
}

#[test]
fn a_version_that_cannot_be_read_is_reported_as_unclear() {
    let entries = [
        entry("A-1", &[], "1", "2", json!({})),
        entry("A-2", &[], "1", "2", json!({ "affects": { "other_versions": ["1x"] } })),
    ];
    let found = find(&entries, "1x");
    let seen: Vec<_> = found.iter().map(|f| (f.id.as_str(), f.certainty)).collect();
    assert_eq!(seen, [("A-1", Certainty::Unclear), ("A-2", Certainty::Certain)]);
    assert_eq!(found[0].fixed_in, ["2"]);
}

#[test]
fn it_is_certain_if_one_advisory_is() {
    let entries = [
        entry("A-1", &["CVE-1"], "1", "2", json!({ "affects": { "unclear": true } })),
        entry("A-2", &["CVE-1"], "1", "2", json!({})),
    ];
    assert_eq!(find(&entries, "1")[0].certainty, Certainty::Certain);
    assert_eq!(find(&entries, "3")[0].certainty, Certainty::Unclear);
}

#[test]
fn unknown_is_as_bad_as_any_threshold() {
    let rated = |severity: Value| {
        find(&[entry("A-1", &[], "1", "2", json!({ "severity": severity }))], "1").remove(0)
    };
    for threshold in Severity::ALL {
        assert!(rated(json!(null)).is_at_least(threshold), "unknown, {threshold}");
        for severity in Severity::ALL {
            let finding = rated(json!(severity));
            assert_eq!(
                finding.is_at_least(threshold),
                severity >= threshold,
                "{severity}, {threshold}"
            );
        }
    }
}
