//! JSON Schema 2020-12, of a closed set of keywords: those that say what may be in a value, and need no other file,
//! no recursion and no guess. An unknown keyword is an error here: it would promise something that nobody checks.
//!
//! An object schema says `additionalProperties` and an array schema `items`, and every value has some limit: by the
//! letter of JSON Schema, what is not mentioned is allowed, which is the wrong default for what may leave.

use super::{
    json::{self, Node, Number},
    pattern::Pattern,
};
use crate::text::visible;
use regex_automata::nfa::thompson::pikevm::Cache;
use serde_json::{Map, Value};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// The only version of JSON Schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Longest schema, in bytes of text.
const MAX_SCHEMA: usize = 64 << 10;
/// Most schemas inside a schema.
const MAX_NODES: usize = 2000;
/// Deepest nesting of schemas, those that are referred to included. Bounds the stack of a check.
const MAX_DEPTH: usize = 32;
/// Most alternatives of one `anyOf`, `oneOf` or `allOf`.
const MAX_BRANCHES: usize = 16;
/// Most values of one `enum`.
const MAX_VALUES: usize = 1000;
/// Most patterns of a contract: each takes up to 64 KiB, and some more while it matches.
pub(super) const MAX_PATTERNS: usize = 64;
/// Steps that checking one result may take. A step is about four nanoseconds, so these are about two seconds; a
/// result of as many values as there may be has 500 for each.
const MAX_WORK: u64 = 1 << 29;

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

// Compiling

/// Where a schema stands decides whether it has to limit its value by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The schema of a value.
    Value,
    /// One of several schemas of a value.
    Branch,
}

struct Compiler<'s> {
    /// Names of `$defs`, in the order of `Schema::definitions`.
    names: Vec<&'s str>,
    nodes: usize,
    patterns: usize,
    place: Vec<String>,
}

impl Schema {
    /// How many patterns it has; each takes memory.
    pub(super) fn patterns(&self) -> usize {
        self.patterns
    }

    /// The schema that allows every value.
    pub(super) fn anything() -> Self {
        Self { root: Rule::Always(true), definitions: Vec::new(), patterns: 0 }
    }

    pub(super) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let mut compiler = Compiler { names: Vec::new(), nodes: 0, patterns: 0, place: Vec::new() };
        let len = schema.to_string().len();
        if len > MAX_SCHEMA {
            return compiler.fail(format!("{len} bytes long, at most {MAX_SCHEMA}"));
        }
        let mut definitions = Vec::new();
        if let Some(found) = schema.get("$defs") {
            compiler.place.push("$defs".to_owned());
            let Some(found) = found.as_object() else {
                return compiler.fail("must be an object of schemas");
            };
            compiler.names = found.keys().map(String::as_str).collect();
            for (name, definition) in found {
                definitions.push(compiler.inside(name, definition, Position::Value)?);
            }
            compiler.place.pop();
        }
        let root = compiler.rule(schema, Position::Value)?;
        let schema = Self { root, definitions, patterns: compiler.patterns };
        let mut depths = vec![Depth::Unknown; schema.definitions.len()];
        match schema.depth(&schema.root, &mut depths) {
            None => return compiler.fail("`$ref` leads back to itself: recursion has no bound"),
            Some(depth) if depth > MAX_DEPTH => return compiler.too_deep(),
            Some(_) => {}
        }
        // Those that nothing refers to as well.
        for at in 0..schema.definitions.len() {
            if schema.depth_of(at, &mut depths).is_none() {
                return compiler.fail("`$ref` leads back to itself: recursion has no bound");
            }
        }
        Ok(schema)
    }

    /// How deep the schemas of a rule nest, with what they refer to; `None` if there is no end to it.
    fn depth(&self, rule: &Rule, depths: &mut [Depth]) -> Option<usize> {
        let Rule::Keywords(it) = rule else { return Some(1) };
        let mut most = match it.reference {
            Some(at) => self.depth_of(at, depths)?,
            None => 0,
        };
        for inner in it.inner() {
            most = most.max(self.depth(inner, depths)?);
        }
        Some(most + 1)
    }

    fn depth_of(&self, at: usize, depths: &mut [Depth]) -> Option<usize> {
        match depths[at] {
            Depth::Known(depth) => return Some(depth),
            Depth::Under => return None,
            Depth::Unknown => depths[at] = Depth::Under,
        }
        let depth = self.depth(&self.definitions[at], depths)?;
        depths[at] = Depth::Known(depth);
        Some(depth)
    }
}

