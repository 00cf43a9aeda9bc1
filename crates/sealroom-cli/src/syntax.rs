//! Whether `run.py` is Python at all, so that the code provider learns it before anything is sent.

use crate::error::CliError;
use std::{fs::File, path::Path};

/// Parses the file with the grammar of current Python.
pub(crate) fn check(path: &Path) -> Result<(), CliError> {
    let found = File::open(path).and_then(|mut file| sealroom_server::syntax::check(&mut file));
    match found.map_err(|error| CliError::io(path, &error))? {
        None => Ok(()),
        Some(problem) => Err(CliError::new(
            format!("`{}`, line {}: {}", path.display(), problem.line, problem.message),
            "mend it, and try it with `sealroom test`",
        )),
    }
}
