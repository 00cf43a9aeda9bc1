//! Holding a run against a contract.

use super::{
    Content, Contract, ExitStatus, ResultClause, csv, describe, json, media, schema::Schema,
};
use crate::FileName;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

/// A contract that was checked and can be enforced. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Terms(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) contract: Contract,
    /// One for each clause of `contract.results`.
    pub(super) bodies: Vec<BodyRule>,
    /// Where the clause of a name stands.
    pub(super) by_name: BTreeMap<FileName, usize>,
    /// Where the clause of all other names stands.
    pub(super) any: Option<usize>,
}

/// What is looked at in a result's bytes.
#[derive(Debug)]
pub(super) enum BodyRule {
    Nothing,
    Media(&'static media::Kind),
    /// The clause's id beside the schema: `application/json` is checked in the same way.
    Json(String, Schema),
    Csv,
}

/// A clause of a contract that a run broke.
///
/// `Debug` and `Display` leave `detail` out: it may quote the data.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which one: the [`Clause::id`] of one of [`Terms::clauses`]. It comes from the contract alone; which one it is
    /// was the code's choice, like an exit code.
    pub clause: String,
    /// What broke it. May quote the data: for `sealroom test` on sample data, and nobody else.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run broke the contract's clause `{}`", self.clause)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("clause", &self.clause).finish_non_exhaustive()
    }
}

impl std::error::Error for Broken {}

impl Broken {
    pub(super) fn new(clause: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { clause: clause.into(), detail: detail.into() }
    }
}

/// One clause, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Where it stands in the contract.
    pub id: String,
    /// What it says, in one short line.
    pub text: String,
}

impl Terms {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The contract that these are made of.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.0.contract
    }

    /// What is told of how the code ended.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        self.0.contract.exit_status
    }

    /// Begins a result of the code's, for the consumer with this number.
    ///
    /// # Errors
    /// [`Broken`] if this consumer can't get a result of this name.
    pub fn begin(&self, consumer: u16, name: &FileName) -> Result<ResultCheck, Broken> {
        let inner = &self.0;
        let clause = inner.by_name.get(name).copied().or(inner.any);
        let Some(at) = clause else {
            if inner.contract.results.is_empty() {
                return Ok(ResultCheck::new(Arc::clone(inner), None));
            }
            return Err(Broken::new("results", format!("no clause allows a result `{name}`")));
        };
        if !inner.contract.results[at].is_for(consumer) {
            let detail = format!("`{name}` is not for consumer {consumer}");
            return Err(Broken::new(format!("results[{at}].consumers"), detail));
        }
        Ok(ResultCheck::new(Arc::clone(inner), Some(at)))
    }

    /// Checks at the end of a run with this many consumers that nothing is missing.
    ///
    /// # Errors
    /// [`Broken`] names the first clause whose result a consumer should get and does not.
    pub fn end(&self, written: &BTreeSet<(u16, FileName)>, consumers: u16) -> Result<(), Broken> {
        let required = self.0.contract.results.iter().enumerate().filter(|(_, it)| it.required);
        for (at, clause) in required {
            let missing = (0..consumers)
                .find(|who| clause.is_for(*who) && !written.contains(&(*who, clause.name.clone())));
            if let Some(who) = missing {
                let detail = format!("consumer {who} does not get `{}`", clause.name);
                return Err(Broken::new(format!("results[{at}].required"), detail));
            }
        }
        Ok(())
    }

    /// The size after padding of a result of `size` bytes.
    ///
    /// # Errors
    /// [`Broken`] if it is larger than the largest that results are padded to.
    pub fn padded(&self, size: u64) -> Result<u64, Broken> {
        let sizes = &self.0.contract.pad_to;
        match sizes.iter().find(|padded| **padded >= size) {
            Some(padded) => Ok(*padded),
            None if sizes.is_empty() => Ok(size),
            None => Err(Broken::new("pad_to", format!("{size} bytes are more than the last size"))),
        }
    }

    /// The time that a run is seen to take, which took `real`.
    #[must_use]
    pub fn rounded(&self, real: Duration) -> Duration {
        match self.0.contract.round_duration_seconds {
            None | Some(0) => real,
            Some(step) => {
                let steps = real.as_nanos().div_ceil(u128::from(step) * 1_000_000_000);
                let steps = u64::try_from(steps).unwrap_or(u64::MAX);
                Duration::from_secs(steps.saturating_mul(step.into()))
            }
        }
    }

    /// Every clause in words. What [`Broken`] names is one of these.
    #[must_use]
    pub fn clauses(&self) -> Vec<Clause> {
        describe::clauses(&self.0.contract)
    }
}

