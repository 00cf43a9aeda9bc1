//! Where results of an attempt go: the host may take longer to store a piece than the run may last.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealroom_sandbox::{ResultWriter, Results, SandboxError};

use crate::common::{Ran, Room, runtime};
use crate::tier::Started;

/// Names of the results that were committed.
#[derive(Clone)]
struct Storage {
    committed: Arc<Mutex<Vec<String>>>,
    takes: Duration,
}

struct Item {
    storage: Storage,
    name: String,
}

impl Results for Storage {
    fn begin(&mut self, _: &[u32], name: &str) -> io::Result<Box<dyn ResultWriter>> {
        Ok(Box::new(Item { storage: self.clone(), name: name.to_owned() }))
    }
}

impl Write for Item {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(self.storage.takes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ResultWriter for Item {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.storage.committed.lock().unwrap().push(self.name);
        Ok(())
    }
}

/// Runs a job; a slow host takes a second longer for a piece of a result than the run may last. Of results, only the
/// names are told, in the order of the alphabet.
pub(crate) fn run(room: Room, slow: bool, started: &Started) -> Result<Ran, SandboxError> {
    let takes = if slow { room.limits.wall + Duration::from_secs(1) } else { Duration::ZERO };
    let storage = Storage { committed: Arc::default(), takes };
    let committed = Arc::clone(&storage.committed);
    let never = AtomicBool::new(false);
    let mut ran = room.run_into(storage, &started.launcher, &runtime(), &never)?;
    let names = std::mem::take(&mut *committed.lock().unwrap());
    ran.results = names.into_iter().map(|name| ((0, name), Vec::new())).collect();
    Ok(ran)
}
