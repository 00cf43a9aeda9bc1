use super::CommandResult;
use crate::{
    context::{Global, passphrase},
    term::Term,
};
use std::process::ExitCode;

/// Look after your profile
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show where your profile is, whose it is, and whether its keys are encrypted
    Show,
    /// Encrypt its keys with a passphrase (SEALROOM_PASSPHRASE, or asked for), as an age file
    Encrypt,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let mut profile = global.profile()?;
    if let Command::Encrypt = args.command {
        profile.encrypt(passphrase("New passphrase of this profile: ")?)?;
    }
    let account = profile.account().ok();
    let shown = serde_json::json!({
        "dir": profile.dir(),
        "server": account.as_ref().map(|a| &a.server),
        "email": account.as_ref().map(|a| &a.email),
        "encrypted": profile.is_encrypted(),
    });
    term.data(&shown, |_| {
        let keys =
            if profile.is_encrypted() { "encrypted" } else { "in clear, readable for you alone" };
        let account =
            account.map_or("no account yet".to_owned(), |a| format!("{} at {}", a.email, a.server));
        format!("folder   {}\naccount  {account}\nkeys     {keys}", profile.dir().display())
    });
    Ok(ExitCode::SUCCESS)
}
