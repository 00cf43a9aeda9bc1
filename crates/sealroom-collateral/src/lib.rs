//! Collateral: what vouches for evidence, and does not come with it. Fetched from the manufacturers' services, kept as
//! files.
//!
//! Nothing is believed here: signatures, dates and chains are the verifier's business (`sealroom-attest`). So whoever
//! fetches, keeps or hands on collateral need not be trusted; it can only leave a verifier without.
//!
//! - [`Collateral`]: the format
//! - [`contents`]: what is in it, for people
//! - [`Need`]: what a piece of evidence needs
//! - [`Service`]: whom to ask; Intel's PCS or a PCCS (`pcs`), AMD's KDS (`kds`)
//! - [`Fetcher`]: asks, within bounds (`get`)
//!
//! Which host is asked is the word of whoever runs this program, never that of the evidence or of a server.
#![forbid(unsafe_code)]

pub mod contents;

mod collateral;
mod error;
mod fetch;
mod get;
mod kds;
mod need;
mod pcs;
mod service;
mod x509;

pub use collateral::{Collateral, MAX_FILE, ReadError};
pub use error::FetchError;
pub use fetch::Fetcher;
pub use need::{Need, NeedError, Tee};
pub use service::{AMD, INTEL, Service, Update};
