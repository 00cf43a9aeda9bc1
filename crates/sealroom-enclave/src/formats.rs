//! Files in the format of the suite that their participant uses: the one place where suites differ for
//! files.

use sealroom_protocol::{FileContext, Suite};
use sealroom_sandbox::Source;
use sealroom_seal::{
    Digest, FileKey, Hashed,
    sodium::{self, SecretboxWriter},
    stream::{OpenError, OpenReader, SealWriter, SealedFile},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt as _,
    path::Path,
};

/// Why a sealed file can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("it has other bytes than those that were listed")]
    Substituted,
    #[error("it does not open with its participant's key")]
    Open(#[source] OpenError),
    #[error("it cannot be had")]
    Read(#[source] io::Error),
    #[error("the work folder cannot be used")]
    Disk(#[source] io::Error),
}

/// A file that the jail may read. On the local disk, which is the host's, it is sealed with a key that
/// nobody else ever has, so that there is no second version of it to exchange it for.
pub(crate) struct Opened(SealedFile);

impl Opened {
    /// Keeps all of `content`.
    pub(crate) fn keep(content: &mut dyn Read, work_dir: &Path) -> io::Result<Self> {
        let once = FileKey::random();
        let mut writer = SealWriter::new(tempfile::tempfile_in(work_dir)?, &once, &[])?;
        io::copy(content, &mut writer)?;
        Ok(Self(SealedFile::new(writer.finish()?, &once, &[])?))
    }

    /// Opens a sealed file in one pass, if it is byte for byte the one of this size and SHA-256.
    pub(crate) fn open(
        sealed: impl Read,
        (size, sha256): (u64, Digest),
        (suite, key): (Suite, &FileKey),
        context: &FileContext<'_>,
        work_dir: &Path,
    ) -> Result<Self, FileError> {
        // One byte more than listed would show that the file is longer.
        let mut sealed = Watched::new(sealed.take(size.saturating_add(1)));
        let opened = match suite {
            Suite::Hybrid => {
                let place = context.associated_data();
                Self::keep(&mut OpenReader::new(&mut sealed, key, &place), work_dir)
                    .map_err(|error| error.downcast().unwrap_or_else(OpenError::Io))
            }
            Suite::Sodium => tempfile::tempfile_in(work_dir)
                .map_err(OpenError::Io)
                .and_then(|scratch| sodium::open(&mut sealed, key, scratch))
                .map(Self),
        };
        // What does not open may be something else than what was listed, which says more.
        if sealed.error.is_none() {
            drop(io::copy(&mut sealed, &mut io::sink()));
        }
        if let Some(kind) = sealed.error {
            return Err(FileError::Read(kind.into()));
        }
        let (_, found, digest) = sealed.inner.finish();
        if (found, digest) != (size, sha256) {
            return Err(FileError::Substituted);
        }
        opened.map_err(|error| match error {
            OpenError::Io(error) => FileError::Disk(error),
            error => FileError::Open(error),
        })
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

/// Hashes what is read, and remembers whether reading failed.
struct Watched<R> {
    inner: Hashed<R>,
    error: Option<io::ErrorKind>,
}

impl<R> Watched<R> {
    fn new(inner: R) -> Self {
        Self { inner: Hashed::new(inner), error: None }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.error = Some(error.kind());
        }
        read
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
            Self::Sodium(writer) => writer.finish_hashed(),
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

    struct Scene {
        dir: tempfile::TempDir,
        key: FileKey,
        participant: PublicKey,
        computation: ComputationId,
    }

    impl Scene {
        fn new() -> Self {
            let (dir, key) = (tempfile::tempdir().unwrap(), FileKey::random());
            let participant = PublicKey::from_bytes([1; 32]);
            Self { dir, key, participant, computation: ComputationId::random() }
        }

        fn context(&self) -> FileContext<'_> {
            let (computation, participant) = (self.computation, &self.participant);
            FileContext { computation, participant, kind: FileKind::Result, path: "a" }
        }

        fn seal(&self, suite: Suite, plain: &[u8]) -> Vec<u8> {
            let mut sealing =
                Sealing::begin(suite, &self.key, &self.context(), self.dir.path()).unwrap();
            sealing.write_all(plain).unwrap();
            let (file, size, sha256) = sealing.finish().unwrap();
            let mut sealed = Vec::new();
            FromStart { file: &file, at: 0 }.read_to_end(&mut sealed).unwrap();
            assert_eq!((size, sha256), listed(&sealed), "{suite}");
            sealed
        }

        fn open(
            &self,
            suite: Suite,
            sealed: &[u8],
            listed: (u64, Digest),
        ) -> Result<Vec<u8>, FileError> {
            let with = (suite, &self.key);
            let opened = Opened::open(sealed, listed, with, &self.context(), self.dir.path())?;
            let mut plain = vec![0; usize::try_from(opened.len()).unwrap()];
            opened.read_at(0, &mut plain).unwrap();
            Ok(plain)
        }
    }

    fn listed(sealed: &[u8]) -> (u64, Digest) {
        (sealed.len() as u64, Digest::of(sealed))
    }

    #[test]
    fn what_a_suite_seals_the_same_suite_opens_and_the_other_does_not() {
        let scene = Scene::new();
        let plain: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
        for suite in Suite::ALL {
            let sealed = scene.seal(suite, &plain);
            for other in Suite::ALL {
                let opened = scene.open(other, &sealed, listed(&sealed));
                match suite == other {
                    true => assert!(opened.unwrap() == plain, "{suite}"),
                    false => assert!(matches!(opened, Err(FileError::Open(_))), "{suite}"),
                }
            }
        }
    }

    #[test]
    fn only_the_listed_bytes_are_opened_be_they_ever_so_genuine() {
        let scene = Scene::new();
        for suite in Suite::ALL {
            let (new, old) = (scene.seal(suite, b"new"), scene.seal(suite, b"old"));
            assert!(scene.open(suite, &old, listed(&old)).is_ok());
            let longer = [new.as_slice(), b"x"].concat();
            for other in [old.as_slice(), &new[..new.len() - 1], &longer, b""] {
                let refused = scene.open(suite, other, listed(&new));
                assert!(matches!(refused, Err(FileError::Substituted)), "{suite}: {refused:?}");
            }
        }
    }

    #[test]
    fn a_source_that_breaks_is_no_fault_of_the_file() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let scene = Scene::new();
        for suite in Suite::ALL {
            let sealed = scene.seal(suite, &[7; 100_000]);
            let cut = sealed[..70_000].chain(Broken);
            let with = (suite, &scene.key);
            let dir = scene.dir.path();
            let refused = Opened::open(cut, listed(&sealed), with, &scene.context(), dir).err();
            assert!(matches!(refused, Some(FileError::Read(_))), "{suite}: {refused:?}");
        }
    }
}
