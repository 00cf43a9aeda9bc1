//! Layers: folders of installed packages, kept by what they were made from.
//!
//! ```text
//! STORE/KEY/site-packages/   the packages' files, with compiled modules beside them
//! STORE/KEY/layer.json       what they are; written last
//! STORE/KEY.lock             held by who makes or uses the layer; its time says when it was used last
//! ```
//!
//! `KEY` is the SHA-256 of everything that decides what is in it: Python, machine, and each package's file. So two
//! computations with the same lock share one, and none is ever changed. The folder has to be out of reach for whoever
//! must not choose what code runs with, like the interpreter itself: in memory, or on the machine's own disk.

use crate::{
    compiled::{self, CompiledError},
    hold::Hold,
    platform::Platform,
    wheel::{MAX_UNPACKED, Reserved, Wheel, WheelError},
    workshop::{WorkError, Workshop},
};
use sealroom_protocol::{CodePath, Digest, Lock, PackageFile, PackageName, package::LockedPackage};
use sealroom_seal::{Hashed, framed};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The version of the way in which layers are made.
const VERSION: &str = "sealroom/layer/v1";
const DESCRIPTION: &str = "layer.json";
const PACKAGES: &str = "site-packages";

/// Where layers are kept.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// What a layer is to be made from.
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    /// The packages.
    pub lock: &'a Lock,
    /// The interpreter's full version.
    pub python_version: &'a str,
    /// What wheels have to fit.
    pub platform: &'a Platform,
    /// What packages must not be called.
    pub reserved: &'a Reserved,
    /// The layer below, whose files must not be replaced.
    pub below: Option<&'a Layer>,
    /// What builds wheels, if source distributions may be built.
    pub tools: Option<&'a Layer>,
}

/// Where packages' files come from.
pub trait Fetch {
    /// Writes the bytes of a package's file. What was written is compared with the lock afterwards.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    fn fetch(&mut self, package: &LockedPackage, out: &mut dyn io::Write) -> io::Result<()>;
}

/// A folder of installed packages. Held: it stays as long as this lives.
#[derive(Debug)]
pub struct Layer {
    key: Digest,
    folder: PathBuf,
    facts: BTreeMap<PackageName, Facts>,
    _hold: Hold,
}

/// What installing has found out about a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Its licence, by its own word.
    pub license: Option<String>,
    /// The wheel that was built, if it came as source.
    pub built: Option<Built>,
}

/// A wheel that was built here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Its name.
    pub file: PackageFile,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: String,
    bytes: u64,
    packages: BTreeMap<PackageName, Facts>,
}

/// Why there is no layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A package's file can't be had.
    #[error("`{file}` cannot be fetched")]
    Fetch {
        /// Which.
        file: PackageFile,
        /// Why.
        source: io::Error,
    },
    /// A package's file is another.
    #[error(
        "`{file}` has {found_size} bytes and SHA-256 {found}, the lock has {wanted_size} and {wanted}"
    )]
    Hash {
        /// Which.
        file: PackageFile,
        /// The bytes that came.
        found_size: u64,
        /// Their digest.
        found: Digest,
        /// What the lock says.
        wanted_size: u64,
        /// What the lock says.
        wanted: Digest,
    },
    /// A wheel that must not be installed.
    #[error("`{file}` is refused")]
    Wheel {
        /// Which.
        file: PackageFile,
        /// Why.
        source: WheelError,
    },
    /// A package that would have to be built, and must not.
    #[error("`{0}` is a source distribution, and nothing is there that builds")]
    Source(PackageFile),
    /// A package that could not be built.
    #[error("no wheel can be built from `{file}`")]
    Build {
        /// Which.
        file: PackageFile,
        /// Why.
        source: WorkError,
    },
    /// Building has made something else.
    #[error("building `{file}` has made `{made}`")]
    OtherBuilt {
        /// Which.
        file: PackageFile,
        /// What it has made.
        made: String,
    },
    /// Two packages with the same file.
    #[error("`{path}` is in `{file}` and in another package")]
    Conflict {
        /// Which file.
        path: CodePath,
        /// One of the two.
        file: PackageFile,
    },
    /// More than a layer may hold.
    #[error("the packages have more than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// The modules could not be compiled.
    #[error("the packages' modules cannot be compiled")]
    Compile(#[from] WorkError),
    /// What compiling made is refused.
    #[error("the packages' modules cannot be compiled")]
    Compiled(#[from] CompiledError),
    /// The store itself.
    #[error("the folder of packages cannot be used")]
    Store(#[from] io::Error),
}

impl LayerError {
    /// Whether it lies in the packages, and would be the same another time.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Fetch { .. } | Self::Hash { .. } | Self::Store(_) => false,
            Self::Wheel { source, .. } => {
                !matches!(source, WheelError::Read(_) | WheelError::Write { .. })
            }
            Self::Build { source, .. } | Self::Compile(source) => {
                matches!(source, WorkError::Failed { .. })
            }
            Self::Compiled(error) => matches!(error, CompiledError::Foreign(_)),
            _ => true,
        }
    }
}

