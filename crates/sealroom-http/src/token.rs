//! Tokens: secrets that say who calls.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// What an account shows to get access tokens. Never printed.
#[derive(Clone)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// Takes over the text that `sealroom account add` printed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// Lends the text out, to be stored or sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// A JWT for the `Authorization` header, and when it ends.
pub(crate) struct AccessToken {
    pub(crate) text: Zeroizing<String>,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
}

impl AccessToken {
    /// Reads the claim `exp`; the signature is the server's business.
    pub(crate) fn parse(text: String) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Claims {
            exp: u64,
        }
        let payload = text.split('.').nth(1)?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(Self { text: Zeroizing::new(text), expires_at: claims.exp })
    }
}
