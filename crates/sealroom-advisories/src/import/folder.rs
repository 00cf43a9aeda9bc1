//! Records in a folder of JSON files, such as a database of advisories that is kept in Git.

use super::{
    ImportError,
    archive::is_json,
    budget::{Budget, Exceeded},
    collect::Collector,
};
use crate::text::Line;
use sealroom_seal::{Digest, Hasher};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// Reads the `.json` files of a folder and of those in it, sorted by path, and tells the digest of them all
/// ([`Source::sha256`](crate::Source::sha256)).
pub(super) fn read(
    root: &Path,
    name: &str,
    collector: &mut Collector,
    budget: &Budget,
) -> Result<Digest, ImportError> {
    let mut walk = Walk { root, name, budget, names: 0, files: Vec::new() };
    walk.folder(Path::new(""), 0)?;
    let mut files = walk.files;
    files.sort();
    let mut hasher = Hasher::default();
    for path in files {
        let place = place(&path, name);
        let file = File::open(root.join(&path)).map_err(super::read(&place))?;
        let digest = super::text(file, &place, collector, budget)?;
        let path = path.as_os_str().as_encoded_bytes();
        hasher.update(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(path);
        hasher.update(digest.as_bytes());
    }
    Ok(hasher.finish())
}

fn place(path: &Path, name: &str) -> String {
    if path.as_os_str().is_empty() {
        return name.to_owned();
    }
    format!("`{}` in {name}", Line::from(path.to_string_lossy().as_ref()).as_str())
}

/// What was seen in a folder. Paths are those within it.
struct Walk<'a> {
    root: &'a Path,
    name: &'a str,
    budget: &'a Budget,
    names: usize,
    files: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, depth: usize) -> Result<(), ImportError> {
        let limits = self.budget.limits;
        if depth > limits.depth {
            return Err(self.too_large(Exceeded::Depth(limits.depth)));
        }
        let place = place(path, self.name);
        for entry in fs::read_dir(self.root.join(path)).map_err(super::read(&place))? {
            let entry = entry.map_err(super::read(&place))?;
            self.names += 1;
            if self.names > limits.names {
                return Err(self.too_large(Exceeded::Names(limits.names)));
            }
            let kind = entry.file_type().map_err(super::read(&place))?;
            self.entry(path.join(entry.file_name()), kind, depth)?;
        }
        Ok(())
    }

    fn too_large(&self, source: Exceeded) -> ImportError {
        ImportError::TooLarge { place: self.name.to_owned(), source }
    }

    fn entry(
        &mut self,
        path: PathBuf,
        kind: fs::FileType,
        depth: usize,
    ) -> Result<(), ImportError> {
        if kind.is_symlink() {
            return Err(ImportError::Link { place: place(&path, self.name) });
        }
        if kind.is_dir() {
            return self.folder(&path, depth + 1);
        }
        match (is_json(&path), kind.is_file()) {
            (true, true) => self.files.push(path),
            (true, false) => return Err(ImportError::Special { place: place(&path, self.name) }),
            (false, _) => {}
        }
        Ok(())
    }
}
