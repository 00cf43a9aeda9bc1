//! A schema's text → its rules, or what in it can't be part of a contract.

use super::{Keywords, MAX_DEPTH, MAX_PATTERNS, Rule, Schema, SchemaError, Type};
use crate::contract::{
    MAX_NUMBER, column,
    json::{self, Node, Number},
    pattern::Pattern,
};
use crate::text::visible;
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
/// Most alternatives of one `anyOf`, `oneOf` or `allOf`.
const MAX_BRANCHES: usize = 16;
/// Most values of one `enum`.
const MAX_VALUES: usize = 1000;

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
    pub(in crate::contract) fn patterns(&self) -> usize {
        self.patterns
    }

    /// The schema that allows every value.
    pub(in crate::contract) fn anything() -> Self {
        Self { root: Rule::Always(true), definitions: Vec::new(), patterns: 0 }
    }

    pub(in crate::contract) fn compile(schema: &Value) -> Result<Self, SchemaError> {
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
        match value.as_u64().filter(|count| *count <= MAX_NUMBER) {
            Some(count) => Ok(count),
            None => self.fail("must be an integer from 0 to 2^53-1"),
        }
    }

    fn number(&self, value: &Value) -> Result<Number, SchemaError> {
        let exact = match value {
            Value::Number(number) => column::exact(number),
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
