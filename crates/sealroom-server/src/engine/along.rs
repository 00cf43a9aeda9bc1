//! What is stored, or has to hold, together with a computation's events.

use crate::db::{
    files::{File, Place},
    leases::Lease,
};
use sealroom_protocol::{Digest, Lock, Receipt};

/// What is stored, or has to hold, in the same transaction as the events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Along {
    /// A lease that must hold; it lasts again from now.
    pub(crate) held: Option<Lease>,
    /// A lease that ends; the flag: only if it has run out.
    pub(crate) dropped: Option<(Lease, bool)>,
    /// A file that the events speak of.
    pub(crate) file: Option<File>,
    /// Results, logs and packages that must be staged.
    pub(crate) staged: Vec<(Place, u64, Digest)>,
}

impl Along {
    pub(crate) fn file(file: File) -> Self {
        Self { file: Some(file), ..Self::default() }
    }

    pub(crate) fn held(lease: Lease) -> Self {
        Self { held: Some(lease), ..Self::default() }
    }

    /// The packages of a lock, which must be staged.
    pub(crate) fn packages(mut self, lock: Option<&Lock>) -> Self {
        let packages = lock.into_iter().flat_map(|lock| &lock.packages);
        self.staged.extend(packages.map(|p| (Place::Package(p.sha256), p.size, p.sha256)));
        self
    }

    /// What the end of a run needs to be staged.
    pub(crate) fn stage(mut self, Receipt { run, results, logs, .. }: &Receipt) -> Self {
        let result = results
            .iter()
            .map(|r| (Place::Result(*run, r.consumer, r.name.clone()), r.size, r.sha256));
        let log = logs.iter().map(|log| (Place::Log(*run, log.reader), log.size, log.sha256));
        self.staged.extend(result.chain(log));
        self
    }
}
