//! What a participant does, on its own machine: keep keys, seal, verify, approve, open results.
//!
//! - [`profile`]: the folder with a participant's keys and what it remembers
//! - [`session`]: one profile talking to its server
//! - [`collateral`]: what vouches for evidence, from the server or from elsewhere
//! - [`code`], [`data`]: sealing and uploading
//! - [`check`]: the pure part of verifying, and of bounding what is agreed to
//! - [`attestation`]: which evidence of hardware is accepted
//! - [`approve`]: releasing a key, after verifying
//! - [`revoke`]: taking a key back
//! - [`results`]: fetching, checking and opening results
//! - [`receipts`]: a run's file, checked without a network
//! - [`audit`]: the event log, checked
//!
//! The library neither prints nor asks; [`Progress`] hears how far a transfer is.
#![forbid(unsafe_code)]

pub mod approve;
pub mod attestation;
pub mod audit;
pub mod check;
pub mod code;
pub mod collateral;
pub mod data;
mod error;
pub mod profile;
pub mod receipts;
pub mod results;
pub mod revoke;
pub mod seen;
pub mod session;
pub mod words;

pub use error::ClientError;
pub use profile::{Passphrase, Profile};
pub use session::Session;

/// Hears how far a transfer is. `()` is the silent one.
pub trait Progress {
    /// A transfer of `total` bytes begins.
    fn begin(&self, what: &str, total: u64);
    /// So many more bytes are through.
    fn advance(&self, bytes: u64);
    /// The transfer has ended.
    fn end(&self);
}

impl Progress for () {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Reports what is read through it.
pub(crate) struct Observed<'a, R> {
    pub(crate) inner: R,
    pub(crate) progress: &'a dyn Progress,
}

impl<R: std::io::Read> std::io::Read for Observed<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.progress.advance(n as u64);
        Ok(n)
    }
}
