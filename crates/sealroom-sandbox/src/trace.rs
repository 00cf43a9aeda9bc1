//! Where a program raised its exception: all of it that somebody may hear who must not hear what the program says.
//!
//! The program tells it over the channel, and it is hostile. So nothing of it is repeated: a frame counts if its file,
//! its line and its function are those of a file of the code, an exception if it is one of Python's own or a class of
//! the code. Some freedom is left, which place to name; that is why there are few of them.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::job::{CodeFile, Source};

/// Bytes of the JSON.
pub(crate) const LARGEST: usize = 64 << 10;
/// Exceptions, each the cause of the next.
const MOST_RAISED: usize = 4;
/// Frames of one exception, the innermost ones.
const MOST_FRAMES: usize = 16;
/// Bytes of a file whose lines are looked at.
const LARGEST_FILE: u64 = 4 << 20;

/// What a program says of its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trace {
    /// From the first cause to the one that ended it.
    raised: Vec<Raised>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raised {
    #[serde(rename = "type")]
    kind: String,
    /// From the outermost to the innermost: path, line, function.
    frames: Vec<(String, u64, String)>,
}

impl Trace {
    /// Reads it; `None` if it is none.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// What of it is true of the code, in words.
    pub(crate) fn scrubbed(&self, code: &[CodeFile]) -> String {
        let mut out = String::new();
        for raised in self.raised.iter().rev().take(MOST_RAISED).rev() {
            if !out.is_empty() {
                out.push_str("which led to\n");
            }
            let innermost = raised.frames.len().saturating_sub(MOST_FRAMES);
            let mut hidden = innermost > 0;
            for (path, line, function) in &raised.frames[innermost..] {
                let known = text_of(code, path)
                    .filter(|text| (1..=text.lines().count() as u64).contains(line));
                let Some(text) = known else {
                    hidden = true;
                    continue;
                };
                if std::mem::take(&mut hidden) {
                    out.push_str("  elsewhere\n");
                }
                let function = if is_function(&text, function) { function } else { "?" };
                let _ = writeln!(out, "  {path}, line {line}, in {function}");
            }
            if hidden {
                out.push_str("  elsewhere\n");
            }
            let _ = writeln!(out, "{}", exception(&raised.kind, code));
        }
        out
    }
}

fn text_of(code: &[CodeFile], path: &str) -> Option<String> {
    let file = code.iter().find(|file| file.path == path)?;
    text(&file.source)
}

fn text(source: &std::sync::Arc<dyn Source>) -> Option<String> {
    let length = source.len();
    let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| length <= LARGEST_FILE)?];
    source.read_at(0, &mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// Whether `name` can be the name of a function in `text`.
fn is_function(text: &str, name: &str) -> bool {
    const NAMELESS: [&str; 6] =
        ["<module>", "<lambda>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"];
    NAMELESS.contains(&name) || defines(text, "def", name) || defines(text, "class", name)
}

/// Whether a line of `text` begins with `word` and `name`.
fn defines(text: &str, word: &str, name: &str) -> bool {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return false;
    }
    text.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").map_or(line, str::trim_start);
        let rest = line.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t']));
        let rest = rest.and_then(|rest| rest.trim_start().strip_prefix(name));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

fn exception<'a>(kind: &'a str, code: &[CodeFile]) -> &'a str {
    let own = || {
        let python = code.iter().filter(|file| file.path.ends_with(".py"));
        python.filter_map(|file| text(&file.source)).any(|text| defines(&text, "class", kind))
    };
    if BUILTIN.contains(&kind) || own() { kind } else { "an exception of a package" }
}

/// Python's own exceptions, of the versions from 3.8 on.
const BUILTIN: [&str; 67] = [
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "EncodingWarning",
    "Exception",
    "ExceptionGroup",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotADirectoryError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "PythonFinalizationError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "ZeroDivisionError",
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn code() -> Vec<CodeFile> {
        let file = |path: &str, text: &str| CodeFile {
            path: path.to_owned(),
            sealed: path != "run.py",
            source: Arc::new(text.as_bytes().to_vec()),
        };
        vec![
            file("run.py", "import model\n\nmodel.fit()\n"),
            file(
                "model.py",
                "class BadFit(Exception):\n    pass\n\nasync def fit():\n    raise BadFit(1)\n",
            ),
        ]
    }

    fn scrubbed(json: &str) -> String {
        Trace::parse(json.as_bytes()).unwrap().scrubbed(&code())
    }

    #[test]
    fn places_in_the_code_and_known_types_are_told() {
        let told = scrubbed(
            r#"{"raised": [{"type": "KeyError", "frames": [["model.py", 5, "fit"]]},
                {"type": "BadFit", "frames": [["run.py", 3, "<module>"], ["model.py", 5, "fit"]]}]}"#,
        );
        assert_eq!(
            told,
            "  model.py, line 5, in fit\nKeyError\nwhich led to\n  run.py, line 3, in <module>\n  \
             model.py, line 5, in fit\nBadFit\n"
        );
    }

    #[test]
    fn what_is_not_of_the_code_is_not_repeated() {
        let told = scrubbed(
            r#"{"raised": [{"type": "Secret42", "frames": [["secret42.py", 1, "f"], ["run.py", 99, "f"],
                ["run.py", 1, "secret42"], ["/etc/secret42", 1, "x"]]}]}"#,
        );
        assert!(!told.contains("42"), "{told}");
        assert_eq!(
            told,
            "  elsewhere\n  run.py, line 1, in ?\n  elsewhere\nan exception of a package\n"
        );
    }

    #[test]
    fn there_are_few_frames_and_few_exceptions() {
        let frames = vec![r#"["run.py", 1, "<module>"]"#; 1000].join(",");
        let raised = vec![format!(r#"{{"type": "KeyError", "frames": [{frames}]}}"#); 3].join(",");
        let raised = vec![raised; 10].join(",");
        let told = scrubbed(&format!(r#"{{"raised": [{raised}]}}"#));
        assert_eq!(told.matches("run.py").count(), MOST_FRAMES * MOST_RAISED);
    }

    proptest! {
        #[test]
        fn nothing_is_told_but_words_of_the_code(path: String, line: u64, function: String, kind: String) {
            let trace = Trace { raised: vec![Raised { kind, frames: vec![(path, line, function)] }] };
            let told = trace.scrubbed(&code());
            let known = ["  elsewhere", "an exception of a package"];
            let fits = |line: &str| {
                known.contains(&line) || BUILTIN.contains(&line) || line == "BadFit"
                    || line.starts_with("  run.py, line ") || line.starts_with("  model.py, line ")
            };
            prop_assert!(told.lines().all(fits), "{told}");
        }

        #[test]
        fn no_bytes_make_it_panic(json: Vec<u8>) {
            if let Some(trace) = Trace::parse(&json) {
                let _ = trace.scrubbed(&code());
            }
        }
    }
}
