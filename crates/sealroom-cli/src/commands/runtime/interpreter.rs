//! Looking for an interpreter that a runtime allows.

use crate::error::CliError;
use pep440_rs::{Version, VersionSpecifiers};
use sealroom_packages::Platform;
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What an interpreter says of itself.
const QUESTION: &str = "\
import json, os, platform, sys, sysconfig
base = os.path.realpath(sys.base_prefix)
program = getattr(sys, '_base_executable', None) or sys.executable
libc = os.confstr('CS_GNU_LIBC_VERSION') or '' if hasattr(os, 'confstr') else ''
print(json.dumps({
    'interpreter': os.path.realpath(program),
    'base_prefix': base,
    'version': '%d.%d.%d' % sys.version_info[:3],
    'final': sys.version_info[3] == 'final',
    'implementation': platform.python_implementation(),
    'free_threaded': bool(sysconfig.get_config_var('Py_GIL_DISABLED')),
    'bits': sys.maxsize.bit_length() + 1,
    'arch': platform.machine(),
    'libc': libc,
}))";

/// An interpreter on this machine.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Interpreter {
    pub(super) interpreter: PathBuf,
    pub(super) base_prefix: PathBuf,
    pub(super) version: String,
    #[serde(rename = "final")]
    is_final: bool,
    implementation: String,
    free_threaded: bool,
    bits: u32,
    arch: String,
    libc: String,
}

impl Interpreter {
    /// Asks the program at `path`; nothing if it does not answer.
    fn ask(path: &Path) -> Option<Self> {
        let mut command = Command::new(path);
        command.args(["-I", "-S", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        serde_json::from_slice(&output.stdout).ok()
    }

    fn parsed(&self) -> Option<Version> {
        self.version.parse().ok()
    }

    /// Why it does not do, if it does not.
    fn fault(&self, wanted: &VersionSpecifiers) -> Option<String> {
        let version = &self.version;
        if self.implementation != "CPython" || self.free_threaded || self.bits != 64 {
            return Some("it is no ordinary 64-bit CPython".to_owned());
        }
        if !self.is_final {
            return Some(format!("{version} is no release"));
        }
        if !self.parsed().is_some_and(|found| wanted.contains(&found)) {
            return Some(format!("it is {version}, and {wanted} is wanted"));
        }
        if self.glibc().is_none() {
            return Some("it is not for Linux with glibc".to_owned());
        }
        None
    }

    fn glibc(&self) -> Option<(u16, u16)> {
        let mut numbers = self.libc.strip_prefix("glibc ")?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// What wheels have to fit.
    pub(super) fn platform(&self) -> Option<Platform> {
        let mut numbers = self.version.split('.').map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            return None;
        };
        Some(Platform { python: (major, minor), arch: self.arch.clone(), glibc: self.glibc()? })
    }
}

/// The one that was named, or the newest that there is; the error says what was looked at.
pub(super) fn find(
    named: Option<&Path>,
    wanted: &VersionSpecifiers,
) -> Result<Result<Interpreter, String>, CliError> {
    if let Some(path) = named {
        let hint = "name another with --python";
        let found = Interpreter::ask(path).ok_or_else(|| {
            CliError::new(format!("`{}` does not answer as Python does", path.display()), hint)
        })?;
        return match found.fault(wanted) {
            None => Ok(Ok(found)),
            Some(fault) => Err(CliError::new(format!("`{}`: {fault}", path.display()), hint)),
        };
    }
    let all: Vec<Interpreter> =
        candidates().iter().filter_map(|path| Interpreter::ask(path)).collect();
    let fit = all.iter().filter(|found| found.fault(wanted).is_none());
    let newest = fit.max_by_key(|found| found.parsed());
    Ok(newest.cloned().ok_or_else(|| {
        let versions: BTreeSet<Option<Version>> = all.iter().map(Interpreter::parsed).collect();
        let versions: Vec<String> =
            versions.into_iter().flatten().map(|version| version.to_string()).collect();
        let found = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
        format!("it needs CPython {wanted}, and this machine has {found}")
    }))
}

/// Programs that may be interpreters: on the path, and where pyenv and uv put theirs.
fn candidates() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for folder in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        // Shims answer for the version that is switched on; the versions themselves are looked at below.
        if folder.ends_with("shims") {
            continue;
        }
        found.extend(programs(&folder));
    }
    found.extend(programs(Path::new("/usr/local/bin")));
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let pyenv = env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    for versions in
        [pyenv.join("versions"), home.join(".local/share/uv/python"), "/opt/python".into()]
    {
        for entry in fs::read_dir(versions).into_iter().flatten().flatten() {
            found.extend(programs(&entry.path().join("bin")));
        }
    }
    found.into_iter().filter_map(|path| path.canonicalize().ok()).collect()
}

/// `python3` and `python3.N` in a folder.
fn programs(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let version = name.to_str()?.strip_prefix("python3")?;
        let minor = version.strip_prefix('.').unwrap_or(version);
        minor.bytes().all(|byte| byte.is_ascii_digit()).then(|| entry.path())
    })
}
