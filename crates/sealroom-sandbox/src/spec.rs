//! What the processes of a run tell each other: small JSON messages, all of them between our own programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::stage::Door;

/// Host -> launcher -> jail -> init: what to start and within which bounds. Holds no secret: it travels as an argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The interpreter, absolute, symbolic links resolved.
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Folders it may read and execute, beside the system's libraries; all at their own paths.
    pub(crate) readable: Vec<PathBuf>,
    /// Variables of its environment, beside those that every run has.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) memory_bytes: u64,
    pub(crate) processes: u32,
    pub(crate) scratch_bytes: u64,
    pub(crate) cpu_seconds: u64,
    /// Whole processors at the same time; without a number as many as there are.
    pub(crate) cpus: Option<u32>,
}

/// Jail -> init: which walls stand already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Walls {
    /// Names of the namespaces that init is in; none if the system grants none.
    pub(crate) namespaces: Vec<String>,
    /// The run's cgroups, to be entered.
    pub(crate) doors: Vec<Door>,
    /// The uid and gid to run as, if we may choose one.
    pub(crate) uid: Option<u32>,
    /// Scratch directory made by the jail, where there is no private root to mount one in.
    pub(crate) scratch: Option<PathBuf>,
}

/// Jail and init -> host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// All walls stand, the interpreter starts next.
    Started { layers: Vec<String> },
    /// The interpreter ended, one of the two is there.
    Ended { code: Option<i32>, signal: Option<i32>, peak_memory_bytes: u64 },
    /// No process of the run is left; what the cgroup said, if there was one.
    Closed { peak_memory_bytes: Option<u64>, out_of_memory: bool },
    /// A wall could not be built.
    Failed { reason: String },
}
