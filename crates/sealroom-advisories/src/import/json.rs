//! Records in a text of JSON: one, an array of them, or one after another.

use super::{
    ImportError,
    budget::{Budget, Exceeded, Metered},
    collect::Collector,
};
use crate::{osv::Record, record::RecordError, text::Line};
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use std::{
    fmt,
    io::{self, Read},
};

type Deserializer<R> = serde_json::Deserializer<serde_json::de::IoRead<R>>;

/// Gives each record of a text to the collector. The whole text is read, or there is an error.
///
/// The text is read no further than the record that is read, which is how the bytes of each are counted. Depth is
/// bounded by `serde_json`: it gives up at 128 values within each other, and passes over unknown fields without going
/// down into them.
pub(super) fn records(
    reader: impl Read,
    file: &str,
    collector: &mut Collector,
    budget: &Budget,
) -> Result<(), ImportError> {
    budget.next_file();
    let records = Records { file, collector, budget, read: 0, failed: None };
    let mut reader = Metered { inner: reader, budget };
    let first = first_byte(&mut reader).map_err(|error| records.unreadable(error))?;
    let text = first.as_slice().chain(reader);
    let json = serde_json::Deserializer::from_reader(text);
    if first.first() == Some(&b'[') { records.of_array(json) } else { records.of_lines(json) }
}

/// The first byte that says something, if there is one.
fn first_byte(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut byte = [b' '];
    while byte[0].is_ascii_whitespace() {
        match reader.read(&mut byte) {
            Ok(0) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(byte.to_vec())
}

/// The records of one text.
struct Records<'a> {
    file: &'a str,
    collector: &'a mut Collector,
    budget: &'a Budget,
    /// How many were read.
    read: usize,
    /// Why no more were, where the reader of arrays can't say it.
    failed: Option<ImportError>,
}

impl Records<'_> {
    fn of_lines<R: Read>(mut self, json: Deserializer<R>) -> Result<(), ImportError> {
        for record in json.into_iter() {
            let record = record.map_err(|error| self.wrong(error))?;
            self.take(&record)?;
        }
        Ok(())
    }

    fn of_array<R: Read>(mut self, mut json: Deserializer<R>) -> Result<(), ImportError> {
        let read = json.deserialize_seq(&mut self).and_then(|()| json.end());
        match (read, self.failed.take()) {
            (_, Some(failed)) => Err(failed),
            (Err(error), None) => Err(self.wrong(error)),
            (Ok(()), None) => Ok(()),
        }
    }

    fn take(&mut self, record: &Record) -> Result<(), ImportError> {
        let too_large = |source| ImportError::TooLarge { place: self.place(), source };
        self.budget.next_record().map_err(too_large)?;
        let taken = self.collector.take(record);
        taken.map_err(|source| ImportError::Record { place: self.place(), source })?;
        self.read += 1;
        Ok(())
    }
}

impl Records<'_> {
    /// The record that is being read.
    fn place(&self) -> String {
        match self.read {
            0 => self.file.to_owned(),
            read => format!("record {} of {}", read + 1, self.file),
        }
    }

    fn wrong(&self, error: serde_json::Error) -> ImportError {
        if error.is_io() {
            return self.unreadable(error.into());
        }
        // Repeats what the text has, so it is made safe.
        let source = RecordError::Schema(Line::from(error.to_string()).as_str().to_owned());
        ImportError::Record { place: self.place(), source }
    }

    fn unreadable(&self, error: io::Error) -> ImportError {
        let place = self.place();
        match error.downcast::<Exceeded>() {
            Ok(source) => ImportError::TooLarge { place, source },
            Err(source) => ImportError::Read { place, source },
        }
    }
}

impl<'de> Visitor<'de> for &mut Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(record) = seq.next_element()? {
            if let Err(failed) = self.take(&record) {
                self.failed = Some(failed);
                return Err(A::Error::custom("a record can't be used"));
            }
        }
        Ok(())
    }
}