#[derive(Clone, Copy)]
enum Depth {
    Unknown,
    Under,
    Known(usize),
}

impl Keywords {
    /// The schemas inside this one.
    fn inner(&self) -> impl Iterator<Item = &Rule> {
        let lists = [&self.prefix, &self.all, &self.any, &self.one].into_iter().flatten();
        let single = [&self.additional, &self.names, &self.items].into_iter().flatten();
        lists.chain(single).chain(self.properties.values())
    }
}

impl<'s> Compiler<'s> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, SchemaError> {
        let escape = |part: &String| format!("/{}", part.replace('~', "~0").replace('/', "~1"));
        let place: String = self.place.iter().map(escape).collect();
        Err(SchemaError { place: format!("#{}", visible(&place)), what: what.into() })
    }

    fn too_deep<T>(&self) -> Result<T, SchemaError> {
        self.fail(format!("schemas nest deeper than {MAX_DEPTH}"))
    }

    fn inside(
        &mut self,
        part: &str,
        schema: &'s Value,
        position: Position,
    ) -> Result<Rule, SchemaError> {
        self.place.push(part.to_owned());
        let rule = self.rule(schema, position)?;
        self.place.pop();
        Ok(rule)
    }

    fn rule(&mut self, schema: &'s Value, position: Position) -> Result<Rule, SchemaError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.fail(format!("more than {MAX_NODES} schemas"));
        }
        // Each schema adds at most two parts.
        if self.place.len() > 2 * MAX_DEPTH {
            return self.too_deep();
        }
        let keywords = match schema {
            Value::Bool(always) => return Ok(Rule::Always(*always)),
            Value::Object(keywords) => keywords,
            _ => return self.fail("a schema is an object, true or false"),
        };
        let mut it = Keywords::default();
        for (keyword, value) in keywords {
            self.place.push(keyword.clone());
            self.keyword(&mut it, keyword, value)?;
            self.place.pop();
        }
        self.sense(&it, keywords, position)?;
        Ok(Rule::Keywords(Box::new(it)))
    }

    fn keyword(
        &mut self,
        it: &mut Keywords,
        keyword: &str,
        value: &'s Value,
    ) -> Result<(), SchemaError> {
        use Position::{Branch, Value as Whole};
        match keyword {
            "title" | "description" | "$comment" if value.is_string() => {}
            "$schema" if self.place.len() == 1 && value == DIALECT => {}
            "$schema" => return self.fail(format!("must be `{DIALECT}`, at the top")),
            "$defs" if self.place.len() == 1 => {}
            "$defs" => return self.fail("stands at the top of the schema only"),
            "$ref" => {
                let name = value.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
                let at = name.and_then(|name| self.names.iter().position(|it| *it == name));
                let Some(at) = at else {
                    return self.fail("must be `#/$defs/NAME`, with a NAME that is there");
                };
                it.reference = Some(at);
            }
            "type" => it.types = Some(self.types(value)?),
            "enum" => {
                let values = value.as_array().filter(|values| !values.is_empty());
                let Some(values) = values.filter(|values| values.len() <= MAX_VALUES) else {
                    return self.fail(format!("must be an array of 1 to {MAX_VALUES} values"));
                };
                it.values = Some(self.values(values)?);
            }
            // With `enum` beside it, both count: `sense` refuses that.
            "const" => it.values = Some(self.values(std::slice::from_ref(value))?),
            "properties" => it.properties = self.map(value)?,
            "required" => it.required = self.required(value)?,
            "additionalProperties" => it.additional = Some(self.rule(value, Whole)?),
            "propertyNames" => it.names = Some(self.rule(value, Branch)?),
            "minProperties" => it.min_properties = Some(self.count(value)?),
            "maxProperties" => it.max_properties = Some(self.count(value)?),
            "prefixItems" => it.prefix = self.list(value, MAX_NODES, Whole)?,
            "items" => it.items = Some(self.rule(value, Whole)?),
            "minItems" => it.min_items = Some(self.count(value)?),
            "maxItems" => it.max_items = Some(self.count(value)?),
            "uniqueItems" => match value.as_bool() {
                Some(unique) => it.unique = unique,
                None => return self.fail("must be true or false"),
            },
            "minimum" => it.minimum = Some(self.number(value)?),
            "maximum" => it.maximum = Some(self.number(value)?),
            "exclusiveMinimum" => it.above = Some(self.number(value)?),
            "exclusiveMaximum" => it.below = Some(self.number(value)?),
            "multipleOf" => match self.number(value)? {
                Number::Integer(step) if step > 0 => it.multiple = Some(step),
                _ => {
                    return self
                        .fail("must be a positive integer: fractions can't be compared exactly");
                }
            },
            "minLength" => it.min_length = Some(self.count(value)?),
            "maxLength" => it.max_length = Some(self.count(value)?),
            "pattern" => {
                self.patterns += 1;
                if self.patterns > MAX_PATTERNS {
                    return self.fail(format!("more than {MAX_PATTERNS} patterns"));
                }
                match value.as_str().ok_or("must be text".to_owned()).and_then(Pattern::compile) {
                    Ok(pattern) => it.pattern = Some((self.patterns - 1, pattern)),
                    Err(fault) => return self.fail(visible(&fault)),
                }
            }
            "allOf" => it.all = self.list(value, MAX_BRANCHES, Branch)?,
            "anyOf" => it.any = self.list(value, MAX_BRANCHES, Branch)?,
            "oneOf" => it.one = self.list(value, MAX_BRANCHES, Branch)?,
            "format" => {
                return self
                    .fail("`format` is not checked by JSON Schema: use `pattern` or `enum`");
            }
            _ => return self.fail("this keyword can't be used in a contract, or not so"),
        }
        Ok(())
    }

    fn types(&self, value: &Value) -> Result<BTreeSet<Type>, SchemaError> {
        let names = match value {
            Value::Array(names) => names.as_slice(),
            one => std::slice::from_ref(one),
        };
        let types: Option<BTreeSet<_>> =
            names.iter().map(|name| name.as_str().and_then(Type::named)).collect();
        match types.filter(|types| !types.is_empty() && types.len() == names.len()) {
            Some(types) => Ok(types),
            None => self.fail(
                "must be one or several of array, boolean, integer, null, number, object, string",
            ),
        }
    }

    fn values(&self, values: &[Value]) -> Result<Vec<Node<'static>>, SchemaError> {
        match values.iter().map(json::node).collect() {
            Ok(nodes) => Ok(nodes),
            Err(_) => self.fail("has values that nest too deep"),
        }
    }

    fn map(&mut self, value: &'s Value) -> Result<BTreeMap<String, Rule>, SchemaError> {
        let Some(map) = value.as_object() else {
            return self.fail("must be an object of schemas");
        };
        map.iter()
            .map(|(name, schema)| Ok((name.clone(), self.inside(name, schema, Position::Value)?)))
            .collect()
    }

    fn list(
        &mut self,
        value: &'s Value,
        most: usize,
        position: Position,
    ) -> Result<Vec<Rule>, SchemaError> {
        match value.as_array() {
            Some(list) if !list.is_empty() && list.len() <= most => list
                .iter()
                .enumerate()
                .map(|(at, schema)| self.inside(&at.to_string(), schema, position))
                .collect(),
            _ => self.fail(format!("must be an array of 1 to {most} schemas")),
        }
    }

    fn required(&self, value: &Value) -> Result<Vec<String>, SchemaError> {
        let names = value.as_array().and_then(|names| {
            names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        match names {
            Some(names) if names.iter().collect::<BTreeSet<_>>().len() == names.len() => Ok(names),
            _ => self.fail("must be an array of different names"),
        }
    }

    fn count(&self, value: &Value) -> Result<u64, SchemaError> {
        match value.as_u64().filter(|count| *count <= super::MAX_NUMBER) {
            Some(count) => Ok(count),
            None => self.fail("must be an integer from 0 to 2^53-1"),
        }
    }

    fn number(&self, value: &Value) -> Result<Number, SchemaError> {
        let exact = match value {
            Value::Number(number) => super::column::exact(number),
            _ => None,
        };
        match exact.and_then(|number| number.as_f64()) {
            Some(number) => Ok(number.into()),
            None => self.fail("must be a number between -2^53 and 2^53"),
        }
    }

    /// Whether the keywords make sense together.
    fn sense(
        &self,
        it: &Keywords,
        keywords: &Map<String, Value>,
        position: Position,
    ) -> Result<(), SchemaError> {
        let has = |keyword: &str| keywords.contains_key(keyword);
        let may_be = |wanted| it.types.as_ref().is_some_and(|types| types.contains(&wanted));
        let limited = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf"];
        if position == Position::Value && !limited.into_iter().any(has) {
            return self.fail("allows any value: say its `type`, or write `true` if that is meant");
        }
        if has("enum") && has("const") {
            return self.fail("has both `enum` and `const`");
        }
        // Where the values themselves are listed, nothing else can get in.
        let listed = it.values.is_some();
        if may_be(Type::Object) && it.additional.is_none() && !listed {
            return self.fail(
                "add `additionalProperties`: false, or what others may be there (`true` for anything)",
            );
        }
        if may_be(Type::Array) && it.items.is_none() && !listed {
            return self
                .fail("add `items`: what may be in it (`true` for anything, `false` for no more)");
        }
        let counts = [
            ("minProperties", it.min_properties, "maxProperties", it.max_properties),
            ("minItems", it.min_items, "maxItems", it.max_items),
            ("minLength", it.min_length, "maxLength", it.max_length),
        ];
        for (min, least, max, most) in counts {
            if least.zip(most).is_some_and(|(least, most)| least > most) {
                return self.fail(format!("{min} is more than {max}: nothing fits"));
            }
        }
        let bounds = [
            ("minimum", it.minimum, "maximum", it.maximum, Ordering::Greater),
            ("exclusiveMinimum", it.above, "maximum", it.maximum, Ordering::Equal),
            ("minimum", it.minimum, "exclusiveMaximum", it.below, Ordering::Equal),
            ("exclusiveMinimum", it.above, "exclusiveMaximum", it.below, Ordering::Equal),
        ];
        for (min, least, max, most, from) in bounds {
            if least.zip(most).is_some_and(|(least, most)| least.cmp(most) >= from) {
                return self.fail(format!("no number is between {min} and {max}"));
            }
        }
        let closed = matches!(it.additional, Some(Rule::Always(false)));
        match it.required.iter().find(|name| closed && !it.properties.contains_key(*name)) {
            Some(name) => self.fail(format!("`{}` is required, and not allowed", visible(name))),
            None => Ok(()),
        }
    }
}

// Checking

/// Why a value does not fit; where, from the inside out.
struct Misfit<'n> {
    keyword: &'static str,
    place: Vec<Step<'n>>,
}

