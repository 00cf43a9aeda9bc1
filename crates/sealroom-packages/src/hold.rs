//! Locks between processes: who uses a layer holds it, so that nobody takes it away meanwhile.

use rustix::fs::{FlockOperation, flock};
use std::{fs::File, io, os::unix::fs::MetadataExt as _, path::Path};

/// A lock file that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold(File);

impl Hold {
    /// Takes it if nobody has it.
    pub(crate) fn alone_now(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Waits until nobody has it alone.
    pub(crate) fn shared(path: &Path) -> io::Result<Self> {
        Self::take(path, FlockOperation::LockShared).map(|held| held.expect("it was waited for"))
    }

    fn take(path: &Path, how: FlockOperation) -> io::Result<Option<Self>> {
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            match rustix::io::retry_on_intr(|| flock(&file, how)) {
                Ok(()) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // Whoever had it before may have removed it: then it is no longer what others look at.
            let same = std::fs::metadata(path).is_ok_and(|found| {
                file.metadata()
                    .is_ok_and(|mine| (mine.dev(), mine.ino()) == (found.dev(), found.ino()))
            });
            if same {
                return Ok(Some(Self(file)));
            }
        }
    }

    /// Says that it was used now.
    pub(crate) fn touch(&self) -> io::Result<()> {
        self.0.set_modified(std::time::SystemTime::now())
    }
}
