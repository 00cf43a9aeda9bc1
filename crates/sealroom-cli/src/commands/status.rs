use super::CommandResult;
use crate::{
    context::{DEV_MODE, Global, about},
    term::{Term, print},
};
use sealroom_client::{ClientError, Session, audit::describe, session::participants};
use sealroom_http::{Body, Method};
use sealroom_lifecycle::Record;
use sealroom_protocol::{
    ComputationId,
    api::{Computation, Phase},
    receipt::{INDEX, RunStatus},
};
use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    process::ExitCode,
    time::Duration,
};

/// Show where a computation stands, and what it waits for
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    /// Follow it until a run has ended; exit code 1 if it failed
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, args.id, term)?;
    if !args.watch {
        term.data(&computation, |c| text(c, term));
        return Ok(ExitCode::SUCCESS);
    }
    let last = watch(&session, computation, term)?;
    term.data(&last, |c| text(c, term));
    let succeeded = matches!(last.phase, Phase::Succeeded);
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_over(phase: Phase) -> bool {
    matches!(phase, Phase::Succeeded | Phase::Failed | Phase::Archived | Phase::Removed)
}

/// Follows the live events until the computation rests.
fn watch(
    session: &Session<'_>,
    mut computation: Computation,
    term: &Term,
) -> Result<Computation, ClientError> {
    let waiting = term.waiting(&wait_text(&computation));
    while !is_over(computation.phase) {
        let path = format!("/computations/{}/events", computation.uuid);
        // A stream that breaks is taken up again; what was missed is in the computation itself.
        if let Ok(response) = session.http.call(Method::GET, &path, Body::Empty) {
            let body = response.into_body().into_with_config().limit(u64::MAX).reader();
            for line in BufReader::new(body).lines() {
                let Ok(line) = line else { break };
                let Some(data) = line.strip_prefix("data:") else { continue };
                if let Ok(record) = serde_json::from_str::<Record>(data.trim())
                    && record.seq > computation.head.seq
                {
                    term.say(format!("{}  {}", record.actor, describe(&record.event)));
                    computation = session.computation(computation.uuid)?;
                    waiting.text(wait_text(&computation));
                    if is_over(computation.phase) {
                        return Ok(computation);
                    }
                }
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        computation = session.computation(computation.uuid)?;
    }
    Ok(computation)
}

fn wait_text(computation: &Computation) -> String {
    computation.waiting_for.first().cloned().unwrap_or_else(|| computation.phase.to_string())
}

fn text(c: &Computation, term: &Term) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", term.bold(&c.name), c.uuid);
    if c.dev_mode {
        let _ = writeln!(out, "{}", term.red(DEV_MODE));
    }
    let phase = c.phase.to_string();
    let phase = match c.phase {
        Phase::Succeeded => term.green(&phase),
        Phase::Failed => term.red(&phase),
        _ => phase,
    };
    let _ = writeln!(out, "state  {phase}");
    for p in participants(c) {
        let mut done =
            vec![if p.public_key.is_some() { "joined" } else { "not joined" }.to_owned()];
        done.extend(p.code_uploaded_at.map(|_| format!("code: {} files", c.code.len())));
        if !p.files.is_empty() {
            let bytes = p.files.iter().fold(0u64, |sum, f| sum.saturating_add(f.size));
            done.push(format!("data: {} files, {bytes} bytes", p.files.len()));
        }
        done.extend(p.done_uploading_at.map(|_| "done".to_owned()));
        done.extend(p.symmetric_key_uploaded_at.map(|_| "approved".to_owned()));
        let destroyed = c.destroyed_keys.iter().any(|gone| gone.participant == p.id);
        if destroyed && p.symmetric_key_uploaded_at.is_none() {
            done.push("key destroyed".to_owned());
        }
        let _ = writeln!(out, "  {}: {} ({})", p.id, p.email, done.join(", "));
    }
    for run in &c.runs {
        let end = match &run.status {
            None => "under way".to_owned(),
            Some(RunStatus::Succeeded) => {
                let results = run.results.iter().filter(|r| r.name.as_str() != INDEX).count();
                format!("succeeded, {results} results")
            }
            Some(RunStatus::Failed { reason, .. }) => format!("failed: {reason}"),
        };
        let _ = writeln!(out, "  run {}: {end}", run.number);
    }
    for line in &c.waiting_for {
        let _ = writeln!(out, "waiting: {line}");
    }
    out
}

/// Prints a computation as `status` does.
pub(crate) fn show(computation: &Computation, term: &Term) {
    print(&text(computation, term));
}