enum Step<'n> {
    Item(usize),
    Key(&'n str),
}

enum Stop<'n> {
    Misfit(Misfit<'n>),
    /// No steps are left.
    Work,
}

fn misfit<'n>(keyword: &'static str) -> Stop<'n> {
    Stop::Misfit(Misfit { keyword, place: Vec::new() })
}

impl<'n> Stop<'n> {
    fn inside(self, step: Step<'n>) -> Self {
        match self {
            Self::Misfit(mut it) => {
                it.place.push(step);
                Self::Misfit(it)
            }
            Self::Work => Self::Work,
        }
    }
}

struct Run<'s> {
    schema: &'s Schema,
    left: u64,
    /// Of the patterns that were matched so far.
    caches: BTreeMap<usize, Cache>,
}

impl Schema {
    /// What is wrong with a value.
    pub(super) fn check(&self, node: &Node<'_>) -> Result<(), String> {
        match (Run { schema: self, left: MAX_WORK, caches: BTreeMap::new() }).rule(&self.root, node)
        {
            Ok(()) => Ok(()),
            Err(Stop::Work) => {
                Err("takes too long to check: a smaller result, or a simpler schema".to_owned())
            }
            Err(Stop::Misfit(it)) => {
                let place: String = it
                    .place
                    .iter()
                    .rev()
                    .map(|step| match step {
                        Step::Item(at) => format!("/{at}"),
                        Step::Key(key) => format!("/{}", visible(key)),
                    })
                    .collect();
                Err(format!("the value at `#{place}` is not as `{}` says", it.keyword))
            }
        }
    }
}

