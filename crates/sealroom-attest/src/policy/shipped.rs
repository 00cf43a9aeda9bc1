//! The policies that come with the program: to start from, and to try things out.

use super::{Policy, file};

/// A policy that comes with the program.
///
/// None of them says what may run: only who uses one knows. So each judges whether hardware is genuine and up to date,
/// and then refuses for the want of reference values; a file with `base = "…"` adds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// What is reasonable today, and what a profile has without a policy of its own.
    Standard,
    /// Platforms that are named one by one, with everything that can be asked for.
    Strict,
    /// Accepts what proves nothing about hardware. Only for data that is not secret.
    Trial,
}

impl Shipped {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Strict, Self::Trial];

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shipped| shipped.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strict => "strict",
            Self::Trial => "trial",
        }
    }

    /// Its text, with the reasons.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Standard => include_str!("../../policies/standard.toml"),
            Self::Strict => include_str!("../../policies/strict.toml"),
            Self::Trial => include_str!("../../policies/trial.toml"),
        }
    }

    /// What it accepts.
    #[must_use]
    pub fn policy(self) -> Policy {
        file::parse_shipped(self.text()).expect("a test reads each of them")
    }
}
