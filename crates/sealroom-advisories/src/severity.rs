//! How bad an advisory is, by what its record says.

use crate::osv::{Affected, Record, Score};
use cvss::{Cvss, v3};
use sealroom_protocol::package::Severity;

/// Longest CVSS vector that is read: one with every metric of version 4 is shorter.
const MAX_VECTOR: usize = 400;
/// The base metrics of CVSS 4.0.
const BASE_V4: [&str; 11] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

/// The rating of a record for one package: the highest that a CVSS vector gives, else the word of the database that it
/// is from. `None` if neither says.
pub(crate) fn of(record: &Record, affected: &Affected) -> Option<Severity> {
    let scores = record.severity.iter().chain(&affected.severity);
    let words = [&record.database_specific, &affected.database_specific];
    let by_word =
        || words.into_iter().filter_map(|specific| word(specific.severity.as_ref())).max();
    scores.filter_map(score).max().or_else(by_word)
}

fn score(score: &Score) -> Option<Severity> {
    let known = matches!(score.kind.as_str(), "CVSS_V3" | "CVSS_V4");
    if !known || score.score.len() > MAX_VECTOR {
        return None;
    }
    match base(&score.score).parse().ok()? {
        Cvss::CvssV30(vector) | Cvss::CvssV31(vector) if is_whole(&vector) => {
            Some(rating(vector.base_score().severity()))
        }
        Cvss::CvssV40(vector) => Some(rating(vector.score().severity())),
        _ => None,
    }
}

/// A vector of version 4 without what is not of the base: whether somebody has published an exploit yet would lower the
/// score, and does not last.
fn base(vector: &str) -> String {
    let of_base =
        |part: &&str| part.split_once(':').is_none_or(|(name, _)| BASE_V4.contains(&name));
    match vector.strip_prefix("CVSS:4.0/") {
        Some(parts) => {
            let kept: Vec<&str> = parts.split('/').filter(of_base).collect();
            format!("CVSS:4.0/{}", kept.join("/"))
        }
        None => vector.to_owned(),
    }
}

/// Whether each base metric is there. The parser takes a vector without them, and the score would be 0.
fn is_whole(vector: &v3::Vector) -> bool {
    let v3::Vector { av, ac, pr, ui, s, c, i, a, .. } = vector;
    av.is_some()
        && ac.is_some()
        && pr.is_some()
        && ui.is_some()
        && s.is_some()
        && c.is_some()
        && i.is_some()
        && a.is_some()
}

/// A score of 0.0 is called `none`; the least that there is a word for here is low.
fn rating(severity: cvss::Severity) -> Severity {
    match severity {
        cvss::Severity::None | cvss::Severity::Low => Severity::Low,
        cvss::Severity::Medium => Severity::Medium,
        cvss::Severity::High => Severity::High,
        cvss::Severity::Critical => Severity::Critical,
    }
}

fn word(severity: Option<&serde_json::Value>) -> Option<Severity> {
    match severity?.as_str()?.to_ascii_uppercase().as_str() {
        "LOW" => Some(Severity::Low),
        "MODERATE" | "MEDIUM" => Some(Severity::Medium),
        "HIGH" => Some(Severity::High),
        "CRITICAL" => Some(Severity::Critical),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Severity, of};
    use crate::osv::{Affected, Record};
    use serde_json::{Value, json};

    const HIGH: &str = "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
    const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    const MEDIUM: &str = "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N";
    const LOW: &str = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";
    const NONE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N";
    const V4_HIGH: &str = "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:N";
    const V4_CRITICAL: &str = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H";

    fn rate(record: &Value, affected: &Value) -> Option<Severity> {
        let mut whole = json!({ "id": "A-1", "modified": "2024-01-01T00:00:00Z" });
        whole.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        let record: Record = serde_json::from_value(whole).unwrap();
        let affected: Affected = serde_json::from_value(affected.clone()).unwrap();
        of(&record, &affected)
    }

    fn scores(scores: &[(&str, &str)]) -> Value {
        let items = scores.iter().map(|(kind, score)| json!({ "type": kind, "score": score }));
        json!({ "severity": items.collect::<Vec<_>>() })
    }

    #[test]
    fn vectors_are_rated_by_their_base_score() {
        for (kind, vector, rating) in [
            ("CVSS_V3", LOW, Some(Severity::Low)),
            ("CVSS_V3", NONE, Some(Severity::Low)),
            ("CVSS_V3", MEDIUM, Some(Severity::Medium)),
            ("CVSS_V3", HIGH, Some(Severity::High)),
            ("CVSS_V3", CRITICAL, Some(Severity::Critical)),
            ("CVSS_V4", V4_HIGH, Some(Severity::High)),
            ("CVSS_V4", V4_CRITICAL, Some(Severity::Critical)),
            // Not the base: E:U alone would make it medium.
            ("CVSS_V4", &format!("{V4_HIGH}/E:U"), Some(Severity::High)),
            ("CVSS_V3", &format!("{CRITICAL}/E:U/RL:O/RC:U"), Some(Severity::Critical)),
            // Not whole: would be scored 0.
            ("CVSS_V3", "CVSS:3.1/AV:N", None),
            ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS_V4", "CVSS:4.0/AV:N", None),
            ("CVSS_V3", "7.5", None),
            ("CVSS_V3", "", None),
            ("CVSS_V3", &format!("{CRITICAL}/{}", "E:X/".repeat(100)), None),
            ("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C", None),
            ("Ubuntu", "critical", None),
            ("Ubuntu", CRITICAL, None),
        ] {
            let said = scores(&[(kind, vector)]);
            assert_eq!(rate(&said, &json!({})), rating, "{kind} {vector} of the record");
            assert_eq!(rate(&json!({}), &said), rating, "{kind} {vector} of the package");
        }
    }

    #[test]
    fn the_highest_vector_counts() {
        let several = scores(&[("CVSS_V3", LOW), ("CVSS_V4", V4_HIGH), ("CVSS_V3", MEDIUM)]);
        assert_eq!(rate(&several, &json!({})), Some(Severity::High));
        assert_eq!(rate(&several, &scores(&[("CVSS_V3", CRITICAL)])), Some(Severity::Critical));
    }

    #[test]
    fn the_word_of_the_database_counts_where_no_vector_does() {
        let word = |word: &str| json!({ "database_specific": { "severity": word } });
        for (said, rating) in [
            ("LOW", Some(Severity::Low)),
            ("MODERATE", Some(Severity::Medium)),
            ("MEDIUM", Some(Severity::Medium)),
            ("high", Some(Severity::High)),
            ("CRITICAL", Some(Severity::Critical)),
            ("UNKNOWN", None),
            ("", None),
        ] {
            assert_eq!(rate(&word(said), &json!({})), rating, "{said} of the record");
            assert_eq!(rate(&json!({}), &word(said)), rating, "{said} of the package");
        }
        assert_eq!(rate(&word("LOW"), &word("HIGH")), Some(Severity::High));
        let both = json!({
            "severity": [{ "type": "CVSS_V3", "score": MEDIUM }],
            "database_specific": { "severity": "CRITICAL" },
        });
        assert_eq!(rate(&both, &json!({})), Some(Severity::Medium), "a vector comes first");
        let unreadable = json!({
            "severity": [{ "type": "CVSS_V3", "score": "?" }],
            "database_specific": { "severity": "LOW" },
        });
        assert_eq!(rate(&unreadable, &json!({})), Some(Severity::Low));
        assert_eq!(rate(&json!({ "database_specific": { "severity": [9.8] } }), &json!({})), None);
        assert_eq!(rate(&json!({ "database_specific": null }), &json!({})), None);
    }
}
