//! Why a sandbox could not be had. What the jailed program does wrong is an [`Exit`](crate::Exit), never an error.

use std::path::PathBuf;

/// Why a run could not be started or followed to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A part of a Python environment can't be used.
    #[error("`{}` is no part of a Python environment: {reason}", path.display())]
    RuntimeInvalid {
        /// Which part.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The launcher process is gone or was never there.
    #[error("cannot {action} the launcher process")]
    Launcher {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The jail could not be built; the text comes from our own stage inside it.
    #[error("cannot build the jail: {reason}")]
    Jail {
        /// Which step failed and why.
        reason: String,
    },
    /// The jail ended without telling how the program in it ended.
    #[error("the jail ended without a report")]
    NoReport,
    /// A jail bound by some limits cannot take a job that has others.
    #[error("the warm jail was made with other limits than the job has")]
    OtherLimits,
    /// What was to be imported early has no name of a module.
    #[error("`{name}` cannot be preloaded: it is no module's name")]
    NoModule {
        /// What it was called.
        name: String,
    },
    /// The job names more than the channel can carry.
    #[error("the manifest of the run takes {found} bytes, at most {limit} are allowed")]
    ManifestTooLarge {
        /// Bytes it would take.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The interpreter started, but what it said about itself cannot be read.
    #[error("the interpreter does not answer as expected: {reason}")]
    Probe {
        /// What it said instead.
        reason: String,
    },
    /// A pipe, socket or thread of ours failed.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// For `map_err`: names what was being done when a system call failed.
    pub(crate) fn io<E: Into<std::io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { action, source: source.into() }
    }
}
