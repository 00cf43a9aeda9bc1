//! Setting a runtime up.

use super::{
    interpreter::{self, Interpreter},
    source::{LockFile, Source},
};
use crate::{commands::CommandResult, error::CliError, packages::FromFolder, term::Term};
use sealroom_packages::{
    Installed, Layer, LayerError, Platform, Reserved, Runtimes, Workshop, layer::Recipe,
    runtimes::VERSION,
};
use sealroom_protocol::{Digest, Lock, package::Requester};
use sealroom_resolve::{Fetched, Limits, Target, Tools};
use sealroom_sandbox::{Launcher, Runtime};
use sealroom_seal::framed;
use std::{collections::BTreeSet, path::Path, process::ExitCode, sync::atomic::AtomicBool};

pub(super) fn run(
    folder: &Path,
    python: Option<&Path>,
    runtimes: &Runtimes,
    optional: bool,
    term: &Term,
) -> CommandResult {
    let source = Source::read(folder)?;
    let interpreter = match interpreter::find(python, &source.python)? {
        Ok(interpreter) => interpreter,
        Err(reason) => {
            let write = runtimes.write_absent(&source.name, &reason);
            write.map_err(|error| CliError::io(runtimes.root(), &error))?;
            let message =
                format!("the runtime `{}` cannot be had on this machine: {reason}", source.name);
            if optional {
                term.say(message);
                return Ok(ExitCode::SUCCESS);
            }
            let hint = "install one, or name one with --python, then try again";
            return Err(CliError::new(message, hint));
        }
    };
    let locks = Locks::read(&source)?;
    let made_from = locks.digest(&source, &interpreter);
    let known = runtimes.ready(&source.name).ok();
    let known = known.filter(|ready| ready.installed.made_from == made_from);
    let installed = match known {
        Some(ready) => ready.installed,
        None => set_up(&source, &interpreter, &locks, made_from, runtimes, term)?,
    };
    let shown = serde_json::json!({
        "name": installed.name, "python": installed.python_version,
        "packages": installed.lock.packages.len(),
    });
    term.data(&shown, |_| {
        format!(
            "runtime `{}`: Python {} with {} packages",
            installed.name,
            installed.python_version,
            installed.lock.packages.len()
        )
    });
    Ok(ExitCode::SUCCESS)
}

struct Locks {
    packages: LockFile,
    tools: Option<LockFile>,
}

impl Locks {
    fn read(source: &Source) -> Result<Self, CliError> {
        let packages = source.lock("requirements")?.ok_or_else(|| {
            let message = format!(
                "the runtime `{}` has no `requirements.in` and `requirements.lock`",
                source.name
            );
            CliError::new(message, "make the lock with `sealroom runtime lock`")
        })?;
        Ok(Self { packages, tools: source.lock("build")? })
    }

    fn digest(&self, source: &Source, interpreter: &Interpreter) -> Digest {
        let tools = self.tools.as_ref().map(|tools| tools.text.as_bytes()).unwrap_or_default();
        let paths = [&interpreter.interpreter, &interpreter.base_prefix];
        let [program, prefix] = paths.map(|path| path.display().to_string());
        let platform = format!("{:?}", interpreter.platform());
        Digest::of(&framed(&[
            VERSION.as_bytes(),
            source.bytes(),
            self.packages.text.as_bytes(),
            self.packages.requirements.as_bytes(),
            tools,
            program.as_bytes(),
            prefix.as_bytes(),
            interpreter.version.as_bytes(),
            platform.as_bytes(),
        ]))
    }
}

fn set_up(
    source: &Source,
    interpreter: &Interpreter,
    locks: &Locks,
    made_from: Digest,
    runtimes: &Runtimes,
    term: &Term,
) -> Result<Installed, CliError> {
    let platform = interpreter.platform().ok_or_else(|| {
        CliError::new("the interpreter is not for Linux with glibc", "name another with --python")
    })?;
    let bare = Runtime::new(&runtimes.lib(), &interpreter.interpreter, &interpreter.base_prefix)?;
    let launcher = Launcher::start()?;
    let reserved = launcher.probe(&bare)?.stdlib;
    let setting = Setting {
        source,
        interpreter,
        platform: &platform,
        reserved: &Reserved::new(reserved.iter().cloned()),
        runtimes,
        workshop: Workshop { launcher: &launcher, bare: &bare, cancel: &AtomicBool::new(false) },
        term,
    };
    let tools = locks.tools.as_ref().map(|lock| setting.layer(lock, None)).transpose()?;
    let (lock, layer) = setting.layer(&locks.packages, tools.as_ref().map(|(_, layer)| layer))?;
    let installed = Installed {
        version: VERSION.to_owned(),
        name: source.name.clone(),
        description: source.description.clone(),
        made_from,
        interpreter: interpreter.interpreter.clone(),
        base_prefix: interpreter.base_prefix.clone(),
        python_version: interpreter.version.clone(),
        platform: platform.clone(),
        reserved,
        variables: source.variables.clone(),
        lock,
        layer: layer.key(),
        tools: tools.map(|(_, layer)| layer.key()),
    };
    let io = |error| CliError::io(runtimes.root(), &error);
    runtimes.write(&installed).map_err(io)?;
    drop(layer);
    runtimes.tidy().map_err(io)?;
    Ok(installed)
}

struct Setting<'a> {
    source: &'a Source,
    interpreter: &'a Interpreter,
    platform: &'a Platform,
    reserved: &'a Reserved,
    runtimes: &'a Runtimes,
    workshop: Workshop<'a>,
    term: &'a Term,
}

impl Setting<'_> {
    /// Fetches what a lock names, and installs it.
    fn layer(&self, file: &LockFile, tools: Option<&Layer>) -> Result<(Lock, Layer), CliError> {
        let name = &self.source.name;
        let into =
            tempfile::tempdir().map_err(|error| CliError::io(&std::env::temp_dir(), &error))?;
        self.term.say(format!(
            "runtime `{name}`: fetching packages for Python {}",
            self.interpreter.version
        ));
        let Fetched { lock, files } = sealroom_resolve::fetch_locked(
            &file.text,
            &self.target(tools.is_some()),
            &Tools::locate(Some(self.runtimes.root()))?,
            &Limits::default(),
            into.path(),
            file.requirements,
            &Requester::Runtime,
        )?;
        let pairs = lock.packages.iter().zip(files);
        let mut files = FromFolder(pairs.map(|(package, path)| (package.sha256, path)).collect());
        self.term.say(format!("runtime `{name}`: installing {} packages", lock.packages.len()));
        let store =
            self.runtimes.store().map_err(|error| CliError::io(self.runtimes.root(), &error))?;
        let recipe = Recipe {
            lock: &lock,
            python_version: &self.interpreter.version,
            platform: self.platform,
            reserved: self.reserved,
            below: None,
            tools,
        };
        let layer =
            store.layer(&recipe, &self.workshop, &mut files).map_err(|error| refuse(&error))?;
        Ok((lock, layer))
    }

    fn target(&self, builds: bool) -> Target {
        let Self { source, interpreter, platform, .. } = self;
        Target {
            runtime: source.name.clone(),
            python: interpreter.version.clone(),
            arch: platform.arch.clone(),
            glibc: platform.glibc,
            platform_tags: platform.platform_tags(),
            base: vec![],
            allow_source: if builds { source.build.clone() } else { BTreeSet::new() },
        }
    }
}

fn refuse(error: &LayerError) -> CliError {
    CliError::from_chain(
        error,
        Some("mend the runtime's `requirements.in`, and lock it anew".to_owned()),
    )
}
