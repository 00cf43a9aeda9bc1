//! Making a lock that stays with the code.

use crate::{
    commands::CommandResult, context::Global, error::CliError, packages, policy::PackageArgs,
    term::Term,
};
use sealroom_client::Session;
use sealroom_packages::Runtimes;
use sealroom_protocol::{RuntimeName, api, package::LOCK_FILE};
use std::{fs, path::Path, process::ExitCode};

pub(super) fn run(
    folder: &Path,
    name: &RuntimeName,
    runtimes: Option<&Path>,
    rules: &PackageArgs,
    global: &Global,
    term: &Term,
) -> CommandResult {
    let local = match Runtimes::locate(runtimes) {
        Ok(local) => Some(local),
        Err(error) if runtimes.is_some() => return Err(error.into()),
        Err(_) => None,
    };
    let (runtime, tools): (api::Runtime, _) = match &local {
        Some(local) => (local.installed(name)?.shown(), Some(local.root().to_owned())),
        None => (Session::open(&global.profile()?)?.runtime(name)?, None),
    };
    let path = folder.join(LOCK_FILE);
    let made = packages::resolve(folder, &runtime, &rules.rules(), tools.as_deref(), term)?;
    let Some(made) = made else {
        let hint = "write the packages that the code needs into `requirements.txt`, one a line";
        return Err(CliError::new("the code asks for no packages", hint));
    };
    fs::write(&path, made.lock.to_text()).map_err(|error| CliError::io(&path, &error))?;
    term.data(&made.lock, |lock| {
        let line =
            |p: &sealroom_protocol::package::LockedPackage| format!("{} {}\n", p.name, p.version);
        let lines: String = lock.packages.iter().map(line).collect();
        format!("{lines}{} packages beside the runtime `{}`", lock.packages.len(), lock.runtime)
    });
    Ok(ExitCode::SUCCESS)
}
