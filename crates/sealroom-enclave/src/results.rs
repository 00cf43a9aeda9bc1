//! Sealing what the code writes, as it writes it: plaintext results never touch a disk.

use crate::release::Released;
use sealroom_protocol::{
    ComputationId, FileContext, FileKind, FileName, Role, context::result_path,
    receipt::SealedResult,
};
use sealroom_sandbox::{ResultWriter, Results};
use sealroom_seal::{Hashed, stream::SealWriter};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

type Finished = Arc<Mutex<BTreeMap<(u16, FileName), (SealedResult, File)>>>;

/// The results of one run, sealed for their consumers.
pub(crate) struct SealedResults<'a> {
    computation: ComputationId,
    run: u32,
    consumers: Vec<&'a Released>,
    work_dir: PathBuf,
    finished: Finished,
}

impl<'a> SealedResults<'a> {
    pub(crate) fn new(
        computation: ComputationId,
        run: u32,
        released: &'a [Released],
        work_dir: PathBuf,
    ) -> Self {
        let consumers = released.iter().filter(|r| r.id.role == Role::ResultConsumer).collect();
        Self { computation, run, consumers, work_dir, finished: Finished::default() }
    }

    /// What was committed, in the order of consumers and names.
    pub(crate) fn into_finished(self) -> Vec<(SealedResult, File)> {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *finished).into_values().collect()
    }
}

impl Results for SealedResults<'_> {
    fn begin(&mut self, consumer: u32, name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let name: FileName = name.parse().map_err(io::Error::other)?;
        let index = u16::try_from(consumer).map_err(io::Error::other)?;
        let to = self.consumers.get(usize::from(index)).ok_or(io::ErrorKind::NotFound)?;
        let context = FileContext {
            computation: self.computation,
            participant: &to.public_key,
            kind: FileKind::Result,
            path: &result_path(self.run, &name),
        };
        let out = Hashed::new(tempfile::tempfile_in(&self.work_dir)?);
        let sealing = SealWriter::new(out, &to.file_key, &context.associated_data())?;
        Ok(Box::new(Writer {
            sealing,
            consumer: index,
            name,
            finished: Arc::clone(&self.finished),
        }))
    }
}

struct Writer {
    sealing: SealWriter<Hashed<File>>,
    consumer: u16,
    name: FileName,
    finished: Finished,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sealing.flush()
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { sealing, consumer, name, finished } = *self;
        let (file, size, sha256) = sealing.finish()?.finish();
        let result = SealedResult { consumer, name: name.clone(), size, sha256 };
        finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((consumer, name), (result, file));
        Ok(())
    }
}
