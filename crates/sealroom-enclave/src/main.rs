//! `sealroom-enclave`: the trusted program of Sealroom.
//!
//! It dials a server, takes on one computation, and serves it until it ends; then the process ends,
//! and what it knew is gone. Whoever starts it (`sealroom serve`, or a service manager in a
//! confidential VM) starts the next. Everything that comes from outside is checked before use:
//!
//! - [`session`]: one computation from claim to end
//! - [`server`]: the calls to the server
//! - [`environment`], [`compose`]: the packages, and the manifest, made from what the server handed over and what is
//!   there
//! - [`identity`], [`challenge`]: fresh keys, and evidence for them
//! - [`release`]: opening the participants' keys
//! - [`fetch`]: ciphertext onto the local disk
//! - [`run`], [`results`]: executing the code, sealing what it wrote
//! - [`stop`], [`withdrawal`]: ending a run, destroying a key that was taken back
#![forbid(unsafe_code)]

mod args;
mod challenge;
mod compose;
mod environment;
mod fetch;
mod formats;
mod heartbeat;
mod identity;
mod release;
mod results;
mod run;
mod server;
mod session;
mod stop;
mod withdrawal;

use anyhow::Context as _;
use environment::Machine;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use sealroom_packages::{Runtimes, Store};
use sealroom_protocol::{JailLevel, JailPart};
use sealroom_sandbox::Launcher;
use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    // The launcher and the jail are stages of this same program.
    if let Some(code) = sealroom_sandbox::run_hidden_stage() {
        return code;
    }
    let command = match args::parse() {
        Ok(command) => command,
        Err(error) => return usage_error(&error.to_string()),
    };
    let args = match command {
        args::Command::Print(text) => {
            // A closed pipe is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        args::Command::Run(args) => args,
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEALROOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(id = %args.id, "enclave stops: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage_error(problem: &str) -> ExitCode {
    let text = format!("error: {problem}\nhint: see `sealroom-enclave --help`\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(2)
}

fn start(args: &args::RunArgs) -> anyhow::Result<()> {
    no_core_dumps().context("cannot switch core dumps off")?;
    let runtimes = Runtimes::locate(args.runtimes.as_deref())?;
    // Before anything secret exists: what the launcher never had it can't lose.
    let launcher = Launcher::start()?;
    // Now, so that no run inherits it: code and inputs are a descriptor each.
    raise_open_files();
    let found = Machine::look(&runtimes, &launcher)?;
    let jail = JailPart::of(found.jail.clone());
    if jail.level < args.require_jail {
        let (level, lacks) = (jail.level, jail.missing.join(", "));
        anyhow::bail!(
            "the jail on this machine is `{level}`, --require-jail asks for more: it lacks {lacks}"
        );
    }
    if jail.level < JailLevel::Full {
        tracing::warn!(
            "the jail is not full, it is `{}`: it lacks {}",
            jail.level,
            jail.missing.join(", ")
        );
    }
    let cache = args.cache_dir.clone().unwrap_or_else(|| runtimes.usual_cache());
    let store = Store::open(&cache)
        .with_context(|| format!("cannot use `{}` for packages", cache.display()))?;
    tracing::info!(id = %args.id, runtimes = %found.list(), "enclave is ready");
    let setting = session::Setting {
        args,
        launcher: &launcher,
        runtimes: &runtimes,
        store: &store,
        machine: &found,
    };
    session::serve_one(&setting)
}

/// As many open files as the system lets us have.
fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// A crash must not write keys to a disk, and no other process of the host's user may read them.
fn no_core_dumps() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
