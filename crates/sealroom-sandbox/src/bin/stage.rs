//! Nothing but the hidden stages: the program that tests start as launcher.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealroom_sandbox::run_hidden_stage().unwrap_or(ExitCode::from(2))
}
