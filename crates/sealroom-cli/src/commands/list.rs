use super::CommandResult;
use crate::{context::Global, term::Term};
use sealroom_client::Session;
use std::process::ExitCode;

/// List the computations that you own or take part in
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let computations = Session::open(&profile)?.list()?;
    if computations.is_empty() {
        term.say("no computations yet");
    }
    term.data(&computations, |computations| {
        let line = |c: &sealroom_protocol::api::Computation| {
            format!(
                "{}  {:24}  {}  ({})\n",
                c.uuid,
                c.phase.to_string(),
                c.name,
                c.my_roles.join(", ")
            )
        };
        computations.iter().map(line).collect()
    });
    Ok(ExitCode::SUCCESS)
}
