//! Sealing what the code writes, as it writes it: plaintext results never touch a disk.
//!
//! Results are published under numbers. The names that the code gave them are sealed too, in an index
//! for each consumer: a name could say more than the policy lets out.

use crate::{formats::Sealing, release::Released};
use sealroom_protocol::{
    ComputationId, FileContext, FileKind, FileName, Role, Suite,
    context::result_path,
    contract::Terms,
    receipt::{INDEX, IndexEntry, ResultIndex, SINGLE, SealedResult},
};
use sealroom_sandbox::{ResultWriter, Results};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Indexes are padded to a multiple of this many bytes.
const INDEX_BLOCK: usize = 4096;

/// One that was committed, and what it has of bytes without padding.
struct Sealed {
    result: SealedResult,
    file: File,
    bytes: u64,
}

/// By consumer and the name that the code gave.
type ByName = BTreeMap<(u16, FileName), Sealed>;
type Finished = Arc<Mutex<ByName>>;

/// The results of one run, sealed for their consumers.
pub(crate) struct SealedResults<'a> {
    computation: ComputationId,
    run: u32,
    consumers: Vec<&'a Released>,
    terms: Terms,
    work_dir: PathBuf,
    finished: Finished,
}

impl<'a> SealedResults<'a> {
    pub(crate) fn new(
        computation: ComputationId,
        run: u32,
        released: &'a [Released],
        terms: Terms,
        work_dir: PathBuf,
    ) -> Self {
        let consumers = released.iter().filter(|r| r.id.role == Role::ResultConsumer).collect();
        let finished = Finished::default();
        Self { computation, run, consumers, terms, work_dir, finished }
    }

    /// What was committed, and an index for each consumer that something is for.
    pub(crate) fn into_finished(self) -> io::Result<Vec<(SealedResult, File)>> {
        let mut finished =
            std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner));
        name_single_results(&mut finished, &self.consumers)?;
        let mut indexes: BTreeMap<u16, ResultIndex> = BTreeMap::new();
        for ((consumer, name), Sealed { result, bytes, .. }) in &finished {
            let index = indexes.entry(*consumer).or_default();
            let entry = IndexEntry { name: name.clone(), bytes: *bytes };
            index.results.insert(result.name.clone(), entry);
        }
        let mut all: Vec<(SealedResult, File)> =
            finished.into_values().map(|sealed| (sealed.result, sealed.file)).collect();
        for (consumer, index) in indexes {
            let mut text = serde_json::to_vec(&index)?;
            text.resize(text.len().next_multiple_of(INDEX_BLOCK), b' ');
            let name: FileName = INDEX.parse().map_err(io::Error::other)?;
            let mut sealing = self.seal(consumer, &name)?;
            sealing.write_all(&text)?;
            let (file, size, sha256) = sealing.finish()?;
            all.push((SealedResult { consumer, name, size, sha256 }, file));
        }
        all.sort_by(|(one, _), (other, _)| {
            (one.consumer, &one.name).cmp(&(other.consumer, &other.name))
        });
        Ok(all)
    }

    /// Starts a sealed file for `consumer`.
    fn seal(&self, consumer: u16, name: &FileName) -> io::Result<Sealing> {
        let to = self.consumers.get(usize::from(consumer)).ok_or(io::ErrorKind::NotFound)?;
        let context = FileContext {
            computation: self.computation,
            participant: &to.public_key,
            kind: FileKind::Result,
            path: &result_path(self.run, name),
        };
        Sealing::begin(to.suite, &to.file_key, &context, &self.work_dir)
    }
}

