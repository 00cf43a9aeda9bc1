//! From `git cat-file --batch` to a TAR, file by file, never as a whole in memory.

use super::{GitError, tree::Blob};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read},
};

const BUFFER: usize = 256 << 10;

/// Writes the files, whose contents come in the same order, into `archive`: in clear, under their own
/// names, with nothing else that could differ from one time to the next.
pub(super) fn pack(output: impl Read, files: &[Blob], archive: File) -> Result<File, GitError> {
    let mut output = BufReader::with_capacity(BUFFER, output);
    let mut writer = tar::Builder::new(BufWriter::with_capacity(BUFFER, archive));
    for file in files {
        expect(&mut output, &format!("{} blob {}\n", file.object, file.size))?;
        let mut content = output.by_ref().take(file.size);
        writer.append_data(&mut header(file.size), file.path.as_str(), &mut content)?;
        if content.limit() > 0 {
            return Err(GitError::Cut);
        }
        expect(&mut output, "\n")?;
    }
    // To its end: git is not to find its output closed.
    io::copy(&mut output, &mut io::sink())?;
    writer.into_inner()?.into_inner().map_err(|error| GitError::Io(error.into_error()))
}

/// The same for all files of a size. Every number is written out: some readers take none for a fault.
fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Reads exactly this text.
fn expect(output: &mut impl Read, text: &str) -> Result<(), GitError> {
    let mut found = vec![0; text.len()];
    match output.read_exact(&mut found) {
        Ok(()) if found == text.as_bytes() => Ok(()),
        Ok(()) => Err(GitError::Unexpected),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(GitError::Cut),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn packed(output: &str, size: u64) -> Result<File, GitError> {
        let file = Blob { path: "run.py".parse().unwrap(), object: OBJECT.to_owned(), size };
        pack(output.as_bytes(), &[file], tempfile::tempfile().unwrap())
    }

    #[test]
    fn only_what_was_listed_is_packed() {
        let good = format!("{OBJECT} blob 4\npass\n");
        assert!(packed(&good, 4).is_ok(), "the untouched sample");
        assert!(matches!(packed(&good, 5), Err(GitError::Unexpected)), "another size");
        let other = good.replace('7', "8");
        assert!(matches!(packed(&other, 4), Err(GitError::Unexpected)), "another object");
        let missing = format!("{OBJECT} missing\n, to be sure, and something after it");
        assert!(matches!(packed(&missing, 4), Err(GitError::Unexpected)), "not there");
        for end in 0..good.len() {
            assert!(matches!(packed(&good[..end], 4), Err(GitError::Cut)), "cut at {end}");
        }
    }
}
