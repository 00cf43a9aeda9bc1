//! What of a commit becomes code: decided from the listing of its tree, before any content is read.
//!
//! The rules are those of the 2022 client for a folder: hidden files and folders are left out, at any
//! level; everything else has to be a regular file with a name that code can have.

use super::GitError;
use sealroom_protocol::{CodePath, archive, code::ENTRYPOINT, text::visible};
use std::{fs::File, io::Read as _};

/// Bytes of a listing. Far more than the most files with the longest names need; a tree that refers
/// to itself over and over (a "git bomb") would list without end.
const MAX_LISTING: u64 = 16 << 20;

/// One file of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) path: CodePath,
    /// The name that git has for its content.
    pub(super) object: String,
    pub(super) size: u64,
}

/// Reads the output of `git ls-tree -r -z -l`.
pub(super) fn listing(output: File) -> Result<Vec<u8>, GitError> {
    let mut listing = Vec::new();
    output.take(MAX_LISTING + 1).read_to_end(&mut listing)?;
    if listing.len() as u64 > MAX_LISTING {
        return Err(GitError::TooManyFiles);
    }
    Ok(listing)
}

/// The files that become code, sorted by path: at most `max_bytes` together.
pub(super) fn select(listing: &[u8], max_bytes: u64) -> Result<Vec<Blob>, GitError> {
    let limit = max_bytes.min(archive::MAX_TOTAL);
    let (mut files, mut total) = (Vec::new(), 0u64);
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let entry = Entry::parse(line).ok_or(GitError::Unexpected)?;
        if entry.is_hidden() {
            continue;
        }
        let file = entry.file()?;
        total = total.saturating_add(file.size);
        if total > limit {
            return Err(GitError::TooLarge { what: "the code in the repository", limit });
        }
        files.push(file);
        if files.len() > archive::MAX_FILES {
            return Err(GitError::TooManyFiles);
        }
    }
    if !files.iter().any(|file| file.path.as_str() == ENTRYPOINT) {
        return Err(GitError::NoEntrypoint);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// One line: `MODE KIND OBJECT SIZE<tab>PATH`, the size padded with spaces, `-` for a submodule.
struct Entry<'a> {
    mode: &'a str,
    object: &'a str,
    size: Option<u64>,
    path: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let (about, path) = (std::str::from_utf8(&line[..tab]).ok()?, &line[tab + 1..]);
        let mut parts = about.split_ascii_whitespace();
        let (mode, _, object) = (parts.next()?, parts.next()?, parts.next()?);
        let size = parts.next()?.parse().ok();
        let is_name = object.len() == 40 && object.bytes().all(|b| b.is_ascii_hexdigit());
        (is_name && parts.next().is_none()).then_some(Self { mode, object, size, path })
    }

    fn is_hidden(&self) -> bool {
        self.path.split(|byte| *byte == b'/').any(|part| part.starts_with(b"."))
    }

    fn file(&self) -> Result<Blob, GitError> {
        let what = match self.mode {
            // 664 is how old versions of git wrote 644.
            "100644" | "100755" | "100664" => None,
            "120000" => Some("symbolic link"),
            "160000" => Some("submodule"),
            _ => Some("special entry"),
        };
        if let Some(what) = what {
            return Err(GitError::NotAFile { path: self.shown(), what });
        }
        let path = std::str::from_utf8(self.path).map_err(|_| GitError::NotUtf8(self.shown()))?;
        if path.ends_with(archive::SEALED_SUFFIX) {
            return Err(GitError::SealedName(self.shown()));
        }
        let size = self.size.ok_or(GitError::Unexpected)?;
        Ok(Blob { path: path.parse()?, object: self.object.to_owned(), size })
    }

    fn shown(&self) -> String {
        visible(&String::from_utf8_lossy(self.path).chars().take(80).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OBJECT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn line(mode: &str, size: &str, path: &str) -> Vec<u8> {
        format!("{mode} blob {OBJECT} {size:>7}\t{path}\0").into_bytes()
    }

    fn paths(listing: &[u8]) -> Vec<String> {
        let files = select(listing, 1000).unwrap();
        files.into_iter().map(|file| file.path.to_string()).collect()
    }

    #[test]
    fn hidden_files_are_left_out_whatever_they_are() {
        let listing = [
            line("100644", "1", "run.py"),
            line("120000", "1", ".link"),
            line("160000", "-", ".hidden/submodule"),
            line("100644", "999999", "a/.hidden/large"),
            line("100644", "1", "a/.."),
            line("100755", "1", "a/b.sh"),
            line("100644", "1", "a.py"),
        ];
        assert_eq!(paths(&listing.concat()), ["a.py", "a/b.sh", "run.py"]);
    }

    #[test]
    fn each_trick_is_refused_for_its_own_reason() {
        let cases: &[(&str, Vec<u8>, &str)] = &[
            ("symbolic link", line("120000", "1", "l"), "`l` is a symbolic link"),
            ("submodule", line("160000", "-", "s"), "`s` is a submodule"),
            ("folder", line("040000", "-", "d"), "`d` is a special entry"),
            ("absolute", line("100644", "1", "/etc/x"), "the repository has a bad name"),
            ("line break", line("100644", "1", "a\nb"), "the repository has a bad name"),
            ("backslash", line("100644", "1", "a\\b"), "the repository has a bad name"),
            ("tab", line("100644", "1", "a\tb"), "the repository has a bad name"),
            ("bidi", line("120000", "1", "a\u{202e}b"), "`a\u{fffd}b` is a symbolic link"),
            ("too large", line("100644", "1000", "b"), "the code in the repository has more than"),
            ("larger than numbers", line("100644", "99999999999999999999", "b"), "git gave some"),
            ("no size", line("100644", "-", "b"), "git gave something else"),
            ("no object", b"100644 blob ../../x 1\tb\0".to_vec(), "git gave something else"),
            ("no path", b"100644 blob\0".to_vec(), "git gave something else"),
            (
                "not text",
                b"100644 blob 0123456789abcdef0123456789abcdef01234567 1\t\xff\0".to_vec(),
                "`\u{fffd}` has a name that is not UTF-8",
            ),
        ];
        let good = line("100644", "1", "run.py");
        assert_eq!(paths(&good), ["run.py"], "the untouched sample");
        for (name, more, message) in cases {
            let error = select(&[good.clone(), more.clone()].concat(), 1000).unwrap_err();
            assert!(error.to_string().starts_with(message), "{name}: {error}");
        }
    }

    #[test]
    fn code_needs_an_entrypoint_and_has_not_too_many_files() {
        let error = select(&line("100644", "1", "a/run.py"), 1000).unwrap_err();
        assert!(matches!(error, GitError::NoEntrypoint));
        let many: Vec<u8> =
            (0..=archive::MAX_FILES).flat_map(|n| line("100644", "0", &format!("f{n}"))).collect();
        assert!(matches!(select(&many, 1000).unwrap_err(), GitError::TooManyFiles));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
            let _ = select(&bytes, 1000);
            let mut listing = [line("100644", "1", "run.py"), line("100644", "2", "b")].concat();
            let at = at.index(listing.len());
            listing[at] = byte;
            let _ = select(&listing, 1000);
        }
    }
}
