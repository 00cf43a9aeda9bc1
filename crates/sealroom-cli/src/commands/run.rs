use super::{CommandResult, status};
use crate::{
    context::{Global, about},
    term::Term,
};
use sealroom_protocol::ComputationId;
use std::process::ExitCode;

/// Ask for another run, as the owner
///
/// Where the approvals still allow one it starts by itself; otherwise everybody is asked to approve
/// again. Data and code stay.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, _) = about(&profile, args.id, term)?;
    session.request_run(args.id)?;
    let computation = session.computation(args.id)?;
    if term.is_json() {
        term.data(&computation, |_| String::new());
    } else {
        status::show(&computation, term);
    }
    Ok(ExitCode::SUCCESS)
}
