//! What can go wrong on the participant's side, each with what to do about it.

use sealroom_advisories::DatabaseError;
use sealroom_attest::{Verdict, policy::PolicyError};
use sealroom_http::HttpError;
use sealroom_protocol::{
    ComputationId, EvidenceKind, Role, archive::ArchiveError, name::NameError,
    statement::StatementError,
};
use std::{io, path::PathBuf};

/// Why a participant's command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused, or is not there.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The profile has no account.
    #[error("this profile has no account on a server yet")]
    NotLoggedIn,
    /// A file of the profile can't be used.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the profile has another content than expected.
    #[error("`{}` is damaged: {problem}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that is no attestation policy.
    #[error("`{}` is no attestation policy", path.display())]
    Policy {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: PolicyError,
    },
    /// The passphrase is missing or wrong.
    #[error("the keys of this profile are encrypted, and the passphrase does not open them")]
    Passphrase,
    /// The profile never joined.
    #[error("this profile has no key as {role} of {computation}")]
    NotJoined {
        /// As what.
        role: Role,
        /// In which computation.
        computation: ComputationId,
    },
    /// The caller has none or several of the roles that this could be for.
    #[error("your account is {} in this computation", if roles.is_empty() { "nothing".to_owned() } else { list(roles) })]
    WhichRole {
        /// Those that it has.
        roles: Vec<Role>,
    },
    /// A folder that is no code.
    #[error("`{}` is no code folder: {problem}", path.display())]
    CodeFolder {
        /// Which.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A name that can't be sent.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The same name twice among the data.
    #[error("two files are both named `{0}`")]
    SameName(String),
    /// An archive that can't be made.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Reading or writing failed.
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No identity yet.
    #[error("no enclave has published an identity for this computation")]
    NoIdentity,
    /// Something did not check out.
    #[error("the enclave is not trusted: {}", reasons(.0))]
    NotTrusted(Box<Verdict>),
    /// Something did not check out in a result.
    #[error("the results are refused: {0}")]
    BadResult(String),
    /// Something did not check out in the code.
    #[error("the code is refused: {0}")]
    BadCode(String),
    /// A receipt that is none.
    #[error("the results are refused")]
    Receipt(#[from] StatementError),
    /// A run that is not there, or has no results.
    #[error("{0}")]
    NoResults(String),
    /// The event log does not hold together.
    #[error("the audit log is refused: {0}")]
    Audit(String),
    /// Imported advisories that can't be read.
    #[error(transparent)]
    Advisories(#[from] DatabaseError),
    /// Collateral that is none.
    #[error("what the server hands out is no collateral")]
    Collateral(#[from] sealroom_collateral::ReadError),
    /// Collateral for something else.
    #[error("the collateral is for evidence of kind `{given}`, the enclave shows `{evidence}`")]
    OtherCollateral {
        /// For what it is.
        given: EvidenceKind,
        /// What there is.
        evidence: EvidenceKind,
    },
    /// The safety words are missing.
    #[error("the safety words are missing")]
    NoWords,
}

fn list(roles: &[Role]) -> String {
    roles.iter().map(Role::to_string).collect::<Vec<_>>().join(" and ")
}

fn reasons(verdict: &Verdict) -> String {
    verdict.failures().map(|check| check.text.as_str()).collect::<Vec<_>>().join("; ")
}

impl ClientError {
    /// What the reader can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Http(error) => return http_hint(error),
            Self::NotLoggedIn => "log in with `sealroom login --server URL`",
            Self::File { .. } => "check that the folder is yours and has room",
            Self::Damaged { .. } => "restore the file from a backup, or use another profile",
            Self::Policy { .. } => {
                "change the line as the message says; `sealroom policy show standard` has an example with reasons"
            }
            Self::Passphrase => "set SEALROOM_PASSPHRASE, or type it when asked",
            Self::NotJoined { role, computation } => {
                let role = role.short_name();
                return Some(format!(
                    "join with `sealroom join {computation} --role {role}`, from the profile that \
                     you will go on with"
                ));
            }
            Self::WhichRole { roles } if roles.is_empty() => "ask the owner which e-mail was named",
            Self::WhichRole { .. } => "say which one with `--role code`, `data` or `result`",
            Self::CodeFolder { .. } => "see what one looks like with `sealroom init DIR`",
            Self::Name(_) => "rename the file",
            Self::SameName(_) => "rename one of them: a name stands for one file",
            Self::Archive(_) => "change the folder as the message says",
            Self::Io { .. } => "check the path, its permissions and the room on the disk",
            Self::NoIdentity => "see what is missing with `sealroom status`",
            Self::NotTrusted(verdict) => {
                return verdict.failures().find_map(|check| check.hint.clone());
            }
            Self::BadResult(_) | Self::Receipt(_) => {
                "do not use them; tell the owner that the server gives altered results"
            }
            Self::BadCode(_) => "do not approve; tell the owner what the server shows",
            Self::NoResults(_) => "see what happened with `sealroom status`",
            Self::Audit(_) => "tell the other participants: the server shows an altered history",
            Self::Advisories(_) => "import them again with `sealroom advisories import FILE`",
            Self::OtherCollateral { .. } => "give the collateral of that platform, or none",
            Self::Collateral(_) => "fetch it from elsewhere with `sealroom collateral fetch`",
            Self::NoWords => "ask the owner for the three words, and give them with `--words`",
        };
        Some(text.to_owned())
    }
}

fn http_hint(error: &HttpError) -> Option<String> {
    match error {
        HttpError::Refused(problem) => problem.hint.clone(),
        HttpError::Url { .. } => Some("give a URL such as http://127.0.0.1:8080".to_owned()),
        HttpError::Unreachable { .. } => {
            Some("check that the server runs and that the URL is right".to_owned())
        }
        HttpError::BadAnswer { .. } => {
            Some("check that the URL is that of a Sealroom server".to_owned())
        }
        _ => Some("try again; what was stored before is kept".to_owned()),
    }
}
