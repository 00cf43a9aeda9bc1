//! Why a text is no policy.

use std::fmt;

/// What is wrong with a policy, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The line, from 1; `None` if it is the whole text.
    pub line: Option<usize>,
    /// What is wrong, and what to do: one line, of printable characters.
    pub message: String,
}

impl PolicyError {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// About what starts at byte `start` of `text`.
    pub(super) fn at(text: &str, start: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line(text, start)), message: message.into() }
    }

    /// What the TOML parser says.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let message = format!("this is not TOML: {}", printable(error.message()));
        Self { line: error.span().map(|span| line(text, span.start)), message }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PolicyError {}

/// The line, from 1, of a byte.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Somebody else's words, fit for a terminal: in one line, not too long, nothing that moves the cursor.
pub(super) fn printable(text: &str) -> String {
    const MOST: usize = 120;
    let mut out: String = text
        .chars()
        .take(MOST)
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() || is_invisible(c) => '?',
            c => c,
        })
        .collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}

/// Marks that change the direction of what is around them, or that nobody sees.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
