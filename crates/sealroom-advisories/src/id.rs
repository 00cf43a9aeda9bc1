//! What advisories are called.

use sealroom_protocol::text::visible;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Characters of an identifier: several times what databases use.
const MAX_ID: usize = 100;

/// Names one advisory in one database of advisories: `PYSEC-2018-28`, `GHSA-x84v-xcm2-53pg`, `CVE-2018-18074`. It can
/// be printed as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvisoryId(String);

/// Why a text is no identifier of an advisory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no identifier of an advisory")]
pub struct BadId(String);

impl AdvisoryId {
    /// It as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of several identifiers of one vulnerability, the least of these names it: first Python's own database, then
    /// GitHub's, which reviews what it publishes, then the others.
    pub(crate) fn rank(&self) -> (usize, &str) {
        let databases = ["PYSEC-", "GHSA-", "CVE-"];
        let known = databases.iter().position(|prefix| self.0.starts_with(prefix));
        (known.unwrap_or(databases.len()), &self.0)
    }
}

impl FromStr for AdvisoryId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts_well || text.len() > MAX_ID || !text.chars().all(of_id) {
            return Err(BadId(visible(&text.chars().take(80).collect::<String>())));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for AdvisoryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AdvisoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::AdvisoryId;

    #[test]
    fn identifiers_are_plain_words() {
        for good in ["PYSEC-2018-28", "GHSA-x84v-xcm2-53pg", "SNYK-PYTHON-JINJA2-1012994", "A:1"] {
            assert_eq!(good.parse::<AdvisoryId>().unwrap().as_str(), good);
        }
        for bad in ["", "-1", "CVE 1", "CVE-1\n", "../x", "CVE-\u{202e}1", &"x".repeat(101)] {
            assert!(bad.parse::<AdvisoryId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pythons_own_database_names_a_vulnerability_before_others_do() {
        let mut ids: Vec<AdvisoryId> = ["BIT-1", "CVE-1", "GHSA-2", "PYSEC-9", "GHSA-1"]
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();
        ids.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let sorted: Vec<&str> = ids.iter().map(AdvisoryId::as_str).collect();
        assert_eq!(sorted, ["PYSEC-9", "GHSA-1", "GHSA-2", "CVE-1", "BIT-1"]);
    }
}
