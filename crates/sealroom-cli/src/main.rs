//! `sealroom`: arguments in, words out. What is done is done by the libraries.
#![forbid(unsafe_code)]

mod commands;
mod context;
mod error;
mod evidence_file;
mod packages;
mod policy;
mod syntax;
mod term;

use clap::{Parser, Subcommand};
use context::Global;
use error::CliError;
use std::{io::Write as _, process::ExitCode};

/// Confidential collaborative computation: run Python on data that nobody may see.
#[derive(Parser)]
#[command(name = "sealroom", version, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(commands::serve::Args),
    Account(commands::account::Args),
    Login(commands::login::Args),
    New(commands::new::Args),
    List(commands::list::Args),
    Join(commands::join::Args),
    Code(commands::code::Args),
    Data(commands::data::Args),
    Verify(commands::verify::Args),
    Approve(commands::approve::Args),
    Revoke(commands::revoke::Args),
    Status(commands::status::Args),
    Run(commands::run::Args),
    Results(commands::results::Args),
    Evidence(commands::evidence::Args),
    Receipt(commands::receipt::Args),
    Audit(commands::audit::Args),
    Collateral(commands::collateral::Args),
    Archive(commands::archive::Args),
    Remove(commands::archive::RemoveArgs),
    Packages(commands::packages::Args),
    Advisories(commands::advisories::Args),
    Runtime(commands::runtime::Args),
    Policy(commands::policy::Args),
    Profile(commands::profile::Args),
    Init(commands::init::Args),
    Test(commands::test::Args),
    Demo(commands::demo::Args),
}

fn main() -> ExitCode {
    // `sealroom test` uses the jail, whose stages are this same program.
    if let Some(code) = sealroom_sandbox::run_hidden_stage() {
        return code;
    }
    let Cli { global, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let term = term::Term::new(global.json);
    let result = match command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::Account(args) => commands::account::run(&args, &term),
        Command::Login(args) => commands::login::run(&args, &global, &term),
        Command::New(args) => commands::new::run(&args, &global, &term),
        Command::List(args) => commands::list::run(&args, &global, &term),
        Command::Join(args) => commands::join::run(&args, &global, &term),
        Command::Code(args) => commands::code::run(&args, &global, &term),
        Command::Data(args) => commands::data::run(&args, &global, &term),
        Command::Verify(args) => commands::verify::run(&args, &global, &term),
        Command::Approve(args) => commands::approve::run(&args, &global, &term),
        Command::Revoke(args) => commands::revoke::run(&args, &global, &term),
        Command::Status(args) => commands::status::run(&args, &global, &term),
        Command::Run(args) => commands::run::run(&args, &global, &term),
        Command::Results(args) => commands::results::run(&args, &global, &term),
        Command::Evidence(args) => commands::evidence::run(&args, &global, &term),
        Command::Receipt(args) => commands::receipt::run(&args, &global, &term),
        Command::Audit(args) => commands::audit::run(&args, &global, &term),
        Command::Collateral(args) => commands::collateral::run(&args, &global, &term),
        Command::Archive(args) => commands::archive::run(&args, &global, &term),
        Command::Remove(args) => commands::archive::remove(&args, &global, &term),
        Command::Packages(args) => commands::packages::run(&args, &global, &term),
        Command::Advisories(args) => commands::advisories::run(&args, &global, &term),
        Command::Runtime(args) => commands::runtime::run(&args, &global, &term),
        Command::Policy(args) => commands::policy::run(&args, &global, &term),
        Command::Profile(args) => commands::profile::run(&args, &global, &term),
        Command::Init(args) => commands::init::run(&args, &term),
        Command::Test(args) => commands::test::run(&args, &term),
        Command::Demo(args) => commands::demo::run(&args, &term),
    };
    result.unwrap_or_else(|error: CliError| term.fail(&error))
}

/// Help and version go to stdout; wrong usage goes to stderr with a hint, and exits with 2.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let _ =
        std::io::stderr().write_all(b"hint: see `sealroom --help`, or `--help` after a command\n");
    ExitCode::from(2)
}
