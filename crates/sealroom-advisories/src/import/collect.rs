//! What an import has read so far.

use crate::{
    entry::Entry,
    id::AdvisoryId,
    osv::Record,
    record::{RecordError, Reduced, reduce},
};
use jiff::Timestamp;
use sealroom_protocol::PackageName;
use std::{
    cmp::Ordering::{Equal, Greater, Less},
    collections::BTreeMap,
    fmt,
};

/// How many records an import read, and what became of them: `read` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub read: usize,
    /// Those that are in the database.
    pub kept: usize,
    /// Those that are not about Python packages.
    pub other_ecosystem: usize,
    /// Those that were taken back.
    pub withdrawn: usize,
    /// Those about packages whose names no package can have.
    pub unusable_name: usize,
    /// Those of which there was a later version.
    pub replaced: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records read", self.read)?;
        for (count, what) in [
            (self.kept, "kept"),
            (self.other_ecosystem, "about other ecosystems"),
            (self.withdrawn, "withdrawn"),
            (self.unusable_name, "about names that no package has"),
            (self.replaced, "replaced by later versions"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// What is known of one identifier.
struct Latest {
    modified: Timestamp,
    /// How many records said it.
    records: usize,
    /// Nothing, if it was withdrawn.
    entries: Vec<(PackageName, Entry)>,
}

/// Takes in records.
#[derive(Default)]
pub(super) struct Collector {
    counts: Counts,
    advisories: BTreeMap<AdvisoryId, Latest>,
}

impl Collector {
    /// Takes in one record.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), RecordError> {
        let (id, reduced) = reduce(record)?;
        self.counts.read += 1;
        let entries = match reduced {
            Reduced::OtherEcosystem => {
                self.counts.other_ecosystem += 1;
                return Ok(());
            }
            Reduced::NoPackage => {
                self.counts.unusable_name += 1;
                return Ok(());
            }
            Reduced::Withdrawn => Vec::new(),
            Reduced::Entries(entries) => entries,
        };
        self.put(id, Latest { modified: record.modified, records: 1, entries });
        Ok(())
    }

    /// Of two versions of an advisory the later counts, as the schema has it. Of two at the same time, both do.
    fn put(&mut self, id: AdvisoryId, new: Latest) {
        let Some(known) = self.advisories.get_mut(&id) else {
            self.advisories.insert(id, new);
            return;
        };
        match known.modified.cmp(&new.modified) {
            Less => {
                self.counts.replaced += known.records;
                *known = new;
            }
            Equal => {
                known.records += new.records;
                if known.entries != new.entries {
                    known.entries.extend(new.entries);
                }
            }
            Greater => self.counts.replaced += new.records,
        }
    }

    /// What was taken in, by package.
    pub(super) fn finish(mut self) -> (BTreeMap<PackageName, Vec<Entry>>, Counts) {
        let mut packages: BTreeMap<PackageName, Vec<Entry>> = BTreeMap::new();
        for latest in self.advisories.into_values() {
            let withdrawn = latest.entries.is_empty();
            let count = if withdrawn { &mut self.counts.withdrawn } else { &mut self.counts.kept };
            *count += latest.records;
            for (name, entry) in latest.entries {
                packages.entry(name).or_default().push(entry);
            }
        }
        (packages, self.counts)
    }
}
