//! What is written down while evidence is judged.

use crate::{Check, Outcome, Rule};
use serde_json::{Map, Value};

/// What a hardware report has to carry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding<'a> {
    /// Exactly these bytes: the digest of what a paravisor vouches for.
    Exactly(&'a [u8; 64]),
    /// What the request expects.
    FromRequest,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) checks: Vec<Check>,
    pub(crate) fields: Map<String, Value>,
    pub(crate) platforms: Vec<String>,
    /// The newest moment at which something that was relied on was issued, and the first at which something runs out;
    /// seconds since 1970.
    pub(crate) issued: Option<u64>,
    pub(crate) expires: Option<u64>,
}

impl Findings {
    fn note(&mut self, rule: Rule, outcome: Outcome, text: String) {
        let hint = (outcome != Outcome::Passed).then(|| rule.hint().to_owned());
        self.checks.push(Check { group: rule.group(), code: rule.code(), outcome, text, hint });
    }

    pub(crate) fn passed(&mut self, rule: Rule, text: impl Into<String>) {
        self.note(rule, Outcome::Passed, text.into());
    }

    pub(crate) fn failed(&mut self, rule: Rule, text: impl Into<String>) {
        self.note(rule, Outcome::Failed, text.into());
    }

    /// Not as it should be, but accepted by name.
    pub(crate) fn warned(&mut self, rule: Rule, text: impl Into<String>) {
        self.note(rule, Outcome::Warned, text.into());
    }

    /// What only a policy can decide, where there is none.
    pub(crate) fn open(&mut self, rule: Rule, text: impl Into<String>) {
        self.note(rule, Outcome::Open, text.into());
    }

    /// Passed or failed.
    pub(crate) fn check(
        &mut self,
        rule: Rule,
        good: bool,
        passed: impl Into<String>,
        failed: impl Into<String>,
    ) -> bool {
        if good {
            self.passed(rule, passed)
        } else {
            self.failed(rule, failed)
        }
        good
    }

    /// Something that the evidence says, by the name that it has in `docs/attestation.md`.
    pub(crate) fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// A platform's stable name: PPID, PIID or chip id, lower case hexadecimal.
    pub(crate) fn platform(&mut self, id: impl Into<String>) {
        self.platforms.push(id.into());
    }

    /// Something that was relied on counts from `from` to `until`, seconds since 1970.
    pub(crate) fn window(&mut self, from: u64, until: u64) {
        self.issued = Some(self.issued.map_or(from, |known| known.max(from)));
        self.expires = Some(self.expires.map_or(until, |known| known.min(until)));
    }
}
