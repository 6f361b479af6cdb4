//! The `wayside` program: parsed flags, resolved arguments, a library call.
//!
//! Each command is a module with its flags and an `execute`; `Command` lists them. It is a library so that the Python
//! package brings the same program.

// The comments of flags are the help that users read: [s] is a unit, not a link.
#![allow(rustdoc::broken_intra_doc_links)]

mod args;
mod bench;
mod benchmark;
mod channel;
mod check;
mod console;
mod decide;
#[cfg(feature = "live")]
mod drive;
#[cfg(feature = "live")]
mod emulate;
mod import;
mod listing;
mod parse;
mod policies;
mod progress;
mod registry;
#[cfg(feature = "live")]
mod rsu;
mod run;
mod schema;
mod seeds;
#[cfg(feature = "live")]
mod serve;
mod study;
mod train;
#[cfg(feature = "live")]
mod view;

use clap::{Parser, Subcommand};
use console::{Failure, Outcome, printed};
use parse::Refusal;
use std::ffi::OsString;
use std::io::{self, Write as _};
use wayside_core::process;

/// Compares task offloading and migration policies for vehicular edge computing.
///
/// Vehicles drive past roadside units (RSUs) and have tasks to compute. In every slot a policy decides where each task
/// runs: on its vehicle, on the RSU that it is uploaded to, or on another RSU over the backhaul. Wayside allocates the
/// CPU optimally, compares policies on the same traffic, and certifies how far from the optimum each policy is.
#[derive(Debug, Parser)]
#[command(
    name = "wayside",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  wayside run                          every policy on wang2025, with certified gaps
  wayside run hotspot --out results/   another scenario; figures and files to results/
  wayside policies                     the policies to choose from
  wayside run --help                   help on a command

Results go to stdout, progress and notes to stderr.
Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Train(train::Train),
    Decide(decide::Decide),
    Policies(policies::Policies),
    Check(check::Check),
    Import(import::Import),
    Schema(schema::Schema),
    Bench(bench::Bench),
    Benchmark(benchmark::BenchmarkArgs),
    Channel(channel::ChannelArgs),
    Study(study::StudyArgs),
    Reproduce(study::Reproduce),
    #[cfg(feature = "live")]
    Serve(serve::Serve),
    #[cfg(feature = "live")]
    Rsu(rsu::Rsu),
    #[cfg(feature = "live")]
    Emulate(emulate::Emulate),
    #[cfg(feature = "live")]
    View(view::View),
    #[cfg(feature = "live")]
    Drive(drive::Drive),
}

/// The program, and its exit code: `arguments` begin with its name. `build` tells builds apart, as [`wayside_study::studies::plan::build`]
/// does: a study takes up the parts of its own build only. It handles signals, and so should be the only work of its process.
pub fn main(arguments: impl IntoIterator<Item = OsString>, build: &str) -> u8 {
    let command = progress::fail_at_file_limits()
        .map_err(Failure::from)
        .and_then(|()| parse(arguments));
    let result = match command {
        Ok(Some(command)) => signalled(&command).and_then(|()| execute(command, build)),
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    // a seed that was left behind in its slot does not drop the SUMO it reads
    process::end_all();
    match result {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}

/// Lets signals end the program, but for a server, which has its own.
fn signalled(command: &Command) -> Outcome {
    #[cfg(feature = "live")]
    if matches!(
        command,
        Command::Serve(_) | Command::Rsu(_) | Command::View(_)
    ) {
        return Ok(());
    }
    let _ = command;
    Ok(progress::exit_on_signal()?)
}

/// The command; none where help or version was asked for and has been printed.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Command>, Failure> {
    let text = match parse::parse::<Cli>(arguments.into_iter().collect()) {
        Ok(cli) => return Ok(Some(cli.command)),
        Err(Refusal::Values(text)) => return Err(Failure::Usage(text)),
        Err(Refusal::Clap(error)) if error.use_stderr() => error.exit(),
        Err(Refusal::Clap(text)) => text,
    };
    printed(text.print().and_then(|()| io::stdout().flush()))?;
    Ok(None)
}

fn execute(command: Command, build: &str) -> Outcome {
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Train(args) => train::execute(&args),
        Command::Check(args) => check::execute(&args),
        Command::Import(args) => import::execute(&args),
        Command::Schema(args) => schema::execute(&args),
        Command::Policies(args) => policies::execute(&args),
        Command::Decide(args) => decide::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Benchmark(args) => benchmark::execute(&args),
        Command::Channel(args) => channel::execute(&args),
        Command::Study(args) => study::study(&args, build),
        Command::Reproduce(args) => study::reproduce(&args, build),
        #[cfg(feature = "live")]
        Command::Serve(args) => serve::execute(&args),
        #[cfg(feature = "live")]
        Command::Rsu(args) => rsu::execute(&args),
        #[cfg(feature = "live")]
        Command::Emulate(args) => emulate::execute(&args),
        #[cfg(feature = "live")]
        Command::View(args) => view::execute(&args),
        #[cfg(feature = "live")]
        Command::Drive(args) => drive::execute(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn property_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