impl Run<'_> {
    fn spend(&mut self, steps: u64) -> Result<(), Stop<'static>> {
        self.left = self.left.checked_sub(steps).ok_or(Stop::Work)?;
        Ok(())
    }

    fn rule<'n>(&mut self, rule: &Rule, node: &'n Node<'_>) -> Result<(), Stop<'n>> {
        self.spend(4)?;
        let it = match rule {
            Rule::Always(true) => return Ok(()),
            Rule::Always(false) => return Err(misfit("false")),
            Rule::Keywords(it) => it,
        };
        if it.types.as_ref().is_some_and(|types| !types.iter().any(|it| it.fits(node))) {
            return Err(misfit("type"));
        }
        if let Some(values) = &it.values {
            self.spend(values.len() as u64 * 4)?;
            if !values.iter().any(|value| value.cmp(node).is_eq()) {
                return Err(misfit("enum"));
            }
        }
        match node {
            Node::Null | Node::Bool(_) => {}
            Node::Number(number) => numeric(it, *number)?,
            Node::Text(text) => self.text(it, text)?,
            Node::List(items) => self.list(it, items)?,
            Node::Map(entries) => self.map(it, entries)?,
        }
        if let Some(at) = it.reference {
            self.rule(&self.schema.definitions[at], node)?;
        }
        for rule in &it.all {
            self.rule(rule, node)?;
        }
        if !it.any.is_empty() && self.fitting(&it.any, node, 1)? == 0 {
            return Err(misfit("anyOf"));
        }
        if !it.one.is_empty() && self.fitting(&it.one, node, 2)? != 1 {
            return Err(misfit("oneOf"));
        }
        Ok(())
    }

    /// How many of the rules fit; not more than `most`.
    fn fitting(&mut self, rules: &[Rule], node: &Node<'_>, most: u8) -> Result<u8, Stop<'static>> {
        let mut fitting = 0;
        for rule in rules {
            match self.rule(rule, node) {
                Ok(()) => fitting += 1,
                Err(Stop::Misfit(_)) => {}
                Err(Stop::Work) => return Err(Stop::Work),
            }
            if fitting == most {
                break;
            }
        }
        Ok(fitting)
    }

    fn text(&mut self, it: &Keywords, text: &str) -> Result<(), Stop<'static>> {
        if it.min_length.is_some() || it.max_length.is_some() {
            self.spend(text.len() as u64 / 8)?;
            // Unicode code points (RFC 8259).
            let len = text.chars().count() as u64;
            within(len, it.min_length, "minLength", it.max_length, "maxLength")?;
        }
        if let Some((at, pattern)) = &it.pattern {
            self.spend(pattern.cost.saturating_mul(text.len() as u64 + 1))?;
            let cache = self.caches.entry(*at).or_insert_with(|| pattern.cache());
            if !pattern.matches(cache, text) {
                return Err(misfit("pattern"));
            }
        }
        Ok(())
    }

    fn list<'n>(&mut self, it: &Keywords, items: &'n [Node<'_>]) -> Result<(), Stop<'n>> {
        let len = items.len() as u64;
        within(len, it.min_items, "minItems", it.max_items, "maxItems")?;
        for (at, item) in items.iter().enumerate() {
            if let Some(rule) = it.prefix.get(at).or(it.items.as_ref()) {
                self.rule(rule, item).map_err(|stop| stop.inside(Step::Item(at)))?;
            }
        }
        if it.unique && items.len() > 1 {
            // Sorted, for comparing each with each would be quadratic.
            self.spend(len * u64::from(len.ilog2() + 1) * 16)?;
            let mut sorted: Vec<_> = items.iter().collect();
            sorted.sort_unstable_by(|a, b| a.cmp(b));
            if sorted.windows(2).any(|pair| pair[0].cmp(pair[1]).is_eq()) {
                return Err(misfit("uniqueItems"));
            }
        }
        Ok(())
    }

    fn map<'n>(
        &mut self,
        it: &Keywords,
        entries: &'n [(std::borrow::Cow<'_, str>, Node<'_>)],
    ) -> Result<(), Stop<'n>> {
        let len = entries.len() as u64;
        within(len, it.min_properties, "minProperties", it.max_properties, "maxProperties")?;
        self.spend(it.required.len() as u64 * 4)?;
        let is_there =
            |name: &String| entries.binary_search_by(|(key, _)| (**key).cmp(name)).is_ok();
        if !it.required.iter().all(is_there) {
            return Err(misfit("required"));
        }
        for (key, value) in entries {
            self.spend(4)?;
            if let Some(names) = &it.names {
                self.name(names, key).map_err(|stop| stop.inside(Step::Key(key)))?;
            }
            let rule = match it.properties.get(&**key) {
                Some(rule) => rule,
                None => match &it.additional {
                    Some(Rule::Always(false)) => {
                        return Err(misfit("additionalProperties").inside(Step::Key(key)));
                    }
                    Some(rule) => rule,
                    None => continue,
                },
            };
            self.rule(rule, value).map_err(|stop| stop.inside(Step::Key(key)))?;
        }
        Ok(())
    }

    fn name(&mut self, rule: &Rule, key: &str) -> Result<(), Stop<'static>> {
        let node = Node::Text(key.into());
        match self.rule(rule, &node) {
            Ok(()) => Ok(()),
            Err(Stop::Work) => Err(Stop::Work),
            Err(Stop::Misfit(_)) => Err(misfit("propertyNames")),
        }
    }
}

