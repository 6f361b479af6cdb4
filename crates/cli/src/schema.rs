//! `wayside schema`.

use crate::console::{Outcome, print};
use clap::{Args, ValueEnum};

/// Print the JSON Schema of a format.
///
/// Editors use it to complete and check files, as can programs that write slots or read results.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside schema scenario > wayside.schema.json
  wayside schema result")]
pub(crate) struct Schema {
    /// Which format.
    #[arg(value_enum)]
    pub(crate) kind: SchemaKind,
}

/// Formats with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// What `run` and `check` read, TOML.
    Scenario,
    /// What `study` and `check` read, TOML.
    Study,
    /// What `decide` reads and `run --dump-slots` writes.
    Slot,
    /// What `run --format json` prints, and summary.json.
    Result,
    /// What `decide` prints.
    Decision,
    /// What `benchmark --format json` prints, and score.json.
    Score,
}

pub(crate) fn execute(args: &Schema) -> Outcome {
    let schema = match args.kind {
        SchemaKind::Scenario => wayside_core::scenario::schema(),
        SchemaKind::Study => wayside_study::studies::schema(),
        SchemaKind::Slot => wayside_core::slot::schema(),
        SchemaKind::Result => wayside_study::summary::schema(),
        SchemaKind::Decision => wayside_study::decision::schema(),
        SchemaKind::Score => wayside_study::benchmark::schema(),
    };
    print(&format!("{schema:#}\n"))
}
