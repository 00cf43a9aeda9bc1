//! The client itself.

use crate::{HttpError, RefreshToken, token::AccessToken};
use sealroom_protocol::{
    Problem,
    api::{TokenRequest, TokenResponse},
    text::visible,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io::{Cursor, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};
use ureq::{Agent, SendBody, config::ConfigBuilder, http, typestate::AgentScope};

pub use http::Method;

/// Waits between tries of one call: the server is starting, or a proxy in front of it.
const RETRY_WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(600),
    Duration::from_millis(1800),
    Duration::from_millis(5400),
];
/// An access token is replaced this many seconds before it ends.
const RENEW_BEFORE: u64 = 300;
/// Largest JSON body that is read: a manifest or a log of thousands of events.
const MAX_JSON: u64 = 256 << 20;

/// What all our connections have in common: TLS as it is set up here, no redirect followed, and a status that the
/// caller looks at. The caller adds how long it waits.
#[must_use]
pub fn agent() -> ConfigBuilder<AgentScope> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ureq::tls::TlsConfig::builder().unversioned_rustls_crypto_provider(provider).build();
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls)
        .user_agent(concat!("sealroom/", env!("CARGO_PKG_VERSION")))
}

/// Reads the URL that paths are appended to: `http:` or `https:`, without a query or a user name.
///
/// # Errors
/// What is wrong with it.
pub fn base_url(text: &str) -> Result<String, HttpError> {
    let base = text.trim_end_matches('/').to_owned();
    let fault = |problem| HttpError::Url { url: base.clone(), problem };
    let uri: http::Uri = base.parse().map_err(|_| fault("it does not parse"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(fault("it has to begin with http:// or https://"));
    }
    if uri.query().is_some() || uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(fault("it has a query or a user name in it"));
    }
    Ok(base)
}

/// One server, one account.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<RefreshToken>,
    access: Mutex<Option<AccessToken>>,
    header: Option<(&'static str, String)>,
}

/// What is sent.
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(Vec<u8>),
    /// Exactly `len` bytes, which can't be sent a second time.
    Stream {
        /// How many bytes.
        len: u64,
        /// Where they come from.
        reader: &'a mut dyn Read,
    },
}

impl Body<'_> {
    /// The JSON text of `value`.
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        Self::Json(serde_json::to_vec(value).expect("API bodies have string keys"))
    }
}

impl Client {
    /// A client of the server at `base`, an `http:` or `https:` URL.
    ///
    /// # Errors
    /// [`HttpError::Url`] if `base` is none.
    pub fn new(base: &str, token: Option<RefreshToken>) -> Result<Self, HttpError> {
        let base = base_url(base)?;
        let agent = agent()
            .timeout_connect(Some(Duration::from_secs(10)))
            // Long polls answer within 20 s; a body may take as long as it moves.
            .timeout_recv_response(Some(Duration::from_secs(120)))
            .output_buffer_size(256 << 10)
            .input_buffer_size(256 << 10)
            .build()
            .into();
        Ok(Self { agent, base, token, access: Mutex::new(None), header: None })
    }

    /// The same server and account, with one more header on every call.
    #[must_use]
    pub fn with_header(self, name: &'static str, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The server's URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET` of a JSON value.
    ///
    /// # Errors
    /// Every [`HttpError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        self.json(self.call(Method::GET, path, Body::Empty)?)
    }

    /// A call with a JSON body and a JSON answer.
    ///
    /// # Errors
    /// Every [`HttpError`].
    pub fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, HttpError> {
        self.json(self.call(method, path, Body::json(body))?)
    }

