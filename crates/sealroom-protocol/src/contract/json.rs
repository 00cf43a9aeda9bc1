//! JSON, read strictly. A schema says something of values, and a text can hide more than its value: white space,
//! spellings of the same number or character, a key that comes twice. So a result is written as Python's
//! `json.dumps(value)` writes it, and what is left to the writer's choice is little.

use super::column::exact;
use crate::text::visible;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, cell::Cell, cmp::Ordering, fmt};

/// Most values in one result. Each costs up to some hundred bytes of memory while it is checked.
const MAX_VALUES: u32 = 1 << 20;
/// Longest number, in bytes: 17 digits, sign, point and exponent, as for the cells of a table.
const MAX_NUMBER_LEN: usize = 32;

/// A JSON value, smaller than `serde_json`'s.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Box<[Node<'a>]>),
    /// Sorted by key; no key comes twice.
    Map(Box<[(Cow<'a, str>, Node<'a>)]>),
}

/// A number, compared by what it is: `1.0` equals `1`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i128),
    /// Not whole, or beyond 64 bits.
    Float(f64),
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        const BOUND: f64 = (1_u64 << 63) as f64;
        match float.fract() == 0.0 && float.abs() < BOUND {
            true => Self::Integer(float as i128),
            false => Self::Float(float),
        }
    }
}

impl Number {
    pub(super) fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => order(a, b),
            (Self::Float(a), Self::Integer(b)) => order(b, a).reverse(),
        }
    }
}

/// Compares exactly: `a as f64` could round to `b`. Integers have at most 65 bits, so that clamping `b` is no loss.
fn order(a: i128, b: f64) -> Ordering {
    let floor = b.floor();
    a.cmp(&(floor as i128)).then(if b > floor { Ordering::Less } else { Ordering::Equal })
}

impl Node<'_> {
    /// A total order in which equal values, as JSON Schema has it (2020-12, 4.2.2), are equal.
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        fn lists<T>(a: &[T], b: &[T], each: impl Fn(&T, &T) -> Ordering) -> Ordering {
            let first = a.iter().zip(b).map(|(a, b)| each(a, b)).find(|order| order.is_ne());
            first.unwrap_or(a.len().cmp(&b.len()))
        }
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(*b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => lists(a, b, Self::cmp),
            (Self::Map(a), Self::Map(b)) => {
                lists(a, b, |(a, x), (b, y)| a.cmp(b).then_with(|| x.cmp(y)))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
            Self::Map(_) => 5,
        }
    }
}

/// Builds a [`Node`], and counts.
struct Build<'c>(&'c Cell<u32>);

impl<'de> DeserializeSeed<'de> for &Build<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| de::Error::custom("too many values"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Build<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(Number::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(Number::Integer(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node<'de>, A::Error> {
        let mut map = Vec::new();
        while let Some(Key(key)) = entries.next_key()? {
            map.push((key, entries.next_value_seed(self)?));
        }
        map.sort_by(|(a, _), (b, _)| a.cmp(b));
        match map.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                Err(de::Error::custom(format!("the key `{}` comes twice", visible(&pair[0].0))))
            }
            None => Ok(Node::Map(map.into())),
        }
    }
}

/// A key: borrowed where the text has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(Visit)
    }
}

/// Reads a result.
pub(super) fn read(text: &[u8]) -> Result<Node<'_>, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Build(&left).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    spelling(text.as_bytes())?;
    Ok(node)
}

impl Build<'_> {
    fn deserialize<'de, D: Deserializer<'de>>(&self, from: D) -> Result<Node<'de>, D::Error> {
        DeserializeSeed::deserialize(self, from)
    }
}

