//! From a contract's text to terms that can be enforced, or what is wrong with it.

use super::{
    Content, Contract, CsvShape, MAX_JSON, MAX_LEN, MAX_NUMBER, ResultClause, SchemaError,
    column::{Column, ColumnKind, MAX_CHARS, MAX_EXACT},
    media,
    schema::{MAX_PATTERNS, Schema},
    terms::{BodyRule, Inner, Terms},
};
use crate::{FileName, text::is_deceptive};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Most result clauses.
const MAX_RESULTS: usize = 256;
/// Most columns of a table.
const MAX_COLUMNS: usize = 1000;
/// Longest name of a column and longest word, in bytes.
const MAX_WORD: usize = 256;
/// Most sizes that results are padded to: each is a thing that a size can tell.
const MAX_SIZES: usize = 64;
/// Longest step of the time that a run is seen to take, in seconds: a day.
const MAX_STEP: u64 = 86_400;

/// What a contract has to agree with.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// How many consumers there are, if that is known.
    pub consumers: Option<u16>,
    /// The policy's most result files for each consumer.
    pub max_results: u32,
    /// The policy's most bytes of results for each consumer.
    pub max_result_bytes: u64,
    /// Whether every suite that participants may use has room for padding.
    pub paddable: bool,
}

/// Why a contract can't be agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contract: {clause}: {fault}")]
pub struct ContractError {
    /// The clause, as a path in the contract.
    pub clause: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a clause of a contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The contract is too long.
    #[error("{found} bytes long in canonical form, at most {MAX_LEN}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Too many of something.
    #[error("{found} of them, at most {most}")]
    TooMany {
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Too many patterns in all schemas together.
    #[error(
        "with this one the contract has {found} patterns, at most {most}: use fewer, or `enum`"
    )]
    TooManyPatterns {
        /// How many so far.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A number out of its range.
    #[error("must be between {min} and {max}, found {found}")]
    Range {
        /// The least that it may be.
        min: u64,
        /// The most that it may be.
        max: u64,
        /// What it is.
        found: u64,
    },
    /// Two clauses of one name.
    #[error("results[{first}] is about `{name}` already: make one clause of the two")]
    DuplicateName {
        /// The name.
        name: FileName,
        /// The clause that has it first.
        first: usize,
    },
    /// `*` before other clauses.
    #[error("`*` stands for all other names: move it to the end of `results`")]
    AnyNotLast,
    /// `*` is required.
    #[error("`*` is no name that could be required: name the result")]
    AnyRequired,
    /// A result for nobody.
    #[error("nobody may get this result: name consumers, or leave the clause out")]
    NoConsumer,
    /// A consumer that is not there.
    #[error("there is no consumer {found}: they are numbered from 0, and there are {consumers}")]
    UnknownConsumer {
        /// Its number.
        found: u16,
        /// How many there are.
        consumers: u16,
    },
    /// More than the policy allows.
    #[error(
        "{found} is more than the policy's `max_result_bytes`, {most}: lower this or raise that"
    )]
    AbovePolicy {
        /// What the contract says.
        found: u64,
        /// What the policy says.
        most: u64,
    },
    /// More results must be written than may be.
    #[error(
        "{found} results are required for one consumer, the policy's `max_results` is {most}: \
         require fewer or raise that"
    )]
    TooManyRequired {
        /// How many are required.
        found: usize,
        /// How many may be written.
        most: u32,
    },
    /// A media type that can't be checked.
    #[error(
        "`{0}` can't be checked; these can: {known}",
        known = media::KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
    )]
    MediaType(String),
    /// JSON without a bound of its size that memory can hold.
    #[error("JSON is held in memory while it is checked: add `max_bytes`, at most {MAX_JSON}")]
    JsonSize,
    /// The schema can't be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A table without columns.
    #[error("a table has at least one column")]
    NoColumn,
    /// A name or word that is empty, too long or not what it looks like.
    #[error("must be 1 to {MAX_WORD} bytes of text without control or invisible characters")]
    Word,
    /// Two columns of one name.
    #[error("columns[{first}] has this name already")]
    DuplicateColumn {
        /// The column that has it first.
        first: usize,
    },
    /// Nothing fits.
    #[error("`min` is more than `max`: nothing fits")]
    Reversed,
    /// A bound that JSON does not hold exactly.
    #[error("`min` and `max` must be between -{MAX_EXACT} and {MAX_EXACT}")]
    Bound,
    /// A column of words without any.
    #[error("`words` must name at least one word")]
    NoWord,
    /// The column of the group size is not there.
    #[error("there is no column `{0}`")]
    NoSuchColumn(String),
    /// The column of the group size can't hold one.
    #[error("`{0}` must be an integer column that is not optional, or groups could go uncounted")]
    NotACount(String),
    /// The column of the group size never holds as much.
    #[error("`{0}` has a `max` below this: no row fits")]
    GroupTooLarge(String),
    /// Sizes that do not grow.
    #[error("sizes must grow, {found} follows {before}")]
    Order {
        /// The one before.
        before: u64,
        /// The one that should be larger.
        found: u64,
    },
    /// A clause allows a result that padding does not.
    #[error(
        "the largest is {largest}, but results[{clause}] allows {max_bytes} bytes: add that size or lower `max_bytes`"
    )]
    PadBelow {
        /// The largest padded size.
        largest: u64,
        /// The clause that allows more.
        clause: usize,
        /// How much it allows.
        max_bytes: u64,
    },
    /// Somebody could not take padding off.
    #[error(
        "a client of the suite `sodium` can't take padding off: allow only `hybrid` in the policy's `suites`, \
         or leave `pad_to` out"
    )]
    NotPaddable,
}

