//! Code that the server fetches from GitHub, as the 2022 client's `upload_code_from_git` asks for.
//!
//! Off unless the operator allows it: such code is in clear for the server and for all participants,
//! and the server makes a connection because an account asked for it. What it promises:
//!
//! - only `https://github.com/OWNER/REPOSITORY` is ever called (`source`), without credentials, and
//!   without following a redirect
//! - the system's git runs with an environment and a configuration of ours alone, within a time, a
//!   size and a memory, and dies with all that it started (`process`)
//! - nothing is checked out: no path that a repository names is made on this machine, and neither
//!   its attributes nor filters, hooks, links or submodules have any effect. The tree is listed and
//!   judged first (`tree`), then the files' bytes are read one after the other into a TAR (`pack`)
//! - what git says is never told to the caller, who gets one of a fixed set of texts (`error`)
//!
//! Not for reading the archive: that is `sealroom_protocol::archive`, as for any other upload.

mod error;
mod pack;
mod process;
mod source;
mod tree;

#[cfg(test)]
mod tests;

use crate::{
    Config, ServeError,
    config::GitAccess,
    problem::{Answer, Failure},
};
pub(crate) use error::GitError;
use process::Git;
pub(crate) use source::{GITHUB, GitSource};
use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

/// Fetches at once. Each may take the disk for two full archives, and a gigabyte of memory.
const SEATS: usize = 2;
/// The folders of fetches in the server's `tmp` begin with this.
const PREFIX: &str = "git-";
/// Where the fetched commit is kept in the repository that lives as long as one fetch.
const FETCHED: &str = "refs/sealroom/code";

/// What one fetch may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GitLimits {
    /// Bytes on disk of the repository; of all files together; of the archive.
    pub(crate) max_bytes: u64,
    /// From the first to the last call of git, and as long again for a seat.
    pub(crate) time: Duration,
}

/// Fetches code, for a server that does so.
pub(crate) struct Fetcher {
    access: Option<GitAccess>,
    limits: GitLimits,
    tmp: PathBuf,
    seats: Arc<Semaphore>,
}

impl Fetcher {
    /// Looks for git if it will be needed, and removes what a server before this one has left.
    ///
    /// # Errors
    /// [`ServeError::NoGit`] if git can't be run.
    pub(crate) async fn open(config: &Config) -> Result<Self, ServeError> {
        let fetcher = Self::new(config);
        if let Some(access) = &fetcher.access {
            process::probe(access).await.map_err(|source| ServeError::NoGit { source })?;
        }
        remove_leftovers(&fetcher.tmp);
        Ok(fetcher)
    }

    fn new(config: &Config) -> Self {
        let access = config.code_from_git.clone();
        let time = access.as_ref().map_or(Duration::ZERO, |access| access.time_limit);
        Self {
            access,
            limits: GitLimits { max_bytes: config.max_code_bytes, time },
            tmp: config.data_dir.join("tmp"),
            seats: Arc::new(Semaphore::new(SEATS)),
        }
    }

    /// Whether this server fetches code at all.
    ///
    /// # Errors
    /// A refusal (403) that says what the operator has to do.
    pub(crate) fn allowed(&self) -> Answer<()> {
        if self.access.is_some() { Ok(()) } else { Err(GitError::Off.into()) }
    }

    /// Fetches a repository and packs its files, in clear and under their own names, into a TAR:
    /// regular files alone, hidden ones left out, sorted, the same bytes each time. The file is at
    /// its start, and gone when it is closed.
    ///
    /// If the caller goes away, git is ended and nothing stays.
    ///
    /// # Errors
    /// Every [`GitError`], as the caller is told it.
    pub(crate) async fn fetch(&self, source: &GitSource) -> Answer<File> {
        self.try_fetch(source).await.map_err(Failure::from)
    }

