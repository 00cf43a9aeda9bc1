//! The data directory: private, and used by one server at a time.

use crate::ServeError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

fn fault(path: &Path) -> impl FnOnce(std::io::Error) -> ServeError {
    let path = path.to_owned();
    move |source| ServeError::DataDir { path, source }
}

/// Makes a folder that only this user can enter, if it is missing.
pub(crate) fn private_dir(path: &Path) -> Result<(), ServeError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault(path))
}

/// Prepares the data directory. An existing one is closed to other users.
pub(crate) fn data_dir(path: &Path) -> Result<(), ServeError> {
    private_dir(path)?;
    let mut rights = fs::metadata(path).map_err(fault(path))?.permissions();
    if rights.mode() & 0o077 != 0 {
        rights.set_mode(0o700);
        fs::set_permissions(path, rights).map_err(fault(path))?;
    }
    Ok(())
}

/// Makes the database file with the rights that SQLite then gives to the files beside it.
pub(crate) fn private_file(path: &Path) -> Result<File, ServeError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(fault(path))
}

/// Writes a secret where only this user can read it, all of it or nothing.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), ServeError> {
    let part = path.with_extension("part");
    drop(fs::remove_file(&part));
    let mut file = private_file(&part)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault(path))?;
    fs::rename(&part, path).map_err(fault(path))
}

/// Holds the data directory as long as the value lives.
pub(crate) struct DataDirLock(#[expect(dead_code, reason = "held, not read")] File);

impl DataDirLock {
    pub(crate) fn take(data_dir: &Path) -> Result<Self, ServeError> {
        let path = data_dir.join("lock");
        let file = private_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(ServeError::Locked { path: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(fault(&path)(source)),
        }
    }
}
