use super::CommandResult;
use crate::{
    context::{Global, RoleArg, roles},
    term::Term,
};
use sealroom_client::Session;
use sealroom_protocol::ComputationId;
use std::process::ExitCode;

/// Take your key back: no further run starts with it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    /// As what [default: everything that you are in it]
    #[arg(long, value_enum)]
    role: Vec<RoleArg>,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let session = Session::open(&profile)?;
    for role in roles(&args.role, &session.computation(args.id)?)? {
        session.revoke(args.id, role)?;
        term.say(format!("took your key as {role} back"));
    }
    Ok(ExitCode::SUCCESS)
}
