//! Attested TLS: a participant talks to the enclave itself, and the enclave's evidence names that very connection.
//!
//! Plain TLS shows that the other end has a key; evidence shows that some enclave has one. Neither shows that the
//! other end *is* the enclave: whoever relays evidence between two connections of its own would pass. Here the evidence
//! is bound to a value that both ends of one TLS session can compute and nobody in between can bring about
//! (`docs/formats.md`, "Attested channel").
//!
//! - [`Binding`]: what the evidence has to be made for
//! - [`Endpoint`]: the enclave's side; part of the trusted base, so blocking and small
//! - [`ask`]: the participant's side
//! - [`Answer`]: what the enclave says
//!
//! Nothing is judged here: [`ask`] says what it heard and over which channel; `sealroom-client` decides.
//! No secret goes over the channel. It does not help against somebody who has the enclave's session keys.
#![forbid(unsafe_code)]

mod answer;
mod ask;
mod binding;
mod serve;
#[cfg(test)]
mod tests;
mod timed;
mod tls;

pub use answer::{Answer, AnswerError};
pub use ask::{Address, AskError, Heard, ParseAddressError, ask};
pub use binding::Binding;
pub use serve::{Bounds, Endpoint, ServeError, Subject};

/// The name of this protocol and its version within TLS (ALPN, RFC 7301): no other service's connection passes for one.
const PROTOCOL: &[u8] = b"sealroom-channel/1";

/// What a participant sends: random bytes, used once.
type Nonce = [u8; 32];

/// Largest answer in bytes of JSON: evidence with all that vouches for it, the bound that the server has too.
const MAX_ANSWER: usize = 4 << 20;
