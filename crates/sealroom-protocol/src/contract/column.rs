//! The columns of a table, and what may stand in their cells.

use super::MAX_NUMBER;
use crate::text::is_deceptive;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeSet;

/// Characters of a text cell, unless the contract says otherwise.
pub(super) const DEFAULT_CHARS: u32 = 1024;
/// Most characters that a contract allows a text cell.
pub(super) const MAX_CHARS: u32 = 16_384;
/// Longest number, in bytes. The longest that Python writes for a float has 24; more digits would only hide things.
const MAX_NUMBER_LEN: usize = 32;

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ColumnText", into = "ColumnText")]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnKind,
    /// Whether a cell may be empty.
    pub optional: bool,
}

/// What the cells of a column hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// One line of text that is no formula to a spreadsheet.
    Text {
        /// Most characters; 1024 if absent.
        max_chars: Option<u32>,
    },
    /// A whole number in 64 bits.
    Integer {
        /// The least.
        min: Option<i64>,
        /// The largest.
        max: Option<i64>,
    },
    /// A number as JSON writes it.
    Number {
        /// The least.
        min: Option<Number>,
        /// The largest.
        max: Option<Number>,
        /// Most digits after the point; no exponent then.
        decimals: Option<u8>,
    },
    /// `true` or `false`; `True` or `False` as Python writes them.
    Boolean,
    /// A day, `2026-11-30`.
    Date,
    /// One of these.
    Word {
        /// All that may stand there.
        words: BTreeSet<String>,
    },
}

/// The largest integer that a contract states, as the type of cells.
pub(super) const MAX_EXACT: i64 = MAX_NUMBER as i64;

impl ColumnKind {
    /// Bytes that a cell can need; what is longer breaks the contract before it is all there.
    pub(super) fn max_len(&self) -> usize {
        match self {
            Self::Text { max_chars } => max_chars.unwrap_or(DEFAULT_CHARS) as usize * 4,
            Self::Integer { .. } | Self::Number { .. } => MAX_NUMBER_LEN,
            Self::Boolean => "false".len(),
            Self::Date => "2026-11-30".len(),
            Self::Word { words } => words.iter().map(String::len).max().unwrap_or(0),
        }
    }

    /// What is wrong with a cell, which is not empty.
    pub(super) fn check(&self, cell: &str) -> Result<(), String> {
        match self {
            Self::Text { max_chars } => text(cell, max_chars.unwrap_or(DEFAULT_CHARS)),
            Self::Integer { min, max } => {
                let number = integer(cell).ok_or("no integer of 64 bits")?;
                match (min, max) {
                    (Some(min), _) if number < *min => Err(format!("less than {min}")),
                    (_, Some(max)) if number > *max => Err(format!("more than {max}")),
                    _ => Ok(()),
                }
            }
            Self::Number { min, max, decimals } => {
                let number = decimal(cell, *decimals)?;
                match (min.as_ref().and_then(Number::as_f64), max.as_ref().and_then(Number::as_f64))
                {
                    (Some(min), _) if number < min => Err(format!("less than {min}")),
                    (_, Some(max)) if number > max => Err(format!("more than {max}")),
                    _ => Ok(()),
                }
            }
            Self::Boolean if matches!(cell, "true" | "false" | "True" | "False") => Ok(()),
            Self::Boolean => Err("neither true nor false".to_owned()),
            Self::Date if is_date(cell) => Ok(()),
            Self::Date => Err("no date as 2026-11-30".to_owned()),
            Self::Word { words } if words.contains(cell) => Ok(()),
            Self::Word { .. } => Err("none of the words".to_owned()),
        }
    }
}

/// One line of text, harmless where it is shown.
fn text(cell: &str, max_chars: u32) -> Result<(), String> {
    if cell.chars().count() > max_chars as usize {
        return Err(format!("longer than {max_chars} characters"));
    }
    if cell.chars().any(is_deceptive) {
        return Err("has a line break, a control character or one that is not seen".to_owned());
    }
    // What spreadsheets compute when they open the file. A lone sign is often written for "nothing".
    if cell.len() > 1 && cell.starts_with(['=', '+', '-', '@']) {
        return Err("begins like a spreadsheet's formula, with one of = + - @".to_owned());
    }
    Ok(())
}

