//! `requirements.txt` as code providers write it: which packages, in which versions, on which machines.
//!
//! Only that. A file that goes with sealed code must not decide from where packages come, nor name folders of the
//! machine that resolves it; so options and addresses are refused, by line. What is handed to the resolver is written
//! anew from what was read: no text of the file reaches it as it stands.

mod error;

pub use error::{LineFault, RequirementsError};

use crate::{marker::Marker, redact::without_credentials, target::Target};
use pep440_rs::{Operator, Version, VersionSpecifiers};
use sealroom_protocol::{
    Digest,
    package::{PackageError, PackageName},
    text::visible,
};
use std::{collections::BTreeSet, str::FromStr};

/// Largest file, in bytes: a long file with a hash for each wheel of each package is far below.
pub const MAX_REQUIREMENTS: usize = 256 << 10;
/// Requirements in one file: as many as a lock can have packages.
pub const MAX_REQUIREMENT_LINES: usize = 1000;
/// Bytes of one requirement with its options, its lines put together.
const MAX_LINE: usize = 16 << 10;

/// A file of requirements that was read.
#[derive(Clone, Debug)]
pub struct Requirements {
    digest: Digest,
    entries: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub name: PackageName,
    /// As it was read, in the form that PEP 508 has for it.
    pub text: String,
    /// The versions it allows; nothing if it asks for extras, which ask for more.
    pub versions: Option<VersionSpecifiers>,
    /// The one version it allows, if it is named with `==`.
    pub pinned: Option<String>,
    /// Where it counts.
    pub marker: Option<Marker>,
    /// Files that it may be; any if there are none.
    pub hashes: BTreeSet<Digest>,
}

/// Shown in an error.
fn shown(text: &str) -> String {
    visible(&without_credentials(text).chars().take(80).collect::<String>())
}

impl Requirements {
    /// Reads a file.
    ///
    /// # Errors
    /// Every [`RequirementsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RequirementsError> {
        if bytes.len() > MAX_REQUIREMENTS {
            return Err(RequirementsError::TooLong { found: bytes.len() });
        }
        let mut entries = Vec::new();
        for (line, text) in logical_lines(bytes)? {
            let entry = text.parse().map_err(|fault| RequirementsError::Line { line, fault })?;
            if entries.len() == MAX_REQUIREMENT_LINES {
                return Err(RequirementsError::TooMany { line });
            }
            entries.push(entry);
        }
        Ok(Self { digest: Digest::of(bytes), entries })
    }

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The packages it asks for.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&PackageName> {
        self.entries.iter().map(|entry| &entry.name).collect()
    }

    /// SHA-256 of the file as it was given.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What a runtime does not have, or not so: the rest needs no resolving.
    pub(crate) fn beyond(&self, target: &Target) -> Self {
        let environment = target.environment();
        let is_met = |entry: &&Requirement| {
            let counts = entry.marker.as_ref().is_none_or(|marker| marker.holds(&environment));
            let base = target.base.iter().find(|(name, _)| *name == entry.name);
            let version = base.and_then(|(_, version)| version.as_str().parse::<Version>().ok());
            let fits =
                version.zip(entry.versions.as_ref()).is_some_and(|(v, all)| all.contains(&v));
            !counts || (fits && entry.hashes.is_empty())
        };
        let entries = self.entries.iter().filter(|entry| !is_met(entry)).cloned().collect();
        Self { digest: self.digest, entries }
    }

    pub(crate) fn entries(&self) -> &[Requirement] {
        &self.entries
    }

    /// What the resolver gets.
    pub(crate) fn to_text(&self) -> String {
        self.entries.iter().map(|entry| format!("{}\n", entry.text)).collect()
    }
}

/// Lines with their numbers, without comments, continued ones put together, as pip does it.
fn logical_lines(bytes: &[u8]) -> Result<Vec<(usize, String)>, RequirementsError> {
    let (mut lines, mut begun) = (Vec::new(), None::<(usize, String)>);
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let number = at + 1;
        let refuse = |fault| RequirementsError::Line { line: number, fault };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = str::from_utf8(line).map_err(|_| refuse(LineFault::NotUtf8))?;
        if let Some(c) = line.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(refuse(LineFault::Control(u32::from(c))));
        }
        let is_comment = line.trim_start().starts_with('#');
        let (first, mut text) = begun.take().unwrap_or((number, String::new()));
        if is_comment {
            // It ends what was continued.
            lines.push((first, text));
            continue;
        }
        let continued = line.strip_suffix('\\');
        text.push_str(continued.unwrap_or(line));
        if text.len() > MAX_LINE {
            return Err(refuse(LineFault::TooLong));
        }
        if continued.is_some() {
            begun = Some((first, text));
        } else {
            lines.push((first, text));
        }
    }
    lines.extend(begun);
    let without_comment = |(number, text): (usize, String)| {
        let text = uncommented(&text).trim().to_owned();
        (!text.is_empty()).then_some((number, text))
    };
    Ok(lines.into_iter().filter_map(without_comment).collect())
}

