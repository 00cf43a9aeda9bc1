//! The coordinator: the HTTP interface, the event log, the blobs, the leases of enclaves.
//!
//! Nobody has to trust it with plaintext or keys; it holds ciphertext, names and times. It decides
//! nothing by itself: `sealroom-lifecycle` does, and what it accepts is stored and told onwards.
//!
//! - [`config`]: how it is started
//! - [`error`]: what can keep it from starting; `problem`: what a caller is told
//! - `db`, `blobs`, `upload`: the database, the files, and how a stream becomes a stored file
//! - `engine`: load a computation, decide, store, tell
//! - `collateral`: what vouches for evidence, kept with the computation
//! - `auth`: accounts and tokens
//! - `git`: code from GitHub, if the operator allows it
//! - `routes`: the HTTP interface, a file for each subject
//! - `view`: what a computation looks like to a caller
//! - `sweeper`, `supervisor`: leases that ran out, enclaves on this machine
//! - `server`: puts all of it together
#![forbid(unsafe_code)]

pub mod config;
pub mod error;

mod auth;
mod blobs;
mod collateral;
mod db;
mod drain;
mod engine;
mod extract;
mod form;
mod git;
mod metrics;
mod net;
mod packages;
mod problem;
mod routes;
mod server;
mod setup;
mod stream;
mod supervisor;
mod sweeper;
pub mod syntax;
mod upload;
mod view;

pub use auth::AccountKind;
pub use config::{Config, GitAccess, LocalEnclaves, Offer};
pub use error::ServeError;
pub use server::{add_account, openapi, serve};
