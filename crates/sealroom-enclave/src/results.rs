//! Sealing what the code writes, as it writes it: plaintext results never touch a disk.
//!
//! Results are published under numbers. The names that the code gave them are sealed too, in an index
//! for each consumer: a name could say more than the policy lets out.

use crate::release::Released;
use sealroom_protocol::{
    ComputationId, FileContext, FileKind, FileName, Role,
    context::result_path,
    receipt::{INDEX, ResultIndex, SealedResult},
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

/// Indexes are padded to a multiple of this many bytes.
const INDEX_BLOCK: usize = 4096;

/// By consumer and the name that the code gave.
type Finished = Arc<Mutex<BTreeMap<(u16, FileName), (SealedResult, File)>>>;

/// The results of one run, sealed for their consumers.
pub(crate) struct SealedResults<'a> {
    computation: ComputationId,
    run: u32,
    consumers: Vec<&'a Released>,
    work_dir: PathBuf,
    finished: Finished,
    begun: u32,
}

impl<'a> SealedResults<'a> {
    pub(crate) fn new(
        computation: ComputationId,
        run: u32,
        released: &'a [Released],
        work_dir: PathBuf,
    ) -> Self {
        let consumers = released.iter().filter(|r| r.id.role == Role::ResultConsumer).collect();
        let finished = Finished::default();
        Self { computation, run, consumers, work_dir, finished, begun: 0 }
    }

    /// What was committed, and an index for each consumer that something is for.
    pub(crate) fn into_finished(self) -> io::Result<Vec<(SealedResult, File)>> {
        let finished =
            std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner));
        let mut indexes: BTreeMap<u16, ResultIndex> = BTreeMap::new();
        for ((consumer, name), (result, _)) in &finished {
            let index =
                indexes.entry(*consumer).or_insert_with(|| ResultIndex { names: BTreeMap::new() });
            index.names.insert(result.name.clone(), name.clone());
        }
        let mut all: Vec<(SealedResult, File)> = finished.into_values().collect();
        for (consumer, index) in indexes {
            let mut text = serde_json::to_vec(&index)?;
            text.resize(text.len().next_multiple_of(INDEX_BLOCK), b' ');
            let name: FileName = INDEX.parse().map_err(io::Error::other)?;
            let mut sealing = self.seal(consumer, &name)?;
            sealing.write_all(&text)?;
            let (file, size, sha256) = sealing.finish()?.finish();
            all.push((SealedResult { consumer, name, size, sha256 }, file));
        }
        Ok(all)
    }

    /// Starts a sealed file for `consumer`.
    fn seal(&self, consumer: u16, name: &FileName) -> io::Result<SealWriter<Hashed<File>>> {
        let to = self.consumers.get(usize::from(consumer)).ok_or(io::ErrorKind::NotFound)?;
        let context = FileContext {
            computation: self.computation,
            participant: &to.public_key,
            kind: FileKind::Result,
            path: &result_path(self.run, name),
        };
        let out = Hashed::new(tempfile::tempfile_in(&self.work_dir)?);
        SealWriter::new(out, &to.file_key, &context.associated_data())
    }
}

impl Results for SealedResults<'_> {
    fn begin(&mut self, consumer: u32, name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let name = name.parse().map_err(io::Error::other)?;
        let consumer = u16::try_from(consumer).map_err(io::Error::other)?;
        let number: FileName = self.begun.to_string().parse().map_err(io::Error::other)?;
        self.begun += 1;
        let sealing = self.seal(consumer, &number)?;
        Ok(Box::new(Writer {
            sealing,
            consumer,
            number,
            name,
            finished: Arc::clone(&self.finished),
        }))
    }
}

struct Writer {
    sealing: SealWriter<Hashed<File>>,
    consumer: u16,
    number: FileName,
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
        let Self { sealing, consumer, number, name, finished } = *self;
        let (file, size, sha256) = sealing.finish()?.finish();
        let result = SealedResult { consumer, name: number, size, sha256 };
        finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((consumer, name), (result, file));
        Ok(())
    }
}
