use super::{MAX_ALIASES, MAX_EVENTS, MAX_VERSIONS, RecordError, Reduced, reduce};
use crate::{entry::Entry, osv::Record};
use sealroom_protocol::package::Severity;
use serde_json::{Value, json};

fn sample() -> Value {
    json!({
        "schema_version": "1.7.3",
        "id": "PYSEC-1",
        "modified": "2024-01-01T00:00:00Z",
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": "Some.Package" },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }] }],
        }],
    })
}

fn reduced(record: &Value) -> Result<Reduced, RecordError> {
    let record: Record = serde_json::from_value(record.clone()).unwrap();
    reduce(&record).map(|(_, reduced)| reduced)
}

fn entries(record: &Value) -> Vec<(String, Entry)> {
    match reduced(record) {
        Ok(Reduced::Entries(entries)) => {
            entries.into_iter().map(|(name, entry)| (name.to_string(), entry)).collect()
        }
        _ => panic!("nothing is kept of {record}"),
    }
}

#[test]
fn a_record_is_kept_by_the_normal_name_of_its_package() {
    let found = entries(&sample());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "some-package");
    assert_eq!(found[0].1.id.as_str(), "PYSEC-1");
}

#[test]
fn records_are_told_apart_by_their_ecosystem() {
    let mut record = sample();
    for python in ["PyPI", "PyPI:https://index.example"] {
        record["affected"][0]["package"]["ecosystem"] = json!(python);
        assert!(matches!(reduced(&record), Ok(Reduced::Entries(_))), "{python}");
    }
    for other in ["npm", "pypi", "PyPI2", "", "Debian:12"] {
        record["affected"][0]["package"]["ecosystem"] = json!(other);
        assert!(matches!(reduced(&record), Ok(Reduced::OtherEcosystem)), "{other}");
        let mut withdrawn = record.clone();
        withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
        assert!(matches!(reduced(&withdrawn), Ok(Reduced::OtherEcosystem)), "{other}, withdrawn");
    }
    for none in [json!([]), json!(null), json!([{ "versions": ["1"] }])] {
        record["affected"] = none;
        assert!(matches!(reduced(&record), Ok(Reduced::OtherEcosystem)), "{record}");
    }
}

#[test]
fn a_withdrawn_record_is_one_only_if_it_says_when() {
    let mut record = sample();
    record["withdrawn"] = json!("2024-01-01T00:00:00Z");
    assert!(matches!(reduced(&record), Ok(Reduced::Withdrawn)));
    record["withdrawn"] = json!(null);
    assert!(matches!(reduced(&record), Ok(Reduced::Entries(_))));
}

#[test]
fn a_name_that_no_package_has_is_passed_over() {
    let mut record = sample();
    record["affected"][0]["package"]["name"] = json!("../evil");
    assert!(matches!(reduced(&record), Ok(Reduced::NoPackage)));
    let good = sample()["affected"][0].clone();
    record["affected"].as_array_mut().unwrap().push(good);
    assert_eq!(entries(&record).len(), 1);
}

#[test]
fn ranges_of_commits_and_of_unknown_kinds_are_not_compared() {
    let git = json!({ "type": "GIT", "repo": "https://x", "events": [{ "introduced": "0" }] });
    let ordered = json!({ "type": "ECOSYSTEM", "events": [{ "introduced": "1" }] });
    let unknown = json!({ "type": "SEMVER", "events": [{ "introduced": "0" }] });
    for (ranges, versions, kept, unclear) in [
        (json!([git]), json!(["1"]), 0, false),
        (json!([git, ordered]), json!([]), 1, false),
        (json!([git]), json!([]), 0, true),
        (json!([]), json!(null), 0, true),
        (json!([ordered, unknown]), json!(["1"]), 1, true),
    ] {
        let mut record = sample();
        record["affected"][0]["ranges"] = ranges.clone();
        record["affected"][0]["versions"] = versions;
        let entry = &entries(&record)[0].1;
        assert_eq!(
            (entry.affects.ranges.len(), entry.affects.unclear),
            (kept, unclear),
            "{ranges}"
        );
    }
}

#[test]
fn parts_about_one_package_are_one_entry_unless_they_are_rated_differently() {
    let part = |name: &str, from: &str, severity: &str| {
        json!({
            "package": { "ecosystem": "PyPI", "name": name },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": from }] }],
            "database_specific": { "severity": severity },
        })
    };
    let mut record = sample();
    record["affected"] = json!([
        part("a", "1", "LOW"),
        part("A", "2", "LOW"),
        part("a", "3", "HIGH"),
        part("b", "1", "LOW"),
    ]);
    let found = entries(&record);
    let seen: Vec<_> = found
        .iter()
        .map(|(name, entry)| (name.as_str(), entry.severity, entry.affects.ranges.len()))
        .collect();
    let (low, high) = (Some(Severity::Low), Some(Severity::High));
    assert_eq!(seen, [("a", low, 2), ("a", high, 1), ("b", low, 1)]);
}

#[test]
fn a_record_is_described_by_its_summary_or_else_by_its_details() {
    for (summary, details, shown) in [
        (json!("short"), json!("long"), "short"),
        (json!(null), json!("long\n\ntext"), "long text"),
        (json!("  "), json!("long"), "long"),
        (json!(null), json!(null), ""),
        (json!("a\u{1b}[31mb\nc"), json!(null), "a\u{fffd}[31mb c"),
    ] {
        let mut record = sample();
        (record["summary"], record["details"]) = (summary, details);
        assert_eq!(entries(&record)[0].1.summary.as_str(), shown);
    }
}

#[test]
fn other_names_are_kept_once_and_without_what_is_no_name() {
    let mut record = sample();
    record["aliases"] = json!(["GHSA-2", "CVE-1", "CVE-1", "PYSEC-1", "no name\n", ""]);
    let entry = &entries(&record)[0].1;
    let aliases: Vec<&str> = entry.aliases.iter().map(|id| id.as_str()).collect();
    assert_eq!(aliases, ["CVE-1", "GHSA-2"]);
}

#[test]
fn what_cannot_be_used_is_refused_for_its_own_reason() {
    let many = |what: &str, n: usize| json!(vec![json!(what); n]);
    let faults: [(&str, Value, Value); 7] = [
        ("version `2.0.0` of the OSV schema", json!("/schema_version"), json!("2.0.0")),
        ("version `10.0` of the OSV schema", json!("/schema_version"), json!("10.0")),
        ("version `1\u{fffd}0` of", json!("/schema_version"), json!("1\u{1b}0")),
        ("`id` can't be used", json!("/id"), json!("../x")),
        ("1001 aliases", json!("/aliases"), many("CVE-1", MAX_ALIASES + 1)),
        ("50001 versions", json!("/affected/0/versions"), many("1", MAX_VERSIONS + 1)),
        (
            "5001 events",
            json!("/affected/0/ranges/0/events"),
            json!(vec![json!({ "fixed": "1" }); MAX_EVENTS + 1]),
        ),
    ];
    for (message, at, value) in faults {
        let mut record = sample();
        record["aliases"] = json!([]);
        record["affected"][0]["versions"] = json!([]);
        *record.pointer_mut(at.as_str().unwrap()).unwrap() = value;
        let Err(error) = reduced(&record) else { panic!("{message}") };
        assert!(error.to_string().contains(message), "{message}: {error}");
    }
    for version in [json!("1.0.0"), json!("1.7.3"), json!(null)] {
        let mut record = sample();
        record["schema_version"] = version;
        assert_eq!(entries(&record).len(), 1);
    }
}
