use super::CommandResult;
use crate::{
    context::{DEV_MODE, Global},
    term::Term,
};
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
                "{}  {:24}  {}  ({}){}\n",
                c.uuid,
                c.phase.to_string(),
                c.name,
                c.my_roles.join(", "),
                if c.dev_mode { format!("  {}", term.red(DEV_MODE)) } else { String::new() }
            )
        };
        computations.iter().map(line).collect()
    });
    Ok(ExitCode::SUCCESS)
}
