//! Files in the format of the suite that their participant uses: the one place where suites differ for
//! files.

use sealroom_protocol::{FileContext, Suite};
use sealroom_sandbox::Source;
use sealroom_seal::{
    Digest, FileKey, Hashed,
    sodium::{self, SecretboxWriter},
    stream::{self, OpenError, SealWriter, SealedFile},
};
use std::{
    fs::File,
    io::{self, Read, Seek as _, Write},
    os::unix::fs::FileExt as _,
    path::Path,
};

/// A sealed file on the local disk, which is the host's.
pub(crate) struct Stored {
    pub(crate) file: File,
    /// Its first bytes as they came: of a file of the native suite, what names its key.
    pub(crate) header: [u8; stream::HEADER_LEN],
}

impl Stored {
    /// Opens it; every read is authenticated.
    pub(crate) fn open(
        &self,
        suite: Suite,
        key: &FileKey,
        context: &FileContext<'_>,
        work_dir: &Path,
    ) -> Result<Opened, OpenError> {
        let opened = match suite {
            Suite::Hybrid => {
                let file = self.file.try_clone()?;
                SealedFile::with_header(file, self.header, key, &context.associated_data())
            }
            Suite::Sodium => {
                let scratch = tempfile::tempfile_in(work_dir)?;
                sodium::open(FromStart { file: &self.file, at: 0 }, key, scratch)
            }
        };
        opened.map(Opened)
    }
}

/// A file that the jail may read; its bytes are sealed on the local disk.
pub(crate) struct Opened(SealedFile);

impl Opened {
    /// Keeps all of `content` under a key that nobody else ever has.
    pub(crate) fn keep(content: &mut dyn Read, work_dir: &Path) -> io::Result<Self> {
        let once = FileKey::random();
        let mut writer = SealWriter::new(tempfile::tempfile_in(work_dir)?, &once, &[])?;
        io::copy(content, &mut writer)?;
        Ok(Self(SealedFile::new(writer.finish()?, &once, &[])?))
    }
}

impl Source for Opened {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Ok(self.0.read_at(offset, out)?)
    }
}

/// A file that is being sealed.
pub(crate) enum Sealing {
    Hybrid(SealWriter<Hashed<File>>),
    Sodium(Box<SecretboxWriter<File>>),
}

impl Sealing {
    /// Starts one for the participant of `context`, without a name, in `work_dir`.
    pub(crate) fn begin(
        suite: Suite,
        key: &FileKey,
        context: &FileContext<'_>,
        work_dir: &Path,
    ) -> io::Result<Self> {
        let file = tempfile::tempfile_in(work_dir)?;
        match suite {
            Suite::Hybrid => SealWriter::new(Hashed::new(file), key, &context.associated_data())
                .map(Self::Hybrid),
            Suite::Sodium => {
                SecretboxWriter::new(file, key).map(|writer| Self::Sodium(Box::new(writer)))
            }
        }
    }

    /// The sealed file, its size and its SHA-256.
    pub(crate) fn finish(self) -> io::Result<(File, u64, Digest)> {
        match self {
            Self::Hybrid(writer) => Ok(writer.finish()?.finish()),
            Self::Sodium(writer) => {
                // The tag, which is known last, stands in front.
                let mut file = writer.finish()?;
                file.rewind()?;
                let mut hashed = Hashed::new(file);
                io::copy(&mut hashed, &mut io::sink())?;
                Ok(hashed.finish())
            }
        }
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Hybrid(writer) => writer.write(bytes),
            Self::Sodium(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Hybrid(writer) => writer.flush(),
            Self::Sodium(writer) => writer.flush(),
        }
    }
}

/// Reads a file from its start, whatever its cursor says.
pub(crate) struct FromStart<'a> {
    pub(crate) file: &'a File,
    pub(crate) at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(out, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::{ComputationId, FileKind, PublicKey};

    #[test]
    fn what_is_kept_on_the_hosts_disk_cannot_be_read_or_altered_there() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Opened::keep(&mut b"import secret".as_slice(), dir.path()).unwrap();
        let mut read = [0; 13];
        kept.read_at(0, &mut read).unwrap();
        assert_eq!(&read, b"import secret");
    }

    #[test]
    fn what_a_suite_seals_the_same_suite_opens_and_the_other_does_not() {
        let (dir, key) = (tempfile::tempdir().unwrap(), FileKey::random());
        let participant = PublicKey::from_bytes([1; 32]);
        let context = FileContext {
            computation: ComputationId::random(),
            participant: &participant,
            kind: FileKind::Result,
            path: "a",
        };
        let plain: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
        for suite in Suite::ALL {
            let mut sealing = Sealing::begin(suite, &key, &context, dir.path()).unwrap();
            sealing.write_all(&plain).unwrap();
            let (file, size, sha256) = sealing.finish().unwrap();
            let mut sealed = Vec::new();
            FromStart { file: &file, at: 0 }.read_to_end(&mut sealed).unwrap();
            assert_eq!((size, sha256), (sealed.len() as u64, Digest::of(&sealed)), "{suite}");
            let header = *sealed.first_chunk().unwrap();
            let stored = Stored { file, header };
            for other in Suite::ALL {
                let opened = stored.open(other, &key, &context, dir.path());
                assert_eq!(opened.is_ok(), suite == other, "{suite} as {other}");
                let Ok(opened) = opened else { continue };
                let mut read = vec![0; plain.len()];
                opened.read_at(0, &mut read).unwrap();
                assert!(read == plain, "{suite}");
            }
        }
    }
}
