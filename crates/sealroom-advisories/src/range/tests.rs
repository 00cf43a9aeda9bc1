use super::Range;
use crate::{
    finding::Certainty::{Certain, Unclear},
    osv::Event,
    version::{Release, read},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn range(events: &Value) -> Range {
    Range::from_events(&serde_json::from_value::<Vec<Event>>(events.clone()).unwrap())
}

fn release(text: &str) -> Release {
    Release::new(read(text).unwrap())
}

/// Asserts which of some versions a range has for certain, and that the others are not affected.
fn check(why: &str, events: Value, inside: &[&str], outside: &[&str]) {
    let range = range(&events);
    for version in inside {
        assert_eq!(range.affects(&release(version)), Some(Certain), "{why}: {version} in {events}");
    }
    for version in outside {
        assert_eq!(range.affects(&release(version)), None, "{why}: {version} not in {events}");
    }
    let stored = serde_json::to_string(&range).unwrap();
    assert_eq!(serde_json::from_str::<Range>(&stored).unwrap(), range, "{stored}");
}

#[test]
fn events_of_each_kind_bound_a_range() {
    check("never fixed", json!([{"introduced": "0"}]), &["0.dev0", "0a0", "0", "1!9"], &[]);
    check(
        "fixed",
        json!([{"introduced": "0"}, {"fixed": "1.2"}]),
        &["0", "1.1.9", "1.2rc1", "1.2.dev1", "1.2a1.post1"],
        &["1.2", "1.2.0", "1.2.post1", "1.3", "1!0"],
    );
    check(
        "introduced later",
        json!([{"introduced": "1.0"}, {"fixed": "1.2"}]),
        &["1", "1.0.0", "1.0.post1", "1.1"],
        &["0.9", "1.0rc1", "1.0.dev9", "1.2"],
    );
    check(
        "introduced by a pre-release",
        json!([{"introduced": "5.26.0rc1"}, {"fixed": "5.29.5"}]),
        &["5.26.0rc1", "5.26.0rc1.post1", "5.26", "5.29.4"],
        &["5.25.9", "5.26.0b9", "5.26.0rc1.dev1", "5.29.5"],
    );
    check(
        "last affected",
        json!([{"introduced": "0"}, {"last_affected": "1.2"}]),
        &["0", "1.2", "1.2.0", "1.2rc1"],
        &["1.2.post1", "1.2.1", "2"],
    );
    check(
        "one version",
        json!([{"introduced": "1.2"}, {"last_affected": "1.2"}]),
        &["1.2"],
        &["1.1", "1.2rc1", "1.2.post1", "1.3"],
    );
    check(
        "an epoch",
        json!([{"introduced": "0"}, {"fixed": "1!1.0"}]),
        &["2024.1", "1!0.9"],
        &["1!1.0", "2!0"],
    );
    check(
        "a limit",
        json!([{"introduced": "1"}, {"limit": "2"}]),
        &["1", "1.9", "2rc1"],
        &["0.9", "2", "3"],
    );
    check(
        "the highest of several limits",
        json!([{"introduced": "0"}, {"limit": "3"}, {"limit": "2"}]),
        &["0", "2.5"],
        &["3", "4"],
    );
    check(
        "no limit",
        json!([{"introduced": "0"}, {"limit": "1"}, {"limit": "*"}]),
        &["0", "9"],
        &[],
    );
    check(
        "what is introduced at the version 0 is there before it",
        json!([{"introduced": "0"}, {"fixed": "0"}]),
        &["0.dev1", "0a1"],
        &["0", "1"],
    );
}

#[test]
fn several_stretches_of_one_range() {
    let inside = ["1", "1.5", "2.1", "2.9", "4", "9"];
    let outside = ["0.9", "2rc1", "2.0", "3", "3.9"];
    let mut events = vec![
        json!({"introduced": "1"}),
        json!({"fixed": "2rc1"}),
        json!({"introduced": "2.1"}),
        json!({"fixed": "3"}),
        json!({"introduced": "4"}),
    ];
    for turn in 0..events.len() {
        events.rotate_left(1);
        check(&format!("turned {turn}"), json!(events), &inside, &outside);
        let backwards: Vec<_> = events.iter().rev().collect();
        check(&format!("turned {turn}, backwards"), json!(backwards), &inside, &outside);
    }
}

#[test]
fn events_at_the_same_version_leave_nothing_out() {
    let twice = [
        json!([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "1"}, {"fixed": "2"}]),
        json!([{"introduced": "0"}, {"introduced": "1.0"}, {"fixed": "1"}, {"fixed": "2"}]),
    ];
    for events in twice {
        check("stretches that touch", events, &["0", "0.9", "1", "1.9"], &["2"]);
    }
    check("two kinds at once", json!([{"introduced": "1", "fixed": "2"}]), &["1"], &["0", "2"]);
}

#[test]
fn a_local_build_is_affected_and_fixed_with_what_it_was_built_of() {
    check(
        "fixed",
        json!([{"introduced": "1.0"}, {"fixed": "2.0"}]),
        &["1.0+cpu", "1.9+cu118"],
        &["2.0+cpu"],
    );
    check(
        "last",
        json!([{"introduced": "0"}, {"last_affected": "2.0"}]),
        &["2.0+cpu"],
        &["2.1+cpu"],
    );
    check("limit", json!([{"introduced": "0"}, {"limit": "2.0"}]), &["1.9+cpu"], &["2.0+cpu"]);
    check(
        "named",
        json!([{"introduced": "0"}, {"fixed": "2.0+cpu.1"}]),
        &["2.0+cpu", "2.0+cpu.0", "2.0"],
        &["2.0+cpu.1", "2.0+cpu.2", "2.0+cu1", "2.0.post1"],
    );
}

