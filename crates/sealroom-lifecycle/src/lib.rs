//! The life of a computation as a pure, event-sourced core: (state, command) → events | rejection.
//!
//! - [`event`]: what happened, each event chained to the one before by its hash
//! - [`state`]: what a computation is now: the fold of its events
//! - [`command`]: what somebody wants to happen
//! - [`decide`](mod@decide): whether it may
//! - [`wire`]: what server and enclave say to each other about it
//!
//! No I/O, no clock, no randomness. Who stores events and who sends commands is decided elsewhere;
//! the enclave folds the same events with the same code as the server.
#![forbid(unsafe_code)]

pub mod command;
pub mod decide;
pub mod event;
pub mod state;
pub mod wire;

pub use command::Command;
pub use decide::{Rejection, RejectionKind, create, decide};
pub use event::{Actor, EnclaveId, Event, Record};
pub use state::{State, replay};

#[cfg(test)]
mod tests;
