use super::CommandResult;
use crate::{
    context::{Global, passphrase, secret_from_stdin},
    term::Term,
};
use sealroom_client::session;
use sealroom_http::RefreshToken;
use std::process::ExitCode;

/// Give your profile an account on a server
///
/// The refresh token is read from SEALROOM_TOKEN or from stdin, so that no list of processes and no
/// shell history shows it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(long, value_name = "URL", env = "SEALROOM_SERVER")]
    server: String,
    /// Encrypt the keys of this profile with a passphrase (SEALROOM_PASSPHRASE, or asked for)
    #[arg(long)]
    encrypt: bool,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let mut profile = global.profile()?;
    let token = match std::env::var("SEALROOM_TOKEN") {
        Ok(token) => token,
        Err(_) => secret_from_stdin("Refresh token: ")?,
    };
    let account = session::login(&profile, &args.server, RefreshToken::new(&token))?;
    if args.encrypt {
        profile.encrypt(passphrase("New passphrase of this profile: ")?)?;
    }
    term.data(&account, |account| format!("logged in to {} as {}", account.server, account.email));
    Ok(ExitCode::SUCCESS)
}
