use super::CommandResult;
use crate::{
    context::{Global, about},
    term::Term,
};
use sealroom_protocol::ComputationId;
use std::process::ExitCode;

/// Close a computation, as its owner: no further run, keys forgotten
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
}

/// Delete the files of an archived computation, as its owner; the event log stays
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// The computation
    id: ComputationId,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    about(&profile, args.id, term)?.0.archive(args.id)?;
    term.say("archived");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn remove(args: &RemoveArgs, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    about(&profile, args.id, term)?.0.remove(args.id)?;
    term.say("its files are deleted");
    Ok(ExitCode::SUCCESS)
}