fn within(
    count: u64,
    least: Option<u64>,
    min: &'static str,
    most: Option<u64>,
    max: &'static str,
) -> Result<(), Stop<'static>> {
    match () {
        () if least.is_some_and(|least| count < least) => Err(misfit(min)),
        () if most.is_some_and(|most| count > most) => Err(misfit(max)),
        () => Ok(()),
    }
}

fn numeric(it: &Keywords, number: Number) -> Result<(), Stop<'static>> {
    let fails = |bound: Option<Number>, bad: &[Ordering]| {
        bound.is_some_and(|bound| bad.contains(&number.cmp(bound)))
    };
    let whole_steps = |step: i128| match number {
        Number::Integer(number) => number % step == 0,
        // Steps are below 2⁵³ and so exact, and the remainder of floats is exact.
        Number::Float(number) => number % step as f64 == 0.0,
    };
    match () {
        () if fails(it.minimum, &[Ordering::Less]) => Err(misfit("minimum")),
        () if fails(it.maximum, &[Ordering::Greater]) => Err(misfit("maximum")),
        () if fails(it.above, &[Ordering::Less, Ordering::Equal]) => {
            Err(misfit("exclusiveMinimum"))
        }
        () if fails(it.below, &[Ordering::Greater, Ordering::Equal]) => {
            Err(misfit("exclusiveMaximum"))
        }
        () if it.multiple.is_some_and(|step| !whole_steps(step)) => Err(misfit("multipleOf")),
        () => Ok(()),
    }
}
