//! Versions as PEP 440 orders them, and the one that is asked about.

use pep440_rs::Version;
use sealroom_protocol::PackageVersion;
use std::cmp::Ordering;

/// Longest version that is read: twice what names of files have room for.
const MAX_VERSION: usize = 128;

/// The version that a text is, if PEP 440 has it.
pub(crate) fn read(text: &str) -> Option<Version> {
    if text.len() > MAX_VERSION {
        return None;
    }
    text.parse().ok()
}

/// The version of a package that somebody asks about.
pub(crate) struct Asked<'a> {
    /// As it was spelled.
    pub(crate) text: &'a str,
    /// What that means; nothing if PEP 440 does not have it.
    pub(crate) release: Option<Release>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(version: &'a PackageVersion) -> Self {
        let text = version.as_str();
        Self { text, release: read(text).map(Release::new) }
    }
}

/// A version to hold against those that an advisory names.
pub(crate) struct Release {
    whole: Version,
    /// Without what comes behind `+`.
    public: Version,
}

impl Release {
    pub(crate) fn new(whole: Version) -> Self {
        Self { public: whole.clone().without_local(), whole }
    }

    /// Where it stands to a version that an advisory names.
    ///
    /// `1.0+cpu` is the release 1.0, built by somebody else: where `1.0` is meant it counts as that, as PEP 440 has it
    /// for `==1.0` and `<=1.0`, and so it is fixed where 1.0 is, and no earlier. Only a version that itself has a part
    /// behind `+` is compared with that part.
    pub(crate) fn cmp(&self, named: &Version) -> Ordering {
        if named.is_local() { self.whole.cmp(named) } else { self.public.cmp(named) }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_VERSION, Release, read};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_stand_where_pep_440_has_them() {
        // Each before the next; PEP 440, "Summary of permitted suffixes and relative ordering".
        let sorted = [
            "0.dev0",
            "0a1",
            "0",
            "1.0.dev1",
            "1.0a1.dev1",
            "1.0a1",
            "1.0a2",
            "1.0b1",
            "1.0rc1",
            "1.0rc1.post1",
            "1.0",
            "1.0.post1.dev1",
            "1.0.post1",
            "1.0.1",
            "1.9",
            "1.10",
            "1!0.1",
        ];
        for pair in sorted.windows(2) {
            let (first, second) = (read(pair[0]).unwrap(), read(pair[1]).unwrap());
            assert_eq!(Release::new(first.clone()).cmp(&second), Less, "{pair:?}");
            assert_eq!(Release::new(second).cmp(&first), Greater, "{pair:?}");
        }
        for (one, other) in
            [("1", "1.0.0"), ("v1.0", "1.0"), ("1.0-1", "1.0.post1"), ("1.0c1", "1.0rc1")]
        {
            assert_eq!(Release::new(read(one).unwrap()).cmp(&read(other).unwrap()), Equal, "{one}");
        }
    }

    #[test]
    fn a_local_build_counts_as_the_release_that_it_was_built_of() {
        for (asked, named, order) in [
            ("1.0+cpu", "1.0", Equal),
            ("1.0+cpu", "1.0.post1", Less),
            ("1.0+cpu", "1.0+cpu", Equal),
            ("1.0+cpu", "1.0+cu118", Less),
            ("1.0", "1.0+cpu", Less),
            ("1.0a1+cpu", "1.0", Less),
        ] {
            let release = Release::new(read(asked).unwrap());
            assert_eq!(release.cmp(&read(named).unwrap()), order, "{asked} to {named}");
        }
    }

    #[test]
    fn what_pep_440_does_not_have_is_no_version() {
        let long = format!("1.{}", "0".repeat(MAX_VERSION));
        for text in
            ["", "2004d", "abc", "1.0.*", "1.0-foo", "99999999999999999999", &long, "1.0 2.0"]
        {
            assert!(read(text).is_none(), "{text:?}");
        }
    }
}
