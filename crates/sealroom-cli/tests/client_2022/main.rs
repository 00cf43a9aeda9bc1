//! The client that people had in 2022, unmodified, against a server of today.
//!
//! Every participant is a Python process with that client (`participant.py`). Needs
//! `scripts/setup-client-2022` beside what the end-to-end tests need; fails without it.
#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../harness/mod.rs"]
mod harness;

mod cast;
mod happy;
mod mixed;
mod peer;
mod proxy;
mod quirks;
mod refusals;
mod retries;
mod states;
mod strangers;
mod trust;
mod words;
