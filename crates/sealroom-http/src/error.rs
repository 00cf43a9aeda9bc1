//! What can go wrong between us and the server.

use sealroom_protocol::Problem;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The URL can't be one.
    #[error("`{url}` is not the URL of a server: {problem}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody there, or the line broke, several times.
    #[error("cannot reach the server at {url}")]
    Unreachable {
        /// The server.
        url: String,
        /// The last failure.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The server refused, and said why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// The server answered something that is no answer.
    #[error("the server at {url} gave an answer that cannot be read (status {status})")]
    BadAnswer {
        /// The server.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Reading the body that was to be sent, or writing the one that came, failed.
    #[error("the transfer broke off")]
    Transfer(#[source] std::io::Error),
}

impl HttpError {
    /// The problem that the server named, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::BadAnswer { status, .. } => Some(*status),
            _ => None,
        }
    }
}
