//! The log of what a trust domain loaded, held against the registers that hardware vouches for.
//!
//! Only digests are vouched for. Whoever shows the log is free to write anything beside them, so an event's words are
//! given out as covered only where they are what the digest is of.

use ring::digest;
use sealroom_evidence::ccel::{DIGEST, Log, LogError};

/// An event whose digest is in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which RTMR, 0 to 3.
    pub rtmr: usize,
    /// TCG's number for its kind; nobody vouches for it.
    pub kind: u32,
    /// What the register was extended with.
    pub digest: [u8; DIGEST],
    data: Vec<u8>,
    is_covered: bool,
}

impl Event {
    /// What the log says of it, if that is what the digest is of.
    #[must_use]
    pub fn covered(&self) -> Option<&[u8]> {
        self.is_covered.then_some(&self.data)
    }

    /// What the log says of it. Whoever shows the log can have written it: nothing may depend on it.
    #[must_use]
    pub fn claimed(&self) -> &[u8] {
        &self.data
    }
}

/// Why a log does not belong to the registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// Not a log.
    #[error("the event log cannot be read")]
    Format(#[from] LogError),
    /// Events were altered, left out, added or put in another order.
    #[error("the event log gives another RTMR{rtmr} than the one that the hardware vouches for")]
    Register {
        /// The first that differs, 0 to 3.
        rtmr: usize,
    },
}

/// The events of a log (CCEL, TCG's crypto-agile format), if they give all four registers.
///
/// # Errors
/// Why they do not, or why it is no log.
pub fn check(log: &[u8], rtmr: &[[u8; DIGEST]; 4]) -> Result<Vec<Event>, EventLogError> {
    let log = Log::parse(log)?;
    let replayed = log.replay(sha384);
    if let Some(rtmr) = (0..4).find(|&at| replayed[at] != rtmr[at]) {
        return Err(EventLogError::Register { rtmr });
    }
    let event = |event: &sealroom_evidence::ccel::Event<'_>| Event {
        rtmr: event.rtmr,
        kind: event.kind,
        digest: *event.digest,
        data: event.data.to_vec(),
        is_covered: sha384(event.data) == *event.digest,
    };
    Ok(log.events.iter().map(event).collect())
}

fn sha384(bytes: &[u8]) -> [u8; DIGEST] {
    let mut out = [0; DIGEST];
    out.copy_from_slice(digest::digest(&digest::SHA384, bytes).as_ref());
    out
}
