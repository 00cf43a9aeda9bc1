//! What the code runs with: a runtime of this machine, and the packages that the code adds, from the server.

use crate::server::Leased;
use anyhow::Context as _;
use sealroom_lifecycle::State;
use sealroom_packages::{
    Environment, EnvironmentError, Fetch, Ready, Runtimes, Store, environment,
};
use sealroom_protocol::{RuntimeName, code::REQUIREMENTS, package::LockedPackage};
use sealroom_sandbox::Launcher;
use std::{io, sync::atomic::AtomicBool};

/// What this machine has for runs.
pub(crate) struct Machine {
    /// The names of its runtimes; the first was tried.
    pub(crate) runtimes: Vec<RuntimeName>,
    /// The layers of its jail.
    pub(crate) jail: Vec<String>,
    tried: RuntimeName,
}

impl Machine {
    /// Tries the default runtime, or the first that there is, in a jail.
    pub(crate) fn look(all: &Runtimes, launcher: &Launcher) -> anyhow::Result<Self> {
        let runtimes = all.names();
        let default = runtimes.iter().find(|name| name.is_default());
        let first = default.or(runtimes.first()).cloned();
        let tried = first.context("there is no runtime: run `make setup`")?;
        let jail = probe(&all.ready(&tried)?, launcher)?;
        Ok(Self { runtimes, jail, tried })
    }

    /// Their names, for a log.
    pub(crate) fn list(&self) -> String {
        self.runtimes.iter().map(RuntimeName::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The runtime that a computation names, once its interpreter has been seen to work.
    pub(crate) fn ready(
        &self,
        all: &Runtimes,
        name: &RuntimeName,
        launcher: &Launcher,
    ) -> anyhow::Result<Ready> {
        let ready = all.ready(name)?;
        if *name != self.tried {
            probe(&ready, launcher)?;
        }
        Ok(ready)
    }
}

/// Starts the interpreter in a jail; returns the layers that the jail has.
fn probe(ready: &Ready, launcher: &Launcher) -> anyhow::Result<Vec<String>> {
    let name = &ready.installed.name;
    let report = launcher.probe(&ready.bare);
    let report = report.with_context(|| format!("the runtime `{name}` does not work"))?;
    let (found, said) = (report.python_version, &ready.installed.python_version);
    anyhow::ensure!(found == *said, "the runtime `{name}` says Python {said}, and has {found}");
    Ok(report.jail)
}

/// Package files from the server.
struct FromServer<'a>(&'a Leased);

impl Fetch for FromServer<'_> {
    fn fetch(&mut self, package: &LockedPackage, out: &mut dyn io::Write) -> io::Result<()> {
        let mut body = self.0.package(&package.sha256).map_err(io::Error::other)?;
        io::copy(&mut body, out).map(drop)
    }
}

/// The environment of a computation; says so to the server if there can be none for this code.
pub(crate) fn prepare(
    state: &State,
    ready: Ready,
    (store, most): (&Store, u64),
    (launcher, cancel): (&Launcher, &AtomicBool),
    server: &Leased,
) -> anyhow::Result<Environment> {
    let code = state.code.as_ref().context("there is no code")?;
    if let Some(lock) = &code.lock {
        let resolved = |file: &sealroom_protocol::CodeFile| {
            file.path.as_str() == REQUIREMENTS && !file.sealed && file.sha256 == lock.requirements
        };
        // The log is the server's word.
        anyhow::ensure!(code.files.iter().any(resolved), "the server's log locks other packages");
    }
    let (lock, rules) = (code.lock.as_ref(), &state.policy.packages);
    let mut from = FromServer(server);
    let prepared = environment::prepare(ready, lock, rules, (store, &mut from), (launcher, cancel));
    if let Err(error) = store.tidy(most) {
        tracing::warn!("cannot tidy the packages: {error}");
    }
    prepared.map_err(|error| {
        let refused = error.is_refusal().then(|| with_causes(&error));
        let told = refused.map(|reason| server.refuse_environment(reason));
        if let Some(Err(error)) = told {
            tracing::warn!("cannot say why there is no environment: {error}");
        }
        anyhow::Error::new(error).context("no environment can be made for the code")
    })
}

fn with_causes(error: &EnvironmentError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
