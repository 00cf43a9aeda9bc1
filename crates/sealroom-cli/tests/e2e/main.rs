//! The whole job through the real binaries: a server process, enclave processes, people with profiles.
//!
//! The machine has to be prepared (`make setup`) and `sealroom-enclave` built beside `sealroom`.
#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

#[path = "../harness/mod.rs"]
mod harness;

mod accounts;
mod channel;
mod code;
mod enclave;
mod fresh;
mod happy;
mod hints;
mod keys;
mod lies;
mod logs;
mod losses;
mod outputs;
mod packages;
mod receipts;
mod runs;
mod serving;
mod states;
mod withdrawal;
