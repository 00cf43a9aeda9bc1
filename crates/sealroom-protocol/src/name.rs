//! Names of files. They come from outside, so what is a name is decided here, once.

use crate::text::text_type;
use std::str::FromStr;

/// Longest file name, in bytes: what common file systems hold.
pub const MAX_NAME: usize = 255;
/// Longest path of a code file, in bytes.
pub const MAX_PATH: usize = 1024;

/// The name of a data or result file: one path component that is safe to print and to create.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct FileName(String);

/// The path of a code file, relative to the code folder, `/` between components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct CodePath(String);

/// Why a text can't name a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing there.
    #[error("a file name is empty")]
    Empty,
    /// Over the limit.
    #[error("`{shown}…` is longer than {limit} bytes")]
    TooLong {
        /// Its beginning.
        shown: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Would name something outside its folder.
    #[error("`{0}` is absolute or has a component `.`, `..` or an empty one")]
    Escapes(String),
    /// Not printable, or not portable.
    #[error("`{0}` has a control or formatting character, or a backslash")]
    BadCharacter(String),
    /// A path where a name was wanted.
    #[error("`{0}` is a path, expected a plain file name")]
    NotPlain(String),
}

fn printable(text: &str) -> String {
    crate::text::visible(&text.chars().take(80).collect::<String>())
}

fn check(text: &str, limit: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limit {
        return Err(NameError::TooLong { shown: printable(text), limit });
    }
    if text.chars().any(|c| crate::text::is_deceptive(c) || c == '\\') {
        return Err(NameError::BadCharacter(printable(text)));
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(NameError::Escapes(printable(text)));
    }
    Ok(())
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, MAX_NAME)?;
        if text.contains('/') {
            return Err(NameError::NotPlain(printable(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for CodePath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, MAX_PATH)?;
        if let Some(long) = text.split('/').find(|part| part.len() > MAX_NAME) {
            return Err(NameError::TooLong { shown: printable(long), limit: MAX_NAME });
        }
        Ok(Self(text.to_owned()))
    }
}

impl CodePath {
    /// Whether the file stays in clear: `run.py`, `requirements.txt` and `sealroom.lock` at the top of the folder.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        use super::{code, package};
        matches!(self.0.as_str(), code::ENTRYPOINT | code::REQUIREMENTS | package::LOCK_FILE)
    }
}

text_type!(FileName CodePath);
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_leave_their_folder_are_none() {
        let long = "x".repeat(256);
        for bad in
            ["", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "a\0b", "a\nb", "a\\b", &long]
        {
            assert!(bad.parse::<CodePath>().is_err(), "{bad:?}");
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        assert!("a/b".parse::<FileName>().is_err());
        assert!("pkg/__init__.py".parse::<CodePath>().is_ok());
        assert!("données 1.csv".parse::<FileName>().is_ok());
    }

    #[test]
    fn only_what_everybody_must_read_stays_in_clear() {
        let clear = |text: &str| text.parse::<CodePath>().unwrap().is_clear();
        assert!(clear("run.py") && clear("requirements.txt") && clear("sealroom.lock"));
        assert!(!clear("pkg/run.py") && !clear("secret.py") && !clear("Run.py"));
    }

    proptest! {
        #[test]
        fn a_path_never_leaves_the_folder_it_is_joined_to(text: String) {
            if let Ok(path) = text.parse::<CodePath>() {
                let root = std::path::Path::new("/root");
                let joined = root.join(path.as_str());
                prop_assert!(joined.starts_with(root));
                let normal = joined.components().skip(2)
                    .all(|c| matches!(c, std::path::Component::Normal(_)));
                prop_assert!(normal);
            }
        }
    }
}
