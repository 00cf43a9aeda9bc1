//! Results held against the [output contract](sealroom_protocol::contract) while a run writes them.
//!
//! For whoever runs code in a [jail](sealroom_sandbox): the enclave, which seals what passes, and `sealroom test`,
//! which keeps it. Nothing is written before it is checked, and the first breach ends the run.
#![forbid(unsafe_code)]

use sealroom_protocol::{
    FileName,
    contract::{Broken, ResultCheck, Terms},
};
use sealroom_sandbox::{ResultWriter, Results};
use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// Passes on to `R` what the contract lets out.
pub struct Contracted<R> {
    terms: Terms,
    inner: R,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    broken: Option<Broken>,
    written: BTreeSet<(u16, FileName)>,
}

/// Notes the first breach, and ends the run.
fn end_run(state: &Mutex<State>, broken: Broken) -> io::Error {
    state.lock().unwrap_or_else(PoisonError::into_inner).broken.get_or_insert(broken);
    io::Error::other("the result breaks the output contract")
}

impl<R> Contracted<R> {
    /// Holds what goes to `inner` against `terms`.
    pub fn new(terms: Terms, inner: R) -> Self {
        Self { terms, inner, state: Arc::default() }
    }

    /// The first clause that the run has broken, if it has; results that had to be written are not looked for.
    pub fn broken(&self) -> Option<Broken> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }

    /// To be called when the run has ended well: whether all that had to be written is there.
    ///
    /// # Errors
    /// The first clause that the run has broken.
    pub fn finish(self, consumers: u16) -> Result<R, Broken> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = state.broken.take() {
            return Err(broken);
        }
        self.terms.end(&state.written, consumers)?;
        drop(state);
        Ok(self.inner)
    }
}

impl<R: Results> Results for Contracted<R> {
    fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        let named: FileName = name.parse().map_err(io::Error::other)?;
        let whom = consumers.iter().map(|consumer| u16::try_from(*consumer));
        let whom = whom.collect::<Result<Vec<u16>, _>>().map_err(io::Error::other)?;
        // All get the same bytes, which are looked at once: a check may hold megabytes.
        let mut check = None;
        for consumer in &whom {
            let allowed = self.terms.begin(*consumer, &named);
            check = Some(allowed.map_err(|broken| end_run(&self.state, broken))?);
        }
        let check = check.ok_or(io::ErrorKind::InvalidInput)?;
        let inner = self.inner.begin(consumers, name)?;
        let places = whom.into_iter().map(|consumer| (consumer, named.clone())).collect();
        let (terms, state) = (self.terms.clone(), Arc::clone(&self.state));
        Ok(Box::new(Writer { terms, check, inner, places, size: 0, state }))
    }
}

struct Writer {
    terms: Terms,
    check: ResultCheck,
    inner: Box<dyn ResultWriter>,
    places: Vec<(u16, FileName)>,
    size: u64,
    state: Arc<Mutex<State>>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check.push(bytes).map_err(|broken| end_run(&self.state, broken))?;
        self.inner.write_all(bytes)?;
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl ResultWriter for Writer {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { terms, check, inner, places, size, state } = *self;
        let checked = check.finish().and_then(|()| terms.padded(size));
        checked.map_err(|broken| end_run(&state, broken))?;
        inner.commit()?;
        state.lock().unwrap_or_else(PoisonError::into_inner).written.extend(places);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_protocol::Policy;

    /// Consumer, name and content.
    type Kept = (u32, String, Vec<u8>);

    /// Keeps what was committed.
    #[derive(Clone, Default)]
    struct Shelf(Arc<Mutex<BTreeSet<Kept>>>);

    struct Item {
        shelf: Shelf,
        consumers: Vec<u32>,
        name: String,
        bytes: Vec<u8>,
    }

    impl Results for Shelf {
        fn begin(&mut self, consumers: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
            let (consumers, name) = (consumers.to_vec(), name.to_owned());
            Ok(Box::new(Item { shelf: self.clone(), consumers, name, bytes: Vec::new() }))
        }
    }

    impl Write for Item {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ResultWriter for Item {
        fn commit(self: Box<Self>) -> io::Result<()> {
            for consumer in self.consumers {
                let kept = (consumer, self.name.clone(), self.bytes.clone());
                self.shelf.0.lock().unwrap().insert(kept);
            }
            Ok(())
        }
    }

    fn room(contract: &str) -> (Contracted<Shelf>, Shelf) {
        let output = serde_json::from_str(contract).unwrap();
        let policy = Policy { output, ..Policy::default() };
        let shelf = Shelf::default();
        (Contracted::new(policy.terms(Some(2)).unwrap(), shelf.clone()), shelf)
    }

    fn write(room: &mut Contracted<Shelf>, to: &[u32], name: &str, text: &[u8]) -> io::Result<()> {
        let mut writer = room.begin(to, name)?;
        writer.write_all(text)?;
        writer.commit()
    }

    const TABLE: &str = r#"{"results": [{"name": "t", "required": true, "csv":
        {"columns": [{"name": "n", "type": "integer"}], "max_rows": 3}},
        {"name": "own", "consumers": [1]}]}"#;

    #[test]
    fn what_keeps_to_the_contract_arrives_for_all() {
        let (mut room, shelf) = room(TABLE);
        write(&mut room, &[0, 1], "t", b"n\n1\n").unwrap();
        write(&mut room, &[1], "own", b"anything").unwrap();
        assert_eq!(shelf.0.lock().unwrap().len(), 3);
        assert!(room.broken().is_none() && room.finish(2).is_ok());
    }

    #[test]
    fn the_first_breach_stays_and_nothing_of_it_arrives() {
        let (mut room, shelf) = room(TABLE);
        assert!(write(&mut room, &[0, 1], "t", b"n\nsecret\n").is_err());
        assert!(write(&mut room, &[0], "other", b"").is_err());
        assert!(shelf.0.lock().unwrap().is_empty());
        assert_eq!(room.broken().unwrap().clause, "results[0].csv.columns[0]");
        write(&mut room, &[0, 1], "t", b"n\n1\n").unwrap();
        assert_eq!(room.finish(2).err().unwrap().clause, "results[0].csv.columns[0]");
    }

    #[test]
    fn one_consumer_who_may_not_have_it_is_enough() {
        let (mut room, shelf) = room(TABLE);
        assert!(write(&mut room, &[1, 0], "own", b"x").is_err());
        assert_eq!(room.broken().unwrap().clause, "results[1].consumers");
        assert!(shelf.0.lock().unwrap().is_empty());
    }

    #[test]
    fn what_had_to_be_written_is_missed_at_the_end() {
        let (mut room, _) = room(TABLE);
        write(&mut room, &[0], "t", b"n\n1\n").unwrap();
        // Begun and dropped is not written.
        drop(room.begin(&[1], "t").unwrap());
        assert!(room.broken().is_none());
        assert_eq!(room.finish(2).err().unwrap().clause, "results[0].required");
    }
}
