//! How the server is started. Everything has a default that works on one machine.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Enclaves that the server starts on its own machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalEnclaves {
    /// None: enclaves dial in from elsewhere.
    Off,
    /// Up to so many at once, one of them idle.
    Max(u32),
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
    /// The Python environment, passed to local enclaves; they look for it themselves if absent.
    pub runtime: Option<PathBuf>,
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
            runtime: None,
            max_upload_bytes: 64 << 30,
            // A full archive (`archive::MAX_TOTAL`) with the headers of its files around it.
            max_code_bytes: (2 << 30) + (100 << 20),
            max_json_bytes: 8 << 20,
            lease: Duration::from_secs(15),
            long_poll: Duration::from_secs(20),
            body_idle: Duration::from_secs(60),
            key_judgement: Duration::from_secs(5),
            grace: Duration::from_secs(10),
        }
    }
}
