//! What each consumer's results take: counts names and bytes, gives replaced ones back. Pure.

use std::collections::BTreeMap;

use super::frame::Addressee;

/// Results of all consumers, by name and size.
#[derive(Debug)]
pub(crate) struct Ledger {
    bytes: u64,
    count: u32,
    consumers: Vec<BTreeMap<String, u64>>,
}

/// What is over its bound, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Over {
    #[error("results of consumer {consumer} take more than {limit} bytes")]
    Bytes { consumer: usize, limit: u64 },
    #[error("results of consumer {consumer} have more than {limit} names")]
    Count { consumer: usize, limit: u32 },
    #[error("a result for consumer {found}, there are {consumers}")]
    Consumer { found: u32, consumers: usize },
}

impl Ledger {
    /// `bytes` and `count` bind each of the `consumers`.
    pub(crate) fn new(consumers: usize, bytes: u64, count: u32) -> Self {
        Self { bytes, count, consumers: (0..consumers).map(|_| BTreeMap::new()).collect() }
    }

    /// The consumers meant, as indices.
    pub(crate) fn addressed(&self, addressee: Addressee) -> Result<Vec<u32>, Over> {
        let consumers = self.consumers.len();
        match addressee {
            Addressee::All => Ok((0u32..).take(consumers).collect()),
            Addressee::One(found) if (found as usize) < consumers => Ok(vec![found]),
            Addressee::One(found) => Err(Over::Consumer { found, consumers }),
        }
    }

    /// Whether `name`, with `size` bytes, fits each of the `consumers` in place of what it replaces.
    pub(crate) fn check(&self, consumers: &[u32], name: &str, size: u64) -> Result<(), Over> {
        for consumer in consumers.iter().map(|c| *c as usize) {
            let Some(held) = self.consumers.get(consumer) else { continue };
            if !held.contains_key(name) && held.len() >= self.count as usize {
                return Err(Over::Count { consumer, limit: self.count });
            }
            let others = held.iter().filter(|(held, _)| *held != name).map(|(_, size)| *size);
            let taken = others.fold(size, u64::saturating_add);
            if taken > self.bytes {
                return Err(Over::Bytes { consumer, limit: self.bytes });
            }
        }
        Ok(())
    }

    /// Records a result that was committed.
    pub(crate) fn record(&mut self, consumer: u32, name: &str, size: u64) {
        if let Some(held) = self.consumers.get_mut(consumer as usize) {
            held.insert(name.to_owned(), size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_result_gives_its_bytes_back() {
        let mut ledger = Ledger::new(2, 10, 2);
        ledger.record(0, "a", 9);
        assert_eq!(ledger.check(&[0], "a", 10), Ok(()));
        assert_eq!(ledger.check(&[0], "b", 2), Err(Over::Bytes { consumer: 0, limit: 10 }));
        assert_eq!(ledger.check(&[1], "b", 10), Ok(()));
        assert_eq!(ledger.check(&[1, 0], "b", 2), Err(Over::Bytes { consumer: 0, limit: 10 }));
    }

    #[test]
    fn names_are_counted_and_replacing_adds_none() {
        let mut ledger = Ledger::new(1, 10, 1);
        ledger.record(0, "a", 0);
        assert_eq!(ledger.check(&[0], "a", 1), Ok(()));
        assert_eq!(ledger.check(&[0], "b", 0), Err(Over::Count { consumer: 0, limit: 1 }));
    }

    #[test]
    fn only_consumers_that_exist_are_addressed() {
        let ledger = Ledger::new(2, 1, 1);
        assert_eq!(ledger.addressed(Addressee::All), Ok(vec![0, 1]));
        assert_eq!(ledger.addressed(Addressee::One(1)), Ok(vec![1]));
        assert_eq!(
            ledger.addressed(Addressee::One(2)),
            Err(Over::Consumer { found: 2, consumers: 2 })
        );
    }
}
