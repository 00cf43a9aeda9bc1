//! The fields of the OSV schema that matter here. Others are passed over; a field of the wrong type is an error.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// One record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) schema_version: Option<String>,
    pub(crate) id: String,
    pub(crate) modified: Timestamp,
    pub(crate) withdrawn: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) summary: String,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) details: String,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) severity: Vec<Score>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) affected: Vec<Affected>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) database_specific: Specific,
}

/// One package that it affects, and in which versions.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Affected {
    /// Missing where only commits of a repository are named.
    pub(crate) package: Option<Package>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) severity: Vec<Score>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) ranges: Vec<Range>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) versions: Vec<String>,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) database_specific: Specific,
}

/// A package of an ecosystem.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) ecosystem: String,
    pub(crate) name: String,
}

/// How bad it is, by one way to tell.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Score {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) score: String,
}

/// Events on one line of versions.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Range {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "or_null")]
    pub(crate) events: Vec<Event>,
}

/// One event. The schema allows one of these at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    pub(crate) introduced: Option<String>,
    pub(crate) fixed: Option<String>,
    pub(crate) last_affected: Option<String>,
    pub(crate) limit: Option<String>,
}

/// What a database adds in its own words.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Specific {
    /// A word in databases that are known; anything in others.
    pub(crate) severity: Option<serde_json::Value>,
}

/// Some writers have `null` for an empty list.
fn or_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
