//! Media types that can be told from a result's bytes: binary ones by how they begin, texts by reading all of them.
//! How a file begins says nothing of what else is in it.

use super::csv::Rectangle;
use crate::text::visible;

/// A media type that can be checked.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Anything,
    /// Begins with one of these. `?` stands for any byte.
    Signature(&'static [&'static [u8]]),
    Csv,
    Json,
    Plain,
}

use Rule::Signature;

/// All media types that can be checked, by name. Signatures are from the formats' own specifications.
pub(super) static KINDS: &[Kind] = &[
    Kind { name: "application/gzip", rule: Signature(&[b"\x1f\x8b\x08"]) },
    Kind { name: "application/json", rule: Rule::Json },
    Kind { name: "application/octet-stream", rule: Rule::Anything },
    Kind { name: "application/pdf", rule: Signature(&[b"%PDF-1.", b"%PDF-2."]) },
    // OOXML and ODF documents and .npz files are ZIP archives too.
    Kind { name: "application/zip", rule: Signature(&[b"PK\x03\x04", b"PK\x05\x06"]) },
    Kind { name: "application/vnd.apache.arrow.file", rule: Signature(&[b"ARROW1\0\0"]) },
    Kind { name: "application/vnd.apache.parquet", rule: Signature(&[b"PAR1"]) },
    Kind { name: "application/vnd.sqlite3", rule: Signature(&[b"SQLite format 3\0"]) },
    Kind { name: "application/x-hdf5", rule: Signature(&[b"\x89HDF\r\n\x1a\n"]) },
    Kind { name: "application/x-npy", rule: Signature(&[b"\x93NUMPY"]) },
    Kind { name: "image/gif", rule: Signature(&[b"GIF87a", b"GIF89a"]) },
    Kind { name: "image/jpeg", rule: Signature(&[b"\xff\xd8\xff"]) },
    Kind { name: "image/png", rule: Signature(&[b"\x89PNG\r\n\x1a\n"]) },
    Kind { name: "image/tiff", rule: Signature(&[b"II*\0", b"MM\0*"]) },
    Kind { name: "image/webp", rule: Signature(&[b"RIFF????WEBP"]) },
    Kind { name: "text/csv", rule: Rule::Csv },
    Kind { name: "text/plain", rule: Rule::Plain },
];

impl Kind {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Whether it is checked as a JSON clause is, with a schema that allows anything.
    pub(super) fn is_json(&self) -> bool {
        self.rule == Rule::Json
    }

    pub(super) fn check(&self) -> Check {
        match self.rule {
            // JSON is a body of its own, see `Terms`.
            Rule::Anything | Rule::Json => Check::Anything,
            Signature(wanted) => Check::Signature { wanted, head: Vec::new() },
            Rule::Csv => Check::Csv(Rectangle::default()),
            Rule::Plain => Check::Plain(Utf8::default()),
        }
    }
}

/// Looks at a result of a media type while it is written.
#[derive(Debug)]
pub(super) enum Check {
    Anything,
    Signature { wanted: &'static [&'static [u8]], head: Vec<u8> },
    Csv(Rectangle),
    Plain(Utf8),
}

impl Check {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self {
            Self::Anything => Ok(()),
            Self::Signature { wanted, head } => {
                let longest = wanted.iter().map(|signature| signature.len()).max().unwrap_or(0);
                let room = longest.saturating_sub(head.len());
                head.extend_from_slice(&bytes[..bytes.len().min(room)]);
                let could_be = |signature: &&&[u8]| {
                    head.iter().zip(signature.iter()).all(|(a, b)| a == b || *b == b'?')
                };
                match wanted.iter().find(could_be) {
                    Some(_) => Ok(()),
                    None => Err("does not begin as a file of this type".to_owned()),
                }
            }
            Self::Csv(rectangle) => rectangle.push(bytes),
            Self::Plain(utf8) => utf8.push(bytes, plain),
        }
    }

    pub(super) fn finish(self) -> Result<(), String> {
        match self {
            Self::Anything => Ok(()),
            Self::Signature { wanted, head } => {
                match wanted.iter().all(|signature| head.len() < signature.len()) {
                    false => Ok(()),
                    true => Err("too short for a file of this type".to_owned()),
                }
            }
            Self::Csv(rectangle) => rectangle.finish(),
            Self::Plain(utf8) => utf8.finish(),
        }
    }
}

fn plain(text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        None => Ok(()),
        Some(found) => Err(format!("has the control character U+{:04X}", u32::from(found))),
    }
}

/// UTF-8 that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose rest has not arrived: less than four bytes.
    rest: Vec<u8>,
}

impl Utf8 {
    /// Hands the text to `look`, in pieces.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        look: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        while !self.rest.is_empty() {
            let Some((first, others)) = bytes.split_first() else { return Ok(()) };
            self.rest.push(*first);
            bytes = others;
            match std::str::from_utf8(&self.rest) {
                Ok(text) => {
                    look(text)?;
                    self.rest.clear();
                }
                Err(error) if error.error_len().is_some() => return Err(self.fault()),
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => look(text),
            Err(error) => {
                let (text, rest) = bytes.split_at(error.valid_up_to());
                look(std::str::from_utf8(text).unwrap_or_default())?;
                self.rest.extend_from_slice(&rest[..rest.len().min(4)]);
                if error.error_len().is_some() { Err(self.fault()) } else { Ok(()) }
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), String> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault()) }
    }

    fn fault(&self) -> String {
        format!("not UTF-8 at `{}`", visible(&String::from_utf8_lossy(&self.rest)))
    }
}
