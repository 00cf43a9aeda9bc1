//! The programs that do the work: uv, which resolves, and pip, which fetches. Neither is part of Sealroom, and neither
//! runs anything of a package here.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The variable that names uv.
pub const UV_VARIABLE: &str = "SEALROOM_UV";

/// uv and pip, found, and what they are given.
#[derive(Clone)]
pub struct Tools {
    uv: PathBuf,
    python: PathBuf,
    /// What starts pip, behind the interpreter.
    pip: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    temporary: Option<PathBuf>,
}

/// Which tool is missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// No uv.
    #[error("there is no `uv` to resolve packages with")]
    NoUv,
    /// What [`UV_VARIABLE`] names is none.
    #[error("`{UV_VARIABLE}` names `{}`, which is no program", .0.display())]
    NotUv(PathBuf),
    /// No Python.
    #[error("there is no `python3`, which `pip` needs to fetch packages")]
    NoPython,
    /// No pip.
    #[error("there is no `pip` to fetch packages with")]
    NoPip,
}

impl ToolError {
    /// What to install.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoUv => {
                format!(
                    "install it, for instance with `pip install uv`, or name it with `{UV_VARIABLE}`"
                )
            }
            Self::NotUv(_) => format!("set `{UV_VARIABLE}` to the path of uv, or unset it"),
            Self::NoPython => "install Python 3.8 or later".to_owned(),
            Self::NoPip => "install it: on Debian it is the package `python3-pip`, elsewhere try \
                 `python3 -m ensurepip`"
                .to_owned(),
        }
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables may be passwords.
        f.debug_struct("Tools")
            .field("uv", &self.uv)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}

impl Tools {
    /// Finds them: uv where [`UV_VARIABLE`] says, in `folder/tools/bin`, or on the `PATH`; pip in `folder/tools/pip`,
    /// where `pip install --target` has put it, or as a module of `python3`.
    ///
    /// # Errors
    /// [`ToolError`] says which is missing.
    pub fn locate(folder: Option<&Path>) -> Result<Self, ToolError> {
        let python = on_path("python3").ok_or(ToolError::NoPython)?;
        let uv = match env::var_os(UV_VARIABLE).filter(|name| !name.is_empty()) {
            Some(named) => {
                let named = PathBuf::from(named);
                if !is_program(&named) {
                    return Err(ToolError::NotUv(named));
                }
                named
            }
            None => folder
                .map(|folder| folder.join("tools/bin/uv"))
                .filter(|uv| is_program(uv))
                .or_else(|| on_path("uv"))
                .ok_or(ToolError::NoUv)?,
        };
        let pip = folder.map(|folder| folder.join("tools/pip/pip"));
        let pip = pip.filter(|pip| pip.join("__main__.py").is_file());
        let pip = match pip {
            // A folder with a `__main__.py` is a program to Python.
            Some(pip) => vec!["-I".into(), absolute(pip).into()],
            None => pip_of(&python).ok_or(ToolError::NoPip)?,
        };
        Ok(Self::named(absolute(uv), absolute(python), pip))
    }

    /// These, whatever else there is: `pip` is what starts it behind `python`.
    #[must_use]
    pub fn named(uv: PathBuf, python: PathBuf, pip: Vec<OsString>) -> Self {
        Self { uv, python, pip, variables: Vec::new(), temporary: None }
    }

    /// Gives them a variable that this process does not have, or has otherwise, such as `UV_INDEX_URL`.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has them work in a folder of their own there, instead of in that of the system.
    #[must_use]
    pub fn with_temporary(self, folder: PathBuf) -> Self {
        Self { temporary: Some(absolute(folder)), ..self }
    }

    pub(crate) fn uv(&self) -> &Path {
        &self.uv
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// The variables of this process with those that were added. Not all of them are passed on.
    pub fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let mut all: BTreeMap<_, _> = env::vars_os().collect();
        all.extend(self.variables.iter().cloned());
        all.into_iter()
    }

    pub(crate) fn temporary(&self) -> Option<&Path> {
        self.temporary.as_deref()
    }

    pub(crate) fn pip(&self) -> &[OsString] {
        &self.pip
    }
}

/// How pip is started, if this interpreter has it.
fn pip_of(python: &Path) -> Option<Vec<OsString>> {
    // Without `-I` too: pip may be installed for this user alone.
    let ways: [&[&str]; 2] = [&["-I", "-m", "pip"], &["-m", "pip"]];
    let works = |way: &&[&str]| {
        let mut command = Command::new(python);
        command.args(*way).arg("--version").current_dir("/").stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let way = ways.into_iter().find(works)?;
    Some(way.iter().map(OsString::from).collect())
}

fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    // An empty entry is the current folder, where nothing is looked for.
    let mut folders = env::split_paths(&folders).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| {
        let program = folder.join(name.as_ref());
        is_program(&program).then_some(program)
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Tools are started in another folder.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_tool_says_what_to_install() {
        for (error, hint) in [
            (ToolError::NoUv, "pip install uv"),
            (ToolError::NotUv("/x".into()), UV_VARIABLE),
            (ToolError::NoPython, "Python 3.8"),
            (ToolError::NoPip, "python3-pip"),
        ] {
            assert!(error.hint().contains(hint), "{error}");
        }
    }

    #[test]
    fn a_folder_of_tools_is_looked_into_first() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("tools/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(folder.path().join("tools/pip/pip")).unwrap();
        std::fs::write(bin.join("uv"), "").unwrap();
        std::fs::set_permissions(bin.join("uv"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("tools/pip/pip/__main__.py"), "").unwrap();
        if env::var_os(UV_VARIABLE).is_none() {
            let tools = Tools::locate(Some(folder.path())).unwrap();
            assert_eq!(tools.uv(), bin.join("uv"));
            assert_eq!(tools.pip()[1], folder.path().join("tools/pip/pip"));
        }
    }
}