    async fn try_fetch(&self, source: &GitSource) -> Result<File, GitError> {
        let access = self.access.clone().ok_or(GitError::Off)?;
        let seat = tokio::time::timeout(self.limits.time, self.seats.clone().acquire_owned());
        let seat = seat.await.map_err(|_| GitError::Busy)?.map_err(|_| GitError::Busy)?;
        let stop = CancellationToken::new();
        let _gone = stop.clone().drop_guard();
        let (source, limits, tmp) = (source.clone(), self.limits, self.tmp.clone());
        // On its own, so that it can end git and clean up when nobody waits for it any more.
        let work = tokio::spawn(async move {
            let fetched = fetch(&source, &access, limits, &tmp, stop).await;
            drop(seat);
            fetched
        });
        work.await?
    }
}

/// One fetch in a folder of its own, which is gone afterwards.
async fn fetch(
    source: &GitSource,
    access: &GitAccess,
    limits: GitLimits,
    tmp: &Path,
    stop: CancellationToken,
) -> Result<File, GitError> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(tmp)?;
    let archive = tempfile::tempfile_in(tmp)?;
    let deadline = Instant::now() + limits.time;
    let git = Git::new(access.clone(), folder.path(), limits, deadline, stop)?;
    let fetched = archive_of(source, access, &git, archive).await;
    let removed = tokio::task::spawn_blocking(move || folder.close()).await?;
    if let Err(error) = removed {
        tracing::warn!("cannot remove the folder of a fetch: {error}");
    }
    fetched
}

async fn archive_of(
    source: &GitSource,
    access: &GitAccess,
    git: &Git,
    archive: File,
) -> Result<File, GitError> {
    let max_bytes = git.limits().max_bytes;
    let commit = commit(source, access, git).await?;
    let files = files(git, &commit).await?;
    let count = files.len();
    let batch = requests(git, &files)?;
    let pack = move |output| pack::pack(output, &files, archive);
    let mut archive = git.run(&["cat-file", "--batch"], batch, pack).await?;
    let size = archive.seek(SeekFrom::End(0))?;
    if size > max_bytes {
        return Err(GitError::TooLarge { what: "the archive of the repository", limit: max_bytes });
    }
    archive.seek(SeekFrom::Start(0))?;
    tracing::info!(commit, files = count, bytes = size, "fetched the code of {source}");
    Ok(archive)
}

/// Gets the one commit that is asked for, without its past, and its name.
async fn commit(source: &GitSource, access: &GitAccess, git: &Git) -> Result<String, GitError> {
    // No template: that would bring the machine's own hooks.
    git.run(&["init", "--quiet", "--bare", "--template="], Stdio::null(), process::nothing).await?;
    let url = source.url(access.base());
    // With a destination, so that the word `tag` is a name like any other.
    let refspec = format!("{}:{FETCHED}", source.wanted());
    let fetch: &[&str] = &[
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        "--",
        &url,
        &refspec,
    ];
    let fetched = git.run(fetch, Stdio::null(), process::nothing).await;
    fetched.map_err(|error| error.about(source, git.limits()))?;
    // A name can also be of a file or a folder.
    let peeled = format!("{FETCHED}^{{commit}}");
    let commit = git.run(&["rev-parse", "--verify", &peeled], Stdio::null(), process::text).await;
    let commit = commit.map_err(|error| error.or(|| GitError::no_ref(source)))?;
    Ok(commit.trim_end().to_owned())
}

/// What goes into the archive, judged by names, kinds and sizes before any content is read.
async fn files(git: &Git, commit: &str) -> Result<Vec<tree::Blob>, GitError> {
    let list: &[&str] = &["ls-tree", "-r", "-z", "-l", "--full-tree", commit];
    let listing = git.run(list, Stdio::null(), tree::listing).await?;
    tree::select(&listing, git.limits().max_bytes)
}

/// The names of all contents, as `cat-file --batch` reads them: from a file, so that neither side
/// ever waits for the other to read.
fn requests(git: &Git, files: &[tree::Blob]) -> Result<Stdio, GitError> {
    let mut requests = tempfile::tempfile_in(git.folder())?;
    for file in files {
        requests.write_all(format!("{}\n", file.object).as_bytes())?;
    }
    requests.seek(SeekFrom::Start(0))?;
    Ok(requests.into())
}

fn remove_leftovers(tmp: &Path) {
    for entry in fs::read_dir(tmp).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}
