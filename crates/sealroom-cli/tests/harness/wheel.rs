//! Packages made on the spot, and the folder that uv and pip find them in instead of an index.

use super::{Person, Server};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A folder of packages.
pub(crate) struct Shelf {
    pub(crate) folder: PathBuf,
    settings: PathBuf,
}

impl Shelf {
    pub(crate) fn new(server: &Server) -> Self {
        let folder = server.folder(&[]);
        let settings =
            format!("no-index = true\nfind-links = [{:?}]\n", folder.display().to_string());
        let settings = server.folder(&[("uv.toml", settings.as_bytes())]).join("uv.toml");
        Self { folder, settings }
    }

    /// The variables with which uv and pip look here and nowhere else.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("UV_CONFIG_FILE", self.settings.display().to_string()),
            // For pip, which reads no settings of uv's.
            ("UV_NO_INDEX", "1".to_owned()),
        ]
    }

    /// Lets a person's commands resolve from here.
    pub(crate) fn lend(&self, person: &Person) {
        let variables = self.variables().map(|(name, value)| (name.to_owned(), value));
        person.env.borrow_mut().extend(variables);
    }

    /// Puts a pure wheel of package `name` here, with lines for its `METADATA` and files beside it.
    pub(crate) fn wheel(
        &self,
        name: &str,
        version: &str,
        lines: &str,
        files: &[(&str, &str)],
    ) -> PathBuf {
        self.tagged((name, version, "py3-none-any"), lines, files)
    }

    pub(crate) fn tagged(
        &self,
        (name, version, tags): (&str, &str, &str),
        lines: &str,
        files: &[(&str, &str)],
    ) -> PathBuf {
        let path = self.folder.join(format!("{name}-{version}-{tags}.whl"));
        let info = format!("{name}-{version}.dist-info");
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}");
        let about = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let mut add = |name: &str, content: &str| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        };
        for (name, content) in files {
            add(name, content);
        }
        add(&format!("{info}/METADATA"), &metadata);
        add(&format!("{info}/WHEEL"), &about);
        add(&format!("{info}/RECORD"), "");
        zip.finish().unwrap();
        path
    }

    /// Puts a source distribution here, whose `setup.py` leaves a mark in `marks` if anybody runs it on this machine.
    pub(crate) fn source(&self, name: &str, version: &str, marks: &Path) -> PathBuf {
        let stem = format!("{name}-{version}");
        let work = tempfile::tempdir().unwrap();
        let root = work.path().join(&stem);
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("__init__.py"), "built = True\n").unwrap();
        let mark = marks.join("executed").display().to_string();
        let setup = format!(
            "import contextlib\nfrom setuptools import setup\n\
             with contextlib.suppress(OSError):\n    open({mark:?}, 'w').close()\n\
             setup(name={name:?}, version={version:?}, packages=[{name:?}], license='MIT')\n"
        );
        fs::write(root.join("setup.py"), setup).unwrap();
        let info = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        fs::write(root.join("PKG-INFO"), info).unwrap();
        let path = self.folder.join(format!("{stem}.tar.gz"));
        let mut pack = Command::new("tar");
        pack.arg("-czf").arg(&path).arg("-C").arg(work.path()).arg(&stem);
        assert!(pack.status().unwrap().success());
        path
    }
}

/// SHA-256 and size of a file.
pub(crate) fn measure(path: &Path) -> (String, u64) {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    (sealroom_seal::Digest::of(&bytes).to_string(), bytes.len() as u64)
}
