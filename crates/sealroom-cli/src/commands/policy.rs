use super::CommandResult;
use crate::{context::Global, term::Term};
use sealroom_attest::policy::{Effect, Explanation, Policy, Shipped};
use sealroom_client::{ClientError, attestation::PolicyFile};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Which evidence of hardware you accept
///
/// A policy is a file (docs/attestation-policy.md). `standard`, `strict` and `trial` come with the program; a policy of
/// your own starts from one of them and says what may run.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Say in words what a policy accepts and refuses, why, and what is missing
    Explain {
        /// A file, or `standard`, `strict`, `trial` [default: your profile's policy]
        policy: Option<PathBuf>,
    },
    /// Read a file, and name the line that is wrong; exit code 1 if one is
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print a policy that comes with the program, with its reasons
    Show {
        /// Which
        #[arg(value_parser = shipped)]
        name: Shipped,
    },
    /// Check a policy, and judge evidence by it from now on
    Use {
        /// A file, or `standard`, `strict`, `trial`
        policy: PathBuf,
    },
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        Command::Explain { policy } => {
            let policy = match policy {
                Some(path) => find(path)?,
                None => global.profile_without_secrets()?.attestation()?,
            };
            explain(&policy.policy, term);
        }
        Command::Check { file } => tell(&PolicyFile::read(file)?.policy, "checked", term),
        Command::Show { name } => {
            let shown = serde_json::json!({ "name": name.name(), "text": name.text() });
            term.data(&shown, |_| name.text().to_owned());
        }
        Command::Use { policy } => {
            let profile = global.profile_without_secrets()?;
            let named = policy.to_str().and_then(Shipped::named);
            let file = match named {
                // By its name, so that a newer program's is used once there is one.
                Some(shipped) => alias(shipped),
                None => PolicyFile::read(policy)?,
            };
            match named {
                Some(Shipped::Standard) => profile.reset_attestation()?,
                _ => profile.set_attestation(&file)?,
            }
            tell(&file.policy, "used from now on", term);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The policy that an option names, for the command line's parser: wrong usage if it is none.
pub(crate) fn read(text: &str) -> Result<Policy, String> {
    let found = find(Path::new(text)).map_err(|error| {
        let mut causes = vec![error.to_string()];
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes.join(": ")
    });
    Ok(found?.policy)
}

/// A shipped policy by its name, or a file: `./standard` is a file.
fn find(path: &Path) -> Result<PolicyFile, ClientError> {
    match path.to_str().and_then(Shipped::named) {
        Some(shipped) => Ok(PolicyFile::shipped(shipped)),
        None => PolicyFile::read(path),
    }
}

fn shipped(name: &str) -> Result<Shipped, String> {
    let names = Shipped::ALL.map(Shipped::name).join(", ");
    Shipped::named(name).ok_or_else(|| format!("there are {names}"))
}

/// A file that stands for a shipped policy.
fn alias(shipped: Shipped) -> PolicyFile {
    let name = shipped.name();
    let text = format!("version = 1\nname = \"{name}\"\nbase = \"{name}\"\n");
    PolicyFile { text, policy: shipped.policy() }
}

/// What was done with a policy, in a line; and what is missing.
fn tell(policy: &Policy, done: &str, term: &Term) {
    let explanation = policy.explain();
    let accepts: Vec<String> = policy.accept.iter().map(ToString::to_string).collect();
    let shown = serde_json::json!({
        "name": policy.name,
        "accept": accepts,
        "complete": explanation.complete,
    });
    term.data(&shown, |_| {
        format!("{done}: `{}`, which accepts {}", policy.name, accepts.join(", "))
    });
    if !explanation.complete {
        term.say(
            "it does not say what may run: see what is missing with `sealroom policy explain`",
        );
    }
}

fn explain(policy: &Policy, term: &Term) {
    let explanation = policy.explain();
    let shown = serde_json::json!({
        "name": explanation.name,
        "complete": explanation.complete,
        "sections": explanation.sections,
        "policy": policy.to_json(),
    });
    term.data(&shown, |_| text(&explanation, term));
}

fn text(explanation: &Explanation, term: &Term) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", term.bold("policy"), explanation.name);
    for section in &explanation.sections {
        let _ = writeln!(out, "{}", term.bold(&section.title));
        for statement in &section.statements {
            let mark = match statement.effect {
                Effect::Accepts => term.green("accepts "),
                Effect::Ignores => term.yellow("ignores "),
                Effect::Requires => term.green("requires"),
                Effect::Refuses => term.red("refuses "),
                Effect::Missing => term.red("MISSING "),
            };
            let _ = writeln!(out, "  {mark}  {}", statement.text);
            if !statement.why.is_empty() {
                let _ = writeln!(out, "            {}", statement.why);
            }
        }
    }
    if !explanation.complete {
        let text = "Where something is MISSING, evidence is refused: write a file that starts from this one, and add it.";
        let _ = writeln!(out, "{text}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_names_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.toml");
        std::fs::write(&path, "version = 1\ndebug = true\n").unwrap();
        let error = read(path.to_str().unwrap()).unwrap_err();
        assert!(error.contains("p.toml") && error.contains("line 2: "), "{error}");
        assert_eq!(read("strict").unwrap().name, "strict");
    }
}