/// `-?(0|[1-9][0-9]*)`, not `-0`.
pub(super) fn integer(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (cell == "0" || !digits.starts_with('0'))).then(|| cell.parse().ok()).flatten()
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`: the numbers of JSON (RFC 8259, section 6).
fn decimal(cell: &str, decimals: Option<u8>) -> Result<f64, String> {
    const FAULT: &str = "no number as JSON writes it";
    fn digits(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    }
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let well_formed = digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    if !well_formed {
        return Err(FAULT.to_owned());
    }
    if let Some(most) = decimals {
        if exponent.is_some() {
            return Err("has an exponent".to_owned());
        }
        if fraction.is_some_and(|text| text.len() > most.into()) {
            return Err(format!("more than {most} digits after the point"));
        }
    }
    cell.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| FAULT.to_owned())
}

fn is_date(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape && cell.parse::<jiff::civil::Date>().is_ok()
}

/// A column as it is written: what its type means stands beside it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Column))]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnText {
    name: String,
    #[serde(rename = "type")]
    kind: KindText,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_chars: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    min: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    max: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decimals: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum KindText {
    Boolean,
    Date,
    Integer,
    Number,
    Text,
    Word,
}

/// A number as a contract keeps it: `2.0` is `2`, as in the canonical form, and its size is one that JSON holds.
pub(super) fn exact(number: &Number) -> Option<Number> {
    const BOUND: f64 = MAX_NUMBER as f64;
    let float = number.as_f64()?;
    if float.abs() > BOUND {
        return None;
    }
    if float.fract() == 0.0 { Some(Number::from(float as i64)) } else { Number::from_f64(float) }
}

impl TryFrom<ColumnText> for Column {
    type Error = String;

    fn try_from(text: ColumnText) -> Result<Self, String> {
        use KindText as Kind;
        let ColumnText { name, kind, optional, max_chars, min, max, decimals, words } = text;
        // What is set, and the types that it means something for.
        let set: [(&str, bool, &[KindText]); 5] = [
            ("max_chars", max_chars.is_some(), &[Kind::Text]),
            ("min", min.is_some(), &[Kind::Integer, Kind::Number]),
            ("max", max.is_some(), &[Kind::Integer, Kind::Number]),
            ("decimals", decimals.is_some(), &[Kind::Number]),
            ("words", words.is_some(), &[Kind::Word]),
        ];
        if let Some((field, ..)) = set.iter().find(|(_, set, kinds)| *set && !kinds.contains(&kind))
        {
            return Err(format!("`{field}` means nothing for the type of this column"));
        }
        let bound = |field: &str, number: Option<Number>| match number {
            None => Ok(None),
            Some(number) => exact(&number)
                .map(Some)
                .ok_or_else(|| format!("`{field}` must be between -{MAX_NUMBER} and {MAX_NUMBER}")),
        };
        let (min, max) = (bound("min", min)?, bound("max", max)?);
        let whole = |field: &str, number: Option<Number>| match number {
            None => Ok(None),
            Some(number) => number
                .as_i64()
                .map(Some)
                .ok_or_else(|| format!("`{field}` of an integer column must be an integer")),
        };
        let kind = match kind {
            Kind::Boolean => ColumnKind::Boolean,
            Kind::Date => ColumnKind::Date,
            Kind::Integer => {
                ColumnKind::Integer { min: whole("min", min)?, max: whole("max", max)? }
            }
            Kind::Number => ColumnKind::Number { min, max, decimals },
            Kind::Text => ColumnKind::Text { max_chars },
            Kind::Word => ColumnKind::Word {
                words: words.ok_or("a column of type `word` lists its `words`")?,
            },
        };
        Ok(Self { name, kind, optional })
    }
}

impl From<Column> for ColumnText {
    fn from(column: Column) -> Self {
        let Column { name, kind, optional } = column;
        let mut text = Self {
            name,
            kind: KindText::Boolean,
            optional,
            max_chars: None,
            min: None,
            max: None,
            decimals: None,
            words: None,
        };
        match kind {
            ColumnKind::Boolean => {}
            ColumnKind::Date => text.kind = KindText::Date,
            ColumnKind::Integer { min, max } => {
                text.kind = KindText::Integer;
                (text.min, text.max) = (min.map(Number::from), max.map(Number::from));
            }
            ColumnKind::Number { min, max, decimals } => {
                text.kind = KindText::Number;
                (text.min, text.max, text.decimals) = (min, max, decimals);
            }
            ColumnKind::Text { max_chars } => {
                text.kind = KindText::Text;
                text.max_chars = max_chars;
            }
            ColumnKind::Word { words } => {
                text.kind = KindText::Word;
                text.words = Some(words);
            }
        }
        text
    }
}
