use super::CommandResult;
use crate::{
    context::{Global, RoleArg, about, roles},
    error::CliError,
    term::Term,
};
use sealroom_client::revoke::{Destroyed, Revoked};
use sealroom_protocol::{ComputationId, Role, destruction::EndedRun};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Take your key back: a run that is under way is ended, and no further one starts
///
/// The enclave destroys the key and what it had opened with it, and signs a record of that. Exit code 1 if it
/// has not done so in time: then it has ended already, or the server has not told it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    /// As what [default: everything that you are in it]
    #[arg(long, value_enum)]
    role: Vec<RoleArg>,
    /// Seconds to wait for the enclave's record
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u16,
    /// Keep the signed record in this file; with several roles, a number is put behind its name
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What came of it in one role.
#[derive(serde::Serialize)]
struct Report {
    role: Role,
    outcome: &'static str,
    said: Option<sealroom_protocol::Destruction>,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, args.id, term)?;
    // All are asked back before anything is waited for, and none is left out because of another.
    let asked: Vec<_> = roles(&args.role, &computation)?
        .into_iter()
        .map(|role| session.revoke(&computation, role))
        .collect();
    let asked = asked.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut reports = Vec::new();
    let mut records = Vec::new();
    for asked in &asked {
        let waiting = term.waiting("waiting for the enclave to destroy the key");
        let wait = Duration::from_secs(args.wait.into());
        let revoked = session.await_destruction(args.id, asked, wait)?;
        drop(waiting);
        let role = asked.role();
        reports.push(match revoked {
            Revoked::NothingReleased => Report { role, outcome: "nothing_released", said: None },
            Revoked::Unconfirmed => Report { role, outcome: "unconfirmed", said: None },
            Revoked::Destroyed(destroyed) => {
                let Destroyed { said, record } = *destroyed;
                records.push(record);
                Report { role, outcome: "destroyed", said: Some(said) }
            }
        });
    }
    if let Some(path) = &args.record {
        for (n, record) in records.iter().enumerate() {
            let path = match n {
                0 => path.clone(),
                n => PathBuf::from(format!("{}.{n}", path.display())),
            };
            let text = serde_json::to_vec_pretty(record).unwrap_or_default();
            std::fs::write(&path, text).map_err(|error| CliError::io(&path, &error))?;
        }
    }
    term.data(&reports, |reports| reports.iter().map(text).collect::<Vec<_>>().join("\n"));
    let confirmed = reports.iter().all(|report| report.outcome != "unconfirmed");
    Ok(if confirmed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &Report) -> String {
    let role = report.role;
    let Some(said) = &report.said else {
        return match report.outcome {
            "nothing_released" => format!("no key of yours as {role} was released"),
            _ => format!(
                "took your key as {role} back; the enclave has not said that it is destroyed: it has \
                 ended by itself, or the server has not told it"
            ),
        };
    };
    let mut lines = vec![format!(
        "took your key as {role} back; the enclave has signed that it is destroyed ({})",
        said.at
    )];
    if let Some(EndedRun { run, killed, files, bytes, results_left }) = &said.ended_run {
        let end = if *killed { "was killed" } else { "had ended by itself" };
        lines.push(format!(
            "  run {run} {end}; {files} opened files of yours, {bytes} bytes, are gone"
        ));
        lines.push(match results_left {
            false => format!("  no result and no log of run {run} has left the enclave"),
            true => format!(
                "  sealed results or logs of run {run} had been handed to the server: whether it shows them to those \
                 whom they are for is its choice"
            ),
        });
    }
    if !said.earlier_results.is_empty() {
        let runs: Vec<String> = said.earlier_results.iter().map(u32::to_string).collect();
        lines.push(format!(
            "  results or logs of earlier runs had left before: {}",
            runs.join(", ")
        ));
    }
    lines.join("\n")
}
