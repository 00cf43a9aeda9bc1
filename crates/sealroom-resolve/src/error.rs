//! Why there are no packages, and what can be done about it.

use crate::{requirements::RequirementsError, tools::ToolError};
use sealroom_protocol::package::{LockError, MAX_PACKAGES, PackageError, PackageName};
use std::{fmt, io, time::Duration};

/// What a tool says of the reason: without credentials, temporary folders and control characters, but with line
/// breaks, for what it explains may have several steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation(pub(crate) String);

impl Explanation {
    /// It as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Explanation {}

/// Why there are no packages. Where a tool explains it, [`explanation`](Self::explanation) has its words, and so has
/// the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// uv or pip is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The requirements of a runtime are none.
    #[error("the requirements cannot be read")]
    Requirements(#[from] RequirementsError),
    /// A tool does not start.
    #[error("cannot run {tool}")]
    Start {
        /// Which.
        tool: &'static str,
        /// Why.
        source: io::Error,
    },
    /// No set of versions fits.
    #[error("no versions of the packages fit together")]
    Unsatisfiable {
        /// Which do not, in uv's words.
        #[source]
        explanation: Explanation,
    },
    /// Not in the index.
    #[error("the index has no package `{name}`")]
    NoSuchPackage {
        /// Its name.
        name: String,
        /// In uv's words.
        #[source]
        explanation: Explanation,
    },
    /// Only for other machines, other Pythons, or as source.
    #[error("`{name}` has no wheel for this runtime")]
    NoWheel {
        /// Its name.
        name: String,
        /// In uv's words, or pip's.
        #[source]
        explanation: Explanation,
    },
    /// No network, or no index there.
    #[error("the package index cannot be reached")]
    Unreachable {
        /// In uv's words, or pip's.
        #[source]
        explanation: Explanation,
    },
    /// The index wants other credentials.
    #[error("the package index refuses access")]
    Denied {
        /// In uv's words, or pip's.
        #[source]
        explanation: Explanation,
    },
    /// A file is not the one that was announced.
    #[error("a package's file is not the one that was asked for")]
    HashMismatch {
        /// Which, and its hashes.
        #[source]
        explanation: Explanation,
    },
    /// A file that a lock names is not there any more.
    #[error("the index does not have `{file}` any more")]
    Vanished {
        /// The file.
        file: String,
    },
    /// A source distribution that is for others, or does not say what it needs unless it is run.
    #[error("the source distribution of `{name}` does not do: {why}")]
    Source {
        /// The package.
        name: PackageName,
        /// Why.
        why: String,
    },
    /// The runtime's own packages would change.
    #[error("`{name}` would be {found}, the runtime has {base}")]
    BaseChanged {
        /// The package.
        name: PackageName,
        /// What was resolved.
        found: String,
        /// What the runtime has.
        base: String,
    },
    /// Not done in time.
    #[error("resolving took longer than {} seconds and was given up", .0.as_secs_f64())]
    Slow(Duration),
    /// Whoever asked has told to stop.
    #[error("resolving was stopped")]
    Stopped,
    /// More than [`MAX_PACKAGES`].
    #[error("the requirements need {0} packages, at most {MAX_PACKAGES} are accepted")]
    TooMany(usize),
    /// More than the limit.
    #[error("the packages have more than {0} bytes")]
    TooLarge(u64),
    /// A tool's answer that this cannot read.
    #[error("the answer of {tool} cannot be understood: {why}")]
    Answer {
        /// Which.
        tool: &'static str,
        /// Why.
        why: String,
    },
    /// Another reason.
    #[error("{tool} ended with an error")]
    Failed {
        /// Which.
        tool: &'static str,
        /// In its words.
        #[source]
        explanation: Explanation,
    },
    /// A name or version that no lock can have.
    #[error("a package cannot be in a lock")]
    Package(#[from] PackageError),
    /// A lock that is none.
    #[error("what was resolved makes no lock")]
    Lock(#[from] LockError),
    /// Our own files.
    #[error("cannot {doing}")]
    Io {
        /// What.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl ResolveError {
    /// The tool's own words.
    #[must_use]
    pub fn explanation(&self) -> Option<&Explanation> {
        match self {
            Self::Unsatisfiable { explanation }
            | Self::NoSuchPackage { explanation, .. }
            | Self::NoWheel { explanation, .. }
            | Self::Unreachable { explanation }
            | Self::Denied { explanation }
            | Self::HashMismatch { explanation }
            | Self::Failed { explanation, .. } => Some(explanation),
            _ => None,
        }
    }

    /// Whether it is the requirements that have to be changed, rather than something here.
    #[must_use]
    pub fn is_of_requirements(&self) -> bool {
        matches!(
            self,
            Self::Unsatisfiable { .. }
                | Self::NoSuchPackage { .. }
                | Self::NoWheel { .. }
                | Self::Requirements(_)
                | Self::Source { .. }
                | Self::TooMany(_)
                | Self::TooLarge(_)
                | Self::Package(_)
        )
    }

    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Tool(error) => error.hint(),
            Self::Requirements(error) => return error.hint(),
            Self::Unsatisfiable { .. } => {
                "loosen one of the versions that it names, or choose another runtime".to_owned()
            }
            Self::NoSuchPackage { .. } => {
                "check its spelling: the name to install is not always the name to import"
                    .to_owned()
            }
            Self::NoWheel { name, .. } => format!(
                "choose another version; or pin it as `{name}==version` and have the policy allow \
                 it from source (`allow_source`)"
            ),
            Self::Unreachable { .. } => {
                "check the network, the proxy, and the settings of uv (`UV_INDEX_URL`, uv.toml)"
                    .to_owned()
            }
            Self::Denied { .. } => {
                "check the credentials of the index in the settings of uv, or in ~/.netrc"
                    .to_owned()
            }
            Self::HashMismatch { .. } => {
                "the file was changed after its hash was written down: find out by whom, then try \
                 again"
                    .to_owned()
            }
            Self::Vanished { .. } => "resolve the requirements anew".to_owned(),
            Self::Source { .. } => "choose a version that has a wheel".to_owned(),
            Self::BaseChanged { .. } => "do not override what comes with the runtime".to_owned(),
            Self::Slow(_) => "try again: what was fetched meanwhile is kept".to_owned(),
            Self::TooMany(_) | Self::TooLarge(_) => "ask for fewer packages".to_owned(),
            _ => return None,
        })
    }
}
