//! The commands, one a file.

pub(crate) mod account;
pub(crate) mod advisories;
pub(crate) mod approve;
pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod code;
pub(crate) mod collateral;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod join;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod new;
pub(crate) mod packages;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod receipt;
pub(crate) mod results;
pub(crate) mod revoke;
pub(crate) mod run;
pub(crate) mod runtime;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod verify;

use crate::error::CliError;
use std::process::ExitCode;

pub(crate) type CommandResult = Result<ExitCode, CliError>;
