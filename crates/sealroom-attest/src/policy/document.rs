//! A TOML text taken apart with its lines: what is asked for is converted, or refused where it stands.

use super::error::{PolicyError, printable};
use std::{collections::BTreeSet, ops::RangeInclusive};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Elements that a list can have. Longer ones are for programs, not for readers.
const MAX_LIST: usize = 4096;

/// Something that has a place in the file.
pub(super) trait Placed {
    /// The error that this is wrong.
    fn refuse(&self, message: impl Into<String>) -> PolicyError;
}

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    text: &'a str,
    /// As errors call it: `[sgx]`.
    path: &'static str,
    start: usize,
    entries: &'a DeTable<'a>,
}

/// A value, by its key; an element of a list goes by that of the list.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    text: &'a str,
    key: &'a str,
    start: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl Placed for Table<'_> {
    fn refuse(&self, message: impl Into<String>) -> PolicyError {
        PolicyError::at(self.text, self.start, message)
    }
}

impl Placed for Item<'_> {
    fn refuse(&self, message: impl Into<String>) -> PolicyError {
        PolicyError::at(self.text, self.start, message)
    }
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn root(text: &'a str, entries: &'a DeTable<'a>) -> Self {
        Self { text, path: "a policy", start: 0, entries }
    }

    /// Refuses keys that nobody would read.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), PolicyError> {
        let unknown = self.entries.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(first) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let key = printable(first.get_ref());
        let message = if key.to_ascii_lowercase().contains("debug") {
            format!(
                "there is no `{key}`: the host of an enclave that can be debugged reads everything, so no policy \
                 accepts one; leave it out"
            )
        } else {
            format!("{} has no `{key}`; it can have {}", self.path, listed(known))
        };
        Err(PolicyError::at(self.text, first.span().start, message))
    }

    pub(super) fn get(&self, name: &str) -> Option<Item<'a>> {
        let (key, value) = self.entries.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(Item { text: self.text, key: key.get_ref(), start: key.span().start, value })
    }

    /// The value of a key that has to be there; `what` says what to write.
    pub(super) fn need(&self, name: &str, what: &str) -> Result<Item<'a>, PolicyError> {
        self.get(name).ok_or_else(|| self.refuse(format!("{} needs `{name}`: {what}", self.path)))
    }

    /// Puts the value of a key into `place`, if it is there.
    pub(super) fn read<T>(
        &self,
        name: &str,
        place: &mut T,
        convert: impl FnOnce(&Item<'a>) -> Result<T, PolicyError>,
    ) -> Result<(), PolicyError> {
        if let Some(item) = self.get(name) {
            *place = convert(&item)?;
        }
        Ok(())
    }

    /// The value of a key, if it is there.
    pub(super) fn maybe<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&Item<'a>) -> Result<T, PolicyError>,
    ) -> Result<Option<T>, PolicyError> {
        self.get(name).map(|item| convert(&item)).transpose()
    }

    /// The keys, in the order of the file.
    pub(super) fn items(&self) -> Vec<Item<'a>> {
        let item = |(key, value): (&'a Spanned<_>, _)| -> Item<'a> {
            let key: &'a Spanned<std::borrow::Cow<'a, str>> = key;
            Item { text: self.text, key: key.get_ref(), start: key.span().start, value }
        };
        let mut items: Vec<_> = self.entries.iter().map(item).collect();
        items.sort_by_key(|item| item.start);
        items
    }

    /// The tables of a list of tables such as `[[sgx.reference]]`; `path` is what errors call one.
    pub(super) fn tables(&self, name: &str, path: &'static str) -> Result<Vec<Self>, PolicyError> {
        let Some(item) = self.get(name) else { return Ok(vec![]) };
        item.elements()?.iter().map(|item| item.table(path)).collect()
    }
}

