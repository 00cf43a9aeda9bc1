//! A host that takes its time to store a result: longer than the run may last.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealroom_sandbox::{ResultWriter, Results};

use crate::common::{Ran, Room, runtime};
use crate::tier::Started;

/// Names of the results that were committed.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<Vec<String>>>, Duration);

struct Item {
    shelf: Slow,
    name: String,
}

impl Results for Slow {
    fn begin(&mut self, _: u32, name: &str) -> io::Result<Box<dyn ResultWriter>> {
        Ok(Box::new(Item { shelf: self.clone(), name: name.to_owned() }))
    }
}

impl Write for Item {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(self.shelf.1);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ResultWriter for Item {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.shelf.0.lock().unwrap().push(self.name);
        Ok(())
    }
}

/// Runs a job whose every piece of a result takes a second longer to store than the run may last.
pub(crate) fn run_slowly(room: Room, started: &Started) -> Ran {
    let shelf = Slow(Arc::default(), room.limits.wall + Duration::from_secs(1));
    let kept = shelf.0.clone();
    let mut ran = room.run_into(shelf, &started.launcher, &runtime(), &AtomicBool::new(false));
    let names = std::mem::take(&mut *kept.lock().unwrap());
    ran.results = names.into_iter().map(|name| ((0, name), Vec::new())).collect();
    ran
}
