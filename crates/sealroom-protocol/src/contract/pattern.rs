//! Patterns of JSON Schema: the part of ECMA-262 regular expressions that can be matched in time linear in the text.
//! What means something else in the syntax of `regex-automata` is translated, or refused.

use regex_automata::{
    nfa::thompson::{
        self, WhichCaptures,
        pikevm::{Cache, PikeVM},
    },
    util::syntax,
};

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// Largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 64 << 10;

/// A pattern, compiled. Not by the crate `regex`: how large a pattern becomes there depends on which of its features
/// somebody else has turned on, and server and enclave must agree on what is too large.
#[derive(Debug)]
pub(super) struct Pattern {
    machine: PikeVM,
    /// Steps that a byte of text costs at most: for each state of the machine, two.
    pub(super) cost: u64,
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_PATTERN {
            return Err(format!("a pattern of {} bytes, at most {MAX_PATTERN}", pattern.len()));
        }
        let machine = PikeVM::builder()
            .syntax(syntax::Config::new().nest_limit(32))
            .thompson(
                thompson::Config::new()
                    .nfa_size_limit(Some(MAX_COMPILED))
                    .which_captures(WhichCaptures::None),
            )
            .build(&translate(pattern)?);
        match machine {
            Ok(machine) => {
                let cost = 2 * machine.get_nfa().states().len() as u64;
                Ok(Self { machine, cost })
            }
            Err(error) if error.size_limit().is_some() => Err(format!(
                "`{pattern}` is too large once compiled: use minLength and maxLength to count"
            )),
            Err(_) => Err(format!("`{pattern}` is no regular expression")),
        }
    }

    /// What one thread needs to match, to be used again.
    pub(super) fn cache(&self) -> Cache {
        self.machine.create_cache()
    }

    pub(super) fn matches(&self, cache: &mut Cache, text: &str) -> bool {
        self.machine.is_match(cache, text)
    }
}

/// Rewrites what ECMA-262 and `regex-automata` read differently.
fn translate(pattern: &str) -> Result<String, String> {
    let refused = |what: &str| Err(format!("`{pattern}`: {what}"));
    let mut out = String::new();
    let mut class = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match (c, class) {
            ('\\', _) => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[A-Za-z0-9_]"),
                Some('W') => out.push_str("[^A-Za-z0-9_]"),
                Some(letter @ ('t' | 'n' | 'r')) => out.extend(['\\', letter]),
                // An escaped sign stands for itself in both.
                Some(sign) if sign.is_ascii_punctuation() && !matches!(sign, '<' | '>') => {
                    out.extend(['\\', sign]);
                }
                Some(other) => return refused(&format!("`\\{other}` can't be used here")),
                None => return refused("ends with a backslash"),
            },
            ('[', false) => {
                class = true;
                out.push('[');
                if next == Some('^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    return refused("has an empty class");
                }
            }
            ('[', true) => return refused("write `[` in a class as `\\[`"),
            (']', true) => {
                class = false;
                out.push(']');
            }
            ('&' | '-' | '~', true) if next == Some(c) => {
                return refused("has a sign twice in a row in a class");
            }
            ('.', false) => out.push_str("[^\\n\\r\\x{2028}\\x{2029}]"),
            ('(', false) if next == Some('?') => {
                out.push('(');
                out.extend(chars.next());
                if chars.peek() != Some(&':') {
                    return refused("a group that begins with `(?` must begin with `(?:`");
                }
            }
            ('{', false) if !next.is_some_and(|c| c.is_ascii_digit()) => {
                return refused("`{` without a number");
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_ecma_262_says() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (r"^\d+$", &["0", "1239"], &["", "١٢", "1\n"]),
            (r"^[\d-]{3}$", &["1-2", "---"], &["1", "abc"]),
            (r"^\w$", &["a", "_", "9"], &["é", "-"]),
            (r"^[^\d]$", &["a", "é"], &["1", ""]),
            (r"^.$", &["a", "é", "😀"], &["\n", "\r", "\u{2028}", ""]),
            ("b", &["abc", "b"], &["ac"]),
            (r"^(?:a|b)*$", &["", "abab"], &["c"]),
            (r"^a{2,3}$", &["aa", "aaa"], &["a", "aaaa"]),
            (r"^[\[\]\\.]$", &["[", "]", "\\", "."], &["a"]),
            (r"^\^\$\/$", &["^$/"], &[""]),
        ];
        for (pattern, good, bad) in cases {
            let compiled = Pattern::compile(pattern).unwrap();
            let mut cache = compiled.cache();
            assert!(good.iter().all(|text| compiled.matches(&mut cache, text)), "{pattern}");
            assert!(!bad.iter().any(|text| compiled.matches(&mut cache, text)), "{pattern}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_or_cost_much_is_refused() {
        let long = "a".repeat(MAX_PATTERN + 1);
        for bad in [
            "(",
            "a\\",
            "(?i)a",
            "(?=a)",
            "(?<n>a)",
            "(?P<n>a)",
            r"\b",
            r"\p{L}",
            r"\1",
            r"\s",
            r"\x41",
            "[]",
            "[]a]",
            "[^]",
            "[a&&b]",
            "[a--b]",
            "[a~~b]",
            "[[a]]",
            "{,3}",
            "a{,3}",
            "a{2",
            "*",
            "[z-a]",
            "((a{100}){100}){100}",
            "(?:a?){4000000000}",
            r"\<",
            &long,
        ] {
            assert!(Pattern::compile(bad).is_err(), "{bad}");
        }
        assert!(Pattern::compile("^.{1,80}$").is_ok());
        assert!(Pattern::compile("(){4000000000}").unwrap().cost < 100);
        // Fits, and costs more than a small one.
        let large = Pattern::compile("^(a|bc){300}$").unwrap();
        assert!(large.cost > Pattern::compile("^a$").unwrap().cost);
    }
}