fn fail<T>(clause: impl Into<String>, fault: impl Into<Fault>) -> Result<T, ContractError> {
    Err(ContractError { clause: clause.into(), fault: fault.into() })
}

fn in_range(
    clause: impl FnOnce() -> String,
    found: u64,
    range: RangeInclusive<u64>,
) -> Result<(), ContractError> {
    if range.contains(&found) {
        return Ok(());
    }
    fail(clause(), Fault::Range { min: *range.start(), max: *range.end(), found })
}

impl Contract {
    /// Checks the contract by itself and against what is around it. What comes out can be enforced.
    ///
    /// # Errors
    /// [`ContractError`] names the first clause that can't be agreed to, why, and what to do.
    pub fn compile(&self, around: &Around) -> Result<Terms, ContractError> {
        let len = crate::canonical(self).len();
        if len > MAX_LEN {
            return fail("contract", Fault::TooLong { found: len });
        }
        if self.results.len() > MAX_RESULTS {
            let found = self.results.len();
            return fail("results", Fault::TooMany { found, most: MAX_RESULTS });
        }
        let mut by_name = BTreeMap::new();
        let mut any = None;
        let mut bodies = Vec::new();
        let mut patterns = 0;
        for (at, clause) in self.results.iter().enumerate() {
            let id = format!("results[{at}]");
            if clause.is_any() {
                if at + 1 != self.results.len() {
                    return fail(id, Fault::AnyNotLast);
                }
                any = Some(at);
            } else if let Some(first) = by_name.insert(clause.name.clone(), at) {
                return fail(id, Fault::DuplicateName { name: clause.name.clone(), first });
            }
            let body = clause.compile(&id, around)?;
            if let BodyRule::Json(id, schema) = &body {
                patterns += schema.patterns();
                if patterns > MAX_PATTERNS {
                    let fault = Fault::TooManyPatterns { found: patterns, most: MAX_PATTERNS };
                    return fail(id.clone(), fault);
                }
            }
            bodies.push(body);
        }
        self.check_required(around)?;
        self.check_sizes(around)?;
        if let Some(step) = self.round_duration_seconds {
            in_range(|| "round_duration_seconds".to_owned(), step.into(), 1..=MAX_STEP)?;
        }
        Ok(Terms::new(Inner { contract: self.clone(), bodies, by_name, any }))
    }

