//! Which repository, and what of it: a GitHub address and a name by git's rules, or a refusal.
//!
//! Pure. What passes here is put on git's command line, so it is built anew from the parts that were
//! understood, never passed through.

use sealroom_protocol::text::{is_deceptive, visible};
use std::fmt;

/// Longest name of an account on GitHub.
const MAX_OWNER: usize = 39;
/// Longest name of a repository on GitHub.
const MAX_REPOSITORY: usize = 100;
/// Longest name of a branch or tag: GitHub's own limit.
const MAX_REF: usize = 255;

/// The only host.
pub(crate) const GITHUB: &str = "https://github.com/";

/// A public repository on GitHub, and perhaps a branch, tag or commit of it. Made only by `parse`:
/// once you hold one, its parts are safe on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitSource {
    owner: String,
    repository: String,
    reference: Option<String>,
}

/// Why something names no code on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SourceError {
    /// Another scheme, host, port, a user name, a path of this machine.
    #[error("the address is not that of a repository on GitHub")]
    Address,
    /// A folder, file or page of a repository.
    #[error("the address leads to a place inside of a repository")]
    Inside,
    /// By GitHub's rules.
    #[error("`{0}` cannot be the name of a GitHub account")]
    Owner(String),
    /// By GitHub's rules.
    #[error("`{0}` cannot be the name of a GitHub repository")]
    Repository(String),
    /// By git's rules.
    #[error("`{0}` cannot be the name of a branch, tag or commit")]
    Ref(String),
}

impl SourceError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Address | Self::Owner(_) | Self::Repository(_) => {
                "it has to look like https://github.com/OWNER/REPOSITORY"
            }
            Self::Inside => {
                "give the repository's own address, and the branch, tag or commit as `ref_name`"
            }
            Self::Ref(_) => {
                "give a branch, a tag or all 40 digits of a commit; without `ref_name` it is the \
                 default branch"
            }
        }
    }
}

impl GitSource {
    /// Reads `https://github.com/OWNER/REPOSITORY`, with or without `.git` and a slash at its end,
    /// and the name of a branch, tag or commit; without one it is the default branch.
    ///
    /// # Errors
    /// Everything else, as a [`SourceError`].
    pub(crate) fn parse(repository_url: &str, ref_name: Option<&str>) -> Result<Self, SourceError> {
        let path = repository_url.strip_prefix(GITHUB).ok_or(SourceError::Address)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let (owner, repository) = path.split_once('/').ok_or(SourceError::Address)?;
        if !is_owner(owner) {
            return Err(SourceError::Owner(shown(owner)));
        }
        if repository.contains('/') {
            return Err(SourceError::Inside);
        }
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        if !is_repository(repository) {
            return Err(SourceError::Repository(shown(repository)));
        }
        if let Some(bad) = ref_name.filter(|name| !is_ref(name)) {
            return Err(SourceError::Ref(shown(bad)));
        }
        let (owner, repository) = (owner.to_owned(), repository.to_owned());
        Ok(Self { owner, repository, reference: ref_name.map(str::to_owned) })
    }

    /// Its address, below `base`.
    pub(super) fn url(&self, base: &str) -> String {
        format!("{base}{}/{}.git", self.owner, self.repository)
    }

    /// What git asks the other side for.
    pub(super) fn wanted(&self) -> &str {
        self.reference.as_deref().unwrap_or("HEAD")
    }

    /// The branch, tag or commit, unless it is the default.
    pub(super) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "github.com/{}/{}", self.owner, self.repository)
    }
}

fn shown(text: &str) -> String {
    visible(&text.chars().take(80).collect::<String>())
}

