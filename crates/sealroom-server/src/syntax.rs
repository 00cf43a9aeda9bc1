//! Whether `run.py` is Python at all: told to the code provider at once, not after everybody else
//! has joined, uploaded and approved. The enclave does not rely on it.

use ruff_python_parser::parse_module;
use std::io::{self, Read};

/// Largest entrypoint that is looked at, in bytes.
const MAX_SOURCE: u64 = 4 << 20;

/// What is wrong with a source text.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// Which line, from 1.
    pub line: usize,
    /// What.
    pub message: String,
}

/// Reads an entrypoint and looks for the first syntax error.
pub fn check(source: &mut dyn Read) -> io::Result<Option<SyntaxProblem>> {
    let mut bytes = Vec::new();
    source.take(MAX_SOURCE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SOURCE {
        let message = format!("it has more than {MAX_SOURCE} bytes");
        return Ok(Some(SyntaxProblem { line: 1, message }));
    }
    Ok(first_problem(&bytes))
}

fn first_problem(bytes: &[u8]) -> Option<SyntaxProblem> {
    let line = |end: usize| 1 + bytes.iter().take(end).filter(|byte| **byte == b'\n').count();
    match std::str::from_utf8(bytes) {
        Err(error) => {
            let message = "it is not UTF-8".to_owned();
            Some(SyntaxProblem { line: line(error.valid_up_to()), message })
        }
        Ok(text) => {
            let error = parse_module(text).err()?;
            let message = error.error.to_string();
            Some(SyntaxProblem { line: line(error.location.start().to_usize()), message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_line_is_named() {
        let line = |text: &str| first_problem(text.as_bytes()).map(|problem| problem.line);
        assert_eq!(line("import os\nprint('x')\n"), None);
        assert_eq!(line(""), None);
        assert_eq!(line("x = 1\ny = (\n"), Some(3));
        assert_eq!(line("x = 1\ndef f(:\n    pass\n"), Some(2));
        assert_eq!(first_problem(b"x = 1\n\xff\n").unwrap().line, 2);
    }
}
