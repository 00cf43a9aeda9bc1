//! Pushing the code: sealing a folder and uploading it.

use crate::{ClientError, Observed, Progress, Session};
use sealroom_http::{Body, Method};
use sealroom_protocol::{
    CodeFile, CodePath, ComputationId, Digest, FileContext, FileKind, Lock, Role,
    api::Computation,
    archive::{self, ArchiveWriter, Clear},
    code::{ENTRYPOINT, code_digest},
    manifest::CanonicalManifest,
    package::LOCK_FILE,
};
use sealroom_seal::stream::{SealReader, sealed_len};
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
};

/// Most bytes of clear files that are shown, and largest archive that is read for it.
const MAX_CLEAR: u64 = 64 << 20;
const MAX_ARCHIVE: u64 = archive::MAX_TOTAL + (64 << 20);

/// Packages that the code adds, and where their files are, in the order of the lock.
#[derive(Clone, Copy, Debug)]
pub struct AddedPackages<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// The files.
    pub files: &'a [PathBuf],
}

/// A file of a code folder.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path within the folder.
    pub path: CodePath,
    /// Where it is.
    pub file: PathBuf,
    /// Its bytes.
    pub size: u64,
}

/// Lists a code folder: regular files, sorted by path. Hidden files, `__pycache__` and empty folders
/// are left out; a link is refused, because what it points to may not be meant.
///
/// # Errors
/// [`ClientError::CodeFolder`], [`ClientError::Name`], [`ClientError::Io`].
pub fn list_folder(folder: &Path) -> Result<Vec<SourceFile>, ClientError> {
    let fault = |problem: String| ClientError::CodeFolder { path: folder.to_owned(), problem };
    if !folder.is_dir() {
        return Err(fault("it is not a folder".to_owned()));
    }
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(dir) = pending.pop() {
        let io = |source| ClientError::Io { path: dir.clone(), source };
        for entry in fs::read_dir(&dir).map_err(io)? {
            let entry = entry.map_err(io)?;
            let path = entry.path();
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == "__pycache__" {
                continue;
            }
            let kind = entry.file_type().map_err(io)?;
            let relative = path.strip_prefix(folder).unwrap_or(&path);
            let shown = relative.display().to_string();
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_file() {
                let text = relative.to_str();
                let text = text.ok_or_else(|| fault(format!("`{shown}` is not UTF-8")))?;
                let size = entry.metadata().map_err(io)?.len();
                files.push(SourceFile { path: text.parse()?, file: path, size });
            } else {
                return Err(fault(format!("`{shown}` is neither a file nor a folder")));
            }
        }
    }
    if !files.iter().any(|file| file.path.as_str() == ENTRYPOINT) {
        return Err(fault(format!(
            "it has no `{ENTRYPOINT}`, the file that every run starts with"
        )));
    }
    if files.len() > archive::MAX_FILES {
        return Err(archive::ArchiveError::TooManyFiles.into());
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

impl Session<'_> {
    /// Seals every file of `folder` but those that everybody must read, and uploads them, after the packages that
    /// they add.
    /// Returns the files as they are stored now.
    ///
    /// # Errors
    /// Those of the folder, the profile and the server.
    pub fn push_code(
        &self,
        id: ComputationId,
        folder: &Path,
        packages: Option<AddedPackages<'_>>,
        progress: &dyn Progress,
    ) -> Result<Vec<CodeFile>, ClientError> {
        let keys = self.profile.keys(id, Role::CodeProvider)?;
        let mut sources = list_folder(folder)?;
        // The one that is sent is the one that was checked.
        sources.retain(|source| source.path.as_str() != LOCK_FILE);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| ClientError::Io { path, source }
        };
        // Sealed, so that it may lie on a disk; and it has to, for its length goes ahead of it.
        let spool = tempfile::tempfile().map_err(io(&std::env::temp_dir()))?;
        let mut writer = ArchiveWriter::new(spool);
        for source in &sources {
            let file = File::open(&source.file).map_err(io(&source.file))?;
            let sealed = !source.path.is_clear();
            let added = if sealed {
                let context = FileContext {
                    computation: id,
                    participant: &keys.signing.public(),
                    kind: FileKind::Code,
                    path: source.path.as_str(),
                };
                let size = sealed_len(source.size).ok_or(io::ErrorKind::FileTooLarge);
                let reader = SealReader::new(file, &keys.file, &context.associated_data());
                size.map_err(io::Error::from)
                    .and_then(|size| writer.add(&source.path, true, size, reader))
            } else {
                writer.add(&source.path, false, source.size, file)
            };
            added.map_err(io(&source.file))?;
        }
        if let Some(packages) = packages {
            self.push_packages(id, packages, progress)?;
            let text = packages.lock.to_text();
            let path = LOCK_FILE.parse()?;
            let added = writer.add(&path, false, text.len() as u64, text.as_bytes());
            added.map_err(io(Path::new(LOCK_FILE)))?;
        }
        let temp = std::env::temp_dir();
        let mut spool = writer.finish().map_err(io(&temp))?;
        let len = spool.stream_position().map_err(io(&temp))?;
        spool.rewind().map_err(io(&temp))?;
        // The same reading that the server and the enclave will do: what they would refuse is
        // refused here, and a file that changed while it was read is noticed.
        let files = archive::read(&spool, Clear::Entrypoint, |_| Ok(()))?;
        spool.rewind().map_err(io(&temp))?;
        progress.begin("code", len);
        let mut reader = Observed { inner: &spool, progress };
        let body = Body::Stream { len, reader: &mut reader };
        let sent = self.http.call(Method::PUT, &Self::path(id, "/code"), body);
        progress.end();
        sent?;
        let remembered = files.clone();
        let lock = packages.map(|packages| packages.lock.clone());
        self.profile.remember(id, |memory| {
            memory.code = remembered;
            memory.lock = lock;
        })?;
        Ok(files)
    }

    /// Uploads the files of packages, ahead of the code that asks for them.
    fn push_packages(
        &self,
        id: ComputationId,
        packages: AddedPackages<'_>,
        progress: &dyn Progress,
    ) -> Result<(), ClientError> {
        for (package, path) in packages.lock.packages.iter().zip(packages.files) {
            let io = |source| ClientError::Io { path: path.clone(), source };
            let file = File::open(path).map_err(io)?;
            progress.begin(package.file.as_str(), package.size);
            let mut reader = Observed { inner: &file, progress };
            let body = Body::Stream { len: package.size, reader: &mut reader };
            let rest = format!("/packages/{}", package.sha256);
            let sent = self.http.call(Method::PUT, &Self::path(id, &rest), body);
            progress.end();
            sent?;
        }
        Ok(())
    }

    /// Takes the code back. The enclave identity goes with it: everybody approves again.
    ///
    /// # Errors
    /// What the server says, and those of the profile.
    pub fn reset_code(&self, id: ComputationId) -> Result<(), ClientError> {
        self.delete(id, "/code")?;
        self.profile.remember(id, |memory| {
            memory.code.clear();
            memory.lock = None;
        })
    }
}

