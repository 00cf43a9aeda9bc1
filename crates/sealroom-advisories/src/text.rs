//! Text of an advisory that somebody will look at.

use sealroom_protocol::text::visible;
use serde::{Deserialize, Serialize};

/// Characters of a line: what a terminal shows in two or three rows.
const MAX_LINE: usize = 200;

/// One line of text that shows what it is: no line breaks, nothing that moves a cursor, at most [`MAX_LINE`]
/// characters. Where more was said, it ends in `…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1);
        // One more than fits shows that something was cut; no more of a long text has to be looked at.
        let mut chars: Vec<char> = words.flat_map(str::chars).take(MAX_LINE + 1).collect();
        if chars.len() > MAX_LINE {
            chars.truncate(MAX_LINE - 1);
            chars.push('…');
        }
        Self(visible(&chars.into_iter().collect::<String>()))
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_is_one_line_that_hides_nothing() {
        for (text, line) in [
            ("", ""),
            (" \n ", ""),
            ("a\r\n  b\tc", "a b c"),
            ("a\u{1b}[2Kb", "a\u{fffd}[2Kb"),
            ("a\u{2028}b\u{202e}c", "a b\u{fffd}c"),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(Line::from(text).as_str(), line, "{text:?}");
            let stored = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Line>(&stored).unwrap().as_str(), line, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let whole = "é".repeat(200);
        assert_eq!(Line::from(whole.as_str()).as_str(), whole);
        let cut = Line::from("é".repeat(201).as_str());
        assert_eq!(cut.as_str(), format!("{}…", "é".repeat(199)));
        assert_eq!(Line::from(cut.as_str()), cut, "cut once");
    }
}
