//! What the participants of a computation agree to. Part of the manifest; the enclave enforces it.

use crate::{
    Suite, Timestamp,
    contract::{Around, Contract, ContractError, Terms},
    package::{PackageRules, RuntimeName},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who may read what the code printed; each further one is wider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogPolicy {
    /// Nobody: the exit code is all that leaves.
    #[default]
    None,
    /// The code provider alone, sealed to its key.
    CodeProvider,
    /// Everybody who takes part, sealed to each.
    Participants,
}

/// How much of what the code said is in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogDetail {
    /// Where in the code an exception was raised, and of which type: no values, nothing that was printed.
    Scrubbed,
    /// All that it printed.
    #[default]
    Full,
}

impl LogDetail {
    fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// The limits of a computation. Every number is a positive integer below 2⁵³, so that JSON holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Runs that one approval allows.
    pub max_runs: u32,
    /// After this moment the enclave starts no run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// Who may read what the code printed.
    pub logs: LogPolicy,
    /// How much of it.
    #[serde(skip_serializing_if = "LogDetail::is_full")]
    pub log_detail: LogDetail,
    /// Bytes of log kept, the first ones.
    pub max_log_bytes: u64,
    /// Plaintext bytes of results for each consumer and run.
    pub max_result_bytes: u64,
    /// Result files for each consumer and run.
    pub max_results: u32,
    /// Memory of the code, in bytes.
    pub max_memory_bytes: u64,
    /// Processes and threads of the code.
    pub max_processes: u32,
    /// Processors that the code may use at the same time; all that the machine has if this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cpus: Option<u32>,
    /// Bytes that the code may write to its scratch directory.
    pub max_scratch_bytes: u64,
    /// Seconds that one run may take.
    pub max_run_seconds: u64,
    /// What may leave a run, and in which shape; anything within the limits if this is absent.
    #[serde(skip_serializing_if = "Contract::is_default")]
    pub output: Contract,
    /// The runtime that the code runs in: which Python, and which packages come with it.
    #[serde(skip_serializing_if = "RuntimeName::is_default")]
    pub runtime: RuntimeName,
    /// Which packages may be there.
    #[serde(skip_serializing_if = "PackageRules::is_default")]
    pub packages: PackageRules,
    /// The suites that participants may use, at least one; any if this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suites: Option<BTreeSet<Suite>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_runs: 1,
            expires_at: None,
            logs: LogPolicy::None,
            log_detail: LogDetail::Full,
            max_log_bytes: 64 << 10,
            max_result_bytes: 1 << 30,
            max_results: 64,
            max_memory_bytes: 8 << 30,
            max_processes: 256,
            max_cpus: None,
            max_scratch_bytes: 1 << 30,
            max_run_seconds: 3600,
            output: Contract::default(),
            runtime: RuntimeName::default(),
            packages: PackageRules::default(),
            suites: None,
        }
    }
}

/// Why a policy can't be agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A number out of its range.
    #[error("policy: {field} must be between {min} and {max}, found {found}")]
    Range {
        /// Which number.
        field: &'static str,
        /// The least that it may be.
        min: u64,
        /// The most that it may be.
        max: u64,
        /// What it is.
        found: u64,
    },
    /// It says how much of something that nobody gets.
    #[error("policy: log_detail says how much of a log is kept, and logs grants it to nobody")]
    NoLog,
    /// What is said of results contradicts itself, or the limits.
    #[error("policy: output: {0}")]
    Output(#[from] ContractError),
    /// More rules than anybody reads, or one that is no text.
    #[error("policy: packages has a licence that is no text, or more than 1000 names in one list")]
    Packages,
    /// Nobody could take part.
    #[error("policy: suites must name at least one suite")]
    NoSuite,
}

impl Policy {
    /// Every number with its name, and the range that makes sense for it.
    fn numbers(&self) -> [(&'static str, u64, std::ops::RangeInclusive<u64>); 8] {
        const EXACT: u64 = (1 << 53) - 1;
        const YEAR: u64 = 366 * 24 * 3600;
        [
            ("max_runs", self.max_runs.into(), 1..=1_000_000),
            ("max_log_bytes", self.max_log_bytes, 0..=64 << 20),
            ("max_result_bytes", self.max_result_bytes, 1..=EXACT),
            ("max_results", self.max_results.into(), 1..=10_000),
            ("max_memory_bytes", self.max_memory_bytes, 128 << 20..=EXACT),
            ("max_processes", self.max_processes.into(), 8..=65_536),
            ("max_scratch_bytes", self.max_scratch_bytes, 1 << 20..=EXACT),
            ("max_run_seconds", self.max_run_seconds, 1..=YEAR),
        ]
    }

    /// Checks that every limit is in its range.
    ///
    /// # Errors
    /// [`PolicyError`] names the first that is not.
    pub fn check(&self) -> Result<(), PolicyError> {
        for (field, found, range) in self.numbers() {
            if !range.contains(&found) {
                let (min, max) = (*range.start(), *range.end());
                return Err(PolicyError::Range { field, min, max, found });
            }
        }
        if let Some(found) = self.max_cpus.map(u64::from).filter(|n| !(1..=4096).contains(n)) {
            return Err(PolicyError::Range { field: "max_cpus", min: 1, max: 4096, found });
        }
        if self.logs == LogPolicy::None && self.log_detail == LogDetail::Scrubbed {
            return Err(PolicyError::NoLog);
        }
        if self.suites.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(PolicyError::NoSuite);
        }
        if !self.packages.is_sound() {
            return Err(PolicyError::Packages);
        }
        self.terms(None)?;
        Ok(())
    }

