//! What is kept of one advisory about one package: what matching it needs, and what is shown of it.

use crate::{
    finding::Certainty,
    id::AdvisoryId,
    range::{Range, is_false},
    text::Line,
    version::{Asked, Release, read},
};
use jiff::Timestamp;
use pep440_rs::Version;
use sealroom_protocol::package::Severity;
use serde::{Deserialize, Serialize};

/// Versions that a record lists, times events of its ranges, up to which it is looked which of them the ranges say as
/// well. Real records stay far below; the list of one that does not is kept as it is.
const MAX_PRUNING: usize = 100_000;

/// One advisory about one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: AdvisoryId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<AdvisoryId>,
    pub(crate) modified: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Line::is_empty")]
    pub(crate) summary: Line,
    #[serde(default, skip_serializing_if = "Affects::is_empty")]
    pub(crate) affects: Affects,
}

/// Which versions it affects: each that one of these has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Affects {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ranges: Vec<Range>,
    /// Sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<Version>,
    /// Versions that PEP 440 does not have, as they are spelled. Sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) other_versions: Vec<String>,
    /// Whether it says nothing that can be compared with a version, or more than that.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) unclear: bool,
}

impl Entry {
    /// All that the vulnerability is called here.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &AdvisoryId> {
        [&self.id].into_iter().chain(&self.aliases)
    }

    /// The versions that fix it.
    pub(crate) fn fixes(&self) -> impl Iterator<Item = &Version> {
        self.affects.ranges.iter().flat_map(|range| &range.fixed)
    }

    /// Whether it affects a version.
    pub(crate) fn affects(&self, asked: &Asked<'_>) -> Option<Certainty> {
        self.affects.has(asked)
    }
}

impl Affects {
    /// Takes in the versions that a record lists.
    pub(crate) fn list(&mut self, versions: &[String]) {
        for text in versions {
            match read(text) {
                Some(version) => self.versions.push(version),
                None => self.other_versions.push(text.clone()),
            }
        }
    }

    /// Whether nothing is said of any version.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn has(&self, asked: &Asked<'_>) -> Option<Certainty> {
        if self.other_versions.binary_search_by(|listed| listed.as_str().cmp(asked.text)).is_ok() {
            return Some(Certainty::Certain);
        }
        let Some(release) = &asked.release else {
            // It stands nowhere on the line of versions, so nothing says that it is not affected.
            return Some(Certainty::Unclear);
        };
        if self.versions.iter().any(|listed| release.cmp(listed).is_eq()) {
            return Some(Certainty::Certain);
        }
        let by_range = self.ranges.iter().filter_map(|range| range.affects(release)).max();
        by_range.or(self.unclear.then_some(Certainty::Unclear))
    }

    /// Sorts it, and drops the listed versions that the ranges say as well: what is left affects the same versions.
    pub(crate) fn pack(&mut self) {
        self.versions.sort();
        self.versions.dedup();
        self.other_versions.sort();
        self.other_versions.dedup();
        let bounds = || self.ranges.iter().flat_map(Range::bounds);
        // Where a bound has a part behind `+`, builds of one release stand on both sides of it.
        if self.versions.len().saturating_mul(bounds().count()) > MAX_PRUNING
            || bounds().any(Version::is_local)
        {
            return;
        }
        let Self { ranges, versions, .. } = self;
        versions.retain(|listed| {
            let release = Release::new(listed.clone());
            !ranges.iter().any(|range| range.affects(&release) == Some(Certainty::Certain))
        });
    }
}

#[cfg(test)]
mod tests;