impl ResultClause {
    pub(super) fn is_for(&self, consumer: u16) -> bool {
        self.consumers.as_ref().is_none_or(|consumers| consumers.contains(&consumer))
    }
}

/// Looks at one result while it is written. After an error, every further call gives the same error.
#[derive(Debug)]
pub struct ResultCheck {
    inner: Arc<Inner>,
    clause: Option<usize>,
    size: u64,
    body: Body,
    broken: Option<Broken>,
}

#[derive(Debug)]
enum Body {
    Nothing,
    Media(media::Check),
    Json(Vec<u8>),
    Csv(csv::Check),
}

impl Body {
    fn look(&mut self, bytes: &[u8], at: usize, clause: &ResultClause) -> Result<(), Broken> {
        match (self, &clause.content) {
            (Self::Media(check), _) => check.push(bytes).map_err(|fault| media_type(at, fault)),
            (Self::Json(text), _) => {
                text.extend_from_slice(bytes);
                Ok(())
            }
            (Self::Csv(check), Content::Csv(shape)) => {
                check.push(bytes, shape).map_err(|fault| table(at, fault))
            }
            _ => Ok(()),
        }
    }
}

impl ResultCheck {
    fn new(inner: Arc<Inner>, clause: Option<usize>) -> Self {
        let body = match clause.map(|at| &inner.bodies[at]) {
            None | Some(BodyRule::Nothing) => Body::Nothing,
            Some(BodyRule::Media(kind)) => Body::Media(kind.check()),
            Some(BodyRule::Json(..)) => Body::Json(Vec::new()),
            Some(BodyRule::Csv) => Body::Csv(csv::Check::default()),
        };
        Self { inner, clause, size: 0, body, broken: None }
    }

    /// Looks at the next bytes of the result.
    ///
    /// # Errors
    /// [`Broken`] as soon as it is clear that the result can't be as agreed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let verdict = self.look(bytes);
        self.broken = verdict.as_ref().err().cloned();
        verdict
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let contract = &self.inner.contract;
        let most = self.clause.and_then(|at| contract.results[at].max_bytes);
        let limit = most.or(contract.pad_to.last().copied()).unwrap_or(u64::MAX);
        // What is within the limit is looked at first: what breaks does not depend on how the bytes arrive.
        let room = usize::try_from(limit - self.size).unwrap_or(usize::MAX);
        let within = &bytes[..bytes.len().min(room)];
        self.size += within.len() as u64;
        if let Some(at) = self.clause {
            self.body.look(within, at, &contract.results[at])?;
        }
        match (self.clause, most) {
            _ if within.len() == bytes.len() => Ok(()),
            (Some(at), Some(_)) => {
                let detail = format!("more than {limit} bytes");
                Err(Broken::new(format!("results[{at}].max_bytes"), detail))
            }
            _ => Err(Broken::new("pad_to", format!("more than {limit} bytes"))),
        }
    }

    /// Looks at the result as a whole, once all of it was pushed.
    ///
    /// # Errors
    /// [`Broken`] if it is not as agreed.
    pub fn finish(mut self) -> Result<(), Broken> {
        // An empty result is never pushed, but has a beginning too.
        self.push(&[])?;
        let Some(at) = self.clause else { return Ok(()) };
        match (self.body, &self.inner.bodies[at], &self.inner.contract.results[at].content) {
            (Body::Media(check), ..) => check.finish().map_err(|fault| media_type(at, fault)),
            (Body::Json(text), BodyRule::Json(id, schema), _) => json::read(&text)
                .and_then(|value| schema.check(&value))
                .map_err(|detail| Broken::new(id, detail)),
            (Body::Csv(check), _, Content::Csv(shape)) => {
                check.finish(shape).map_err(|fault| table(at, fault))
            }
            _ => Ok(()),
        }
    }
}

fn table(at: usize, (part, detail): csv::Fault) -> Broken {
    Broken::new(format!("results[{at}].csv{part}"), detail)
}

fn media_type(at: usize, fault: String) -> Broken {
    Broken::new(format!("results[{at}].media_type"), fault)
}
