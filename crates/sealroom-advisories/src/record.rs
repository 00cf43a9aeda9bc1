//! From a record of the OSV schema to what is kept of it.

use crate::{
    entry::{Affects, Entry},
    id::{AdvisoryId, BadId},
    osv::{Affected, Record},
    range::Range,
    severity,
    text::Line,
};
use sealroom_protocol::PackageName;

/// Versions that one record may list: the packages with most releases have some thousands.
const MAX_VERSIONS: usize = 50_000;
/// Events that one record may have: real ones have a few dozen.
const MAX_EVENTS: usize = 5_000;
/// Names that a record may have for its vulnerability.
const MAX_ALIASES: usize = 1_000;

/// Why something is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not JSON, or not with the fields of the schema.
    #[error("it is not in the OSV schema: {0}")]
    Schema(String),
    /// Of a version of the schema in which fields may mean something else.
    #[error("it is in version `{0}` of the OSV schema, this program reads versions 1")]
    Version(String),
    /// Without a name.
    #[error("its `id` can't be used")]
    Id(#[from] BadId),
    /// More than any real record has.
    #[error("it has {found} {what}, at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        limit: usize,
    },
}

/// What a record is for us.
pub(crate) enum Reduced {
    /// It is about no Python package.
    OtherEcosystem,
    /// It is about Python packages, of which none can be installed: their names are none.
    NoPackage,
    /// It was taken back.
    Withdrawn,
    /// It says this, of each package at least one thing.
    Entries(Vec<(PackageName, Entry)>),
}

/// Reduces a record to what is kept of it.
pub(crate) fn reduce(record: &Record) -> Result<(AdvisoryId, Reduced), RecordError> {
    let version = record.schema_version.as_deref().unwrap_or("1.0.0");
    if version != "1" && !version.starts_with("1.") {
        return Err(RecordError::Version(Line::from(version).as_str().to_owned()));
    }
    let id: AdvisoryId = record.id.parse()?;
    let affected: Vec<_> = record.affected.iter().filter(|part| is_python(part)).collect();
    if affected.is_empty() {
        return Ok((id, Reduced::OtherEcosystem));
    }
    if record.withdrawn.is_some() {
        return Ok((id, Reduced::Withdrawn));
    }
    check_sizes(record, &affected)?;
    let mut entries: Vec<(PackageName, Entry)> = Vec::new();
    for part in affected {
        // A lock can't have a package without a name, so nobody will ask for it.
        let name = part.package.as_ref().and_then(|package| package.name.parse().ok());
        if let Some(name) = name {
            add(&mut entries, name, &id, record, part);
        }
    }
    if entries.is_empty() {
        return Ok((id, Reduced::NoPackage));
    }
    entries.iter_mut().for_each(|(_, entry)| entry.affects.pack());
    Ok((id, Reduced::Entries(entries)))
}

fn is_python(affected: &Affected) -> bool {
    let ecosystem = affected.package.as_ref().map(|package| package.ecosystem.as_str());
    ecosystem.is_some_and(|name| name == "PyPI" || name.starts_with("PyPI:"))
}

fn check_sizes(record: &Record, affected: &[&Affected]) -> Result<(), RecordError> {
    let ranges = affected.iter().flat_map(|part| &part.ranges);
    let events = ranges.map(|range| range.events.len().max(1)).sum();
    let versions = affected.iter().map(|part| part.versions.len()).sum();
    for (what, found, limit) in [
        ("aliases", record.aliases.len(), MAX_ALIASES),
        ("events", events, MAX_EVENTS),
        ("packages", affected.len(), MAX_EVENTS),
        ("versions", versions, MAX_VERSIONS),
    ] {
        if found > limit {
            return Err(RecordError::TooMany { what, found, limit });
        }
    }
    Ok(())
}

/// Adds what a record says of a package in one place to what it says of it elsewhere, if that is as bad.
fn add(
    entries: &mut Vec<(PackageName, Entry)>,
    name: PackageName,
    id: &AdvisoryId,
    record: &Record,
    part: &Affected,
) {
    let severity = severity::of(record, part);
    let known = entries.iter_mut().find(|(n, entry)| *n == name && entry.severity == severity);
    if let Some((_, entry)) = known {
        extend(&mut entry.affects, part);
        return;
    }
    let text = if record.summary.trim().is_empty() { &record.details } else { &record.summary };
    let mut entry = Entry {
        id: id.clone(),
        aliases: aliases(record, id),
        modified: record.modified,
        severity,
        summary: Line::from(text.as_str()),
        affects: Affects::default(),
    };
    extend(&mut entry.affects, part);
    entries.push((name, entry));
}

/// The other names. One that is no identifier is passed over: the vulnerability may then be reported twice, no more.
fn aliases(record: &Record, id: &AdvisoryId) -> Vec<AdvisoryId> {
    let mut aliases: Vec<AdvisoryId> =
        record.aliases.iter().filter_map(|alias| alias.parse().ok()).collect();
    aliases.retain(|alias| alias != id);
    aliases.sort();
    aliases.dedup();
    aliases
}

fn extend(affects: &mut Affects, part: &Affected) {
    affects.list(&part.versions);
    let mut said = !part.versions.is_empty();
    for range in &part.ranges {
        match range.kind.as_str() {
            "ECOSYSTEM" => {
                affects.ranges.push(Range::from_events(&range.events));
                said = true;
            }
            // Commits are none that a package has.
            "GIT" => {}
            _ => affects.unclear = true,
        }
    }
    // Only commits, or nothing at all, and no versions beside: which ones it affects is not known.
    affects.unclear |= !said;
}

#[cfg(test)]
mod tests;
