use super::CommandResult;
use crate::{
    error::CliError,
    term::{Term, print},
};
use sealroom_protocol::Email;
use sealroom_server::AccountKind;
use std::{path::PathBuf, process::ExitCode};

/// Manage the accounts of a server, on the server's machine
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Add an account, and print its refresh token (and nothing else) on stdout
    ///
    /// For an account that is there already it makes one more token. Works while the server runs.
    /// The token can't be shown again: hand it over now.
    Add {
        /// The account's e-mail address
        email: Email,
        /// The server's data directory
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// The server's database, if it is not in the data directory
        #[arg(long, value_name = "URL", env = "SEALROOM_DATABASE")]
        database: Option<String>,
        /// What the account is for
        #[arg(long, value_enum, default_value_t = Kind::User)]
        kind: Kind,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Takes part in computations
    User,
    /// Adds accounts over HTTP
    Admin,
    /// An enclave that dials in from elsewhere
    Enclave,
}

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let Command::Add { email, data_dir, database, kind } = &args.command;
    let kind = match kind {
        Kind::User => AccountKind::User,
        Kind::Admin => AccountKind::Admin,
        Kind::Enclave => AccountKind::Enclave,
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CliError::new(error.to_string(), "try again"))?;
    let added = sealroom_server::add_account(data_dir, database.as_deref(), email, kind);
    let token = runtime.block_on(added)?;
    if term.is_json() {
        term.data(&serde_json::json!({"email": email, "refresh_token": token}), |_| String::new());
    } else {
        print(&token);
    }
    Ok(ExitCode::SUCCESS)
}
