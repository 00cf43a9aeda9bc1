//! What is known of one version of one package: advisories that affect it, each vulnerability once.

use crate::{
    entry::Entry,
    id::AdvisoryId,
    version::{Asked, Release},
};
use jiff::Timestamp;
use pep440_rs::Version;
use sealroom_protocol::package::Severity;
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering::Less,
    collections::{BTreeMap, BTreeSet},
};

/// Fixes that are looked at: one for each branch that is still cared for, and several times as many.
const MAX_FIXES: usize = 50;

/// How sure it is that a vulnerability affects a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It could: the version is none that PEP 440 knows, or the advisory does not say clearly what it affects. To be
    /// treated like [`Certain`](Self::Certain) by whoever decides.
    Unclear,
    /// It does, by what the advisory says.
    Certain,
}

/// One vulnerability that affects a version of a package, by what one or more advisories say of it. All of its text can
/// be printed as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The advisory: that of Python's own database if there is one, else that of GitHub's.
    pub id: AdvisoryId,
    /// What else the vulnerability is called, sorted.
    pub aliases: Vec<AdvisoryId>,
    /// What it is, on one line of at most 200 characters. Empty if no advisory says.
    pub summary: String,
    /// The highest rating that an advisory about it gives, `None` if none does. To compare with a threshold, use
    /// [`is_at_least`](Self::is_at_least).
    pub severity: Option<Severity>,
    /// How sure it is.
    pub certainty: Certainty,
    /// The versions above that have a fix, and are not affected by another advisory about the same vulnerability; the
    /// lowest first, at most 50.
    pub fixed_in: Vec<String>,
    /// When an advisory about it was last changed.
    pub modified: Timestamp,
}

impl Finding {
    /// Whether it is as bad as `threshold`, or worse. Unknown is as bad as any: that nobody has rated a vulnerability
    /// yet, which is so for most of the packages that were published to do harm, must not let it through.
    #[must_use]
    pub fn is_at_least(&self, threshold: Severity) -> bool {
        self.severity.is_none_or(|severity| severity >= threshold)
    }
}

/// The vulnerabilities that affect a version, by all that is known of its package; sorted by their advisories.
pub(crate) fn of(entries: &[Entry], asked: &Asked<'_>) -> Vec<Finding> {
    let groups = groups(entries);
    let mut findings: Vec<Finding> =
        groups.iter().filter_map(|group| finding(group, asked)).collect();
    findings.sort_by(|a, b| a.id.cmp(&b.id));
    findings
}

/// Puts together what is about the same vulnerability: what shares a name with it, or with something that does.
fn groups(entries: &[Entry]) -> Vec<Vec<&Entry>> {
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    let mut group_of: BTreeMap<&AdvisoryId, usize> = BTreeMap::new();
    for entry in entries {
        let met: BTreeSet<usize> = entry.ids().filter_map(|id| group_of.get(id).copied()).collect();
        // Into the largest of those that it joins, so that no entry is moved more than a few times.
        let home = met.iter().copied().max_by_key(|group| groups[*group].len());
        let home = home.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        let joined: Vec<&Entry> = met
            .into_iter()
            .filter(|group| *group != home)
            .flat_map(|group| std::mem::take(&mut groups[group]))
            .chain([entry])
            .collect();
        for id in joined.iter().flat_map(|entry| entry.ids()) {
            group_of.insert(id, home);
        }
        groups[home].extend(joined);
    }
    groups
}

fn finding(group: &[&Entry], asked: &Asked<'_>) -> Option<Finding> {
    let (affecting, certain): (Vec<&Entry>, Vec<Certainty>) =
        group.iter().filter_map(|entry| Some((*entry, entry.affects(asked)?))).unzip();
    // Whoever looks it up finds the version there.
    let named_by = affecting.iter().min_by_key(|entry| entry.id.rank())?;
    let names: BTreeSet<&AdvisoryId> = group.iter().flat_map(|entry| entry.ids()).collect();
    let summaries = [named_by].into_iter().chain(&affecting).map(|entry| entry.summary.as_str());
    Some(Finding {
        id: named_by.id.clone(),
        aliases: names.into_iter().filter(|id| **id != named_by.id).cloned().collect(),
        summary: summaries.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned(),
        severity: group.iter().filter_map(|entry| entry.severity).max(),
        certainty: certain.into_iter().max()?,
        fixed_in: fixed_in(group, &affecting, asked),
        modified: group.iter().map(|entry| entry.modified).max()?,
    })
}

fn fixed_in(group: &[&Entry], affecting: &[&Entry], asked: &Asked<'_>) -> Vec<String> {
    let above = |fix: &&Version| asked.release.as_ref().is_none_or(|asked| asked.cmp(fix) == Less);
    let fixes: BTreeSet<&Version> =
        affecting.iter().flat_map(|entry| entry.fixes()).filter(above).collect();
    let helps = |fix: &&Version| {
        let (text, release) = (fix.to_string(), Some(Release::new((*fix).clone())));
        let fix = Asked { text: &text, release };
        group.iter().all(|entry| entry.affects(&fix) != Some(Certainty::Certain))
    };
    fixes.into_iter().take(MAX_FIXES).filter(helps).map(Version::to_string).collect()
}

#[cfg(test)]
mod tests;
