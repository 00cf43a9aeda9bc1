//! Where results of a run on this machine go.

use sealroom_protocol::FileName;
use sealroom_sandbox::{ResultWriter, Results};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

#[derive(Clone)]
pub(super) struct Kept {
    pub(super) consumer: u32,
    pub(super) name: FileName,
    pub(super) temp: Arc<tempfile::NamedTempFile>,
    pub(super) size: u64,
}

type Shared = Arc<Mutex<BTreeMap<(u32, FileName), Kept>>>;

/// Results as plain files, under temporary names until the run has succeeded.
pub(super) struct Folder {
    out: PathBuf,
    written: Shared,
}

impl Folder {
    pub(super) fn new(out: PathBuf) -> Self {
        Self { out, written: Shared::default() }
    }

    /// What was committed.
    pub(super) fn into_written(self) -> Vec<Kept> {
        let written = self.written.lock();
        written.map(|written| written.values().cloned().collect()).unwrap_or_default()
    }
}

impl Results for Folder {
    fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let name = name.parse().map_err(io::Error::other)?;
        fs::create_dir_all(&self.out)?;
        let temp = tempfile::NamedTempFile::new_in(&self.out)?;
        let (consumers, written) = (consumers.to_vec(), Arc::clone(&self.written));
        Ok(Box::new(Writer { consumers, name, temp, written }))
    }
}

struct Writer {
    consumers: Vec<u32>,
    name: FileName,
    temp: tempfile::NamedTempFile,
    written: Shared,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { consumers, name, temp, written } = *self;
        let size = temp.as_file().metadata()?.len();
        let temp = Arc::new(temp);
        let mut written = written.lock().map_err(|_| io::Error::other("a thread panicked"))?;
        for consumer in consumers {
            let kept = Kept { consumer, name: name.clone(), temp: Arc::clone(&temp), size };
            written.insert((consumer, name.clone()), kept);
        }
        Ok(())
    }
}
