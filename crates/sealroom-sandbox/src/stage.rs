//! The hidden stages: what this program is when it is started as a part of the sandbox.
//!
//! ```text
//! host ──exec──► __launcher ──exec──► __jail ──exec──► __init ──exec──► python
//!                one per host         one per run      pid 1 inside     pid 2
//!                keyless, idle        enters name-     builds root,
//!                                     spaces, watches  gives up rights
//! ```
//!
//! Where there are no namespaces, `__enter` comes between `__init` and Python: it takes the last walls upon itself, so
//! that `__init` stays outside of them and out of the program's reach.
//!
//! Each is single-threaded, has its control socket as standard input, and dies with the one before it.

mod cgroup;
mod enter;
mod init;
mod jail;
mod landlock;
mod launcher;
mod leftovers;
mod namespaces;
mod rights;
mod root;
mod seccomp;

use std::process::ExitCode;

pub(crate) use cgroup::Door;

use rustix::process::{DumpableBehavior, Signal};

/// First argument of the launcher.
pub(crate) const LAUNCHER: &str = "__launcher";
const JAIL: &str = "__jail";
const INIT: &str = "__init";
const ENTER: &str = "__enter";

/// Call this first thing in `main` of any program that uses the sandbox.
///
/// If the first argument names one of the hidden stages, runs it and returns its exit code; otherwise returns `None`
/// and has done nothing.
pub fn run_hidden_stage() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    let stage = args.next()?;
    let rest: Vec<String> = args.collect();
    match stage.as_str() {
        LAUNCHER => Some(launcher::main()),
        JAIL => Some(jail::main(&rest)),
        INIT => Some(init::main(&rest)),
        ENTER => Some(enter::main(&rest)),
        _ => None,
    }
}

/// A step of a stage that did not work: which, and what the system said.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub(crate) struct StepError {
    step: String,
    reason: String,
}

impl StepError {
    /// For `map_err`: names the step.
    pub(crate) fn at<E: std::fmt::Display>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |reason| Self { step, reason: reason.to_string() }
    }
}

/// Dies when the parent does. To be called again after each change of credentials, which resets it.
fn bind_to_parent() -> Result<(), StepError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(StepError::at("ask to die with the parent"))
}

/// Leaves no core, is not to be traced or looked into by its equals. To be called again as above.
fn hide() -> Result<(), StepError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(StepError::at("forbid core dumps"))
}
