//! `wayside decide`.

use crate::args::{Bound, Format};
use crate::console::{Outcome, print};
use crate::listing::Listing;
use crate::registry::{PolicyName, registry};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use wayside_core::engine::{BoundKind, PolicyFactory as _};
use wayside_core::{Result, Slot, input};
use wayside_study::decision::{self, DecisionReport, PlacementReport};
use wayside_study::table::fixed;

/// Decide one slot: placements, CPU, routes, costs, certificate.
///
/// Reads a slot as JSON (`wayside schema slot`), lets a policy place its tasks, allocates the CPU optimally [Hz], and
/// prints where each task runs, its route, delay [s] and energy [J]. CPU held and queues are those of the slot. With
/// --bound it also prints the certified lower bound of the mean cost, and the gap to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside decide slot.json --policy price --bound
  wayside decide slot.json --policy nearest --format table
  wayside run --slots 1 --seeds 0 --dump-slots slots/
  wayside decide slots/seed0_slot000.json --policy price
  ./make-slot | wayside decide - --policy best-response")]
pub(crate) struct Decide {
    /// Slot, a JSON file; - is standard input.
    pub(crate) slot: PathBuf,
    /// Policy: a name of `wayside policies`, or the path of a policy.safetensors. It has its default options and
    /// seed 0.
    #[arg(long)]
    pub(crate) policy: PolicyName,
    /// Certified lower bound; --bound alone is simple [default: off].
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "simple")]
    pub(crate) bound: Option<Bound>,
    /// How to print the decision; csv has the placements alone.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(crate) format: Format,
}

pub(crate) fn execute(args: &Decide) -> Outcome {
    let (file, text) = read(&args.slot)?;
    let slot = Slot::from_json(&file, &text)?;
    let options = decision::policy_options()?;
    let bound = args.bound.map_or(BoundKind::Off, Into::into);
    let factory = registry().resolve(&args.policy.0, None)?;
    let policy = factory.for_slot(&slot.slot, &options)?;
    let decision = decision::decide(&file, &slot, (factory.name(), policy), bound)?;
    print(&match args.format {
        Format::Json => decision.to_json(),
        Format::Table => format!(
            "{}\n\n{}",
            headline(&decision),
            placements(&decision).render(Format::Table)
        ),
        Format::Csv => placements(&decision).render(Format::Csv),
    })
}

/// Name and text of the slot; `-` is standard input.
fn read(path: &Path) -> Result<(String, String)> {
    if path == Path::new("-") {
        return Ok(("stdin".to_owned(), input::read_stdin()?));
    }
    Ok((path.display().to_string(), input::read_text(path)?))
}

fn headline(decision: &DecisionReport) -> String {
    let mut parts = vec![format!(
        "{}: {} tasks",
        decision.policy,
        decision.placements.len()
    )];
    let mut add = |name: &str, value: Option<f64>, unit: &str| {
        parts.extend(value.map(|x| format!("{name} {}{unit}", fixed(x, 4))));
    };
    add("J", decision.objective, "");
    add("delay", decision.delay_s_mean, " s");
    add("energy", decision.energy_j_mean, " J");
    add("LBM", decision.load.lbm, "");
    add("gap", decision.gap.map(|gap| 100.0 * gap), " %");
    parts.join(", ")
}

fn placements(decision: &DecisionReport) -> Listing<13> {
    let row = |p: &PlacementReport| {
        let parts = p.delay_parts_s;
        [
            json!(p.task),
            json!(p.mode),
            json!(p.entry),
            json!(p.execution),
            (!p.path.is_empty()).then(|| p.path.join(" ")).into(),
            json!(p.cpu_hz),
            json!(p.delay_s),
            json!(p.energy_j),
            json!(parts.upload),
            json!(parts.migration),
            json!(parts.wait),
            json!(parts.compute),
            json!(p.deadline_met),
        ]
    };
    Listing {
        columns: [
            "task",
            "mode",
            "entry",
            "execution",
            "path",
            "cpu_hz",
            "delay_s",
            "energy_j",
            "upload_s",
            "migration_s",
            "wait_s",
            "compute_s",
            "deadline_met",
        ],
        rows: decision.placements.iter().map(row).collect(),
    }
}
