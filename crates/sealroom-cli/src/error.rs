//! Errors as people see them: what, its causes, one hint.

use sealroom_client::ClientError;
use std::process::ExitCode;

/// Why a command failed.
pub(crate) struct CliError {
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
    pub(crate) exit: ExitCode,
}

impl CliError {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), Some(hint.into()));
        Self { message, causes: vec![], hint, exit: ExitCode::FAILURE }
    }

    /// Wrong usage: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: ExitCode::from(2), ..Self::new(message, hint) }
    }

    pub(crate) fn from_chain(error: &dyn std::error::Error, hint: Option<String>) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if text != message && causes.last() != Some(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { message, causes, hint, exit: ExitCode::FAILURE }
    }

    /// One more cause, the last.
    pub(crate) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub(crate) fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("cannot use `{}`: {error}", path.display());
        Self::new(message, "check the path, its permissions and the room on the disk")
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::from_chain(&error, error.hint())
    }
}

impl From<sealroom_sandbox::SandboxError> for CliError {
    fn from(error: sealroom_sandbox::SandboxError) -> Self {
        let hint = "set the Python environment up with `make setup`";
        Self::from_chain(&error, Some(hint.to_owned()))
    }
}

impl From<sealroom_server::ServeError> for CliError {
    fn from(error: sealroom_server::ServeError) -> Self {
        Self::from_chain(&error, error.hint().map(str::to_owned))
    }
}