/// A comment begins with a `#` that starts the line or follows a space.
fn uncommented(text: &str) -> &str {
    let begins =
        |(at, _): &(usize, &str)| text[..*at].chars().next_back().is_none_or(char::is_whitespace);
    text.match_indices('#').find(begins).map_or(text, |(at, _)| &text[..at])
}

impl FromStr for Requirement {
    type Err = LineFault;

    fn from_str(line: &str) -> Result<Self, LineFault> {
        let (text, options) = split_options(line);
        if text.is_empty() {
            return Err(LineFault::Option(option_name(options)));
        }
        if text.contains("${") || options.contains("${") {
            return Err(LineFault::Variable(shown(line)));
        }
        let hashes = hashes(options)?;
        let (text, marker) = match text.split_once(';') {
            Some((text, marker)) => (text.trim(), Some(marker.trim())),
            None => (text, None),
        };
        refuse_elsewhere(text)?;
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let (name, rest) = text.split_at(text.find(|c| !of_name(c)).unwrap_or(text.len()));
        let (extras, rest) = split_extras(rest.trim())?;
        let name: PackageName = if name.is_empty() { text } else { name }.parse()?;
        let versions = versions(rest)?;
        let pinned = match versions.as_ref() {
            [one] if *one.operator() == Operator::Equal => Some(one.version().to_string()),
            _ => None,
        };
        let mut whole = format!("{name}{extras}{versions}");
        let read =
            |text: &str| text.parse().map_err(|why| LineFault::Marker { found: shown(text), why });
        let marker: Option<Marker> = marker.map(read).transpose()?;
        if let Some(marker) = &marker {
            whole.push_str(&format!(" ; {marker}"));
        }
        let versions = extras.is_empty().then_some(versions);
        Ok(Self { name, text: whole, versions, pinned, marker, hashes })
    }
}

/// Options begin with the first word that begins with `-`.
fn split_options(line: &str) -> (&str, &str) {
    if line.starts_with('-') {
        return ("", line);
    }
    let begins = |(at, _): &(usize, char)| line[at + 1..].starts_with('-');
    let space = line.char_indices().filter(|(_, c)| c.is_ascii_whitespace()).find(begins);
    space.map_or((line, ""), |(at, _)| (line[..at].trim_end(), &line[at + 1..]))
}

/// The name of an option, without its value: that may be an address with a password.
fn option_name(text: &str) -> String {
    let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
    let name = &text[..end];
    // `-rother.txt` is `-r other.txt`.
    let short = !name.starts_with("--") && name.is_char_boundary(2.min(name.len()));
    shown(if short { &name[..2.min(name.len())] } else { name })
}

fn hashes(options: &str) -> Result<BTreeSet<Digest>, LineFault> {
    let (mut hashes, mut words) = (BTreeSet::new(), options.split_ascii_whitespace());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash=") {
            Some(value) => value,
            None if word == "--hash" => words.next().unwrap_or_default(),
            None => return Err(LineFault::Option(option_name(word))),
        };
        let digest = value
            .strip_prefix("sha256:")
            .and_then(|hex| hex.to_ascii_lowercase().parse::<Digest>().ok());
        hashes.insert(digest.ok_or_else(|| LineFault::Hash(shown(value)))?);
    }
    Ok(hashes)
}

/// Refuses what is not taken from the index.
fn refuse_elsewhere(text: &str) -> Result<(), LineFault> {
    const FILES: [&str; 7] = [".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip"];
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") || text.contains('@') || lower.starts_with("file:") {
        return Err(LineFault::Url(shown(text)));
    }
    let names_file = FILES.iter().any(|end| lower.ends_with(end));
    if names_file || text.starts_with(['.', '~']) || text.contains(['/', '\\']) {
        return Err(LineFault::Path(shown(text)));
    }
    Ok(())
}

/// `[a, b]` in front of the rest.
fn split_extras(text: &str) -> Result<(String, &str), LineFault> {
    let Some(inside) = text.strip_prefix('[') else { return Ok((String::new(), text)) };
    let Some((inside, rest)) = inside.split_once(']') else {
        return Err(LineFault::Name(
            shown(text)
                .parse::<PackageName>()
                .err()
                .unwrap_or_else(|| PackageError::Name(shown(text))),
        ));
    };
    let mut extras = Vec::new();
    for extra in inside.split(',').map(str::trim).filter(|extra| !extra.is_empty()) {
        extras.push(extra.parse::<PackageName>()?.to_string());
    }
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    Ok((extras, rest.trim()))
}

fn versions(text: &str) -> Result<VersionSpecifiers, LineFault> {
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let refuse = |why: String| LineFault::Version { found: shown(text), why };
    let inside = inside.unwrap_or(text).trim();
    if inside.is_empty() {
        return Ok(VersionSpecifiers::empty());
    }
    if !inside.starts_with(['<', '>', '=', '!', '~']) {
        return Err(refuse("it does not begin with an operator such as `==`".to_owned()));
    }
    VersionSpecifiers::from_str(inside).map_err(|error| {
        // Of several lines: the reason, and a drawing of where it is.
        refuse(visible(error.to_string().lines().next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests;