    /// Counts what each consumer must get.
    fn check_required(&self, around: &Around) -> Result<(), ContractError> {
        let (mut by_all, mut by_some) = (0, BTreeMap::<u16, usize>::new());
        for clause in self.results.iter().filter(|clause| clause.required) {
            match &clause.consumers {
                None => by_all += 1,
                Some(some) => some.iter().for_each(|it| *by_some.entry(*it).or_default() += 1),
            }
        }
        let found = by_all + by_some.into_values().max().unwrap_or(0);
        if found > around.max_results as usize {
            return fail("results", Fault::TooManyRequired { found, most: around.max_results });
        }
        Ok(())
    }

    fn check_sizes(&self, around: &Around) -> Result<(), ContractError> {
        let Some(largest) = self.pad_to.last().copied() else { return Ok(()) };
        if !around.paddable {
            return fail("pad_to", Fault::NotPaddable);
        }
        if self.pad_to.len() > MAX_SIZES {
            let found = self.pad_to.len();
            return fail("pad_to", Fault::TooMany { found, most: MAX_SIZES });
        }
        for (at, size) in self.pad_to.iter().enumerate() {
            in_range(|| format!("pad_to[{at}]"), *size, 1..=MAX_NUMBER)?;
            if *size > around.max_result_bytes {
                let fault = Fault::AbovePolicy { found: *size, most: around.max_result_bytes };
                return fail(format!("pad_to[{at}]"), fault);
            }
        }
        if let Some(pair) = self.pad_to.windows(2).find(|pair| pair[0] >= pair[1]) {
            return fail("pad_to", Fault::Order { before: pair[0], found: pair[1] });
        }
        for (clause, max_bytes) in self.results.iter().map(|it| it.max_bytes).enumerate() {
            if let Some(max_bytes) = max_bytes.filter(|most| *most > largest) {
                return fail("pad_to", Fault::PadBelow { largest, clause, max_bytes });
            }
        }
        Ok(())
    }
}

impl ResultClause {
    fn compile(&self, id: &str, around: &Around) -> Result<BodyRule, ContractError> {
        if self.is_any() && self.required {
            return fail(format!("{id}.required"), Fault::AnyRequired);
        }
        if let Some(consumers) = &self.consumers {
            let id = format!("{id}.consumers");
            let Some(last) = consumers.last().copied() else {
                return fail(id, Fault::NoConsumer);
            };
            if let Some(consumers) = around.consumers.filter(|consumers| last >= *consumers) {
                return fail(id, Fault::UnknownConsumer { found: last, consumers });
            }
        }
        if let Some(most) = self.max_bytes {
            in_range(|| format!("{id}.max_bytes"), most, 1..=MAX_NUMBER)?;
            if most > around.max_result_bytes {
                let fault = Fault::AbovePolicy { found: most, most: around.max_result_bytes };
                return fail(format!("{id}.max_bytes"), fault);
            }
        }
        let fits_memory = self.max_bytes.is_some_and(|most| most <= MAX_JSON);
        match &self.content {
            Content::Any => Ok(BodyRule::Nothing),
            Content::MediaType(name) => {
                let id = format!("{id}.media_type");
                match media::Kind::named(name) {
                    None => fail(id, Fault::MediaType(crate::text::visible(name))),
                    Some(kind) if !kind.is_json() => Ok(BodyRule::Media(kind)),
                    Some(_) if fits_memory => Ok(BodyRule::Json(id, Schema::anything())),
                    Some(_) => fail(id, Fault::JsonSize),
                }
            }
            Content::Json { schema } => {
                let id = format!("{id}.json");
                if !fits_memory {
                    return fail(id, Fault::JsonSize);
                }
                match Schema::compile(schema) {
                    Ok(schema) => Ok(BodyRule::Json(id, schema)),
                    Err(error) => fail(id, error),
                }
            }
            Content::Csv(shape) => {
                shape.check(&format!("{id}.csv"))?;
                Ok(BodyRule::Csv)
            }
        }
    }
}

