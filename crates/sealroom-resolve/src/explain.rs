//! What the words of uv and pip mean: which of our errors it is, and which of the words are worth showing.
//!
//! Neither has a format for this. The words are those of uv 0.13 and pip 20 to 26; others end up as
//! [`ResolveError::Failed`] or [`ResolveError::Unsatisfiable`] with the whole explanation, which is what people read.

use crate::error::{Explanation, ResolveError};

/// The network, as uv, pip and urllib put it.
const UNREACHABLE: [&str; 16] = [
    "error sending request",
    "dns error",
    "client error (Connect)",
    "operation timed out",
    "network was disabled",
    "HTTP status server error",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "connection broken",
    "Connection refused",
    "Network is unreachable",
    "Name or service not known",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "SSLError",
];
const DENIED: [&str; 6] = [
    "401 Unauthorized",
    "403 Forbidden",
    "401 Client Error",
    "403 Client Error",
    "401 Error",
    "403 Error",
];

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// What uv means.
pub(crate) fn uv(said: &str) -> ResolveError {
    let explanation = cause(said);
    let text = explanation.0.clone();
    if has_any(said, &DENIED) {
        return ResolveError::Denied { explanation };
    }
    if has_any(said, &UNREACHABLE) {
        return ResolveError::Unreachable { explanation };
    }
    if !said.contains("No solution found") {
        return ResolveError::Failed { tool: "uv", explanation };
    }
    if let Some(name) = word_before(&text, " was not found in ") {
        return ResolveError::NoSuchPackage { name, explanation };
    }
    let no_wheel = [
        " has no usable wheels",
        " have no usable wheels",
        " has no wheels with a matching",
        " have no wheels with a matching",
    ];
    let name = between(said, "Wheels are required for `", "`")
        .or_else(|| no_wheel.iter().find_map(|phrase| word_before(&text, phrase)));
    match name.map(|name| {
        name.split(['<', '>', '=', '!', '~', '[']).next().unwrap_or_default().to_owned()
    }) {
        // Two who ask for it may well disagree, and then that is the reason.
        Some(name) if askers(&text, &name) <= 1 => ResolveError::NoWheel { name, explanation },
        _ => ResolveError::Unsatisfiable { explanation },
    }
}

