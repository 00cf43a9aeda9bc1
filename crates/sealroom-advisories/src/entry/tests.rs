use super::Affects;
use crate::{
    finding::Certainty::{self, Certain, Unclear},
    osv::Event,
    range::Range,
    version::Asked,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn affects(ranges: &[Value], versions: &[&str]) -> Affects {
    let events = |events: &Value| serde_json::from_value::<Vec<Event>>(events.clone()).unwrap();
    let mut affects = Affects {
        ranges: ranges.iter().map(|r| Range::from_events(&events(r))).collect(),
        ..Affects::default()
    };
    affects.list(&versions.iter().map(ToString::to_string).collect::<Vec<_>>());
    affects
}

fn ask(affects: &Affects, version: &str) -> Option<Certainty> {
    affects.has(&Asked::new(&version.parse().unwrap()))
}

#[test]
fn a_listed_version_is_affected_however_it_is_spelled() {
    let mut listed = affects(&[], &["1.0", "2.0rc1", "3.0-1", "2004d", "4.0+cpu"]);
    listed.pack();
    for version in
        ["1.0", "1", "1.0.0", "v1.0", "1.0+cpu", "2rc1", "2.0c1", "3.0.post1", "2004d", "4.0+cpu"]
    {
        assert_eq!(ask(&listed, version), Some(Certain), "{version}");
    }
    for version in ["1.0.1", "1.0rc1", "2.0", "3.0", "4.0", "4.0+cu118"] {
        assert_eq!(ask(&listed, version), None, "{version}");
    }
}

#[test]
fn either_a_list_or_any_range_is_enough() {
    let ranges = [json!([{"introduced": "1"}, {"fixed": "2"}]), json!([{"introduced": "3"}])];
    let mut several = affects(&ranges, &["0.5", "1.5"]);
    several.pack();
    for (version, affected) in [
        ("0.4", None),
        ("0.5", Some(Certain)),
        ("1.5", Some(Certain)),
        ("2", None),
        ("3", Some(Certain)),
    ] {
        assert_eq!(ask(&several, version), affected, "{version}");
    }
}

#[test]
fn what_is_certain_by_one_range_is_certain() {
    let ranges = [json!([{"introduced": "0"}, {"fixed": "?"}]), json!([{"introduced": "1"}])];
    let both = affects(&ranges, &[]);
    assert_eq!(ask(&both, "0.5"), Some(Unclear));
    assert_eq!(ask(&both, "1.5"), Some(Certain));
}

#[test]
fn a_version_that_pep_440_does_not_have_is_never_clean() {
    for unknown in [
        affects(&[json!([{"introduced": "1"}, {"fixed": "2"}])], &[]),
        affects(&[], &["1.0"]),
        affects(&[], &["2004e"]),
    ] {
        assert_eq!(ask(&unknown, "2004d"), Some(Unclear));
    }
}

#[test]
fn versions_that_pep_440_does_not_have_are_found_in_any_order() {
    let mut listed = affects(&[], &["2004g", "2004e", "2004d", "2004f", "2004e"]);
    listed.pack();
    for version in ["2004d", "2004e", "2004f", "2004g"] {
        assert_eq!(ask(&listed, version), Some(Certain), "{version}");
    }
}

#[test]
fn an_advisory_that_says_nothing_comparable_is_unclear() {
    let nothing = Affects { unclear: true, ..Affects::default() };
    assert_eq!(ask(&nothing, "1.0"), Some(Unclear));
    let some = Affects { unclear: true, ..affects(&[], &["1.0"]) };
    assert_eq!((ask(&some, "1.0"), ask(&some, "1.1")), (Some(Certain), Some(Unclear)));
}

#[test]
fn versions_that_a_range_says_as_well_are_not_kept() {
    let listed = ["1.0", "1.1", "2.0", "1.1.0", "2004d"];
    let mut packed = affects(&[json!([{"introduced": "0"}, {"fixed": "2.0"}])], &listed);
    packed.pack();
    let kept: Vec<String> = packed.versions.iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["2.0"]);
    assert_eq!(packed.other_versions, ["2004d"]);
    // A range that may say too much says nothing for certain.
    let mut unclear = affects(&[json!([{"introduced": "0"}, {"fixed": "?"}])], &["1.0"]);
    unclear.pack();
    assert_eq!(ask(&unclear, "1.0"), Some(Certain));
    // Nor may a build be lost whose release is listed, but which a bound between builds leaves out.
    let mut builds = affects(&[json!([{"introduced": "0"}, {"fixed": "1.0+b"}])], &["1.0"]);
    builds.pack();
    assert_eq!(ask(&builds, "1.0+c"), Some(Certain));
}

proptest! {
    #[test]
    fn packing_changes_no_answer(
        events in prop::collection::vec((0..4_usize, "[0-3](\\.[0-2]|rc1|\\.post1|\\+[ab])?"), 0..6),
        listed in prop::collection::vec("[0-3](\\.[0-2]|rc1|-x|\\.post1|\\+[ab])?", 0..10),
        asked in prop::collection::vec("[0-3](\\.[0-2]|rc1|\\.post1|\\+[abc]|x)?", 30),
    ) {
        let name = |kind: usize| ["introduced", "fixed", "last_affected", "limit"][kind];
        let events: Vec<Value> = events.iter().map(|(kind, at)| json!({name(*kind): at})).collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let whole = {
            let mut sorted = affects(&[json!(events)], &listed);
            sorted.other_versions.sort();
            sorted
        };
        let mut packed = whole.clone();
        packed.pack();
        for version in asked.iter().map(String::as_str).chain(listed.iter().copied().filter(|v| !v.contains('-'))) {
            prop_assert_eq!(ask(&packed, version), ask(&whole, version), "{} of {:?}", version, whole);
        }
        let stored = serde_json::to_string(&packed).unwrap();
        prop_assert_eq!(serde_json::from_str::<Affects>(&stored).unwrap(), packed);
    }
}
