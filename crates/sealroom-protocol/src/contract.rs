//! The output contract: what may leave a run. The participants agree to it before the run, as part of the policy;
//! the enclave holds results against it while they are written, outside the process of the code.
//!
//! Both sides are hostile: the contract's text comes from whoever created the computation, contents from the code.
//! So [`Contract::compile`] refuses what could cost much memory or time, and a [`ResultCheck`] has fixed bounds for
//! both. See `docs/contract.md`.
//!
//! - `compile`: a contract's text → [`Terms`], or what is wrong with it; `describe`: in words
//! - `terms`: holding a run against them
//! - `csv` and `column`, `json`, `media`: reading contents, strictly; `schema`, `pattern`: JSON Schema

use crate::FileName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mod column;
mod compile;
mod csv;
mod describe;
mod json;
mod media;
mod pattern;
mod schema;
mod terms;

pub use column::{Column, ColumnKind};
pub use compile::{Around, ContractError, Fault};
pub use schema::SchemaError;
pub use terms::{Broken, Clause, ResultCheck, Terms};

/// Longest contract, in bytes of its canonical form. Bounds what a compiled contract costs.
pub const MAX_LEN: usize = 256 << 10;
/// Largest number that a contract states: JSON holds integers below 2⁵³ exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Largest result that is held in memory while it is checked, as JSON is.
pub const MAX_JSON: u64 = 16 << 20;

/// What may leave a run. The default lets everything leave that the policy's limits let.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// The results that may be written; results of any name if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<ClauseText>))]
    pub results: Vec<ResultClause>,
    /// The sizes that results are padded to, ascending. A result larger than the last breaks the contract.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pad_to: Vec<u64>,
    /// What is told of how the code ended.
    #[serde(skip_serializing_if = "ExitStatus::is_code")]
    pub exit_status: ExitStatus,
    /// The time that a run is seen to take is rounded up to a multiple of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_duration_seconds: Option<u32>,
}

impl Contract {
    /// Whether it restricts nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is told of how the code ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// The exit code, which the code chooses: up to eight bits a run.
    #[default]
    Code,
    /// Success or failure.
    Folded,
}

impl ExitStatus {
    fn is_code(&self) -> bool {
        *self == Self::Code
    }
}

/// What is agreed of one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClauseText", into = "ClauseText")]
pub struct ResultClause {
    /// Its name; `*` stands for every name that no other clause has, and comes last.
    pub name: FileName,
    /// The consumers that may get it, numbered from 0; all if absent.
    pub consumers: Option<BTreeSet<u16>>,
    /// Whether each of these consumers must get it.
    pub required: bool,
    /// Its largest size, beside the policy's limit on all results of a consumer.
    pub max_bytes: Option<u64>,
    /// What is in it.
    pub content: Content,
}

impl ResultClause {
    /// The name that stands for all others.
    pub const ANY: &'static str = "*";

    /// Whether this clause is about every name that no other clause has.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.name.as_str() == Self::ANY
    }
}

/// What is in a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Anything.
    #[default]
    Any,
    /// A file of this type, as far as that can be seen.
    MediaType(String),
    /// JSON that a schema describes.
    Json {
        /// JSON Schema 2020-12, of the keywords in `docs/contract.md`.
        schema: serde_json::Value,
    },
    /// A table.
    Csv(CsvShape),
}

/// A table as CSV: a header and rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CsvShape {
    /// All columns, in their order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<column::ColumnText>))]
    pub columns: Vec<Column>,
    /// The most rows, without the header.
    pub max_rows: u64,
    /// The fewest persons, or what else is counted, that a row may be about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_group_size: Option<GroupSize>,
}

/// Every row says how many it is about, and they are enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupSize {
    /// The integer column with the count.
    pub column: String,
    /// The least count.
    pub at_least: u64,
}

/// A clause as it is written: what is in the result stands beside its name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ResultClause))]
#[serde(deny_unknown_fields)]
struct ClauseText {
    name: FileName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consumers: Option<BTreeSet<u16>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::written")]
    json: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csv: Option<CsvShape>,
}

impl TryFrom<ClauseText> for ResultClause {
    type Error = &'static str;

    fn try_from(text: ClauseText) -> Result<Self, Self::Error> {
        let content = match (text.media_type, text.json, text.csv) {
            (None, None, None) => Content::Any,
            (Some(name), None, None) => Content::MediaType(name),
            (None, Some(schema), None) => Content::Json { schema },
            (None, None, Some(shape)) => Content::Csv(shape),
            _ => return Err("a result has one of `media_type`, `json` and `csv`"),
        };
        let ClauseText { name, consumers, required, max_bytes, .. } = text;
        Ok(Self { name, consumers, required, max_bytes, content })
    }
}

impl From<ResultClause> for ClauseText {
    fn from(clause: ResultClause) -> Self {
        let ResultClause { name, consumers, required, max_bytes, content } = clause;
        let (media_type, json, csv) = match content {
            Content::Any => (None, None, None),
            Content::MediaType(name) => (Some(name), None, None),
            Content::Json { schema } => (None, Some(schema), None),
            Content::Csv(shape) => (None, None, Some(shape)),
        };
        Self { name, consumers, required, max_bytes, media_type, json, csv }
    }
}
