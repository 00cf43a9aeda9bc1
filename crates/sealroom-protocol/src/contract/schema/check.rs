//! Holding a value against the rules of a schema, within a budget of steps.

use super::{Keywords, Rule, Schema};
use crate::contract::json::{Node, Number};
use crate::text::visible;
use regex_automata::nfa::thompson::pikevm::Cache;
use std::{cmp::Ordering, collections::BTreeMap};

/// Steps that checking one result may take. A step is about four nanoseconds, so these are about two seconds; a
/// result of as many values as there may be has 500 for each.
const MAX_WORK: u64 = 1 << 29;

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
    pub(in crate::contract) fn check(&self, node: &Node<'_>) -> Result<(), String> {
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
