//! What `uv pip compile` writes: packages, each with its version, hashes, and who asked for it.

use crate::{error::ResolveError, marker::Marker};
use sealroom_protocol::{
    Digest,
    package::{PackageName, PackageVersion, Requester},
    text::visible,
};
use std::collections::BTreeSet;

/// Largest such text, in bytes: as many packages as a lock can have, each with a hundred hashes.
pub(crate) const MAX_COMPILED: u64 = 16 << 20;

/// It, read.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Options that name the index, with its credentials.
    pub indexes: Vec<String>,
    /// In the order of the text.
    pub packages: Vec<Pinned>,
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub name: PackageName,
    pub version: PackageVersion,
    pub marker: Option<Marker>,
    pub hashes: BTreeSet<Digest>,
    pub via: BTreeSet<Requester>,
}

impl Compiled {
    /// Reads it. A file of requirements among those who asked is `direct`.
    ///
    /// # Errors
    /// [`ResolveError::Answer`] names the line.
    pub(crate) fn parse(text: &str, direct: &Requester) -> Result<Self, ResolveError> {
        let mut compiled = Self::default();
        let mut in_via = false;
        for (at, line) in text.lines().enumerate() {
            let is_first = !line.starts_with([' ', '\t']);
            let line = line.trim();
            let line = line.strip_suffix('\\').map_or(line, str::trim_end);
            let was_in_via = std::mem::take(&mut in_via);
            let fault = || ResolveError::Answer {
                tool: "uv",
                why: format!(
                    "line {} is `{}`",
                    at + 1,
                    visible(&line.chars().take(80).collect::<String>())
                ),
            };
            match (is_first, line) {
                (_, "") => {}
                (true, comment) if comment.starts_with('#') => {}
                (true, option) if option.starts_with('-') => {
                    compiled.indexes.push(option.to_owned());
                }
                (true, line) => {
                    compiled.packages.push(pinned(line).ok_or_else(fault)?);
                }
                (false, line) => {
                    let package = compiled.packages.last_mut().ok_or_else(fault)?;
                    if let Some(hash) = line.strip_prefix("--hash=") {
                        if let Some(hash) = hash.strip_prefix("sha256:") {
                            package.hashes.insert(hash.parse().map_err(|_| fault())?);
                        }
                        continue;
                    }
                    let note = line.strip_prefix('#').ok_or_else(fault)?.trim();
                    let named = match note.strip_prefix("via") {
                        Some(named) if named.is_empty() || named.starts_with(' ') => named,
                        _ if was_in_via => note,
                        _ => continue,
                    };
                    in_via = true;
                    package
                        .via
                        .extend(named.split(',').filter_map(|one| requester(one.trim(), direct)));
                }
            }
        }
        Ok(compiled)
    }
}

/// `name[extra]==version ; marker`.
fn pinned(line: &str) -> Option<Pinned> {
    let (package, marker) = match line.split_once(';') {
        Some((package, marker)) => (package, Some(marker.parse().ok()?)),
        None => (line, None),
    };
    let (name, version) = package.split_once("==")?;
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    Some(Pinned {
        name: name.trim().parse().ok()?,
        version: version.trim().parse().ok()?,
        marker,
        hashes: BTreeSet::new(),
        via: BTreeSet::new(),
    })
}

fn requester(named: &str, direct: &Requester) -> Option<Requester> {
    if named.starts_with("-r ") {
        return Some(direct.clone());
    }
    // A constraint asks for nothing.
    let name = named.split_once('[').map_or(named, |(name, _)| name);
    name.parse().ok().map(Requester::Package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packages_hashes_and_who_asked_are_read() {
        let hash = Digest::of(b"a");
        let text = format!(
            "# made by uv\n--index-url https://u:p@h/simple\n--find-links /wheels\n\n\
             a-b==1.0 ; python_full_version < '3.9' \\\n    --hash=sha256:{hash} \\\n    --hash=sha512:00\n\
             \x20   # via\n    #   -c base.txt\n    #   -r requirements.txt\n    #   C.d\n    # from https://h\n\
             e[x]==2.0.post1\n    # via a-b, c-d[y]\n"
        );
        let compiled = Compiled::parse(&text, &Requester::Runtime).unwrap();
        let package = |name: &str| Requester::Package(name.parse().unwrap());
        assert_eq!(compiled.indexes, ["--index-url https://u:p@h/simple", "--find-links /wheels"]);
        let [a, e] = compiled.packages.as_slice() else { panic!("{compiled:?}") };
        assert_eq!((a.name.as_str(), a.version.as_str(), a.hashes.len()), ("a-b", "1.0", 1));
        assert_eq!(a.marker.as_ref().unwrap().to_string(), "python_full_version < '3.9'");
        assert_eq!(a.via, [Requester::Runtime, package("c-d")].into());
        assert_eq!((e.name.as_str(), e.version.as_str()), ("e", "2.0.post1"));
        assert_eq!(e.via, [package("a-b"), package("c-d")].into());
    }

    #[test]
    fn what_is_no_answer_is_refused_by_line() {
        for bad in [
            "a\n",
            "a==\n",
            "a==1 ; x\n",
            "    --hash=sha256:00\n",
            "a==1\n  --hash=sha256:0\n",
            "a @ file:///x\n",
        ] {
            let error = Compiled::parse(bad, &Requester::Code).unwrap_err().to_string();
            assert!(error.contains("line "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, hash in "[ #a-z=:;\\\\\n0-9-]{0,80}") {
            let _ = Compiled::parse(&text, &Requester::Code);
            let _ = Compiled::parse(&format!("a==1\n{hash}"), &Requester::Code);
        }
    }
}