/// Checks how a well-formed text is written: see the top of this file.
fn spelling(text: &[u8]) -> Result<(), String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    // Whether `,` and `:` are followed by a space, and whether characters beyond ASCII are escaped; once it is known.
    let (mut spaces, mut escaped) = ([None, None], None);
    let habit = |slot: &mut Option<bool>, now: bool| *slot.get_or_insert(now) == now;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let here = at;
        let fault =
            |what: &str| Err(format!("{what}, at byte {here}: write it as json.dumps(value) does"));
        match byte {
            b'"' => {
                at += 1;
                while text[at] != b'"' {
                    let (len, beyond) = match (text[at], text[at + 1]) {
                        (b'\\', b'u') => match unescaped(&text[at + 2..at + 6]) {
                            0x20..=0x7e => return fault("an escaped character that needs none"),
                            code => (6, (code > 0x7f).then_some(true)),
                        },
                        (b'\\', b'/') => return fault("an escaped character that needs none"),
                        (b'\\', _) => (2, None),
                        (first, _) => (1, (first > 0x7f).then_some(false)),
                    };
                    if beyond.is_some_and(|now| !habit(&mut escaped, now)) {
                        return fault("characters that are escaped here and not there");
                    }
                    at += len;
                }
                at += 1;
            }
            b',' | b':' => {
                let space = text.get(at + 1) == Some(&b' ');
                if !habit(&mut spaces[usize::from(*byte == b':')], space) {
                    return fault("white space that comes and goes");
                }
                at += 1 + usize::from(space);
            }
            b' ' | b'\t' | b'\n' | b'\r' => return fault("more white space than needed"),
            b'-' | b'0'..=b'9' => {
                let rest = &text[at..];
                let end = rest.iter().position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\n'));
                let number = &rest[..end.unwrap_or(rest.len())];
                if !is_plain(number) {
                    return fault("a number with more digits than needed");
                }
                at += number.len();
            }
            _ => at += 1,
        }
    }
    Ok(())
}

fn unescaped(hex: &[u8]) -> u32 {
    hex.iter().fold(0, |code, digit| code * 16 + char::from(*digit).to_digit(16).unwrap_or(0))
}

/// Whether a JSON number is at most 32 bytes long, of at most 17 significant digits, without zeros at the end of its
/// fraction but for `.0`, and in scientific notation with one digit before the point.
fn is_plain(number: &[u8]) -> bool {
    let number = number.strip_prefix(b"-").unwrap_or(number);
    let split = number.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = number.split_at(split.unwrap_or(number.len()));
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let leading = mantissa.iter().take_while(|byte| matches!(byte, b'0' | b'.')).count();
    let digits = mantissa[leading..].iter().filter(|byte| byte.is_ascii_digit()).count();
    // Integers in 64 bits have up to 20 digits.
    let significant = digits <= if fraction.is_empty() { 20 } else { 17 };
    let ends = fraction.len() <= 1 || fraction.last() != Some(&b'0');
    let scientific =
        exponent.is_empty() || (whole.len() == 1 && whole != b"0" && exponent.len() <= 5);
    number.len() < MAX_NUMBER_LEN && significant && ends && scientific
}

/// Reads JSON inside a contract: no key twice, and numbers that the canonical form keeps.
pub(super) fn written<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    // As many as a contract can hold.
    let left = Cell::new(super::MAX_LEN as u32);
    let node = Build(&left).deserialize(deserializer)?;
    value(node).map(Some).map_err(de::Error::custom)
}

fn value(node: Node<'_>) -> Result<serde_json::Value, String> {
    use serde_json::Value;
    Ok(match node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(value),
        Node::Number(number) => {
            let number = match number {
                Number::Integer(number) => i64::try_from(number).ok().map(serde_json::Number::from),
                Number::Float(number) => serde_json::Number::from_f64(number),
            };
            let number = number.as_ref().and_then(exact);
            Value::Number(number.ok_or("a number beyond 2^53 has no exact form in JSON")?)
        }
        Node::Text(text) => Value::String(text.into_owned()),
        Node::List(items) => Value::Array(items.into_iter().map(value).collect::<Result<_, _>>()?),
        Node::Map(entries) => Value::Object(
            entries
                .into_iter()
                .map(|(key, entry)| Ok((key.into_owned(), value(entry)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

/// A value of a contract as a [`Node`].
pub(super) fn node(value: &serde_json::Value) -> Result<Node<'static>, serde_json::Error> {
    // Through text, since a `Value` lends nothing for as long as this is kept.
    let text = value.to_string();
    let left = Cell::new(super::MAX_LEN as u32);
    let node = Build(&left).deserialize(&mut serde_json::Deserializer::from_str(&text))?;
    Ok(owned(node))
}

fn owned(node: Node<'_>) -> Node<'static> {
    match node {
        Node::Null => Node::Null,
        Node::Bool(value) => Node::Bool(value),
        Node::Number(number) => Node::Number(number),
        Node::Text(text) => Node::Text(text.into_owned().into()),
        Node::List(items) => Node::List(items.into_iter().map(owned).collect()),
        Node::Map(entries) => Node::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.into_owned().into(), owned(value)))
                .collect(),
        ),
    }
}