/// What pip means.
pub(crate) fn pip(said: &str) -> ResolveError {
    let lines = said.lines().filter(|line| {
        !line.trim().is_empty()
            && !line.starts_with("WARNING: You are using pip")
            && !line.starts_with("[notice]")
    });
    let explanation = Explanation(lines.map(str::trim_end).collect::<Vec<_>>().join("\n"));
    if said.contains("DO NOT MATCH THE HASHES") {
        return ResolveError::HashMismatch { explanation };
    }
    if has_any(said, &DENIED) {
        return ResolveError::Denied { explanation };
    }
    if has_any(said, &UNREACHABLE) {
        return ResolveError::Unreachable { explanation };
    }
    let name = said.split_once("No matching distribution found for ").map(|(_, rest)| {
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    match name {
        Some(name) => ResolveError::NoWheel { name, explanation },
        None => ResolveError::Failed { tool: "pip", explanation },
    }
}

/// What our own program that fetches a file means.
pub(crate) fn fetch(said: &str) -> ResolveError {
    let explanation = Explanation(said.trim().to_owned());
    if has_any(said, &DENIED) {
        ResolveError::Denied { explanation }
    } else if has_any(said, &UNREACHABLE) {
        ResolveError::Unreachable { explanation }
    } else {
        ResolveError::Failed { tool: "python3", explanation }
    }
}

/// uv says `error:`, then a chain of `cause:`, then each `hint:`, with warnings before. The innermost cause explains;
/// so do hints, but for those to options of uv's, which nobody here has given.
fn cause(said: &str) -> Explanation {
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in said.lines() {
        let text = line.trim();
        let kind = ["error: ", "cause: ", "Caused by: ", "hint: ", "warning: "]
            .into_iter()
            .find(|kind| text.starts_with(kind));
        match (kind, parts.last_mut()) {
            (Some(kind), _) => parts.push((kind, vec![&text[kind.len()..]])),
            (None, Some((_, lines))) if !text.is_empty() => {
                lines.push(text.strip_prefix("╰─▶ ").unwrap_or(text))
            }
            (None, None) if !text.is_empty() => parts.push(("error: ", vec![text])),
            _ => {}
        }
    }
    let is_no_solution = said.contains("No solution found");
    let shown = parts.iter().filter(|(kind, lines)| match *kind {
        "warning: " => false,
        "error: " => !is_no_solution,
        "hint: " => !lines.iter().any(|line| line.contains("`--")),
        _ => true,
    });
    Explanation(shown.map(|(_, lines)| lines.join("\n")).collect::<Vec<_>>().join("\n"))
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0.to_owned())
}

fn word_before(text: &str, phrase: &str) -> Option<String> {
    let (before, _) = text.split_once(phrase)?;
    before.split_whitespace().next_back().map(str::to_owned)
}

/// In how many places it says that somebody requires a package.
fn askers(text: &str, name: &str) -> usize {
    let asks = ["depends on ", "depend on ", "you require "];
    let of_name = |rest: &str| {
        rest.strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-'))
    };
    asks.iter()
        .flat_map(|ask| text.match_indices(ask).map(|(at, ask)| &text[at + ask.len()..]))
        .filter(|rest| of_name(rest))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(error: &ResolveError) -> &'static str {
        match error {
            ResolveError::Unsatisfiable { .. } => "unsatisfiable",
            ResolveError::NoSuchPackage { .. } => "no such package",
            ResolveError::NoWheel { .. } => "no wheel",
            ResolveError::Unreachable { .. } => "unreachable",
            ResolveError::Denied { .. } => "denied",
            ResolveError::HashMismatch { .. } => "hash",
            ResolveError::Failed { .. } => "failed",
            _ => "another",
        }
    }

    /// uv 0.13.9, in its words.
    #[test]
    fn what_uv_says_is_understood() {
        let none = "error: No solution found when resolving dependencies\n  cause: ";
        let conflict = "Because only numpy<=2.0 is available and a==1 depends on numpy<1, we can conclude \
             that a==1 cannot be used.\n         And because numpy<1 has no usable wheels and b==1 depends on \
             numpy>=2, we can conclude that your requirements are unsatisfiable.";
        for (said, kind, shown) in [
            (
                format!("{none}Because x-y was not found in the package registry and you require x-y, we can"),
                "no such package",
                "Because x-y was",
            ),
            (
                format!("{none}Because x was not found in the cache and you require x\n\nhint: Packages were \
                     unavailable because the network was disabled. When"),
                "unreachable",
                "Because x was",
            ),
            (
                format!("{none}Because nltk==3.4.5 has no usable wheels and you require nltk==3.4.5, we can \
                     conclude.\n\nhint: Wheels are required for `nltk` because building from source is disabled \
                     for all packages (i.e., with `--no-build`)"),
                "no wheel",
                "Because nltk==3.4.5 has no usable wheels",
            ),
            (
                format!("{none}Because only==1 has no wheels with a matching platform tag (e.g., \
                     `manylinux_2_36_x86_64`) and you require only, we"),
                "no wheel",
                "Because only==1",
            ),
            (format!("{none}{conflict}"), "unsatisfiable", "Because only numpy"),
            (
                "error: Request failed after 3 retries in 9.5s\n  cause: Failed to fetch: http://h/\n  cause: \
                 error sending request for url (http://h/)\n  cause: client error (Connect)"
                    .to_owned(),
                "unreachable",
                "Request failed",
            ),
            (
                format!("{none}Because a was not found in the package registry and you require a\n\nhint: An \
                     index URL (http://h) could not be queried due to a lack of valid authentication credentials \
                     (401 Unauthorized)."),
                "denied",
                "Because a was",
            ),
            ("warning: x\nerror: something else".to_owned(), "failed", "something else"),
            ("panicked".to_owned(), "failed", "panicked"),
            (String::new(), "failed", ""),
        ] {
            let error = uv(&said);
            assert_eq!(is(&error), kind, "{said}");
            let explanation = error.explanation().unwrap().as_str();
            assert!(explanation.starts_with(shown), "{explanation}");
            assert!(!explanation.contains("--no-build"), "{explanation}");
        }
    }

    #[test]
    fn steps_of_an_explanation_stay_on_their_lines() {
        let said = "error: No solution found when resolving dependencies\n  cause: Because all of:\n             \
             x<=4.0\n             x>=4.1\n         have no usable wheels\n\nhint: You require CPython 3.8\n";
        let explanation = cause(said);
        assert_eq!(
            explanation.as_str(),
            "Because all of:\nx<=4.0\nx>=4.1\nhave no usable wheels\nYou require CPython 3.8"
        );
    }

    /// pip 23.2 and 26.3, in their words.
    #[test]
    fn what_pip_says_is_understood() {
        for (said, kind) in [
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If",
                "hash",
            ),
            (
                "ERROR: Could not find a version that satisfies the requirement a==1 (from versions: 2)\nERROR: No matching distribution found for a==1",
                "no wheel",
            ),
            (
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for a==1",
                "unreachable",
            ),
            (
                "ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden for url: x",
                "denied",
            ),
            ("ERROR: something else", "failed"),
        ] {
            assert_eq!(is(&pip(said)), kind, "{said}");
        }
        let error = pip("ERROR: No matching distribution found for a.b-c==1 (from -r x)");
        assert!(matches!(error, ResolveError::NoWheel { name, .. } if name == "a.b-c"));
    }
}
