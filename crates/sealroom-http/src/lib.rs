//! Talking to a Sealroom server: base URL, tokens, retries, problem details, streams.
//!
//! Blocking, on `ureq` and `rustls`. Shared by the enclave and the client; what is said is theirs.
#![forbid(unsafe_code)]

mod client;
mod error;
mod token;

pub use client::{Body, Client, Method, agent, base_url};
pub use error::HttpError;
pub use token::RefreshToken;

/// Writes one component of a path: everything but unreserved characters is percent-encoded
/// (RFC 3986, section 2.3).
#[must_use]
pub fn path_component(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_component_stays_one_component() {
        assert_eq!(super::path_component("a b/ü?.csv"), "a%20b%2F%C3%BC%3F.csv");
    }
}
