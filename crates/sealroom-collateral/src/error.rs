//! Why nothing could be fetched, and what to do about it.

use crate::NeedError;

/// Why nothing could be fetched. Each message names the address that was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The evidence does not say what it needs.
    #[error("cannot tell what vouches for this evidence")]
    Need(#[from] NeedError),
    /// Nobody to ask.
    #[error("no service of {} is configured", if *amd { "AMD" } else { "Intel" })]
    NoService {
        /// AMD, and not Intel.
        amd: bool,
    },
    /// Nobody there, or the line broke.
    #[error("cannot reach {url}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The failure.
        #[source]
        source: Box<ureq::Error>,
    },
    /// No whole answer in time.
    #[error("no answer from {url} within {seconds} seconds")]
    Slow {
        /// What was asked for.
        url: String,
        /// How long it could have taken.
        seconds: u64,
    },
    /// An answer that says no.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that sends us elsewhere, where we do not go.
    #[error("{url} redirects to another address (status {status}), which is not followed")]
    Redirect {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// More than any such answer has.
    #[error("{url} answers with more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// What an answer can have.
        limit: u64,
    },
    /// An answer without its chain of certificates.
    #[error("the answer of {url} has no readable header `{header}`")]
    Header {
        /// What was asked for.
        url: String,
        /// The header.
        header: &'static str,
    },
    /// An answer that is something else.
    #[error("the answer of {url} is not what was asked for: {problem}")]
    Content {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More in all than collateral can have.
    #[error("what {url} answers is more than collateral can have in all")]
    Whole {
        /// The service.
        url: String,
    },
}

impl FetchError {
    /// What the reader can do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Need(NeedError::NoVlek) => {
                "ask who runs the machine for evidence with its VLEK certificate; no service gives it away"
            }
            Self::Need(NeedError::NoChip) => {
                "ask who runs the machine for its VCEK certificate; the report hides which chip it is from"
            }
            Self::Need(_) => "check that it is evidence of the kind that it says it is",
            Self::NoService { amd: false } => {
                "name a PCCS, or Intel's own: https://api.trustedservices.intel.com"
            }
            Self::NoService { amd: true } => "name AMD's: https://kdsintf.amd.com",
            Self::Unreachable { .. } => {
                "check the address, the network, and the proxy in `https_proxy`; or fetch on another \
                 machine and give the file with `--collateral`"
            }
            Self::Slow { .. } | Self::Status { status: 500.., .. } => {
                "try again later, or name another service"
            }
            Self::Status { status: 429, .. } => {
                "wait a minute: the service limits how often it is asked"
            }
            Self::Status { status: 404, .. } => {
                "check the service's address; if it is right, the service does not know this platform"
            }
            Self::Status { status: 401 | 403, .. } => {
                "name a service that needs no key, such as a PCCS of your own"
            }
            Self::Redirect { .. } => "name the address that the service really has",
            _ => "check that the address is that of a PCS, a PCCS (version 4) or a KDS",
        }
    }
}
