//! `wayside check`.

use crate::console::{Failure, Outcome, print};
use clap::Args;
use std::collections::BTreeSet;
use std::path::Path;
use wayside_core::backhaul::Topology;
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::input;
use wayside_core::mobility::VehicleKey;
use wayside_core::mobility::{self, Positions};
use wayside_core::rng::Streams;
use wayside_core::scenario::{self, BUILTIN_SCENARIOS, LinkRule, Scenario};
use wayside_study::studies::{Study, is_study};

/// Validate scenarios and studies, with every file that they name.
///
/// Reads each scenario as `run` would: keys and values, the topology, the whole trace. Prints what the valid ones hold
/// to stdout, and every problem of the others to stderr, with file, line and path. The exit code is 2 if there is any
/// problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside check mine.toml
  wayside check scenarios/*.toml
  wayside check city-grid")]
pub(crate) struct Check {
    /// Scenarios and studies: TOML files, - for standard input, or names of built-in scenarios.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

pub(crate) fn execute(args: &Check) -> Outcome {
    let mut problems = Problems::default();
    for file in &args.files {
        // once: what comes through a pipe is gone then
        let text = match file.as_str() {
            "-" => input::read_stdin(),
            _ => input::read_text(Path::new(file)),
        };
        let inspected = match &text {
            Ok(text) if is_study(text) => inspect_study(file, text),
            Ok(text) => scenario_of(file, text).and_then(|scenario| inspect(file, &scenario)),
            Err(_) => scenario::resolve(file, &[]).and_then(|scenario| inspect(file, &scenario)),
        };
        match inspected {
            Ok(line) => print(&line)?,
            Err(Error::Invalid(found)) => {
                problems
                    .0
                    .extend(found.0.into_iter().map(|p| located(file, &text, p)));
            }
            // A file that cannot be read is a problem of the input here.
            Err(Error::Io { path, source }) => problems.push(Problem {
                file: path.display().to_string(),
                line: None,
                path: String::new(),
                message: source.to_string(),
            }),
            Err(other) => return Err(other.into()),
        }
    }
    problems.into_result(()).map_err(Failure::from)
}

/// Names the file of a problem that was found when the scenario was already read, and the line of its section.
fn located(file: &str, text: &Result<String>, problem: Problem) -> Problem {
    if problem.file != "scenario" {
        return problem;
    }
    let section = problem.path.split(['.', '[']).next().unwrap_or_default();
    let text = text.as_deref().unwrap_or_default();
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches('[');
        let rest = line.strip_prefix(section);
        !section.is_empty()
            && rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    Problem {
        file: file.to_owned(),
        line: text.lines().position(begins).map(|line| line + 1),
        ..problem
    }
}

/// Reads everything that a study of `file` would read, but traces.
fn inspect_study(file: &str, text: &str) -> Result<String> {
    let (name, folder) = match file {
        "-" => ("stdin", Path::new("")),
        _ => (file, input::folder_of(Path::new(file))),
    };
    let study = Study::from_toml(name, text, folder)?;
    let cells: usize = study.grids.iter().map(|grid| grid.count(false)).sum();
    let (figures, claims) = (study.figures.len(), study.claims.len());
    Ok(format!(
        "{file}: ok (a study of {cells} cells, {figures} figures, {claims} claims)\n"
    ))
}

/// The scenario of `file`, whose `text` has been read, as a run would take it.
fn scenario_of(file: &str, text: &str) -> Result<Scenario> {
    match file {
        "-" => Scenario::from_toml("stdin", text, &[]),
        _ if BUILTIN_SCENARIOS.iter().any(|b| b.name == file) => Scenario::builtin(file, &[]),
        _ => Scenario::of_text(Path::new(file), text, &[]),
    }
}

/// Reads everything that a run of `scenario` would read.
fn inspect(file: &str, scenario: &Scenario) -> Result<String> {
    let world = World::new(scenario)?;
    let mut taken = match scenario.fleet.mobility.trace() {
        Some(fcd) => mobility::trace::report(fcd)?.to_string(),
        None => String::new(),
    };
    if let Some(sites) = &world.sites {
        taken += &format!("  sites: {sites}\n");
    }
    if let LinkRule::File(path) = &scenario.backhaul.links {
        let links = Topology::read(path)?.report();
        taken += &format!("  backhaul: {links}\n");
    }
    let parts = world.network.parts();
    if parts > 1 {
        taken += &format!("  backhaul: {parts} parts, between which no task can be migrated\n");
    }
    let mut source = world.mobility(Streams::new(0))?;
    let mut positions = Positions::default();
    let mut vehicles: BTreeSet<VehicleKey> = BTreeSet::new();
    for t in 0..scenario.time.slots {
        source.advance(t as f64 * scenario.time.slot_s, &mut positions)?;
        vehicles.extend(&positions.key);
    }
    Ok(format!(
        "{file}: ok ({} vehicles, {} RSUs, {} slots)\n{taken}",
        vehicles.len(),
        world.rsus.len(),
        scenario.time.slots
    ))
}