impl Recipe<'_> {
    /// What decides what is in the layer.
    #[must_use]
    pub fn key(&self) -> Digest {
        let machine = self.platform.text();
        let tools = self.tools.map(|tools| tools.key.to_string()).unwrap_or_default();
        let tools = if self.lock.sources().next().is_some() { tools } else { String::new() };
        let mut fields = vec![VERSION, self.python_version, &machine, &tools];
        let files: Vec<(String, String)> = self
            .lock
            .packages
            .iter()
            .map(|package| (package.file.to_string(), package.sha256.to_string()))
            .collect();
        fields.extend(files.iter().flat_map(|(file, sha256)| [file.as_str(), sha256.as_str()]));
        Digest::of(&framed(&fields.iter().map(|field| field.as_bytes()).collect::<Vec<_>>()))
    }
}

impl Layer {
    /// The folder that code imports from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Digest {
        self.key
    }

    /// What installing has found out about a package.
    #[must_use]
    pub fn facts(&self, name: &PackageName) -> Option<&Facts> {
        self.facts.get(name)
    }
}

impl Store {
    /// Uses `root`, which is made if it is missing.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self { root: root.canonicalize()? })
    }

    /// A layer that was made before.
    ///
    /// # Errors
    /// If what is there can't be read.
    pub fn find(&self, key: Digest) -> io::Result<Option<Layer>> {
        if self.description(key).is_none() {
            return Ok(None);
        }
        let hold = Hold::shared(&self.lock_file(key))?;
        // It may have been taken away while we waited.
        let Some(found) = self.description(key) else { return Ok(None) };
        hold.touch()?;
        let folder = self.place(key).join(PACKAGES);
        Ok(Some(Layer { key, folder, facts: found.packages, _hold: hold }))
    }

    /// The layer of a recipe: the one that is there, or a new one. Of several processes that ask at once, one makes it.
    ///
    /// # Errors
    /// Every [`LayerError`]; nothing of it stays then.
    pub fn layer(
        &self,
        recipe: &Recipe<'_>,
        workshop: &Workshop<'_>,
        fetch: &mut dyn Fetch,
    ) -> Result<Layer, LayerError> {
        let key = recipe.key();
        loop {
            if let Some(layer) = self.find(key)? {
                return Ok(layer);
            }
            match Hold::alone_now(&self.lock_file(key))? {
                Some(_alone) if self.description(key).is_none() => {
                    self.make(key, recipe, workshop, fetch)?;
                }
                Some(_) => {}
                // Somebody makes it. Not alone: once it is there, others use it for as long as they run.
                None => drop(Hold::shared(&self.lock_file(key))?),
            }
        }
    }

    /// What a finished layer of ours says of itself.
    fn description(&self, key: Digest) -> Option<Description> {
        let text = fs::read(self.place(key).join(DESCRIPTION)).ok()?;
        let found: Description = serde_json::from_slice(&text).ok()?;
        (found.version == VERSION).then_some(found)
    }

    fn make(
        &self,
        key: Digest,
        recipe: &Recipe<'_>,
        workshop: &Workshop<'_>,
        fetch: &mut dyn Fetch,
    ) -> Result<(), LayerError> {
        let place = self.place(key);
        // What a crash has left.
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.root)?;
        let tree = new.path().join(PACKAGES);
        fs::create_dir(&tree)?;
        let mut made = Making {
            store: self,
            recipe,
            workshop,
            tree: &tree,
            bytes: 0,
            owners: BTreeSet::new(),
        };
        let mut packages = BTreeMap::new();
        for package in &recipe.lock.packages {
            packages.insert(package.name.clone(), made.install(package, fetch)?);
        }
        let bytes = made.bytes;
        if !packages.is_empty() {
            readable(new.path())?;
            let compiled = workshop.compile(&tree, &place.join(PACKAGES), &self.root)?;
            compiled::unpack(compiled, &tree)?;
        }
        let description = Description { version: VERSION.to_owned(), bytes, packages };
        let mut file = File::create(new.path().join(DESCRIPTION))?;
        file.write_all(&serde_json::to_vec(&description).map_err(io::Error::from)?)?;
        file.sync_all()?;
        readable(new.path())?;
        let new = new.keep();
        fs::rename(&new, &place).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
        File::open(&self.root)?.sync_all()?;
        Ok(())
    }

    /// Removes layers that nobody uses, those first that were used longest ago, until all have `most` bytes at most;
    /// and what crashes have left.
    ///
    /// # Errors
    /// If the folder can't be read. A layer that can't be removed is passed over.
    pub fn tidy(&self, most: u64) -> io::Result<()> {
        let mut layers = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Ok(key) = name.parse::<Digest>() {
                let text = fs::read(entry.path().join(DESCRIPTION)).unwrap_or_default();
                let bytes =
                    serde_json::from_slice::<Description>(&text).map_or(0, |found| found.bytes);
                let used = fs::metadata(self.lock_file(key)).and_then(|found| found.modified());
                layers.push((used.unwrap_or(SystemTime::UNIX_EPOCH), bytes, key));
            } else if name.starts_with(".new-") && is_old(&entry.path()) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        layers.sort();
        let mut total: u64 = layers.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, key) in layers {
            if total <= most {
                break;
            }
            if self.remove(key)? {
                total -= bytes;
            }
        }
        Ok(())
    }

    /// Removes a layer if nobody uses it.
    ///
    /// # Errors
    /// If its lock can't be looked at.
    pub fn remove(&self, key: Digest) -> io::Result<bool> {
        let Some(_alone) = Hold::alone_now(&self.lock_file(key))? else { return Ok(false) };
        // First what makes a layer of it.
        let place = self.place(key);
        let gone = fs::remove_file(place.join(DESCRIPTION)).is_ok();
        drop(fs::remove_dir_all(&place));
        drop(fs::remove_file(self.lock_file(key)));
        Ok(gone)
    }

    /// The layers that are there.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn keys(&self) -> io::Result<Vec<Digest>> {
        let entries = fs::read_dir(&self.root)?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    fn place(&self, key: Digest) -> PathBuf {
        self.root.join(key.to_string())
    }

    fn lock_file(&self, key: Digest) -> PathBuf {
        self.root.join(format!("{key}.lock"))
    }
}

