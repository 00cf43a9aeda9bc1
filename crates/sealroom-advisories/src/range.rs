//! A range of versions as the OSV schema has it: events on the line of all versions.

use crate::{
    finding::Certainty,
    osv,
    version::{Release, read},
};
use pep440_rs::Version;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering::{Greater, Less};

/// The versions between events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Range {
    /// Whether it was introduced before every version (`introduced: "0"`).
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) from_start: bool,
    /// From these versions on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) introduced: Vec<Version>,
    /// No longer from these on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fixed: Vec<Version>,
    /// No longer behind these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_affected: Vec<Version>,
    /// In no case from this one on: the highest of the limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<Version>,
    /// Whether an end of it could not be read: then it covers more than was meant, perhaps.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) overstated: bool,
    /// Whether a beginning of it could not be read: then it covers less than was meant, perhaps.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) understated: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

impl Range {
    /// Reads the events of a range, in whatever order they come.
    pub(crate) fn from_events(events: &[osv::Event]) -> Self {
        let mut range = Self::default();
        let mut limits = Vec::new();
        for event in events {
            let osv::Event { introduced, fixed, last_affected, limit } = event;
            match introduced.as_deref() {
                Some("0") => range.from_start = true,
                Some(text) => {
                    let version = read(text);
                    range.understated |= version.is_none();
                    range.introduced.extend(version);
                }
                // A kind of event that is not known here.
                None => range.understated |= *event == osv::Event::default(),
            }
            let ends = [(fixed, &mut range.fixed), (last_affected, &mut range.last_affected)];
            for (text, versions) in ends {
                let version = text.as_deref().map(read);
                range.overstated |= version == Some(None);
                versions.extend(version.flatten());
            }
            limits.extend(limit.as_deref());
        }
        if !range.from_start && range.introduced.is_empty() {
            // The schema wants a beginning. Without an end either, this is about all versions.
            (range.from_start, range.overstated) = (true, true);
        }
        range.set_limit(&limits);
        let Self { introduced, fixed, last_affected, .. } = &mut range;
        for versions in [introduced, fixed, last_affected] {
            versions.sort();
            versions.dedup();
        }
        range
    }

    /// Below any one of the limits is below the highest. `*` is above all versions, and so is what can't be read.
    fn set_limit(&mut self, limits: &[&str]) {
        let read: Vec<Option<Version>> = limits.iter().map(|text| read(text)).collect();
        self.overstated |= limits.iter().zip(&read).any(|(text, v)| *text != "*" && v.is_none());
        self.limit = read.into_iter().collect::<Option<Vec<_>>>().and_then(|v| v.into_iter().max());
    }

    /// Whether it affects a version, as far as it can be read.
    pub(crate) fn affects(&self, version: &Release) -> Option<Certainty> {
        match self.covers(version) {
            true if self.overstated => Some(Certainty::Unclear),
            true => Some(Certainty::Certain),
            false => self.understated.then_some(Certainty::Unclear),
        }
    }

    /// Whether a version is in it.
    ///
    /// The schema has it as a walk over the sorted events. Said without walking: what counts is where the
    /// vulnerability was introduced last before the version, and whether it ended since. Of events at the same version,
    /// an end comes before a beginning, so that `[0, 1) [1, 2)` has 1; but that it was last affected comes behind, so
    /// that `[1, 1]` has 1 and nothing above.
    fn covers(&self, version: &Release) -> bool {
        if self.limit.as_ref().is_some_and(|limit| version.cmp(limit).is_ge()) {
            return false;
        }
        let since = self.introduced.iter().filter(|v| version.cmp(v).is_ge()).max();
        if since.is_none() && !self.from_start {
            return false;
        }
        let fixed = |end: &Version| {
            since.is_none_or(|since| end.cmp(since) == Greater) && version.cmp(end).is_ge()
        };
        let left = |end: &Version| {
            since.is_none_or(|since| end.cmp(since) != Less) && version.cmp(end) == Greater
        };
        !self.fixed.iter().any(fixed) && !self.last_affected.iter().any(left)
    }

    /// The versions that it names.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = &Version> {
        let named = [&self.introduced, &self.fixed, &self.last_affected].into_iter().flatten();
        named.chain(&self.limit)
    }
}

#[cfg(test)]
mod tests;
