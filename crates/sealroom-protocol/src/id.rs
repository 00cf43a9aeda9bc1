//! Who and what: computations, roles, participants, e-mail addresses.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Names one computation; its `Display`, the hyphenated UUID, is what logs, URLs and messages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ComputationId(Uuid);

impl ComputationId {
    /// A fresh identifier (UUID version 4).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The 16 bytes: what is hashed, signed and bound.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ComputationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ComputationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError)
    }
}

/// Not a UUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a computation is named by its UUID, such as 0f0e0d0c-0b0a-4908-8706-050403020100")]
pub struct ParseIdError;

/// What a participant does in a computation. The owner is no participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Brings `run.py` in clear and sealed modules.
    CodeProvider,
    /// Brings sealed input files.
    DataProvider,
    /// Opens the results.
    ResultConsumer,
}

impl Role {
    /// All roles, in the order in which participants are listed.
    pub const ALL: [Self; 3] = [Self::CodeProvider, Self::DataProvider, Self::ResultConsumer];

    /// The role's name on the wire.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::CodeProvider => "CodeProvider",
            Self::DataProvider => "DataProvider",
            Self::ResultConsumer => "ResultConsumer",
        }
    }

    /// The role's name on the command line.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        match self {
            Self::CodeProvider => "code",
            Self::DataProvider => "data",
            Self::ResultConsumer => "result",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeProvider => "code provider",
            Self::DataProvider => "data provider",
            Self::ResultConsumer => "result consumer",
        })
    }
}

/// One participant of a computation: its role, and its place among those of that role, from 0, in
/// the order in which the owner named them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParticipantId {
    /// What it does.
    pub role: Role,
    /// Which of those who do it. Always 0 for the code provider.
    pub index: u16,
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::CodeProvider => write!(f, "{}", self.role),
            _ => write!(f, "{} {}", self.role, self.index),
        }
    }
}

/// An e-mail address, lower case. Names an account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = Email))]
pub struct Email(String);

/// Not an e-mail address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an e-mail address of the form name@host")]
pub struct ParseEmailError(String);

impl Email {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = ParseEmailError;

    /// Accepts what a mail system might: RFC 5321 lengths, one `@`, no spaces or control characters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fits = text.split_once('@').is_some_and(|(name, host)| {
            let plain =
                |s: &str| !s.is_empty() && !s.chars().any(|c| c.is_whitespace() || c.is_control());
            plain(name) && plain(host) && !host.contains('@') && name.len() <= 64
        });
        if fits && text.len() <= 254 {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(ParseEmailError(text.chars().filter(|c| !c.is_control()).take(80).collect()))
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_once_and_for_all() {
        assert_eq!("Ada@Example.org ".parse::<Email>().unwrap().as_str(), "ada@example.org");
        for bad in ["", "ada", "@host", "ada@", "a da@host", "ada@ho\nst", "a@b@c"] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
    }
}