/// The 2022 client fetches one result: `result.bin`, which was the only name there was, or else the only
/// one that the code wrote. It is published under a name of its own; the code has no say in that.
fn name_single_results(finished: &mut ByName, consumers: &[&Released]) -> io::Result<()> {
    let single: FileName = SINGLE.parse().map_err(io::Error::other)?;
    let fetches_one = |consumer: u16| {
        consumers.get(usize::from(consumer)).is_some_and(|to| to.suite == Suite::Sodium)
    };
    for consumer in (0..).take(consumers.len()).filter(|consumer| fetches_one(*consumer)) {
        let of_consumer = |((whose, _), _): &(&(u16, FileName), _)| *whose == consumer;
        let mut names = finished.iter().filter(of_consumer).map(|((_, name), _)| name.clone());
        let only = match (names.next(), names.next()) {
            (Some(only), None) => only,
            _ => single.clone(),
        };
        if let Some(sealed) = finished.get_mut(&(consumer, only)) {
            sealed.result.name = single.clone();
        }
    }
    Ok(())
}

impl Results for SealedResults<'_> {
    fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let name = name.parse().map_err(io::Error::other)?;
        let mut parts = Vec::with_capacity(consumers.len());
        for consumer in consumers {
            let consumer = u16::try_from(*consumer).map_err(io::Error::other)?;
            // By chance: how many results the code has begun, and in which order, is for nobody to read.
            let number = format!("{:016x}", u64::from_be_bytes(sealroom_seal::random()));
            let number: FileName = number.parse().map_err(io::Error::other)?;
            parts.push(Part { sealing: self.seal(consumer, &number)?, consumer, number });
        }
        let (terms, finished) = (self.terms.clone(), Arc::clone(&self.finished));
        Ok(Box::new(Writer { parts, bytes: 0, terms, name, finished }))
    }
}

/// The same result for one of its consumers.
struct Part {
    sealing: Sealing,
    consumer: u16,
    number: FileName,
}

struct Writer {
    parts: Vec<Part>,
    bytes: u64,
    terms: Terms,
    name: FileName,
    finished: Finished,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in &mut self.parts {
            part.sealing.write_all(bytes)?;
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.sealing.flush())
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { parts, bytes, terms, name, finished } = *self;
        let padded = terms.padded(bytes).map_err(io::Error::other)?;
        for Part { mut sealing, consumer, number } in parts {
            io::copy(&mut io::repeat(0).take(padded.saturating_sub(bytes)), &mut sealing)?;
            let (file, size, sha256) = sealing.finish()?;
            let result = SealedResult { consumer, name: number, size, sha256 };
            finished
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((consumer, name.clone()), Sealed { result, file, bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::{ParticipantId, Policy, PublicKey};
    use sealroom_seal::FileKey;

    fn consumer(index: u16, suite: Suite) -> Released {
        Released {
            id: ParticipantId { role: Role::ResultConsumer, index },
            suite,
            public_key: PublicKey::from_bytes([0; 32]),
            file_key: FileKey::random(),
            inventory: vec![],
            digest: sealroom_seal::Digest::of(b""),
        }
    }

    fn published(suite: Suite, names: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let consumers = [consumer(0, Suite::Hybrid), consumer(1, suite)];
        let computation = ComputationId::random();
        let terms = Policy::default().terms(None).unwrap();
        let dir = dir.path().to_owned();
        let mut results = SealedResults::new(computation, 1, &consumers, terms, dir);
        for name in names {
            let mut writer = results.begin(&[1], name).unwrap();
            writer.write_all(b"x").unwrap();
            writer.commit().unwrap();
        }
        let finished = results.into_finished().unwrap();
        let name = |(result, _): &(SealedResult, File)| match result.name.as_str() {
            number if number.len() == 16 => "N".to_owned(),
            name => name.to_owned(),
        };
        let mut names: Vec<String> = finished.iter().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_consumer_of_the_2022_suite_gets_one_result_under_a_name_that_it_knows() {
        use Suite::{Hybrid, Sodium};
        assert_eq!(published(Sodium, &["result.bin"]), ["index", "result.bin"]);
        assert_eq!(published(Sodium, &["other.csv"]), ["index", "result.bin"]);
        assert_eq!(published(Sodium, &["a", "result.bin"]), ["N", "index", "result.bin"]);
        assert_eq!(published(Sodium, &["a", "b"]), ["N", "N", "index"]);
        assert_eq!(published(Sodium, &[]), [""; 0]);
        assert_eq!(published(Hybrid, &["result.bin"]), ["N", "index"], "names are sealed");
    }
}
