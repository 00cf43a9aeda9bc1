//! Suites: which formats a participant uses.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The suite of formats that a participant uses (design, section 7). Chosen when it registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// HPKE with X-Wing, Ed25519, Tink streaming AEAD: the native suite.
    Hybrid,
    /// libsodium's sealed and secret boxes, Ed25519: the 2022 client's suite.
    Sodium,
}

impl Suite {
    /// All suites.
    pub const ALL: [Self; 2] = [Self::Hybrid, Self::Sodium];

    /// The name on the wire and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Sodium => "sodium",
        }
    }

    /// Whether a sealed file opens at its place alone, and a data provider's list of files is signed.
    /// The 2022 client's formats have no room for either.
    #[must_use]
    pub fn binds_places(self) -> bool {
        match self {
            Self::Hybrid => true,
            Self::Sodium => false,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no suite, expected `hybrid` or `sodium`")]
pub struct UnknownSuite(String);

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|suite| suite.name() == text);
        named.ok_or_else(|| UnknownSuite(crate::text::visible(text)))
    }
}