impl<'a> Item<'a> {
    /// What it is called.
    pub(super) const fn key(&self) -> &'a str {
        self.key
    }

    fn wrong(&self, wanted: &str) -> PolicyError {
        let found = match self.value.get_ref() {
            DeValue::Array(_) => "a list",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Float(_) => "a number with a point",
            DeValue::Integer(_) => "a number",
            DeValue::String(_) => "text in quotes",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("`{}` has to be {wanted}, not {found}", printable(self.key)))
    }

    /// `path` is what errors call it.
    pub(super) fn table(&self, path: &'static str) -> Result<Table<'a>, PolicyError> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return Err(self.wrong("a table"));
        };
        Ok(Table { text: self.text, path, start: self.start, entries })
    }

    pub(super) fn flag(&self) -> Result<bool, PolicyError> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// A whole number, decimal or `0x`.
    pub(super) fn number<T: TryFrom<u64>>(
        &self,
        range: RangeInclusive<u64>,
    ) -> Result<T, PolicyError> {
        let DeValue::Integer(digits) = self.value.get_ref() else {
            return Err(self.wrong("a whole number"));
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let found = printable(&digits.to_string());
            let (least, most) = range.into_inner();
            self.refuse(format!("`{}` is {found}; it has to be from {least} to {most}", self.key))
        })
    }

    pub(super) fn text(&self) -> Result<&'a str, PolicyError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("text in quotes")),
        }
    }

    /// Bytes, as hexadecimal digits of either case.
    pub(super) fn hex<const N: usize>(&self) -> Result<[u8; N], PolicyError> {
        let text = self.text()?;
        let mut bytes = [0; N];
        if text.len() == 2 * N && hex::decode_to_slice(text, &mut bytes).is_ok() {
            return Ok(bytes);
        }
        let found = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
            Some(other) => format!("has a `{}`", printable(&other.to_string())),
            None => format!("has {}", text.len()),
        };
        let message =
            format!("`{}` has to have {} hexadecimal digits; it {found}", self.key, 2 * N);
        Err(self.refuse(message))
    }

    /// A measurement: as [`Self::hex`], but zeros are those of something that was not measured.
    pub(super) fn digest<const N: usize>(&self) -> Result<[u8; N], PolicyError> {
        let bytes = self.hex()?;
        if bytes == [0; N] {
            let message = format!(
                "`{}` is zero, which is no digest of anything; give that of the release that you expect",
                self.key
            );
            return Err(self.refuse(message));
        }
        Ok(bytes)
    }

    /// The elements of a list. One without any is refused: it is never clear whether it means all or nothing.
    pub(super) fn elements(&self) -> Result<Vec<Self>, PolicyError> {
        let DeValue::Array(elements) = self.value.get_ref() else {
            return Err(self.wrong("a list"));
        };
        let count = elements.len();
        if count == 0 {
            let message = format!(
                "`{}` is an empty list; name what you mean, or leave the key out",
                printable(self.key)
            );
            return Err(self.refuse(message));
        }
        if count > MAX_LIST {
            let message =
                format!("`{}` has {count} elements; it can have {MAX_LIST} at most", self.key);
            return Err(self.refuse(message));
        }
        let element = |value: &'a Spanned<_>| Self { value, start: value.span().start, ..*self };
        Ok(elements.iter().map(element).collect())
    }

    /// A list without repetitions.
    pub(super) fn set<T: Ord>(
        &self,
        convert: impl Fn(&Self) -> Result<T, PolicyError>,
    ) -> Result<BTreeSet<T>, PolicyError> {
        let mut found = BTreeSet::new();
        for element in self.elements()? {
            if !found.insert(convert(&element)?) {
                let message = format!("`{}` has this twice; leave one out", self.key);
                return Err(element.refuse(message));
            }
        }
        Ok(found)
    }
}

/// `a`, `b` and `c`.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        // The registers of a TPM.
        [first, .., last] if quoted.len() > 12 => format!("{first} to {last}"),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
