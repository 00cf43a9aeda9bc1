//! A plain HTTP client that follows nothing, retries nothing and believes nothing.

use super::Person;
use serde_json::Value;
use std::time::Duration;
use ureq::Agent;

/// Who calls: a server's address and, if logged in, an access token.
#[derive(Clone)]
pub(crate) struct Caller {
    agent: Agent,
    url: String,
    pub(crate) token: Option<String>,
    /// The lease of an enclave.
    pub(crate) lease: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    pub(crate) fn anonymous(url: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self { agent, url: url.to_owned(), token: None, lease: None }
    }

    /// Calls with a person's account.
    pub(crate) fn of(url: &str, person: &Person) -> Self {
        let body = serde_json::json!({"type": "refresh_token", "refresh_token": person.token});
        let caller = Self::anonymous(url);
        let reply = caller.json("POST", "/oauth/token", &body);
        let token = reply.value()["access_token"].as_str().unwrap().to_owned();
        caller.with_token(&token)
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn call(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Reply {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(lease) = &self.lease {
            request = request.header("x-sealroom-lease", lease);
        }
        let answer = if matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.header("content-type", media_type).body(body).unwrap())
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let header = answer.headers().get("content-type");
        let media_type = header.map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Reply { status, media_type, body }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "", b"")
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, "", b"")
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.call(method, path, "application/json", body.to_string().as_bytes())
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Reply {
        self.call("PUT", path, "application/octet-stream", body)
    }
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        assert!(matches!(self.status, 200..300), "status {}: {}", self.status, self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts a refusal as every one has to be: problem details of this status and sort, with a
    /// hint. Returns what it says.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, sort: &str) -> String {
        let text = self.text();
        assert_eq!(
            (self.status, &*self.media_type),
            (status, "application/problem+json"),
            "{text}"
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["type"], format!("urn:sealroom:problem:{sort}"), "{text}");
        assert_eq!(problem["status"], status, "{text}");
        assert!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "no hint: {text}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}
