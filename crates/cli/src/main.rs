//! The `wayside` program: parsed flags, resolved arguments, a library call.

mod args;
mod bench;
mod check;
mod console;
mod decide;
mod huge_pages;
mod listing;
mod policies;
mod progress;
mod registry;
mod run;
mod schema;
mod seeds;
mod study;
mod train;

use args::{Cli, Command};
use clap::Parser as _;
use console::{Failure, Outcome, printed};
use std::io::{self, Write as _};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: huge_pages::HugePages = huge_pages::HugePages;

fn main() -> ExitCode {
    let result = match parse() {
        Ok(Some(command)) => execute(command),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The command; none where help or version was asked for and has been printed.
fn parse() -> Result<Option<Command>, Failure> {
    let text = match Cli::try_parse() {
        Ok(cli) => return Ok(Some(cli.command)),
        Err(error) if error.use_stderr() => error.exit(),
        Err(text) => text,
    };
    printed(text.print().and_then(|()| io::stdout().flush()))?;
    Ok(None)
}

fn execute(command: Command) -> Outcome {
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Train(args) => train::execute(&args),
        Command::Check(args) => check::execute(&args),
        Command::Schema(args) => schema::execute(&args),
        Command::Policies(args) => policies::execute(&args),
        Command::Decide(args) => decide::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Study(args) => study::study(&args),
        Command::Reproduce(args) => study::reproduce(&args),
    }
}
