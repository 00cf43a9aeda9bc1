//! Reading a marker, with bounds on how large it is.

use super::{Marker, MarkerError, VARIABLES, Value};
use std::str::FromStr;

/// How deep parentheses may be nested: nobody needs two.
const MAX_DEPTH: usize = 8;
/// Comparisons in one marker. uv works with them too, and more slowly the more there are.
const MAX_TERMS: usize = 32;

type Result<T> = std::result::Result<T, MarkerError>;

fn fault<T>(text: impl Into<String>) -> Result<T> {
    Err(MarkerError(text.into()))
}

impl FromStr for Marker {
    type Err = MarkerError;

    fn from_str(text: &str) -> Result<Self> {
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, terms: 0 };
        let marker = reader.any_of(0)?;
        match reader.tokens.first() {
            None => Ok(marker),
            Some(token) => fault(format!("{} is not expected there", token.shown())),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Sign(text) => format!("`{text}`"),
            Self::Text(text) => format!("'{text}'"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let is_in: fn(char) -> bool = match first {
            '(' | ')' => {
                tokens.push(Token::Sign(first.to_string()));
                rest = rest[1..].trim_start();
                continue;
            }
            '"' | '\'' => {
                let Some((inside, after)) = rest[1..].split_once(first) else {
                    return fault("a quotation mark is not closed");
                };
                if inside.contains('\\') || inside.chars().any(char::is_control) {
                    return fault("a text in it has characters that no value has");
                }
                tokens.push(Token::Text(inside.to_owned()));
                rest = after.trim_start();
                continue;
            }
            '<' | '>' | '=' | '!' | '~' => |c| matches!(c, '<' | '>' | '=' | '!' | '~'),
            c if c.is_ascii_alphabetic() => |c| c.is_ascii_alphanumeric() || c == '_',
            c => return fault(format!("`{c}` is not expected there")),
        };
        let end = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        let is_word = first.is_ascii_alphabetic();
        tokens.push(if is_word { Token::Word(word) } else { Token::Sign(word) });
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: &'a [Token],
    terms: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<&Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.tokens.first(), Some(Token::Word(found)) if found == word);
        if takes {
            self.next();
        }
        takes
    }

    fn any_of(&mut self, depth: usize) -> Result<Marker> {
        let mut parts = vec![self.all_of(depth)?];
        while self.takes_word("or") {
            parts.push(self.all_of(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::Or(parts) })
    }

    fn all_of(&mut self, depth: usize) -> Result<Marker> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Marker> {
        if self.tokens.first() == Some(&Token::Sign("(".to_owned())) {
            if depth == MAX_DEPTH {
                return fault(format!("parentheses are nested deeper than {MAX_DEPTH}"));
            }
            self.next();
            let inside = self.any_of(depth + 1)?;
            return match self.next() {
                Some(Token::Sign(sign)) if sign == ")" => Ok(inside),
                _ => fault("a parenthesis is not closed"),
            };
        }
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return fault(format!("it has more than {MAX_TERMS} comparisons"));
        }
        let left = self.value()?;
        let operator = self.operator()?;
        let right = self.value()?;
        if matches!((&left, &right), (Value::Text(_), Value::Text(_))) {
            return fault("it compares two texts");
        }
        Ok(Marker::Is { left, operator, right })
    }

    fn value(&mut self) -> Result<Value> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::Text(text.clone())),
            Some(Token::Word(word)) => match VARIABLES.into_iter().find(|known| known == word) {
                Some(known) => Ok(Value::Variable(known)),
                None => fault(format!("`{word}` is no variable of markers")),
            },
            Some(token) => fault(format!("{} is not expected there", token.shown())),
            None => fault("it ends too soon"),
        }
    }

    fn operator(&mut self) -> Result<String> {
        if self.takes_word("in") {
            return Ok("in".to_owned());
        }
        if self.takes_word("not") {
            return if self.takes_word("in") {
                Ok("not in".to_owned())
            } else {
                fault("`not` is followed by `in`, or it is no operator")
            };
        }
        match self.next() {
            Some(Token::Sign(sign))
                if ["<", "<=", "!=", "==", ">=", ">", "~=", "==="].contains(&sign.as_str()) =>
            {
                Ok(sign.clone())
            }
            Some(token) => fault(format!("{} is no operator", token.shown())),
            None => fault("it ends too soon"),
        }
    }
}