/// A run has another user, and whoever makes layers may hide from others what it makes.
fn readable(folder: &Path) -> io::Result<()> {
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set(folder, 0o755)?;
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder)? {
            let (path, found) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            let executable = found.permissions().mode() & 0o100 != 0;
            set(&path, if executable { 0o755 } else { 0o644 })?;
            if found.is_dir() {
                pending.push(path);
            }
        }
    }
    Ok(())
}

/// Whether nobody can be making it any more.
fn is_old(path: &Path) -> bool {
    const DAY: u64 = 24 * 3600;
    let age =
        fs::metadata(path).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > DAY)
}

/// A layer in the making.
struct Making<'a> {
    store: &'a Store,
    recipe: &'a Recipe<'a>,
    workshop: &'a Workshop<'a>,
    tree: &'a Path,
    bytes: u64,
    owners: BTreeSet<CodePath>,
}

impl Making<'_> {
    fn install(
        &mut self,
        package: &LockedPackage,
        fetch: &mut dyn Fetch,
    ) -> Result<Facts, LayerError> {
        let fetched = self.fetch(package, fetch)?;
        let (name, file, built) = match package.file.is_source() {
            false => (package.file.clone(), fetched, None),
            true => {
                let (file, content) = self.build(package, fetched)?;
                let (size, sha256, content) = measure(content)?;
                (file.clone(), content, Some(Built { file, size, sha256 }))
            }
        };
        let refused = |source| LayerError::Wheel { file: name.clone(), source };
        let Recipe { platform, reserved, below, .. } = *self.recipe;
        let wheel = Wheel::open(file, &name, platform, reserved).map_err(refused)?;
        self.bytes = self.bytes.saturating_add(wheel.unpacked());
        if self.bytes > MAX_UNPACKED {
            return Err(LayerError::TooLarge);
        }
        for path in wheel.paths() {
            let taken = !self.owners.insert(path.clone())
                || below.is_some_and(|below| {
                    fs::symlink_metadata(below.folder().join(path.as_str())).is_ok()
                });
            if taken {
                return Err(LayerError::Conflict { path: path.clone(), file: name });
            }
        }
        let license = wheel.license().map(str::to_owned);
        wheel.unpack(self.tree).map_err(refused)?;
        Ok(Facts { license, built })
    }

    /// The bytes of a package's file, once they are what the lock says.
    fn fetch(&self, package: &LockedPackage, fetch: &mut dyn Fetch) -> Result<File, LayerError> {
        let spool = tempfile::tempfile_in(&self.store.root)?;
        let mut out = Bounded { inner: Hashed::new(spool), left: package.size };
        fetch
            .fetch(package, &mut out)
            .map_err(|source| LayerError::Fetch { file: package.file.clone(), source })?;
        let (mut file, size, found) = out.inner.finish();
        if (size, found) != (package.size, package.sha256) {
            return Err(LayerError::Hash {
                file: package.file.clone(),
                found_size: size,
                found,
                wanted_size: package.size,
                wanted: package.sha256,
            });
        }
        file.rewind()?;
        Ok(file)
    }

    /// A wheel of this package and version, built in a jail.
    fn build(
        &self,
        package: &LockedPackage,
        source: File,
    ) -> Result<(PackageFile, File), LayerError> {
        let file = &package.file;
        let tools = self.recipe.tools.ok_or_else(|| LayerError::Source(file.clone()))?;
        let (made, wheel) = self
            .workshop
            .build(file.as_str(), source, tools.folder(), &self.store.root)
            .map_err(|source| LayerError::Build { file: file.clone(), source })?;
        let parsed = made.parse::<PackageFile>().ok().filter(|made| {
            made.wheel().is_some_and(|w| w.name == package.name && w.version == package.version)
        });
        let made = sealroom_protocol::text::visible(&made);
        Ok((parsed.ok_or(LayerError::OtherBuilt { file: file.clone(), made })?, wheel))
    }
}

fn measure(mut file: File) -> io::Result<(u64, Digest, File)> {
    let mut hashed = Hashed::new(&mut file);
    io::copy(&mut hashed, &mut io::sink())?;
    let (_, size, sha256) = hashed.finish();
    file.rewind()?;
    Ok((size, sha256, file))
}

/// Takes no more than was promised.
struct Bounded<W> {
    inner: W,
    left: u64,
}

impl<W: io::Write> io::Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than the lock says",
            ));
        };
        let written = self.inner.write(bytes)?;
        self.left = left + (bytes.len() - written) as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
