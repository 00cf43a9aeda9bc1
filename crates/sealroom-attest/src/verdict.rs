//! A verdict is a list of checks, each with a stable code; one failed check refuses.

use serde::Serialize;
use std::fmt;

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Is there genuine hardware?
    Hardware,
    /// Is it up to date, and is what is known of it?
    UpToDate,
    /// Is what runs in it what I expect?
    Enclave,
    /// Is this the computation that I take part in?
    Computation,
    /// Is this the code that I expect?
    Code,
    /// Are the packages that it runs with those that I accept?
    Packages,
    /// Are the limits within my own?
    Limits,
    /// Is the identity bound to all that?
    Identity,
    /// Was it made just now, for me?
    Fresh,
    /// Did all who take part release their keys for that?
    Approvals,
    /// Is the run what its receipt says?
    Run,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hardware => "genuine hardware",
            Self::UpToDate => "up to date",
            Self::Enclave => "the enclave we expect",
            Self::Computation => "this computation",
            Self::Code => "the code",
            Self::Packages => "the packages",
            Self::Limits => "the limits",
            Self::Identity => "the enclave's identity",
            Self::Fresh => "fresh",
            Self::Approvals => "the participants' approvals",
            Self::Run => "the run",
        })
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not as it should be, but accepted: on request, or because everybody agreed to it.
    Warned,
    /// Not decided: that takes a policy, and there is none.
    Open,
    /// Refused.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub group: Group,
    /// Its stable name.
    pub code: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found, in words.
    pub text: String,
    /// What to do when it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    /// A check that passed.
    #[must_use]
    pub fn passed(group: Group, code: &'static str, text: impl Into<String>) -> Self {
        Self { group, code, outcome: Outcome::Passed, text: text.into(), hint: None }
    }

    /// A check that failed, and what to do about it.
    #[must_use]
    pub fn failed(
        group: Group,
        code: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (outcome, hint) = (Outcome::Failed, Some(hint.into()));
        Self { group, code, outcome, text: text.into(), hint }
    }

    /// The same check, accepted all the same.
    #[must_use]
    pub fn warned(self) -> Self {
        Self { outcome: Outcome::Warned, ..self }
    }
}

/// What all checks come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl From<Vec<Check>> for Verdict {
    fn from(checks: Vec<Check>) -> Self {
        Self { checks }
    }
}

impl Verdict {
    /// Whether something was looked at and nothing failed.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        !self.checks.is_empty() && self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_nothing_trusted() {
        assert!(!Verdict::default().is_trusted());
        let passed = Check::passed(Group::Code, "a", "fine");
        let failed = Check::failed(Group::Code, "b", "bad", "mend it");
        assert!(Verdict::from(vec![passed.clone()]).is_trusted());
        assert!(!Verdict::from(vec![passed.clone(), failed.clone()]).is_trusted());
        assert!(Verdict::from(vec![passed, failed.warned()]).is_trusted());
    }
}
