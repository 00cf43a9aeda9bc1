//! The folders that one resolution works in.
//!
//! Two: a private one for what tools read, which may have credentials of the index in it, and one beside the results
//! for files that are not yet known to be right. Both are gone when the work ends.

use crate::{
    error::ResolveError,
    process::{Ended, Limits, Runner},
    redact::Redact,
    tools::Tools,
};
use sealroom_protocol::{
    Digest,
    package::{LockedPackage, PackageFile},
};
use sealroom_seal::Hashed;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Makes an error of our own files.
pub(crate) fn io_error(doing: &'static str) -> impl FnOnce(io::Error) -> ResolveError {
    move |source| ResolveError::Io { doing, source }
}

/// One resolution at work.
pub(crate) struct Work {
    pub tools: Tools,
    pub limits: Limits,
    runner: Runner,
    redact: Redact,
    private: TempDir,
    partial: TempDir,
    into: PathBuf,
}

impl Work {
    pub(crate) fn new(tools: &Tools, limits: &Limits, into: &Path) -> Result<Self, ResolveError> {
        let make = |folder: Option<&Path>| {
            let mut builder = tempfile::Builder::new();
            builder.prefix(".sealroom-resolve-").permissions(Permissions::from_mode(0o700));
            match folder {
                Some(folder) => builder.tempdir_in(folder),
                None => builder.tempdir(),
            }
            .map_err(io_error("make a folder to work in"))
        };
        let into = std::path::absolute(into).map_err(io_error("find the folder for packages"))?;
        fs::create_dir_all(&into).map_err(io_error("make the folder for packages"))?;
        let (private, partial) = (make(tools.temporary())?, make(Some(&into))?);
        for name in ["files", "temporary"] {
            fs::create_dir(partial.path().join(name))
                .map_err(io_error("make a folder to work in"))?;
        }
        let watched = vec![private.path().to_owned(), partial.path().to_owned()];
        let runner =
            Runner::new(limits, tools.variables(), &partial.path().join("temporary"), watched);
        let redact =
            Redact::new(runner.environment(), &[private.path(), partial.path(), into.as_path()]);
        let (tools, limits) = (tools.clone(), limits.clone());
        Ok(Self { tools, limits, runner, redact, private, partial, into })
    }

    /// Where tools put the files of packages.
    pub(crate) fn files(&self) -> PathBuf {
        self.partial.path().join("files")
    }

    /// What tools are given.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        let named = |(n, _): &&(OsString, OsString)| n == name;
        self.runner.environment().iter().find(named).map(|(_, value)| value)
    }

    /// Writes a file that a tool will read, which nobody else can.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), ResolveError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.private.path().join(name));
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(io_error("write a file for a tool"))
    }

    /// Reads what a tool has written.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<String, ResolveError> {
        let mut text = String::new();
        let file = File::open(self.private.path().join(name));
        let read = file.and_then(|file| file.take(limit + 1).read_to_string(&mut text));
        let read = read.map_err(io_error("read the answer of a tool"))?;
        if read as u64 > limit {
            let why = format!("it has more than {limit} bytes");
            return Err(ResolveError::Answer { tool: "a tool", why });
        }
        Ok(text)
    }

    /// Forgets what an earlier tool has written.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ResolveError> {
        match fs::remove_file(self.private.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove the answer of a tool")(error))
            }
            _ => Ok(()),
        }
    }

    /// Runs a tool in the private folder. What it says is fit to be shown.
    pub(crate) fn run(
        &self,
        tool: &'static str,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<Ended, ResolveError> {
        let ended = self.runner.run(tool, program, arguments, self.private.path())?;
        Ok(Ended { said: self.redact.clean(&ended.said), ..ended })
    }

    /// The size and the hash of a file that a tool has brought.
    pub(crate) fn measure(&self, file: &PackageFile) -> Result<(u64, Digest), ResolveError> {
        let opened = File::open(self.files().join(file.as_str()));
        let mut hashed = Hashed::new(opened.map_err(io_error("open a package's file"))?);
        io::copy(&mut hashed, &mut io::sink()).map_err(io_error("read a package's file"))?;
        let (_, size, digest) = hashed.finish();
        Ok((size, digest))
    }

    /// Puts files that are the right ones where they are to be.
    pub(crate) fn deliver(self, packages: &[LockedPackage]) -> Result<Vec<PathBuf>, ResolveError> {
        let total =
            packages.iter().fold(0_u64, |total, package| total.saturating_add(package.size));
        if total > self.limits.total {
            return Err(ResolveError::TooLarge(self.limits.total));
        }
        let deliver = |package: &LockedPackage| {
            let (name, to) = (package.file.as_str(), self.into.join(package.file.as_str()));
            fs::rename(self.files().join(name), &to)?;
            Ok(to)
        };
        let delivered: io::Result<Vec<_>> = packages.iter().map(deliver).collect();
        delivered.map_err(io_error("move a package's file into its folder"))
    }
}