impl Session<'_> {
    /// The clear files of the code, as the server has them, if they are those that the manifest of the
    /// standing identity lists.
    ///
    /// # Errors
    /// [`ClientError::NoIdentity`] while there is no manifest to compare with, [`ClientError::Archive`],
    /// [`ClientError::BadCode`].
    pub fn clear_code(
        &self,
        computation: &Computation,
    ) -> Result<Vec<(CodePath, Vec<u8>)>, ClientError> {
        let identity = computation.enclave.identity.as_ref().ok_or(ClientError::NoIdentity)?;
        let manifest = CanonicalManifest::parse(&identity.manifest)
            .map_err(|error| ClientError::BadCode(error.to_string()))?;
        let path = Self::path(computation.uuid, "/code");
        let response = self.http.call(Method::GET, &path, Body::Empty)?;
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let (mut clear, mut room) = (Vec::new(), MAX_CLEAR);
        let files = archive::read(body.take(MAX_ARCHIVE), Clear::Any, |entry| {
            if !entry.sealed {
                room = room.checked_sub(entry.size).ok_or(io::ErrorKind::FileTooLarge)?;
                let mut content = Vec::new();
                entry.content.read_to_end(&mut content)?;
                clear.push((entry.path.clone(), content));
            }
            Ok(())
        })?;
        if files != manifest.manifest().code {
            let problem = "the server has other code than the manifest lists";
            return Err(ClientError::BadCode(problem.to_owned()));
        }
        Ok(clear)
    }
}

/// The one value that stands for the code in an archive, as the 2022 client leaves one behind.
///
/// # Errors
/// [`ClientError::Io`], [`ClientError::Archive`].
pub fn digest_of_archive(path: &Path) -> Result<Digest, ClientError> {
    let file =
        File::open(path).map_err(|source| ClientError::Io { path: path.to_owned(), source })?;
    let files = archive::read(io::BufReader::new(file).take(MAX_ARCHIVE), Clear::Any, |_| Ok(()))?;
    Ok(code_digest(&files))
}

/// The one value that stands for a whole code.
#[must_use]
pub fn digest(files: &[CodeFile]) -> Digest {
    code_digest(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_without_what_nobody_means() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        let refused = list_folder(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("it has no `run.py`"), "{refused}");
        for path in ["run.py", "b/c.py", "a.py", ".git/x", ".env", "b/__pycache__/c.pyc"] {
            write(path);
        }
        let paths: Vec<String> =
            list_folder(dir.path()).unwrap().iter().map(|f| f.path.to_string()).collect();
        assert_eq!(paths, ["a.py", "b/c.py", "run.py"]);
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.py")).unwrap();
        let refused = list_folder(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("`link.py` is neither a file nor a folder"), "{refused}");
    }
}