#[test]
fn what_cannot_be_read_is_not_taken_as_unaffected() {
    let cases = [
        // An end that can't be read: what it would have ended is unclear, what comes before the beginning is not.
        (json!([{"introduced": "1"}, {"fixed": "?"}]), "0.9", None),
        (json!([{"introduced": "1"}, {"fixed": "?"}]), "1", Some(Unclear)),
        (json!([{"introduced": "1"}, {"fixed": "?"}, {"fixed": "2"}]), "1", Some(Unclear)),
        (json!([{"introduced": "1"}, {"fixed": "?"}, {"fixed": "2"}]), "2", None),
        (json!([{"introduced": "0"}, {"last_affected": "abc"}]), "1", Some(Unclear)),
        (json!([{"introduced": "0"}, {"limit": "abc"}, {"limit": "1"}]), "2", Some(Unclear)),
        // A beginning that can't be read: it could be anywhere.
        (json!([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "?"}]), "0.5", Some(Certain)),
        (json!([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "?"}]), "1.5", Some(Unclear)),
        (json!([{"introduced": "?"}, {"fixed": "1"}]), "0.5", Some(Unclear)),
        (json!([{"introduced": "?"}]), "0.5", Some(Unclear)),
        // Kinds of events that are not known, and none.
        (json!([{"introduced": "0"}, {"fixed": "1"}, {"returned": "2"}]), "2.5", Some(Unclear)),
        (json!([{"fixed": "1"}]), "0.5", Some(Unclear)),
        (json!([{"fixed": "1"}]), "1", None),
        (json!([{"introduced": null, "fixed": "1"}]), "0.5", Some(Unclear)),
        (json!([]), "1", Some(Unclear)),
        (json!([{}]), "1", Some(Unclear)),
    ];
    for (events, version, affects) in cases {
        let range = range(&events);
        assert_eq!(range.affects(&release(version)), affects, "{version} in {events}");
        let stored = serde_json::to_string(&range).unwrap();
        assert_eq!(serde_json::from_str::<Range>(&stored).unwrap(), range, "{stored}");
    }
}

/// A version and where it stands, as PEP 440 says it, without the crate that reads versions: by epoch, release, then
/// development < alpha < beta < candidate < release < later, each with its own number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u64, [u64; 2], u64, u64, Option<u64>, u64);

fn any_version() -> impl Strategy<Value = (String, Place)> {
    let end = prop_oneof![3 => Just(None), 1 => (0..2_u64).prop_map(Some)];
    let parts = (0..2_u64, [0..3_u64, 0..2], 0..4_u64, 0..2_u64, end.clone(), end);
    parts.prop_map(|(epoch, release, kind, n, post, dev)| {
        let mut text = format!("{epoch}!{}.{}", release[0], release[1]);
        text += &["a", "b", "rc"].get(kind as usize).map_or(String::new(), |l| format!("{l}{n}"));
        text += &post.map_or(String::new(), |n| format!(".post{n}"));
        text += &dev.map_or(String::new(), |n| format!(".dev{n}"));
        let whole = kind == 3;
        let stage = match (whole, post, dev) {
            (true, None, Some(_)) => 0,
            (true, ..) => 4,
            (false, ..) => kind + 1,
        };
        let number = if whole { 0 } else { n };
        (text, Place(epoch, release, stage, number, post, dev.unwrap_or(u64::MAX)))
    })
}

/// The pseudo code of the schema, word for word, over places.
fn naive(events: &[(usize, Option<Place>)], version: &Place) -> bool {
    const KINDS: [&str; 4] = ["fixed", "introduced", "last_affected", "limit"];
    let limits: Vec<_> = events.iter().filter(|(kind, _)| KINDS[*kind] == "limit").collect();
    if !limits.is_empty() && !limits.iter().any(|(_, at)| Some(version) < at.as_ref()) {
        return false;
    }
    let mut sorted = events.to_vec();
    sorted.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    let (mut vulnerable, version) = (false, Some(version.clone()));
    for (kind, at) in sorted {
        match KINDS[kind] {
            "introduced" if version >= at => vulnerable = true,
            "fixed" if version >= at => vulnerable = false,
            "last_affected" if version > at => vulnerable = false,
            _ => {}
        }
    }
    vulnerable
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn it_is_what_the_pseudo_code_of_the_schema_says(
        from_start: bool,
        bounds in prop::collection::vec((prop_oneof![4 => 0..3_usize, 1 => 3..4_usize], any_version()), 0..8),
        asked in prop::collection::vec(any_version(), 20),
    ) {
        let mut events = Vec::new();
        let mut places = Vec::new();
        if from_start || !bounds.iter().any(|(kind, _)| *kind == 1) {
            events.push(json!({"introduced": "0"}));
            places.push((1, None));
        }
        for (kind, (text, place)) in bounds {
            let name = ["fixed", "introduced", "last_affected", "limit"][kind];
            events.push(json!({name: text}));
            places.push((kind, Some(place)));
        }
        let range = range(&json!(events));
        for (text, place) in &asked {
            let affects = range.affects(&release(text)) == Some(Certain);
            prop_assert_eq!(affects, naive(&places, place), "{} in {:?}", text, events);
        }
    }
}
