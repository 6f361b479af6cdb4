//! `wayside import`.

use crate::args::key_value;
use crate::console::{Failure, Outcome, print, say};
use crate::progress;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::mobility::trace::{self, Report};
use wayside_core::scenario::{Fcd, FcdSource, ImportOptions};
use wayside_output::Draft;

/// Turn traces of any format into the one that is read fastest.
///
/// Reads what `mobility = { kind = "fcd", path = ... }` reads: SUMO's FCD as XML, CSV or Parquet, tables of positions, GPX,
/// ns-2 mobility, compressed or not. Writes one Parquet file in the order of time with SUMO's column names: time, id, x, y
/// and type of every vehicle. Coordinates stay in metres or degrees; the file says which, and how degrees are projected.
/// A run with the imported trace gives the same results as one with its source.
///
/// Several files are joined in the order of time. Where they overlap they must have the same time steps, and a vehicle
/// that two of them have at one instant must be at the same place. Tables that are irregular in time are joined before
/// they are laid onto steps.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside import fcd.xml.gz --out trace.parquet
  wayside import monday.csv tuesday.csv --out week.parquet --column time=when --column id=plate
  wayside import taxis/ --out taxis.parquet --projection EPSG:32632
  zcat fcd.xml.gz | wayside import - --out trace.parquet")]
pub(crate) struct Import {
    /// Traces: files, folders of Parquet files, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The Parquet file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replace --out if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// How degrees become metres: none, utm, a zone as in utm32n or EPSG:32632, or a string of PROJ [default: as the
    /// trace tells].
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) projection: Option<String>,
    /// Names a column of a table whose name is not known: time, id, x, y, type, lane or edge; repeatable.
    #[arg(long = "column", value_name = "ROLE=NAME", value_parser = key_value)]
    pub(crate) columns: Vec<(String, String)>,
    /// Lay the fixes of tables onto steps of this length [s] [default: 1 where a table is irregular in time].
    #[arg(long, value_name = "S")]
    pub(crate) resample_s: Option<f64>,
    /// Longest time between two fixes that are joined, where they are laid onto steps [s] [default: 60].
    #[arg(long, value_name = "S")]
    pub(crate) max_gap_s: Option<f64>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// No hints on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines of text, for reading.
    #[default]
    Text,
    /// One document, all digits.
    Json,
}

pub(crate) fn execute(args: &Import) -> Outcome {
    let traces = traces(args)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stopped);
    progress::stop_on_signal(move || asked.swap(true, Ordering::Relaxed), || false);
    let mut draft = Draft::begin(&args.out, args.force)?;
    progress::remove_on_exit(draft.path());
    let stop = || stopped.load(Ordering::Relaxed);
    let taken = trace::import(&traces, (&args.out, draft.file()), &stop).map_err(as_flags)?;
    let report = match taken {
        Some(taken) if !stop() => taken.report(draft.path()).map_err(as_flags)?,
        _ => return Err(interrupted(args)),
    };
    if stop() {
        return Err(interrupted(args));
    }
    draft.commit()?;
    match args.format {
        ReportFormat::Text => print(&format!("{}: ok\n{report}", args.out.display()))?,
        ReportFormat::Json => print(&format!("{:#}\n", as_json(&args.out, &report)))?,
    }
    if !args.quiet {
        let path = args.out.display();
        say(format_args!(
            "Use it as mobility = {{ kind = \"fcd\", path = \"{path}\" }}"
        ));
    }
    Ok(())
}

/// Says what is left of a trace that was begun.
fn interrupted(args: &Import) -> Failure {
    let path = args.out.display();
    say(format_args!("interrupted: {path} has not been written"));
    Failure::Interrupted
}

/// The sources with what the flags say of them.
fn traces(args: &Import) -> Result<Vec<Fcd>> {
    let mut problems = Problems::default();
    let mut refuse = |flag: &str, message: String| {
        problems.push(Problem {
            file: flag.to_owned(),
            line: None,
            path: String::new(),
            message,
        });
    };
    check_flags(args, &mut refuse);
    let mut sources = Vec::new();
    for file in &args.files {
        match FcdSource::named(file, Path::new("")) {
            Ok(source) => sources.push(source),
            Err(message) => refuse(file, message),
        }
    }
    let options = ImportOptions {
        projection: args.projection.clone(),
        resample_s: args.resample_s,
        max_gap_s: args.max_gap_s,
        columns: args.columns.clone(),
    };
    let of_flag = |problem: Problem| match problem.path.split_once('.') {
        Some((_, role)) => refuse("--column", format!("{role}: {}", problem.message)),
        None => refuse(&as_flag(&problem.path), problem.message),
    };
    let fcd = match options.check() {
        Ok(fcd) => fcd,
        Err(Error::Invalid(found)) => {
            found.0.into_iter().for_each(of_flag);
            Fcd::default()
        }
        Err(other) => return Err(other),
    };
    let of = |source| Fcd {
        source,
        ..fcd.clone()
    };
    problems.into_result(sources.into_iter().map(of).collect())
}

/// The flag that stands for a key.
fn as_flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// Refuses flags whose values make no sense.
fn check_flags(args: &Import, refuse: &mut dyn FnMut(&str, String)) {
    if args
        .out
        .extension()
        .is_none_or(|extension| extension != "parquet")
    {
        let message = format!("must end in .parquet, got {}", args.out.display());
        refuse("--out", message);
    }
    if args.files.iter().filter(|file| *file == "-").count() > 1 {
        refuse(
            "-",
            "is standard input, which can be joined once".to_owned(),
        );
    }
}

/// Calls keys of a scenario by the flags that stand for them.
fn as_flags(error: Error) -> Error {
    let Error::Invalid(mut problems) = error else {
        return error;
    };
    for problem in &mut problems.0 {
        if let Some(key) = problem.path.strip_prefix("fleet.mobility.") {
            problem.path = as_flag(key);
        }
    }
    Error::Invalid(problems)
}

fn as_json(out: &Path, report: &Report) -> serde_json::Value {
    let extent = &report.extent;
    let gaps = report.gaps.as_ref();
    let gaps = gaps.map(|(count, longest_s, vehicle)| json!({ "count": count, "longest_s": longest_s, "vehicle": vehicle }));
    let types = report
        .types
        .iter()
        .map(|(name, count)| json!({ "type": name, "vehicles": count }));
    let outliers = report.outliers.iter();
    let outliers = outliers
        .map(|o| json!({ "vehicle": o.vehicle, "time_s": o.time_s, "x_m": o.x_m, "y_m": o.y_m }));
    json!({
        "out": out.to_string_lossy(),
        "format": report.format,
        "projection": report.projection,
        "first_s": extent.first_s,
        "last_s": extent.last_s,
        "steps": extent.steps,
        "step_s": Some(report.step_s).filter(|step_s| step_s.is_finite()),
        "x_min_m": extent.x_min_m,
        "x_max_m": extent.x_max_m,
        "y_min_m": extent.y_min_m,
        "y_max_m": extent.y_max_m,
        "lon": report.degrees.map(|[lon, _]| lon),
        "lat": report.degrees.map(|[_, lat]| lat),
        "vehicles": report.vehicles,
        "mean_vehicles": extent.mean_vehicles,
        "max_vehicles": extent.max_vehicles,
        "types": types.collect::<Vec<_>>(),
        "left_out": report.left_out,
        "gaps": gaps,
        "outliers": outliers.collect::<Vec<_>>(),
    })
}
