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
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: huge_pages::HugePages = huge_pages::HugePages;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::execute(&args),
        Command::Train(args) => train::execute(&args),
        Command::Check(args) => check::execute(&args),
        Command::Schema(args) => schema::execute(&args),
        Command::Policies(args) => policies::execute(&args),
        Command::Decide(args) => decide::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Study(args) => study::study(&args),
        Command::Reproduce(args) => study::reproduce(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
