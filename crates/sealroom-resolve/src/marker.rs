//! Environment markers (PEP 508): `python_version < "3.9" and sys_platform == "linux"`.
//!
//! Read and held here, instead of by `pep508_rs`: that crate keeps every marker of a process for as long as the
//! process lives, and builds decision diagrams that a short text can make very large. Requirements come from
//! whoever may push code, to a server that runs for months.

mod read;

use pep440_rs::{Version, VersionSpecifier};
use std::{fmt, str::FromStr};

const VARIABLES: [&str; 12] = [
    "extra",
    "implementation_name",
    "implementation_version",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_full_version",
    "python_version",
    "sys_platform",
];

/// A marker that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    And(Vec<Marker>),
    Or(Vec<Marker>),
    Is { left: Value, operator: String, right: Value },
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// One of [`VARIABLES`].
    Variable(&'static str),
    Text(String),
}

/// What variables are there.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// `3.13.0`.
    pub python: String,
    /// `x86_64`.
    pub machine: String,
}

/// What is wrong with a marker.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MarkerError(String);

impl Marker {
    /// Whether it holds.
    pub(crate) fn holds(&self, environment: &Environment) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(environment)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(environment)),
            Self::Is { left, operator, right } => {
                let (a, b) = (environment.value(left), environment.value(right));
                let as_versions = match (left, right) {
                    (Value::Variable(name), _) if is_version(name) => compare(&a, operator, &b),
                    (_, Value::Variable(name)) if is_version(name) => {
                        compare(&b, flipped(operator), &a)
                    }
                    _ => None,
                };
                as_versions.unwrap_or_else(|| match operator.as_str() {
                    "in" => b.contains(&a),
                    "not in" => !b.contains(&a),
                    "==" | "===" => a == b,
                    "!=" => a != b,
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    ">=" => a >= b,
                    _ => false,
                })
            }
        }
    }
}

fn is_version(variable: &str) -> bool {
    matches!(variable, "implementation_version" | "python_full_version" | "python_version")
}

/// Compares as PEP 440 has it; `None` if they are no versions, or the operator is not about any.
fn compare(version: &str, operator: &str, with: &str) -> Option<bool> {
    let specifier = VersionSpecifier::from_str(&format!("{operator}{with}")).ok()?;
    Some(specifier.contains(&Version::from_str(version).ok()?))
}

fn flipped(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

impl Environment {
    fn value(&self, value: &Value) -> String {
        let text = match value {
            Value::Text(text) => text,
            Value::Variable(name) => match *name {
                "implementation_name" => "cpython",
                "implementation_version" | "python_full_version" => &self.python,
                "os_name" => "posix",
                "platform_machine" => &self.machine,
                "platform_python_implementation" => "CPython",
                "platform_system" => "Linux",
                "python_version" => major_minor(&self.python),
                "sys_platform" => "linux",
                // Of the machine that will run it, only its kind is known.
                _ => "",
            },
        };
        text.to_owned()
    }
}

/// `3.13` of `3.13.0`.
pub(crate) fn major_minor(python: &str) -> &str {
    let mut dots = python.match_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(python, |at| &python[..at])
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::Is { .. } => write!(f, "{part}")?,
                    _ => write!(f, "({part})")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => list(f, parts, "and"),
            Self::Or(parts) => list(f, parts, "or"),
            Self::Is { left, operator, right } => write!(f, "{left} {operator} {right}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Text(text) if text.contains('\'') => write!(f, "\"{text}\""),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(text: &str) -> bool {
        let environment = Environment { python: "3.8.18".to_owned(), machine: "x86_64".to_owned() };
        text.parse::<Marker>().unwrap().holds(&environment)
    }

    #[test]
    fn what_holds_holds() {
        for yes in [
            "python_version < '3.9'",
            "python_full_version < \"3.9\" and sys_platform == 'linux'",
            "'3.8' <= python_version",
            "python_version == '3.8.*' or os_name == 'nt'",
            "python_full_version >= '3.8.1'",
            "python_version in '3.7 3.8'",
            "platform_machine not in 'arm64 aarch64'",
            "(os_name == 'nt' or os_name == 'posix') and implementation_name == 'cpython'",
            "python_version ~= '3.6'",
            "platform_python_implementation != 'PyPy'",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "python_version >= '3.10'",
            "extra == 'test'",
            "sys_platform == 'win32' and python_version < '3.9' or os_name == 'nt'",
            "python_full_version == '3.9.*'",
            "'3.8' > python_version",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for (bad, why) in [
            ("", "ends too soon"),
            ("python_version", "ends too soon"),
            ("python_version <", "ends too soon"),
            ("python_version ! '3'", "is no operator"),
            ("python_version not '3'", "`not` is followed by"),
            ("pythonversion < '3'", "is no variable"),
            ("'a' == 'b'", "two texts"),
            ("python_version < '3", "quotation mark"),
            ("(python_version < '3'", "parenthesis"),
            ("python_version < '3' python_version", "not expected"),
            ("python_version < '3\\x'", "no value has"),
            ("python_version < 3", "not expected"),
            (&format!("{}os_name == 'a'{}", "(".repeat(9), ")".repeat(9)), "nested"),
            (&vec!["os_name == 'a'"; 33].join(" or "), "more than 32"),
        ] {
            let error = bad.parse::<Marker>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_marker_survives_writing_and_reading(
            terms in prop::collection::vec((0..12usize, "[ -!#-&(-\\[\\]-~]{0,8}", any::<bool>()), 1..8)
        ) {
            let is = |(variable, text, left): &(usize, String, bool)| {
                let (a, b) = (VARIABLES[*variable].to_owned(), format!("'{text}'"));
                if *left { format!("{a} == {b}") } else { format!("{b} in {a}") }
            };
            let text = terms.chunks(2).map(|two| two.iter().map(is).collect::<Vec<_>>().join(" and "));
            let marker: Marker = text.collect::<Vec<_>>().join(" or ").parse().unwrap();
            prop_assert_eq!(marker.to_string().parse::<Marker>().unwrap(), marker);
        }

        #[test]
        fn no_text_makes_it_panic(text: String, machine in "[a-z]{0,4}", python in "[0-9.a]{0,6}") {
            if let Ok(marker) = text.parse::<Marker>() {
                marker.holds(&Environment { python, machine });
            }
        }
    }
}
