//! What compiling has made, put beside the text that it was made of.

use sealroom_protocol::CodePath;
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Why what compiling made is refused. It is a fault of ours, or of a module that has taken the compiler over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompiledError {
    /// Not a TAR, or it can't be written.
    #[error("compiled modules cannot be unpacked")]
    Io(#[from] io::Error),
    /// Not a compiled module of the tree.
    #[error("`{0}` is no compiled module of these packages")]
    Foreign(String),
}

/// Unpacks compiled modules below `tree`, each beside its text, and nothing else.
pub(crate) fn unpack(compiled: File, tree: &Path) -> Result<(), CompiledError> {
    let mut archive = tar::Archive::new(io::BufReader::new(compiled));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let foreign = || CompiledError::Foreign(sealroom_protocol::text::visible(&name));
        let path: CodePath = name.parse().map_err(|_| foreign())?;
        let is_file = entry.header().entry_type() == tar::EntryType::Regular;
        let text = text_of(path.as_str()).filter(|_| is_file).ok_or_else(foreign)?;
        let is_text = fs::symlink_metadata(tree.join(text)).is_ok_and(|found| found.is_file());
        if !is_text {
            return Err(foreign());
        }
        let target = tree.join(path.as_str());
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut out = File::options().write(true).create_new(true).open(&target)?;
        io::copy(&mut entry, &mut out)?;
    }
    Ok(())
}

/// `a/__pycache__/b.cpython-313.pyc` is made of `a/b.py`.
fn text_of(path: &str) -> Option<String> {
    let (folder, file) = path.rsplit_once('/')?;
    let folder = match folder.strip_suffix("__pycache__")? {
        "" => "",
        folder => folder.strip_suffix('/').map(|_| folder)?,
    };
    let (module, tag) = file.strip_suffix(".pyc")?.rsplit_once('.')?;
    (tag.starts_with("cpython-") && !module.is_empty()).then(|| format!("{folder}{module}.py"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiled_module_names_its_text() {
        assert_eq!(text_of("a/__pycache__/b.cpython-313.pyc").as_deref(), Some("a/b.py"));
        assert_eq!(text_of("__pycache__/b.cpython-38.pyc").as_deref(), Some("b.py"));
        for bad in [
            "a/b.pyc",
            "a/x__pycache__/b.cpython-38.pyc",
            "__pycache__/b.pyc",
            "__pycache__/.cpython-1.pyc",
            "a",
        ] {
            assert_eq!(text_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_but_compiled_modules_of_the_tree_is_unpacked() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("b.py"), "").unwrap();
        let tar = |path: &str, kind| {
            let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(0);
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, io::empty()).unwrap();
            let mut file = builder.into_inner().unwrap();
            io::Seek::rewind(&mut file).unwrap();
            file
        };
        let file = tar::EntryType::Regular;
        unpack(tar("__pycache__/b.cpython-313.pyc", file), tree.path()).unwrap();
        assert!(tree.path().join("__pycache__/b.cpython-313.pyc").is_file());
        for (bad, kind) in [
            ("__pycache__/c.cpython-313.pyc", file),
            ("../__pycache__/b.cpython-313.pyc", file),
            ("b.py", file),
            ("evil.py", file),
            ("__pycache__/b.cpython-312.pyc", tar::EntryType::Symlink),
        ] {
            let refused = unpack(tar(bad, kind), tree.path());
            assert!(matches!(refused, Err(CompiledError::Foreign(_))), "{bad}");
        }
        // What is there already is not replaced.
        assert!(unpack(tar("__pycache__/b.cpython-313.pyc", file), tree.path()).is_err());
    }
}
