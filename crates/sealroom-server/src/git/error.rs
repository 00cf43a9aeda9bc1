//! What can keep code from being fetched, and what the caller is told of it.
//!
//! No status that the 2022 client tries again (502, 503, or any with `Retry-After`): each of its six
//! tries would be another fetch.

use super::{GitLimits, GitSource, source::SourceError};
use crate::problem::Failure;
use sealroom_protocol::{archive, name::NameError, text::visible};
use std::{io, time::Duration};

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GitError {
    /// The operator has not allowed it.
    #[error("this server does not fetch code from GitHub")]
    Off,
    /// What is asked for can't be on GitHub.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No seat became free.
    #[error("this server is fetching code for others")]
    Busy,
    /// Not found, or not to be run.
    #[error("cannot run git")]
    Start(#[source] io::Error),
    /// Not done in time.
    #[error("fetching the code took longer than {} seconds and was given up", .0.as_secs_f64())]
    Slow(Duration),
    /// Over the limit: in the clone, or in the files.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// Over the limit of any archive.
    #[error("the repository has more than {} files", archive::MAX_FILES)]
    TooManyFiles,
    /// A link, a submodule.
    #[error("`{path}` is a {what}, only regular files can be code")]
    NotAFile {
        /// Its name, made fit to be shown.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A name that can't be one.
    #[error("the repository has a bad name: {0}")]
    Name(#[from] NameError),
    /// A name that is no text.
    #[error("`{0}` has a name that is not UTF-8")]
    NotUtf8(String),
    /// A name that stands for a sealed file in an archive.
    #[error("`{0}` ends in `.enc`, as sealed files do; code from a repository is in clear")]
    SealedName(String),
    /// Nothing to start a run with.
    #[error("the repository has no `run.py` at its top")]
    NoEntrypoint,
    /// Not there, or not public: GitHub does not say which.
    #[error("there is no public repository {0}")]
    NoRepository(String),
    /// Not there; `None` is the default branch.
    #[error("{repository} has no {}", named(.reference.as_deref()))]
    NoRef {
        /// Where it was looked for.
        repository: String,
        /// What was looked for.
        reference: Option<String>,
    },
    /// GitHub knows it under another name.
    #[error("{0} has another address now")]
    Moved(String),
    /// No network, no name, no certificate; or GitHub has trouble.
    #[error("GitHub does not answer this server as it should")]
    Unreachable,
    /// git does not take what it got, or has another reason.
    #[error("git could not fetch {0}")]
    Refused(String),
    /// git has ended badly; with what it said, which is not for the caller.
    #[error("git has failed")]
    Failed(Complaint),
    /// What git wrote makes no sense.
    #[error("git gave something else than it was asked for")]
    Unexpected,
    /// git's output ended early.
    #[error("the output of git was cut short")]
    Cut,
    /// Nobody waits for it any more.
    #[error("the caller is gone")]
    Gone,
    /// This machine's disk.
    #[error("cannot handle fetched code")]
    Io(#[from] io::Error),
    /// A task of ours.
    #[error("a task failed")]
    Task(#[from] tokio::task::JoinError),
}

/// The end of what git said on stderr: hostile text, good only to be looked through for known words.
#[derive(Debug, Default)]
pub(crate) struct Complaint(String);

impl Complaint {
    /// Logs the text, made harmless, for who asks for that much.
    pub(super) fn new(stderr: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stderr).into_owned();
        for line in text.lines() {
            tracing::debug!("git says: {}", visible(line));
        }
        Self(text)
    }

    fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.0.contains(word))
    }
}

impl GitError {
    pub(super) fn no_ref(source: &GitSource) -> Self {
        let reference = source.reference().map(str::to_owned);
        Self::NoRef { repository: source.to_string(), reference }
    }

    /// Another error in the place of git's own failure.
    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        if matches!(self, Self::Failed(_)) { other() } else { self }
    }

    /// What a failure of `git fetch` means. Its texts are those of git 2.47 in the C locale;
    /// one that is not known gives [`GitError::Refused`].
    pub(super) fn about(self, source: &GitSource, limits: GitLimits) -> Self {
        let Self::Failed(complaint) = self else { return self };
        let repository = source.to_string();
        let too_large = Self::TooLarge { what: "the repository", limit: limits.max_bytes };
        let meanings: [(&[&str], Self); 6] = [
            (&["No space left on device"], Self::Io(io::ErrorKind::StorageFull.into())),
            (&["File too large", "died of signal 25"], too_large),
            (&NO_REF, Self::no_ref(source)),
            (&MOVED, Self::Moved(repository.clone())),
            (&UNREACHABLE, Self::Unreachable),
            (&NO_REPOSITORY, Self::NoRepository(repository.clone())),
        ];
        let known = meanings.into_iter().find(|(words, _)| complaint.has(words));
        known.map_or(Self::Refused(repository), |(_, error)| error)
    }
}

const NO_REF: [&str; 3] = ["couldn't find remote ref", "not our ref", "unadvertised object"];
const MOVED: [&str; 4] =
    ["returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"];
const UNREACHABLE: [&str; 16] = [
    "CONNECT tunnel failed",
    "Could not resolve",
    "Couldn't resolve",
    "Failed to connect",
    "Couldn't connect",
    "Could not connect",
    "Connection ",
    "Operation too slow",
    "timed out",
    "SSL",
    "TLS",
    "certificate",
    "returned error: 407",
    "returned error: 429",
    "returned error: 5",
    "RPC failed",
];
/// A repository that is private, or not there, is one that GitHub wants a password for.
const NO_REPOSITORY: [&str; 6] = [
    "could not read Username",
    "Authentication failed",
    "returned error: 401",
    "returned error: 403",
    "not found",
    "does not appear to be a git repository",
];

fn named(reference: Option<&str>) -> String {
    match reference {
        Some(name) => format!("branch, tag or commit `{name}`"),
        None => "default branch".to_owned(),
    }
}

const UPLOAD: &str = "upload the code itself instead";

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let text = error.to_string();
        let invalid = |hint: &str| Self::invalid(text.clone(), hint);
        let not_now = |hint: &str| Self::wrong_state(text.clone(), hint);
        match &error {
            GitError::Off => Self::forbidden(text).hint(format!(
                "{UPLOAD}, or ask the server's operator to start it with `--allow-git`"
            )),
            GitError::Source(source) => invalid(source.hint()),
            GitError::Busy => not_now("try again in a few minutes"),
            GitError::Start(_) => Self::internal("cannot fetch code", &error)
                .hint("tell the server's operator that git cannot be run there"),
            GitError::Slow(_) => {
                not_now(&format!("try again, make the repository smaller, or {UPLOAD}"))
            }
            GitError::TooLarge { what, limit } => Self::too_large(what, *limit)
                .hint(format!("leave large files out of the repository, or {UPLOAD}")),
            GitError::TooManyFiles => invalid("give the code a repository of its own"),
            GitError::NotAFile { .. } => invalid(
                "put the file itself in its place, or give the code a repository of its own",
            ),
            GitError::Name(_) | GitError::NotUtf8(_) | GitError::SealedName(_) => {
                invalid("rename the file")
            }
            GitError::NoEntrypoint => invalid("add it: every run starts with it"),
            GitError::NoRepository(_) => {
                invalid("check its name, and that everybody can read it on GitHub")
            }
            GitError::NoRef { reference: None, .. } => invalid("push something to it first"),
            GitError::NoRef { .. } => {
                invalid("check its name; a commit has to be named by all of its 40 digits")
            }
            GitError::Moved(_) => invalid("open it in a browser and give the address shown there"),
            GitError::Unreachable => {
                not_now("try again later, or tell the server's operator; its debug log says more")
            }
            GitError::Refused(_) => {
                invalid("check it with `git fsck --strict`; the server's debug log says more")
            }
            GitError::Failed(_)
            | GitError::Unexpected
            | GitError::Cut
            | GitError::Gone
            | GitError::Io(_)
            | GitError::Task(_) => Self::internal("cannot fetch code", &error),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        GitError::from(error).into()
    }
}
