//! What can keep the server from starting, or stop it.

use std::path::PathBuf;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The data directory can't be used.
    #[error("cannot use the data directory {path}", path = path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server has the data directory.
    #[error("another server is running on the data directory {path}", path = path.display())]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// The address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database URL is none that is known.
    #[error("`{0}` is no database, expected sqlite://PATH or postgres://HOST/NAME")]
    DatabaseUrl(String),
    /// The database does not answer as it should.
    #[error("cannot use the database")]
    Database(#[from] sqlx::Error),
    /// The database's tables can't be brought up to date.
    #[error("cannot bring the database's tables up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The blob store can't be used.
    #[error("cannot use the blob store")]
    Blobs(#[from] object_store::Error),
    /// The enclave program is not there.
    #[error("there is no enclave program at {path}", path = path.display())]
    NoEnclave {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Code is to be fetched from GitHub, and there is no git.
    #[error("cannot run git, which fetches code from GitHub")]
    NoGit {
        /// Why.
        source: std::io::Error,
    },
    /// The account is there and may do something else.
    #[error("the account {email} is there already, with kind `{kind}`", kind = kind.name())]
    OtherKind {
        /// Which account.
        email: sealroom_protocol::Email,
        /// What it may do.
        kind: crate::AccountKind,
    },
    /// What is stored can't be read.
    #[error("the database holds something that this version cannot read: {0}")]
    Stored(String),
}

impl ServeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Locked { .. } => "stop the other server, or choose another --data-dir",
            Self::DataDir { .. } => "choose a --data-dir that this user may write to",
            Self::Listen { .. } => "choose another --listen address",
            Self::DatabaseUrl(_) | Self::Database(_) => {
                "check --database, and that the database runs"
            }
            Self::Blobs(_) => "check --blobs and the AWS_* variables",
            Self::NoEnclave { .. } => {
                "build it with `make setup`, or start without local enclaves: --local-enclaves off"
            }
            Self::NoGit { .. } => "install git, or start without --allow-git",
            Self::OtherKind { .. } => "name its own kind, or choose another e-mail address",
            Self::Migrate(_) | Self::Stored(_) => {
                "run the version of `sealroom` that wrote this data directory, or a newer one"
            }
        })
    }
}
