use super::CommandResult;
use crate::{
    context::{DEV_MODE, Global},
    term::Term,
};
use sealroom_client::{Session, audit::describe};
use sealroom_protocol::ComputationId;
use std::{fmt::Write as _, process::ExitCode};

/// Print the event log, after checking it
///
/// Every event is chained to the one before by its hash, and the story that they tell must be a
/// possible one. What this profile saw before must still be in it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let audit = Session::open(&profile)?.audit(args.id)?;
    if audit.state.dev_mode {
        term.warn(DEV_MODE);
    }
    term.data(&audit.records, |records| {
        let mut out = String::new();
        for r in records {
            let hash: String = r.hash.to_string().chars().take(12).collect();
            let what = describe(&r.event);
            let _ = writeln!(out, "{:>4}  {}  {hash}  {}  {what}", r.seq, r.at, r.actor);
        }
        out
    });
    let (seq, hash) = audit.state.head;
    term.say(format!("{} events, chain intact, head {hash}", seq + 1));
    Ok(ExitCode::SUCCESS)
}
