use super::CommandResult;
use crate::{error::CliError, term::Term};
use std::{fs, path::PathBuf, process::ExitCode};

/// Start a computation's folder: run.py, a secret module, sample data, expected results
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder to make
    dir: PathBuf,
}

macro_rules! scaffold {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../../examples/scaffold/", $path)))),*]
    };
}

const FILES: [(&str, &str); 7] = scaffold![
    "README.md",
    "code/run.py",
    "code/secret_module.py",
    "contract.json",
    "data/0/patients.csv",
    "data/1/patients.csv",
    "expected/0/summary.csv",
];

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let dir = &args.dir;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("`{}` is not empty", dir.display());
        return Err(CliError::new(message, "choose a folder that is not there yet"));
    }
    for (name, text) in FILES {
        let path = dir.join(name);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&path, text)
        };
        write().map_err(|error| CliError::io(&path, &error))?;
    }
    let shown = dir.display();
    let paths: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
    term.data(&paths, |paths| paths.join("\n"));
    term.say(format!("try it with `sealroom test {shown}`"));
    Ok(ExitCode::SUCCESS)
}
