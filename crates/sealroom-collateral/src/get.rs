//! One question to a service: bounded in size and time, never sent elsewhere, its answer kept while it counts.

use crate::FetchError;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use ureq::{Agent, http::HeaderMap};

/// Bytes of an answer. The largest, a PCK revocation list or TCB info, have 20 KB.
const MAX_ANSWER: u64 = 1 << 20;
/// From the question to the whole answer.
const LONGEST: Duration = Duration::from_secs(30);
/// Answers that are kept. A fleet has few products, and a chip has one certificate for each version of its firmware.
const MAX_KEPT: usize = 512;
/// No answer is kept longer, in seconds: what was revoked or patched since should be heard of.
const MAX_AGE: u64 = 24 * 3600;

/// What a service has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
    headers: HeaderMap,
}

/// Asks services.
#[derive(Debug)]
pub(crate) struct Getter {
    agent: Agent,
    time: Duration,
    /// By address; until when each counts, in seconds since 1970.
    kept: Mutex<HashMap<String, (Arc<Answer>, u64)>>,
}

impl Getter {
    pub(crate) fn new(time: Option<Duration>) -> Self {
        let time = time.unwrap_or(LONGEST);
        let agent = sealroom_http::agent().timeout_global(Some(time)).build().into();
        Self { agent, time, kept: Mutex::default() }
    }

    /// The answer to `url`. `until` reads it, and says until when it counts.
    pub(crate) fn get<T>(
        &self,
        url: String,
        now: u64,
        read: impl Fn(&Answer) -> Result<(T, Option<u64>), FetchError>,
    ) -> Result<T, FetchError> {
        let known = self.lock().get(&url).filter(|(_, until)| *until > now).cloned();
        if let Some((answer, _)) = known {
            return Ok(read(&answer)?.0);
        }
        let answer = self.ask(url)?;
        // Kept only if it is what it should be.
        let (value, until) = read(&answer)?;
        self.keep(answer, until.unwrap_or_default().min(now.saturating_add(MAX_AGE)), now);
        Ok(value)
    }

    fn keep(&self, answer: Answer, until: u64, now: u64) {
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, until)| *until > now);
        }
        if until > now && kept.len() < MAX_KEPT {
            kept.insert(answer.url.clone(), (Arc::new(answer), until));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Arc<Answer>, u64)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, url: String) -> Result<Answer, FetchError> {
        let mut response = match self.agent.get(&url).call() {
            Ok(response) => response,
            Err(error) => return Err(self.broken(url, error)),
        };
        match response.status().as_u16() {
            200 => {}
            status @ 300..400 => return Err(FetchError::Redirect { url, status }),
            status => return Err(FetchError::Status { url, status }),
        }
        let headers = response.headers().clone();
        match response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec() {
            Ok(body) => Ok(Answer { url, body, headers }),
            Err(error) => Err(self.broken(url, error)),
        }
    }

    fn broken(&self, url: String, error: ureq::Error) -> FetchError {
        match error {
            ureq::Error::Timeout(_) => FetchError::Slow { url, seconds: self.time.as_secs() },
            ureq::Error::BodyExceedsLimit(limit) => FetchError::TooLarge { url, limit },
            error => FetchError::Unreachable { url, source: Box::new(error) },
        }
    }
}

impl Answer {
    /// A chain of certificates that a header has: PEM, percent-encoded (RFC 3986, section 2.1).
    pub(crate) fn chain(&self, header: &'static str) -> Option<String> {
        let text = decode(self.headers.get(header)?.as_bytes())?;
        let text = String::from_utf8(text).ok()?;
        text.contains("-----BEGIN CERTIFICATE-----").then_some(text)
    }

    /// It is not what was asked for.
    pub(crate) fn other(&self, problem: impl Into<String>) -> FetchError {
        FetchError::Content { url: self.url.clone(), problem: problem.into() }
    }

    pub(crate) fn lacks(&self, header: &'static str) -> FetchError {
        FetchError::Header { url: self.url.clone(), header }
    }
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            out.extend(hex::decode(digits).ok()?);
            rest = after;
        } else {
            out.push(*first);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn percent_signs_are_undone_and_nothing_else() {
        assert_eq!(decode(b"a%0Ab+c%2b").as_deref(), Some(&b"a\nb+c+"[..]));
        for cut in [&b"%"[..], b"a%4", b"%zz"] {
            assert_eq!(decode(cut), None);
        }
    }
}
