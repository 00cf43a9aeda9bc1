//! What is stored, or has to hold, together with a computation's events.

use crate::db::{
    files::{File, Place},
    leases::Lease,
};
use sealroom_lifecycle::event::DataFile;
use sealroom_protocol::{Digest, receipt::SealedResult};

/// What is stored, or has to hold, in the same transaction as the events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Along {
    /// A lease that must hold; it lasts again from now.
    pub(crate) held: Option<Lease>,
    /// A lease that ends; the flag: only if it has run out.
    pub(crate) dropped: Option<(Lease, bool)>,
    /// A file that the events speak of.
    pub(crate) file: Option<File>,
    /// Results and log that must be staged.
    pub(crate) staged: Vec<(Place, u64, Digest)>,
}

impl Along {
    pub(crate) fn file(file: File) -> Self {
        Self { file: Some(file), ..Self::default() }
    }

    pub(crate) fn held(lease: Lease) -> Self {
        Self { held: Some(lease), ..Self::default() }
    }

    /// What the end of run `run` needs to be staged.
    pub(crate) fn stage(
        mut self,
        run: u32,
        results: &[SealedResult],
        log: Option<&DataFile>,
    ) -> Self {
        let place = |r: &SealedResult| Place::Result(run, r.consumer, r.name.clone());
        self.staged.extend(results.iter().map(|r| (place(r), r.size, r.sha256)));
        self.staged.extend(log.map(|log| (Place::Log(run), log.size, log.sha256)));
        self
    }
}
