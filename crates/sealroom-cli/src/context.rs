//! What every command of a participant needs: its profile, its roles, its passphrase.

use crate::{error::CliError, term::Term};
use etcetera::BaseStrategy as _;
use sealroom_client::{ClientError, Passphrase, Profile, Session, session::my_roles};
use sealroom_protocol::{ComputationId, Role, api::Computation};
use std::{
    io::{IsTerminal as _, Read as _},
    path::PathBuf,
    str::FromStr,
};

/// Options of every command.
#[derive(clap::Args)]
pub(crate) struct Global {
    /// Your profile: the folder with your keys [default: `sealroom` in your configuration folder]
    #[arg(long, global = true, value_name = "DIR", env = "SEALROOM_PROFILE")]
    profile: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Global {
    /// Opens the profile; asks for its passphrase if it has one and nobody gave it.
    pub(crate) fn profile(&self) -> Result<Profile, CliError> {
        let profile = self.profile_without_secrets()?;
        if !profile.is_encrypted() {
            return Ok(profile);
        }
        let passphrase = passphrase("Passphrase of this profile: ")?;
        Ok(Profile::open(profile.dir(), Some(passphrase))?)
    }

    /// Opens the profile for what is not secret in it.
    pub(crate) fn profile_without_secrets(&self) -> Result<Profile, CliError> {
        let dir = match &self.profile {
            Some(dir) => dir.clone(),
            None => etcetera::choose_base_strategy()
                .map_err(|_| CliError::usage("you have no home folder", "name one with --profile"))?
                .config_dir()
                .join("sealroom"),
        };
        Ok(Profile::open(&dir, None)?)
    }
}

/// What is said of a computation in development mode, wherever one is dealt with.
pub(crate) const DEV_MODE: &str = "DEVELOPMENT MODE: this computation protects nothing";

/// The connection of a profile, to deal with a computation; says so if that protects nothing.
pub(crate) fn about<'a>(
    profile: &'a Profile,
    id: ComputationId,
    term: &Term,
) -> Result<(Session<'a>, Computation), CliError> {
    let session = Session::open(profile)?;
    let computation = session.computation(id)?;
    if computation.dev_mode {
        term.warn(DEV_MODE);
    }
    Ok((session, computation))
}

/// The passphrase from SEALROOM_PASSPHRASE or the terminal.
pub(crate) fn passphrase(prompt: &str) -> Result<Passphrase, CliError> {
    if let Ok(text) = std::env::var("SEALROOM_PASSPHRASE") {
        return Ok(text.into());
    }
    if !std::io::stdin().is_terminal() {
        return Err(ClientError::Passphrase.into());
    }
    rpassword::prompt_password(prompt).map(Into::into).map_err(|_| ClientError::Passphrase.into())
}

/// A secret from stdin: typed unseen at a terminal, or piped in.
pub(crate) fn secret_from_stdin(prompt: &str) -> Result<String, CliError> {
    let failed = |_| CliError::new("nothing was given", "type it, or pipe it in");
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().take(64 << 10).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

/// A computation, or one of its runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    pub(crate) computation: ComputationId,
    pub(crate) run: Option<u32>,
}

impl FromStr for Of {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, run) = match text.split_once('/') {
            Some((id, run)) => {
                let run = run.parse().map_err(|_| format!("`{run}` is no number of a run"))?;
                (id, Some(run))
            }
            None => (text, None),
        };
        let computation = id.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { computation, run })
    }
}

/// A role as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RoleArg {
    /// Code provider
    Code,
    /// Data provider
    Data,
    /// Result consumer
    Result,
}

impl From<RoleArg> for Role {
    fn from(arg: RoleArg) -> Self {
        match arg {
            RoleArg::Code => Self::CodeProvider,
            RoleArg::Data => Self::DataProvider,
            RoleArg::Result => Self::ResultConsumer,
        }
    }
}

/// The roles that a command is for: those named, or all that the account has.
pub(crate) fn roles(chosen: &[RoleArg], computation: &Computation) -> Result<Vec<Role>, CliError> {
    if !chosen.is_empty() {
        return Ok(chosen.iter().copied().map(Role::from).collect());
    }
    let mine = my_roles(computation);
    if mine.is_empty() { Err(ClientError::WhichRole { roles: mine }.into()) } else { Ok(mine) }
}
