use super::{CommandResult, verify};
use crate::{
    context::{Global, RoleArg, about, roles, secret_from_stdin},
    error::CliError,
    term::{Term, print},
};
use sealroom_client::ClientError;
use sealroom_protocol::ComputationId;
use sealroom_seal::words::SafetyWords;
use std::{io::IsTerminal as _, process::ExitCode};

/// Verify the enclave, and release your key to it if it is trusted
///
/// Nothing is released if any check fails, or if the manifest is not the one that you looked at last
/// with `sealroom verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    /// The three safety words that the owner told you [default: those you gave before, or asked for]
    #[arg(long, env = "SEALROOM_WORDS", hide_env_values = true)]
    words: Option<String>,
    /// As what [default: everything that you are in it]
    #[arg(long, value_enum)]
    role: Vec<RoleArg>,
    #[command(flatten)]
    acceptance: verify::AcceptanceArgs,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, args.id, term)?;
    let roles = roles(&args.role, &computation)?;
    let words = match (&args.words, profile.words(args.id)?) {
        (Some(text), _) => parse(text)?,
        (None, Some(known)) => known,
        (None, None) if std::io::stdin().is_terminal() => {
            parse(&secret_from_stdin("Safety words: ")?)?
        }
        (None, None) => return Err(ClientError::NoWords.into()),
    };
    match session.approve(&computation, &roles, &words, &args.acceptance.get()) {
        Ok(found) if term.is_json() => {
            let shown = serde_json::json!({"approved": true, "checks": found.verdict.checks});
            term.data(&shown, |_| String::new());
        }
        Ok(found) => {
            print(&verify::text(&found, false, term));
            for role in roles {
                term.say(format!("released your key as {role}"));
            }
        }
        Err(ClientError::NotTrusted(verdict)) => {
            let shown = serde_json::json!({"approved": false, "checks": verdict.checks});
            term.data(&shown, |_| verify::verdict(&verdict, term));
            return Err(ClientError::NotTrusted(verdict).into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> Result<SafetyWords, CliError> {
    text.parse().map_err(|error: sealroom_seal::words::ParseWordsError| {
        CliError::usage(error.to_string(), "ask the owner for the three words")
    })
}
