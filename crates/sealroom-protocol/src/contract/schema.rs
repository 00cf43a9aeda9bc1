//! JSON Schema 2020-12, of a closed set of keywords: those that say what may be in a value, and need no other file,
//! no recursion and no guess. An unknown keyword is an error here: it would promise something that nobody checks.
//!
//! An object schema says `additionalProperties` and an array schema `items`, and every value has some limit: by the
//! letter of JSON Schema, what is not mentioned is allowed, which is the wrong default for what may leave.
//!
//! - [`compile`]: a schema's text → its rules
//! - [`check`]: holding a value against them

use super::{
    json::{Node, Number},
    pattern::Pattern,
};
use std::collections::{BTreeMap, BTreeSet};

mod check;
mod compile;

/// Deepest nesting of schemas, those that are referred to included. Bounds the stack of a check.
const MAX_DEPTH: usize = 32;
/// Most patterns of a contract: each takes up to 64 KiB, and some more while it matches.
pub(super) const MAX_PATTERNS: usize = 64;

/// Why a schema can't be part of a contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at `{place}`: {what}")]
pub struct SchemaError {
    /// Where in the schema, as a JSON pointer (RFC 6901) in a fragment.
    pub place: String,
    /// What is wrong there, and what to do.
    pub what: String,
}

/// A schema that was compiled.
#[derive(Debug)]
pub(super) struct Schema {
    root: Rule,
    definitions: Vec<Rule>,
    /// How many patterns it has.
    patterns: usize,
}

#[derive(Debug)]
enum Rule {
    Always(bool),
    Keywords(Box<Keywords>),
}

#[derive(Debug, Default)]
struct Keywords {
    types: Option<BTreeSet<Type>>,
    values: Option<Vec<Node<'static>>>,
    reference: Option<usize>,
    properties: BTreeMap<String, Rule>,
    required: Vec<String>,
    additional: Option<Rule>,
    names: Option<Rule>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    prefix: Vec<Rule>,
    items: Option<Rule>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    unique: bool,
    minimum: Option<Number>,
    maximum: Option<Number>,
    above: Option<Number>,
    below: Option<Number>,
    multiple: Option<i128>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    /// With its place among the patterns of the schema.
    pattern: Option<(usize, Pattern)>,
    all: Vec<Rule>,
    any: Vec<Rule>,
    one: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Type {
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
}

impl Type {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "array" => Self::Array,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "null" => Self::Null,
            "number" => Self::Number,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    fn fits(self, node: &Node<'_>) -> bool {
        match self {
            Self::Array => matches!(node, Node::List(_)),
            Self::Boolean => matches!(node, Node::Bool(_)),
            Self::Integer => match node {
                Node::Number(Number::Integer(_)) => true,
                Node::Number(Number::Float(float)) => float.fract() == 0.0,
                _ => false,
            },
            Self::Null => matches!(node, Node::Null),
            Self::Number => matches!(node, Node::Number(_)),
            Self::Object => matches!(node, Node::Map(_)),
            Self::String => matches!(node, Node::Text(_)),
        }
    }
}
