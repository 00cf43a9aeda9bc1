//! How much is read before an import is given up. What is read can have been made to fill the disk, the memory or the
//! evening of whoever reads it.

use std::{
    cell::Cell,
    io::{self, Read},
};

/// Bytes of one record: the largest that are published list thousands of versions, in less than one.
pub const MAX_RECORD: u64 = 4 << 20;
/// Records: ten times what there are about Python packages.
pub const MAX_RECORDS: usize = 200_000;
/// Bytes of all records, uncompressed: ten times what those about Python packages take.
pub const MAX_TOTAL: u64 = 2 << 30;
/// Bytes of an archive, which is held in memory: ten times that of Python's ecosystem.
pub const MAX_ARCHIVE: u64 = 256 << 20;
/// Folders within folders: databases that are kept in Git have six.
const MAX_DEPTH: usize = 16;
/// Files and folders that are looked at: each record in a folder of its own, and as many again.
const MAX_NAMES: usize = 4 * MAX_RECORDS;

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exceeded {
    /// In one record.
    #[error("a record has more than {0} bytes")]
    Record(u64),
    /// In all records.
    #[error("there are more than {0} records")]
    Records(usize),
    /// In all of it.
    #[error("the records have more than {0} bytes together")]
    Total(u64),
    /// In an archive.
    #[error("the archive has more than {0} bytes")]
    Archive(u64),
    /// Of folders.
    #[error("there are more than {0} folders within each other")]
    Depth(usize),
    /// In folders.
    #[error("there are more than {0} files and folders")]
    Names(usize),
}

/// How much of each is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) record: u64,
    pub(super) records: usize,
    pub(super) total: u64,
    pub(super) archive: u64,
    pub(super) depth: usize,
    pub(super) names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record: MAX_RECORD,
            records: MAX_RECORDS,
            total: MAX_TOTAL,
            archive: MAX_ARCHIVE,
            depth: MAX_DEPTH,
            names: MAX_NAMES,
        }
    }
}

/// What is left of it.
pub(super) struct Budget {
    pub(super) limits: Limits,
    record: Cell<u64>,
    records: Cell<usize>,
    total: Cell<u64>,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, record: Cell::new(0), records: Cell::new(0), total: Cell::new(0) }
    }

    /// A record was read; what follows is another.
    pub(super) fn next_record(&self) -> Result<(), Exceeded> {
        self.record.set(0);
        self.records.set(self.records.get() + 1);
        if self.records.get() > self.limits.records {
            return Err(Exceeded::Records(self.limits.records));
        }
        Ok(())
    }

    /// A file begins: what was behind the last record of another is not part of the next.
    pub(super) fn next_file(&self) {
        self.record.set(0);
    }

    fn spend(&self, bytes: u64) -> Result<(), Exceeded> {
        self.record.set(self.record.get() + bytes);
        self.total.set(self.total.get() + bytes);
        if self.record.get() > self.limits.record {
            return Err(Exceeded::Record(self.limits.record));
        }
        if self.total.get() > self.limits.total {
            return Err(Exceeded::Total(self.limits.total));
        }
        Ok(())
    }
}

/// Counts what is read through it. What is too much is an [`io::Error`] that holds an [`Exceeded`].
pub(super) struct Metered<'a, R> {
    pub(super) inner: R,
    pub(super) budget: &'a Budget,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.budget.spend(n as u64).map_err(io::Error::other)?;
        Ok(n)
    }
}