/// Whether a text is a word that can be shown and compared.
fn is_word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len()) && !text.chars().any(is_deceptive)
}

impl CsvShape {
    fn check(&self, id: &str) -> Result<(), ContractError> {
        match self.columns.len() {
            0 => return fail(format!("{id}.columns"), Fault::NoColumn),
            found if found > MAX_COLUMNS => {
                return fail(format!("{id}.columns"), Fault::TooMany { found, most: MAX_COLUMNS });
            }
            _ => {}
        }
        let mut names = BTreeMap::new();
        for (at, column) in self.columns.iter().enumerate() {
            let id = format!("{id}.columns[{at}]");
            if !is_word(&column.name) {
                return fail(format!("{id}.name"), Fault::Word);
            }
            if let Some(first) = names.insert(column.name.as_str(), at) {
                return fail(id, Fault::DuplicateColumn { first });
            }
            column.check(&id)?;
        }
        in_range(|| format!("{id}.max_rows"), self.max_rows, 1..=MAX_NUMBER)?;
        let Some(group) = &self.min_group_size else { return Ok(()) };
        let id = format!("{id}.min_group_size");
        // Every group has at least one.
        in_range(|| format!("{id}.at_least"), group.at_least, 2..=MAX_NUMBER)?;
        let name = crate::text::visible(&group.column);
        match names.get(group.column.as_str()).map(|at| &self.columns[*at]) {
            None => fail(format!("{id}.column"), Fault::NoSuchColumn(name)),
            Some(Column { kind: ColumnKind::Integer { max, .. }, optional: false, .. }) => {
                match max.and_then(|max| u64::try_from(max.max(0)).ok()) {
                    Some(max) if max < group.at_least => {
                        fail(format!("{id}.at_least"), Fault::GroupTooLarge(name))
                    }
                    _ => Ok(()),
                }
            }
            Some(_) => fail(format!("{id}.column"), Fault::NotACount(name)),
        }
    }
}

impl Column {
    fn check(&self, id: &str) -> Result<(), ContractError> {
        match &self.kind {
            ColumnKind::Boolean | ColumnKind::Date => Ok(()),
            ColumnKind::Integer { min, max } => {
                let exact = -MAX_EXACT..=MAX_EXACT;
                match [min, max].into_iter().flatten().all(|bound| exact.contains(bound)) {
                    false => fail(id, Fault::Bound),
                    true if min.zip(*max).is_some_and(|(min, max)| min > max) => {
                        fail(id, Fault::Reversed)
                    }
                    true => Ok(()),
                }
            }
            ColumnKind::Number { min, max, decimals } => {
                let bounds = [min, max].map(|bound| {
                    bound.as_ref().map(|it| super::column::exact(it).and_then(|it| it.as_f64()))
                });
                match bounds {
                    [Some(None), _] | [_, Some(None)] => return fail(id, Fault::Bound),
                    [Some(Some(min)), Some(Some(max))] if min > max => {
                        return fail(id, Fault::Reversed);
                    }
                    _ => {}
                }
                match decimals {
                    Some(digits) => in_range(|| format!("{id}.decimals"), (*digits).into(), 0..=17),
                    None => Ok(()),
                }
            }
            ColumnKind::Text { max_chars: None } => Ok(()),
            ColumnKind::Text { max_chars: Some(most) } => {
                in_range(|| format!("{id}.max_chars"), (*most).into(), 1..=MAX_CHARS.into())
            }
            ColumnKind::Word { words } if words.is_empty() => fail(id, Fault::NoWord),
            ColumnKind::Word { words } if words.iter().all(|word| is_word(word)) => Ok(()),
            ColumnKind::Word { .. } => fail(format!("{id}.words"), Fault::Word),
        }
    }
}
