//! The jail around a run: it starts a Python interpreter that can see its inputs, its code and nothing else.
//!
//! Three processes share the work. The *host* (whoever links this crate: the enclave, `sealroom test`) holds the
//! inputs and serves them over a channel. The *launcher*, a child made before the host has any key, starts jails.
//! A *jail* is two hidden stages of the same program, `__jail` outside and `__init` inside, around one interpreter.
//! The host never forks Python, so no page that ever held a key is shared with one.
//!
//! Not for deciding what may run or who gets results: that is the caller's.
#![forbid(unsafe_code)]

mod channel;
mod error;
mod job;
mod launcher;
mod log;
mod run;
mod runtime;
mod spec;
mod stage;
mod trace;
mod warm;
mod watch;
mod wire;

pub use error::SandboxError;
pub use job::{
    Bound, CodeFile, Excess, Exit, FileSource, Input, Job, Limits, Outcome, Participants,
    ResultWriter, Results, Source,
};
pub use launcher::Launcher;
pub use runtime::{Runtime, RuntimeReport, SCRATCH};
pub use stage::run_hidden_stage;
pub use warm::WarmJail;