    /// Reads a JSON answer.
    ///
    /// # Errors
    /// [`HttpError::BadAnswer`] if it is none.
    pub fn json<T: DeserializeOwned>(
        &self,
        mut response: http::Response<ureq::Body>,
    ) -> Result<T, HttpError> {
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_JSON).reader();
        serde_json::from_reader(std::io::BufReader::new(body))
            .map_err(|_| HttpError::BadAnswer { url: self.base.clone(), status })
    }

    /// One call. What the server refuses is an error; what it does not answer is tried again, unless
    /// the body can't be sent twice.
    ///
    /// # Errors
    /// Every [`HttpError`].
    pub fn call(
        &self,
        method: Method,
        path: &str,
        mut body: Body<'_>,
    ) -> Result<http::Response<ureq::Body>, HttpError> {
        let mut waits = RETRY_WAITS.iter();
        let once = matches!(body, Body::Stream { .. });
        let mut renewed = false;
        loop {
            let access = self.access_token()?;
            let result =
                self.attempt(&method, path, &mut body, access.as_ref().map(|t| t.as_str()));
            let wait = waits.next().filter(|_| !once);
            match (result, wait) {
                (Ok(response), Some(wait)) if matches!(response.status().as_u16(), 502 | 503) => {
                    thread::sleep(*wait);
                }
                // The server may have been given a new secret: ask for a new token, once.
                (Ok(response), _) if response.status() == 401 && !renewed && !once => {
                    *self.lock() = None;
                    renewed = true;
                }
                (Ok(response), _) if response.status().is_success() => return Ok(response),
                (Ok(response), _) => return Err(self.refusal(response)),
                (Err(ureq::Error::Io(error)), None) if once => {
                    return Err(HttpError::Transfer(error));
                }
                (Err(_), Some(wait)) => thread::sleep(*wait),
                (Err(source), None) => {
                    let (url, source) = (self.base.clone(), Box::new(source));
                    return Err(HttpError::Unreachable { url, source });
                }
            }
        }
    }

    fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: &mut Body<'_>,
        access: Option<&str>,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let mut request =
            http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(access) = access {
            request = request.header("authorization", format!("Bearer {access}"));
        }
        if let Some((name, value)) = &self.header {
            request = request.header(*name, value);
        }
        match body {
            Body::Empty if matches!(*method, Method::GET | Method::DELETE) => {
                self.agent.run(request.body(())?)
            }
            Body::Empty => self.agent.run(request.header("content-length", "0").body(())?),
            Body::Json(text) => {
                let request = request
                    .header("content-type", "application/json")
                    .header("content-length", text.len().to_string());
                let mut reader = Cursor::new(text.as_slice());
                self.agent.run(request.body(SendBody::from_reader(&mut reader))?)
            }
            Body::Stream { len, reader } => {
                let request = request
                    .header("content-type", "application/octet-stream")
                    .header("content-length", len.to_string());
                self.agent.run(request.body(SendBody::from_reader(*reader))?)
            }
        }
    }

    fn refusal(&self, mut response: http::Response<ureq::Body>) -> HttpError {
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(64 << 10).read_to_vec();
        let problem = body.ok().and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
        match problem {
            // It will be shown to somebody, and the server may be anybody.
            Some(problem) => HttpError::Refused(Box::new(Problem {
                kind: visible(&problem.kind),
                title: visible(&problem.title),
                status,
                detail: visible(&problem.detail),
                hint: problem.hint.as_deref().map(visible),
            })),
            None => HttpError::BadAnswer { url: self.base.clone(), status },
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<AccessToken>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn access_token(&self) -> Result<Option<zeroize::Zeroizing<String>>, HttpError> {
        let Some(refresh) = &self.token else { return Ok(None) };
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut access = self.lock();
        if access.as_ref().is_none_or(|token| token.expires_at < now + RENEW_BEFORE) {
            *access = Some(self.new_access_token(refresh)?);
        }
        Ok(access.as_ref().map(|token| token.text.clone()))
    }

    fn new_access_token(&self, refresh: &RefreshToken) -> Result<AccessToken, HttpError> {
        let anonymous = Self {
            agent: self.agent.clone(),
            base: self.base.clone(),
            token: None,
            access: Mutex::new(None),
            header: None,
        };
        let request = TokenRequest {
            kind: "refresh_token".to_owned(),
            refresh_token: refresh.expose().to_owned(),
        };
        let answer: TokenResponse = anonymous.send(Method::POST, "/oauth/token", &request)?;
        let url = || self.base.clone();
        AccessToken::parse(answer.access_token)
            .ok_or_else(|| HttpError::BadAnswer { url: url(), status: 200 })
    }
}