    /// The output contract in a form that can be enforced, for a computation with so many result consumers.
    ///
    /// # Errors
    /// [`ContractError`] says what in it contradicts itself, the limits, or the number of consumers.
    pub fn terms(&self, consumers: Option<u16>) -> Result<Terms, ContractError> {
        self.output.compile(&Around {
            consumers,
            max_results: self.max_results,
            max_result_bytes: self.max_result_bytes,
            // The 2022 client can't take padding off again.
            paddable: !self.allows(Suite::Sodium),
        })
    }

    /// Whether participants may use `suite`.
    #[must_use]
    pub fn allows(&self, suite: Suite) -> bool {
        self.suites.as_ref().is_none_or(|suites| suites.contains(&suite))
    }

    /// What `self` allows beyond `bounds`, a line each; empty if it is no wider.
    #[must_use]
    pub fn wider_than(&self, bounds: &Self) -> Vec<String> {
        let mut wider: Vec<String> = self
            .numbers()
            .into_iter()
            .zip(bounds.numbers())
            .filter(|((_, found, _), (_, bound, _))| found > bound)
            .map(|((field, found, _), (_, bound, _))| {
                format!("{field} is {found}, you allow {bound}")
            })
            .collect();
        if let Some(bound) = bounds.max_cpus
            && self.max_cpus.is_none_or(|found| found > bound)
        {
            wider.push(format!("max_cpus is more than the {bound} that you allow"));
        }
        let whom = |logs| match logs {
            LogPolicy::None => "nobody",
            LogPolicy::CodeProvider => "the code provider",
            LogPolicy::Participants => "all participants",
        };
        if self.logs > bounds.logs {
            wider.push(format!("logs go to {}, you allow {}", whom(self.logs), whom(bounds.logs)));
        } else if self.logs != LogPolicy::None && self.log_detail > bounds.log_detail {
            wider.push("logs have all that the code prints, you allow scrubbed ones".to_owned());
        }
        if !bounds.output.is_default() && self.output != bounds.output {
            wider.push("the output contract is not the one that you allow".to_owned());
        }
        let foreign = self.packages.allow_source.difference(&bounds.packages.allow_source);
        wider.extend(
            foreign.map(|name| format!("`{name}` may be built from source, you do not allow that")),
        );
        match (self.expires_at, bounds.expires_at) {
            (None, Some(bound)) => wider.push(format!("it never expires, you allow until {bound}")),
            (Some(found), Some(bound)) if found > bound => {
                wider.push(format!("it expires at {found}, you allow until {bound}"));
            }
            _ => {}
        }
        wider
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_no_wider_than_itself() {
        let policy = Policy::default();
        assert_eq!(policy.check(), Ok(()));
        assert!(policy.wider_than(&policy).is_empty());
    }

    #[test]
    fn each_limit_is_checked() {
        let spoilers: [fn(&mut Policy); 10] = [
            |p| p.max_runs = 0,
            |p| p.max_log_bytes = u64::MAX,
            |p| p.max_result_bytes = 0,
            |p| p.max_results = 0,
            |p| p.max_memory_bytes = 1,
            |p| p.max_processes = 0,
            |p| p.max_scratch_bytes = 0,
            |p| p.max_run_seconds = 1 << 53,
            |p| p.max_cpus = Some(0),
            |p| p.log_detail = LogDetail::Scrubbed,
        ];
        for (row, spoil) in spoilers.iter().enumerate() {
            let mut policy = Policy::default();
            spoil(&mut policy);
            assert!(policy.check().is_err(), "row {row}");
        }
        let nobody = Policy { suites: Some(BTreeSet::new()), ..Policy::default() };
        assert_eq!(nobody.check(), Err(PolicyError::NoSuite));
    }

    #[test]
    fn what_is_not_said_is_not_written_either() {
        let text = serde_json::to_string(&Policy::default()).unwrap();
        for absent in ["suites", "log_detail", "max_cpus", "output", "runtime", "packages"] {
            assert!(!text.contains(absent), "{text}");
        }
        let read: Policy = serde_json::from_str(r#"{"suites": ["hybrid"]}"#).unwrap();
        assert!(read.allows(Suite::Hybrid) && !read.allows(Suite::Sodium));
        assert!(Suite::ALL.into_iter().all(|suite| Policy::default().allows(suite)));
    }

    #[test]
    fn wider_limits_are_named() {
        let bounds = Policy { expires_at: Some(Timestamp::UNIX_EPOCH), ..Policy::default() };
        let wide = Policy {
            max_runs: 2,
            logs: LogPolicy::CodeProvider,
            max_memory_bytes: 1 << 40,
            ..Policy::default()
        };
        assert_eq!(wide.wider_than(&bounds).len(), 4);
        let one = Policy { max_cpus: Some(1), ..bounds.clone() };
        assert_eq!(bounds.wider_than(&one).len(), 1);
        assert!(one.wider_than(&bounds).is_empty());
        let all = Policy { logs: LogPolicy::Participants, ..bounds.clone() };
        let scrubbed = Policy { log_detail: LogDetail::Scrubbed, ..all.clone() };
        assert_eq!(all.wider_than(&scrubbed).len(), 1);
        assert!(scrubbed.wider_than(&all).is_empty());
        let narrow = Policy { max_run_seconds: 1, ..bounds.clone() };
        assert!(narrow.wider_than(&bounds).is_empty());
    }
}
