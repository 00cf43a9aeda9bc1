//! An index of tiny packages on this machine, and tools that know no other.

use super::tools;
use sealroom_protocol::package::{Lock, Requester};
use sealroom_resolve::{Fetched, Limits, Requirements, ResolveError, Target, Tools, resolve};
use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common");

/// Folders for everything that a resolution may touch.
pub struct Bench {
    folder: TempDir,
    server: Option<Child>,
    pub tools: Tools,
}

impl Bench {
    /// Packages are found in a folder (`UV_FIND_LINKS`).
    pub fn folder() -> Self {
        let mut bench = Self::bare();
        let files = bench.files();
        let tools = bench.tools.clone();
        let tools = tools.with_variable("UV_FIND_LINKS", files).with_variable("UV_NO_INDEX", "1");
        bench.tools = tools;
        bench
    }

    /// Packages are found in an index, named by a variable; `{}` in its value is the index' host and port.
    pub fn index(user: Option<&str>, variable: &str, value: &str) -> Self {
        let mut bench = Self::bare();
        let mut command = Command::new("python3");
        command.arg("-I").arg(format!("{PROGRAMS}/index.py")).arg(bench.files()).args(user);
        let mut server =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let value = value.replace("{}", &format!("127.0.0.1:{}", port.trim()));
        let tools = bench.tools.clone().with_variable(variable, value);
        (bench.tools, bench.server) = (tools, Some(server));
        bench
    }

    pub fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "home", "into", "temporary"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let home = folder.path().join("home");
        let mut tools = tools().with_temporary(folder.path().join("temporary"));
        for name in ["UV_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CONFIG_HOME"] {
            tools = tools.with_variable(name, home.join(name));
        }
        for (name, value) in [
            ("HOME", home.to_str().unwrap()),
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("PIP_DEFAULT_TIMEOUT", "5"),
            ("PIP_RETRIES", "0"),
            ("UV_HTTP_RETRIES", "0"),
            ("no_proxy", "127.0.0.1"),
        ] {
            tools = tools.with_variable(name, value);
        }
        Self { folder, server: None, tools }
    }

    pub fn files(&self) -> PathBuf {
        self.path("files")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a wheel for all machines.
    pub fn wheel(&self, name: &str, version: &str, requires: &[&str]) -> &Self {
        self.package(name, version, requires, &[], "py3-none-any", "")
    }

    /// Adds a source distribution, which writes the file `ran` if anything of it is run.
    pub fn source(&self, name: &str, version: &str, requires: &[&str], kind: &str) -> &Self {
        self.package(name, version, requires, &[], kind, self.path("ran").to_str().unwrap())
    }

    pub fn package(
        &self,
        name: &str,
        version: &str,
        requires: &[&str],
        extras: &[&str],
        tag: &str,
        note: &str,
    ) -> &Self {
        let package = serde_json::json!([{
            "name": name, "version": version, "requires": requires, "extras": extras,
            "tag": tag, "note": note,
        }]);
        let mut command = Command::new("python3");
        command.arg("-I").arg(format!("{PROGRAMS}/make.py")).arg(self.files());
        let mut child = command.stdin(Stdio::piped()).spawn().expect("python3");
        child.stdin.take().unwrap().write_all(package.to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        self
    }

    pub fn resolve(&self, requirements: &str, target: &Target) -> Result<Fetched, ResolveError> {
        let requirements = Requirements::parse(requirements.as_bytes()).unwrap();
        let limits = Limits::default();
        let result = resolve(&requirements, target, &self.tools, &limits, &self.path("into"));
        self.check(result)
    }

    /// Checks what holds however it ends: nothing was run, and nothing is left but what was fetched.
    pub fn check(&self, result: Result<Fetched, ResolveError>) -> Result<Fetched, ResolveError> {
        assert!(!self.path("ran").exists(), "a package was run");
        assert_eq!(names_in(&self.path("temporary")), BTreeSet::new(), "something is left");
        match &result {
            Ok(fetched) => {
                let files = fetched.lock.packages.iter().map(|p| p.file.to_string());
                assert_eq!(names_in(&self.path("into")), files.collect());
                fetched.lock.check().unwrap();
                for (package, path) in fetched.lock.packages.iter().zip(&fetched.files) {
                    let bytes = fs::read(path).unwrap();
                    assert_eq!(bytes.len() as u64, package.size);
                    assert_eq!(sealroom_protocol::Digest::of(&bytes), package.sha256);
                    assert_eq!(path.file_name().unwrap(), package.file.as_str());
                }
            }
            Err(error) => {
                assert_eq!(names_in(&self.path("into")), BTreeSet::new(), "{}", chain(error));
                assert!(
                    !chain(error).contains(self.folder.path().to_str().unwrap()),
                    "{}",
                    chain(error)
                );
            }
        }
        result
    }

    /// Runs uv as it is, and says whether it ended well.
    pub fn uv(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(super::uv());
        command.args(arguments).envs(self.tools.variables()).stdout(Stdio::null());
        command.stderr(Stdio::null()).status().unwrap().success()
    }

    /// Empties the folder for packages.
    pub fn clear(&self) -> &Self {
        fs::remove_dir_all(self.path("into")).unwrap();
        fs::create_dir(self.path("into")).unwrap();
        self
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

pub fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Everything that an error says.
pub fn chain(error: &ResolveError) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said.push_str(&format!("\n{error}"));
        source = error.source();
    }
    format!("{said}\n{error:?}\nhint: {:?}", error.hint())
}

/// Name and version of each package of a lock.
pub fn versions(lock: &Lock) -> Vec<String> {
    lock.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

/// Who asked for a package of a lock.
pub fn via(lock: &Lock, name: &str) -> Vec<String> {
    let package = lock.packages.iter().find(|package| package.name.as_str() == name).unwrap();
    package.via.iter().map(Requester::to_string).collect()
}
