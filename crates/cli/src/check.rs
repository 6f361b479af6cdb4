//! `wayside check`.

use crate::args::Check;
use crate::console::{Failure, Outcome, print};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::mobility::VehicleKey;
use wayside_core::mobility::{self, Positions};
use wayside_core::rng::Streams;
use wayside_core::scenario::{self, Mobility};
use wayside_study::studies::{Study, is_study};

pub(crate) fn execute(args: &Check) -> Outcome {
    let mut problems = Problems::default();
    for file in &args.files {
        let inspected = match fs::read_to_string(file) {
            Ok(text) if is_study(&text) => inspect_study(file),
            _ => inspect(file),
        };
        match inspected {
            Ok(line) => print(&line)?,
            Err(Error::Invalid(found)) => problems.0.extend(found.0),
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

/// Reads everything that a study of `file` would read, but traces.
fn inspect_study(file: &str) -> Result<String> {
    let study = Study::load(Path::new(file))?;
    let cells: usize = study.grids.iter().map(|grid| grid.cells(false).len()).sum();
    let (figures, claims) = (study.figures.len(), study.claims.len());
    Ok(format!(
        "{file}: ok (a study of {cells} cells, {figures} figures, {claims} claims)\n"
    ))
}

/// Reads everything that a run of `file` would read.
fn inspect(file: &str) -> Result<String> {
    let scenario = scenario::resolve(file, &[])?;
    let world = World::new(&scenario)?;
    let taken = match &scenario.fleet.mobility {
        Mobility::Fcd(fcd) => mobility::trace::report(fcd)?.to_string(),
        _ => String::new(),
    };
    let mut source = mobility::source(
        &scenario.fleet,
        scenario.time,
        world.area,
        &world.stands_m,
        Streams::new(0),
    )?;
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
