//! How the server is started. Everything has a default that works on one machine.

use crate::{
    git::GITHUB,
    problem::{Answer, Failure},
};
use sealroom_protocol::{JailLevel, RuntimeName, api};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Enclaves that the server starts on its own machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalEnclaves {
    /// None: enclaves dial in from elsewhere.
    Off,
    /// Up to so many at once, one of them idle.
    Max(u32),
}

/// Code that the server fetches from public GitHub repositories with the system's git, when a code
/// provider of the 2022 suite asks for it. Such code is in clear for the server and all participants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitAccess {
    /// How long one fetch may take, and how long one may wait for its turn.
    pub time_limit: Duration,
    base: String,
    program: PathBuf,
}

impl Default for GitAccess {
    fn default() -> Self {
        let base = GITHUB.to_owned();
        Self { time_limit: Duration::from_secs(120), base, program: "git".into() }
    }
}

impl GitAccess {
    /// For tests: looks for all repositories below `base`, an address that ends with a slash and may
    /// be of any scheme (`file:///some/folder/`), instead of GitHub.
    #[doc(hidden)]
    #[must_use]
    pub fn danger_instead_of_github(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    /// The same with another program for git.
    #[cfg(test)]
    pub(crate) fn with_program(self, program: &Path) -> Self {
        Self { program: program.to_owned(), ..self }
    }

    /// What the address of every repository begins with.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The only protocol that git may speak.
    pub(crate) fn scheme(&self) -> &str {
        self.base.split_once(':').map_or("https", |(scheme, _)| scheme)
    }

    /// git.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

/// What code can run in, as the server tells it to those who ask.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The runtimes; none if enclaves elsewhere have them.
    pub runtimes: Vec<api::Runtime>,
    /// Those that can't be had here, each with its reason.
    pub absent: BTreeMap<RuntimeName, String>,
    /// The runtime of computations that clients of 2022 create.
    pub runtime_2022: RuntimeName,
    /// Where uv and pip are, with which packages are resolved for clients of 2022; on the system's path if absent.
    pub tools: Option<PathBuf>,
}

impl Offer {
    /// Refuses a runtime that nobody here can run code in.
    pub(crate) fn must_have(&self, name: &RuntimeName) -> Answer<()> {
        let known = self.runtimes.iter().any(|runtime| runtime.name == *name);
        // Enclaves that dial in may have what we know nothing of.
        let elsewhere = self.runtimes.is_empty() && self.absent.is_empty();
        if known || elsewhere { Ok(()) } else { Err(self.lacks(name)) }
    }

    pub(crate) fn lacks(&self, name: &RuntimeName) -> Failure {
        let detail = match self.absent.get(name) {
            Some(reason) => format!("the server cannot run code in `{name}`: {reason}"),
            None => format!("the server has no runtime `{name}`"),
        };
        let known = self.runtimes.iter().map(|runtime| format!("`{}`", runtime.name));
        let known: Vec<String> = known.collect();
        let hint = match known.as_slice() {
            [] => "ask its operator which runtimes its enclaves have".to_owned(),
            known => format!("choose one of {}", known.join(", ")),
        };
        Failure::invalid(detail, hint)
    }
}

/// How the server is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where everything is kept that has no other place. Made if it is missing.
    pub data_dir: PathBuf,
    /// `sqlite://PATH` or `postgres://…`; SQLite in the data directory if absent.
    pub database: Option<String>,
    /// `s3://BUCKET/PREFIX` (credentials and endpoint from the `AWS_*` variables) or a folder;
    /// `blobs` in the data directory if absent.
    pub blobs: Option<String>,
    /// Enclaves on this machine.
    pub local_enclaves: LocalEnclaves,
    /// The enclave program; `sealroom-enclave` beside the running program if absent.
    pub enclave_program: Option<PathBuf>,
    /// The folder of Python runtimes, passed to local enclaves; they look for it themselves if absent.
    pub runtimes: Option<PathBuf>,
    /// Where local enclaves keep packages of computations; beside the runtimes if absent.
    pub cache_dir: Option<PathBuf>,
    /// What code can run in.
    pub offer: Offer,
    /// The least jail that local enclaves start with; they take what there is if absent.
    pub require_jail: Option<JailLevel>,
    /// Whether code is fetched from GitHub; it is not if absent.
    pub code_from_git: Option<GitAccess>,
    /// Whom to ask for what vouches for evidence; nobody if absent. Files in `collateral` in the data directory count
    /// either way.
    pub collateral: Option<sealroom_collateral::Service>,
    /// Largest data or result file, in bytes.
    pub max_upload_bytes: u64,
    /// Largest code archive, in bytes.
    pub max_code_bytes: u64,
    /// Largest JSON body, in bytes.
    pub max_json_bytes: usize,
    /// How long an enclave keeps a computation after its last sign of life.
    pub lease: Duration,
    /// How long a request with nothing to tell is held open.
    pub long_poll: Duration,
    /// How long a body may stand still before the request is given up.
    pub body_idle: Duration,
    /// How long a released key waits for the enclave to say whether it opens, before the caller is told
    /// that it is kept.
    pub key_judgement: Duration,
    /// How long a challenge waits for the enclave's evidence. Some hardware takes half a minute.
    pub challenge_answer: Duration,
    /// How long requests that are under way may take when the server is told to stop.
    pub grace: Duration,
}

impl Config {
    /// The defaults for one machine.
    #[must_use]
    pub fn new(listen: SocketAddr, data_dir: PathBuf) -> Self {
        Self {
            listen,
            data_dir,
            database: None,
            blobs: None,
            local_enclaves: LocalEnclaves::Max(16),
            enclave_program: None,
            runtimes: None,
            cache_dir: None,
            offer: Offer::default(),
            require_jail: None,
            code_from_git: None,
            collateral: None,
            max_upload_bytes: 64 << 30,
            // A full archive (`archive::MAX_TOTAL`) with the headers of its files around it.
            max_code_bytes: (2 << 30) + (100 << 20),
            max_json_bytes: 8 << 20,
            lease: Duration::from_secs(15),
            long_poll: Duration::from_secs(20),
            body_idle: Duration::from_secs(60),
            key_judgement: Duration::from_secs(5),
            challenge_answer: Duration::from_secs(40),
            grace: Duration::from_secs(10),
        }
    }
}
