//! A server for one test, and a plain HTTP client.

use sealroom_protocol::Problem;
use sealroom_server::{AccountKind, Config, LocalEnclaves, ServeError};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{net::SocketAddr, path::PathBuf, sync::mpsc, thread, time::Duration};
use tokio::sync::oneshot;

/// A running server; stopped when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) config: Config,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Result<(), ServeError>>>,
    dir: tempfile::TempDir,
}

pub(crate) fn config(dir: &tempfile::TempDir) -> Config {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), dir.path().join("data"));
    config.local_enclaves = LocalEnclaves::Off;
    config.long_poll = Duration::from_millis(300);
    // The enclaves of these tests say nothing of keys, but where a test is about that.
    config.key_judgement = Duration::ZERO;
    config.grace = Duration::from_secs(2);
    config
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&dir);
        change(&mut config);
        Self::run(dir, config).unwrap()
    }

    pub(crate) fn run(dir: tempfile::TempDir, config: Config) -> Result<Self, ServeError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let given = config.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let ready = move |address| tell.send(address).unwrap();
            runtime.block_on(sealroom_server::serve(given, ready, async {
                drop(stopped.await);
            }))
        });
        match told.recv() {
            Ok(address) => {
                Ok(Self { address, config, stop: Some(stop), thread: Some(thread), dir })
            }
            Err(_) => Err(thread.join().unwrap().unwrap_err()),
        }
    }

    /// Stops the server and starts it again on the same data.
    pub(crate) fn restart(mut self) -> Self {
        self.stop();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Self::run(dir, self.config.clone()).unwrap()
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.config.data_dir.clone()
    }

    /// A new account's refresh token.
    pub(crate) fn refresh_token(&self, email: &str, kind: AccountKind) -> String {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let database = self.config.database.as_deref();
        let email = email.parse().unwrap();
        let added = sealroom_server::add_account(&self.config.data_dir, database, &email, kind);
        runtime.block_on(added).unwrap()
    }

    /// A new account, logged in.
    pub(crate) fn login(&self, email: &str, kind: AccountKind) -> Client {
        let refresh = self.refresh_token(email, kind);
        let body = serde_json::json!({ "type": "refresh_token", "refresh_token": refresh });
        let reply = self.anonymous().post("/oauth/token", &body);
        let token = reply.ok()["access_token"].as_str().unwrap().to_owned();
        Client { token: Some(token), ..self.anonymous() }
    }

    pub(crate) fn user(&self, email: &str) -> Client {
        self.login(email, AccountKind::User)
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.address)
    }

    /// How many files are in the blob store.
    pub(crate) fn blobs(&self) -> usize {
        let mut count = 0;
        for folder in std::fs::read_dir(self.data_dir().join("blobs")).unwrap() {
            count += std::fs::read_dir(folder.unwrap().path()).unwrap().count();
        }
        count
    }

    /// Waits for something that the server does behind our back.
    pub(crate) fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..200 {
            if holds() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("it never came to this: {what}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A client that follows nothing, retries nothing and believes nothing.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
    pub(crate) lease: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self { agent, address, token: None, lease: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn with_lease(&self, lease: &str) -> Self {
        Self { lease: Some(lease.to_owned()), ..self.clone() }
    }

    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Reply {
        let url = format!("http://{}{path}", self.address);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(lease) = &self.lease {
            request = request.header("x-sealroom-lease", lease);
        }
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let answer = if matches!(method, "GET" | "DELETE" | "HEAD") {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let header =
            |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let media_type = header("content-type").unwrap_or_default();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Reply { status, media_type, body }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None, b"")
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None, b"")
    }

    pub(crate) fn post(&self, path: &str, body: &impl serde::Serialize) -> Reply {
        let body = serde_json::to_vec(body).unwrap();
        self.call("POST", path, Some("application/json"), &body)
    }

    pub(crate) fn post_empty(&self, path: &str) -> Reply {
        self.call("POST", path, None, b"")
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Reply {
        self.call("PUT", path, Some("application/octet-stream"), body)
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert!(matches!(self.status, 200..=204), "status {}: {text}", self.status);
        self
    }

    /// The JSON of a success; null if it has no body.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        let body = self.success().body;
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
    }

    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(self) -> T {
        serde_json::from_slice(&self.success().body).unwrap()
    }

    /// The problem of a refusal, which every refusal must have.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        let text = String::from_utf8_lossy(&self.body);
        assert!(self.status >= 400, "status {}: {text}", self.status);
        assert_eq!(self.media_type, "application/problem+json", "status {}: {text}", self.status);
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert!(problem.kind.starts_with("urn:sealroom:problem:"), "{problem:?}");
        assert!(!problem.detail.is_empty() && !problem.title.is_empty(), "{problem:?}");
        problem
    }

    /// Asserts a refusal: its status and its kind.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, slug: &str) -> Problem {
        let problem = self.problem();
        let kind = problem.kind.trim_start_matches("urn:sealroom:problem:");
        assert_eq!((self.status, kind), (status, slug), "{problem:?}");
        problem
    }
}
