use super::CommandResult;
use crate::{
    context::{Global, RoleArg, about, roles},
    term::Term,
};
use sealroom_protocol::ComputationId;
use std::process::ExitCode;

/// Take part in a computation: make keys, and register the public ones
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    /// As what [default: everything that the owner named you for]
    #[arg(long, value_enum)]
    role: Vec<RoleArg>,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, args.id, term)?;
    let mut joined = Vec::new();
    for role in roles(&args.role, &computation)? {
        let key = session.join(args.id, role)?;
        joined.push(serde_json::json!({"role": role, "public_key": key}));
        term.say(format!("joined `{}` as {role}, key {key}", computation.name));
    }
    if term.is_json() {
        term.data(&joined, |_| String::new());
    }
    Ok(ExitCode::SUCCESS)
}