fn is_owner(name: &str) -> bool {
    name.len() <= MAX_OWNER
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn is_repository(name: &str) -> bool {
    (1..=MAX_REPOSITORY).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !matches!(name, "." | "..")
        && !name.starts_with('-')
        && !name.ends_with(".git")
}

/// The rules of `git check-ref-format --allow-onelevel`, and a few more: no option (`-`), no forced
/// update (`+`), nothing that looks like something else.
fn is_ref(name: &str) -> bool {
    (1..=MAX_REF).contains(&name.len())
        && name != "@"
        && !name.starts_with(['-', '+'])
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(|c| is_deceptive(c) || " ~^:?*[\\".contains(c))
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};

    const REPOSITORY: &str = "https://github.com/some-owner/some.repo_1";
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_repository_has_one_address_however_it_is_written() {
        for suffix in ["", "/", ".git", ".git/"] {
            let source = GitSource::parse(&format!("{REPOSITORY}{suffix}"), None).unwrap();
            assert_eq!(source.url(GITHUB), format!("{REPOSITORY}.git"), "{suffix}");
            assert_eq!(source.to_string(), "github.com/some-owner/some.repo_1");
            assert_eq!(source.wanted(), "HEAD");
        }
    }

    #[test]
    fn each_hostile_address_is_refused_for_its_own_reason() {
        let long = format!("{GITHUB}{}/r", "o".repeat(40));
        let inside = "the address leads to a place inside";
        let cases: &[(&str, &str)] = &[
            ("", "the address is not"),
            ("https://github.com", "the address is not"),
            ("https://github.com/", "the address is not"),
            ("https://github.com/o", "the address is not"),
            ("https://github.com/o/", "the address is not"),
            ("http://github.com/o/r", "the address is not"),
            ("HTTPS://GITHUB.COM/o/r", "the address is not"),
            ("git://github.com/o/r", "the address is not"),
            ("ssh://git@github.com/o/r", "the address is not"),
            ("git@github.com:o/r.git", "the address is not"),
            ("file:///etc/passwd", "the address is not"),
            ("/etc", "the address is not"),
            ("../r", "the address is not"),
            ("ext::sh -c id% >&2", "the address is not"),
            ("ext::https://github.com/o/r", "the address is not"),
            ("--upload-pack=id", "the address is not"),
            (" https://github.com/o/r", "the address is not"),
            ("https://github.com.evil.example/o/r", "the address is not"),
            ("https://github.com:444/o/r", "the address is not"),
            ("https://github.com@evil.example/o/r", "the address is not"),
            ("https://user:word@github.com/o/r", "the address is not"),
            ("https://gist.github.com/o/r", "the address is not"),
            ("https://www.github.com/o/r", "the address is not"),
            ("https://127.0.0.1/o/r", "the address is not"),
            ("https://github.com//r", "`` cannot be the name of a GitHub account"),
            ("https://github.com/../r", "`..` cannot be the name of a GitHub account"),
            ("https://github.com/-o/r", "`-o` cannot be the name of a GitHub account"),
            ("https://github.com/o@h/r", "`o@h` cannot be the name of a GitHub account"),
            ("https://github.com/o%2f/r", "`o%2f` cannot be the name of a GitHub account"),
            ("https://github.com/ö/r", "`ö` cannot be the name of a GitHub account"),
            ("https://github.com/o\n/r", "`o\u{fffd}` cannot be the name of a GitHub account"),
            (&long, "`ooo"),
            ("https://github.com/o/..", "`..` cannot be the name of a GitHub repository"),
            ("https://github.com/o/.", "`.` cannot be the name of a GitHub repository"),
            ("https://github.com/o/.git", "`` cannot be the name of a GitHub repository"),
            ("https://github.com/o/r.git.git", "`r.git` cannot be the name"),
            ("https://github.com/o/--upload-pack=id", "`--upload-pack=id` cannot be the name"),
            ("https://github.com/o/-r", "`-r` cannot be the name"),
            ("https://github.com/o/r?x=1", "`r?x=1` cannot be the name"),
            ("https://github.com/o/r#x", "`r#x` cannot be the name"),
            ("https://github.com/o/r\0", "`r\u{fffd}` cannot be the name"),
            ("https://github.com/o/r\\..", "`r\\..` cannot be the name"),
            ("https://github.com/o/r ", "`r ` cannot be the name"),
            ("https://github.com/o/r/tree/main", inside),
            ("https://github.com/o/r//", inside),
            ("https://github.com/o/r/../../p/q", inside),
        ];
        for (url, message) in cases {
            let error = GitSource::parse(url, None).expect_err(url);
            assert!(error.to_string().starts_with(message), "{url:?}: {error}");
        }
    }

    #[test]
    fn names_of_branches_tags_and_commits_follow_gits_rules() {
        let long = "r".repeat(256);
        let good = ["main", "v1.0", "feature/x-1", "tag", "HEAD", "été", "a@b", "{x}", "1", COMMIT];
        let bad = [
            "",
            "@",
            "-x",
            "--upload-pack=id",
            "+main",
            "a..b",
            "a.",
            ".a",
            "a/.b",
            "a/",
            "/a",
            "a//b",
            "a.lock",
            "a.lock/b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            ":a",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            "a\nb",
            "a\0b",
            "a\x7f",
            "a\u{202e}b",
            &long,
        ];
        for name in good {
            let source = GitSource::parse(REPOSITORY, Some(name)).unwrap();
            assert_eq!((source.reference(), source.wanted()), (Some(name), name));
        }
        for name in bad {
            let error = GitSource::parse(REPOSITORY, Some(name));
            assert!(matches!(error, Err(SourceError::Ref(_))), "{name:?}");
        }
    }

    /// Pieces that hostile addresses and names are made of, often enough next to valid ones.
    fn pieces() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec![
            GITHUB,
            "https://",
            "github.com",
            "o",
            "r",
            "main",
            "/",
            "/",
            ".git",
            ".",
            "..",
            "-",
            "--",
            "@",
            "@{",
            "%2e",
            "?",
            "#",
            ":",
            "\\",
            " ",
            "\n",
            "ext::",
            ".lock",
            "~",
            "^",
            "é",
            "tree/",
        ]);
        let piece = prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,3}"];
        prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_else_is_ever_taken_for_an_address(
            url in prop_oneof![pieces(), pieces().prop_map(|rest| format!("{GITHUB}{rest}"))],
        ) {
            if let Ok(source) = GitSource::parse(&url, None) {
                let GitSource { owner, repository, reference } = &source;
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                prop_assert!(owner.chars().all(plain) && repository.chars().all(plain));
                prop_assert!(!owner.is_empty() && !repository.is_empty() && reference.is_none());
                let written = ["", "/", ".git", ".git/"]
                    .map(|suffix| format!("https://github.com/{owner}/{repository}{suffix}"));
                prop_assert!(written.contains(&url));
            }
        }
    }

    proptest! {
        // Each case starts a process.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn git_itself_accepts_every_name_that_passes(name in pieces()) {
            if is_ref(&name) {
                let mut git = Command::new("git");
                git.args(["check-ref-format", "--allow-onelevel", &name]).stderr(Stdio::null());
                prop_assert!(git.status().unwrap().success(), "{name:?}");
                prop_assert!(!name.starts_with('-'));
            }
        }
    }
}
