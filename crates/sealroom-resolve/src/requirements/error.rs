//! Why requirements are refused, and what their writer can do.

use super::{MAX_LINE, MAX_REQUIREMENT_LINES, MAX_REQUIREMENTS};
use crate::marker::MarkerError;
use sealroom_protocol::package::PackageError;

/// Why a file is none of requirements that are accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementsError {
    /// Over [`MAX_REQUIREMENTS`].
    #[error("the requirements have {found} bytes, at most {MAX_REQUIREMENTS} are read")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Over [`MAX_REQUIREMENT_LINES`].
    #[error(
        "line {line} is one requirement too many: at most {MAX_REQUIREMENT_LINES} are accepted"
    )]
    TooMany {
        /// The first that is too many.
        line: usize,
    },
    /// One line is not accepted.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// Why.
        fault: LineFault,
    },
}

/// Why a line is not accepted. What it shows is cut to 80 characters, and has no credentials.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Text that would show something else than it says.
    #[error("it has the control character U+{0:04X}")]
    Control(u32),
    /// Longer than anything useful.
    #[error("it is longer than {MAX_LINE} bytes")]
    TooLong,
    /// An option, such as `-r`.
    #[error("the option `{0}` is not accepted")]
    Option(String),
    /// An address.
    #[error("`{0}` is an address")]
    Url(String),
    /// A file or folder.
    #[error("`{0}` is a file or folder")]
    Path(String),
    /// A variable of the environment.
    #[error("`{0}` has a variable of the environment")]
    Variable(String),
    /// A hash that cannot be checked.
    #[error("`{0}` is no SHA-256 value of 64 hexadecimal digits")]
    Hash(String),
    /// No name of a package.
    #[error(transparent)]
    Name(#[from] PackageError),
    /// Something behind the name that is no version.
    #[error("`{found}` says no version: {why}")]
    Version {
        /// What was found.
        found: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something behind `;` that is no marker.
    #[error("`{found}` is no marker: {why}")]
    Marker {
        /// What was found.
        found: String,
        /// What is wrong with it.
        why: MarkerError,
    },
}

impl RequirementsError {
    /// What the writer of the file can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let fault = match self {
            Self::TooLong { .. } | Self::TooMany { .. } => {
                return Some(
                    "name what the code imports, not all that this needs in turn".to_owned(),
                );
            }
            Self::Line { fault, .. } => fault,
        };
        Some(match fault {
            LineFault::NotUtf8 | LineFault::Control(_) => "save it as plain UTF-8 text".to_owned(),
            LineFault::TooLong => "write one package on each line".to_owned(),
            LineFault::Option(option) => option_hint(option).to_owned(),
            LineFault::Url(_) => {
                "packages come from the index of whoever resolves: write `name==version`".to_owned()
            }
            LineFault::Path(_) => {
                "modules of your own are files of the code: push them beside `run.py`".to_owned()
            }
            LineFault::Variable(_) => "write its value".to_owned(),
            LineFault::Hash(_) => "write `--hash=sha256:` and the value of the file".to_owned(),
            LineFault::Name(_) | LineFault::Version { .. } => {
                "write one package on each line, such as `numpy`, `numpy>=1.24,<3` or `numpy==2.1.0`"
                    .to_owned()
            }
            LineFault::Marker { .. } => {
                "write it such as `numpy==1.24.4 ; python_version < \"3.9\"`".to_owned()
            }
        })
    }
}

fn option_hint(option: &str) -> &'static str {
    match option {
        "-r" | "--requirement" | "-c" | "--constraint" => {
            "write what that file has into this one: there can be only one"
        }
        "-e" | "--editable" => {
            "modules of your own are files of the code: push them beside `run.py`"
        }
        "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--no-index"
        | "--trusted-host" => {
            "the index is a setting of whoever resolves, not of the code: remove it"
        }
        "--no-binary" | "--only-binary" | "--prefer-binary" => {
            "packages are wheels, but those that the policy allows to be built from source: remove it"
        }
        "--pre" => "ask for a pre-release by its version, such as `name==2.0rc1`",
        _ => "write only names, versions, markers and `--hash=sha256:` values",
    }
}
