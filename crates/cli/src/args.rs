//! The command line as clap reads it.

// The comments here are the help that users read: [s] is a unit, not a link.
#![allow(rustdoc::broken_intra_doc_links)]

use crate::registry::PolicyName;
use crate::seeds::Seeds;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use wayside_core::engine::BoundKind;
use wayside_learn::trainer::{Algorithm, Encoder, Vary};

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
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Train(Train),
    Decide(Decide),
    Policies(Policies),
    Check(Check),
    Schema(Schema),
    Bench(Bench),
    Study(StudyArgs),
    Reproduce(Reproduce),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for reading.
    #[default]
    Table,
    /// One document, all digits.
    Json,
    /// A header and a line per row, all digits.
    Csv,
}

/// Compare policies on the same traffic: the main job.
///
/// Every seed draws new vehicles and tasks, the same for every policy. Each decision gets the CPU shares that are
/// optimal for it. The objective J is omega * delay [s] + (1 - omega) * energy [J], mean per task. With --bound each slot
/// also gets a certified lower bound of J; the gap (J - bound) / bound is at least the distance from the optimum.
///
/// Without SCENARIO it runs wang2025 with the split bound.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside run
  wayside run hotspot --policy price,nearest --bound --out results/
  wayside run wang2025 --set fleet.size=200 --set objective.omega=0.5 --slots 30 --seeds 0..4
  wayside run mine.toml --no-timing --format json > summary.json

Ctrl-C ends a run early: finished seeds are kept, and the exit code is 130. A second Ctrl-C ends it at
once. The number of threads never changes a result. --no-timing leaves out the decision times, the only
results that depend on the clock.")]
pub(crate) struct Run {
    /// Scenario: a TOML file, or a built-in one: wang2025, wang2025-s2, hotspot, coupled, city-grid
    /// [default: wang2025].
    pub(crate) scenario: Option<String>,
    /// Policies, separated by commas; differences are to the first one. Names are those of `wayside policies`; a path
    /// names a policy.safetensors of your own [default: all untrained policies made for the scenario's model of
    /// execution, slot-fit only where time.carry_over is true].
    #[arg(long = "policy", value_name = "A,B,...", value_delimiter = ',')]
    pub(crate) policies: Vec<PolicyName>,
    /// Seeds, one replication each: 0..9 is ten seeds, both ends included; 3,7,12 a list.
    #[arg(long, default_value = "0..9")]
    pub(crate) seeds: Seeds,
    /// Slots per replication, in place of time.slots.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// Changes the scenario: a dotted key and a value; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Certified lower bound; --bound alone is auto [default: split without SCENARIO, else off].
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) bound: Option<Bound>,
    /// Leave out decision times, so that equal runs give equal bytes.
    #[arg(long)]
    pub(crate) no_timing: bool,
    /// Folder for the results: summary, slots, figures, manifest.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace another run's results in --out, and its slots in --dump-slots; files of yours stay.
    #[arg(long)]
    pub(crate) force: bool,
    /// Seeds run at a time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the comparison.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Also write every task to tasks.parquet in --out: where it ran, its route, delay and energy.
    #[arg(long, requires = "out")]
    pub(crate) tasks: bool,
    /// Folder for every slot as JSON, for `wayside decide`.
    #[arg(long, value_name = "DIR")]
    pub(crate) dump_slots: Option<PathBuf>,
    /// No progress and no hints on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Train a policy that is then one more --policy.
///
/// Trains in SCENARIO and writes to --out: policy.safetensors (the best policy by evaluation, with its card
/// policy.json), progress.csv, events for TensorBoard, and checkpoints. Every few iterations the policy is evaluated on
/// seeds that training never uses; the gap is to the certified lower bound.
///
/// To continue a training that was killed or interrupted, repeat its command with --resume. It ends in the same bytes as
/// one that was never stopped. The number of threads never changes a result.
#[derive(Debug, Args)]
#[command(after_help = "\
Encoders:
  sequential  one task after the other, each seeing the loads that those before it leave; any number of vehicles and
              RSUs. A step is one task's decision.
  shared      all tasks at once, the same network for each; any number of vehicles and RSUs. A step is a slot.
  flat        the paper's concatenated state; only the numbers of vehicles and RSUs it was trained with. A step is a slot.

Options of the algorithm (names of stable-baselines3; --list-options prints all, with their defaults):
  learning_rate, n_steps, batch_size, n_epochs, gamma, gae_lambda, clip_range, ent_coef, vf_coef, max_grad_norm,
  target_kl, total_timesteps, normalize_advantage, schedule (constant, linear), ratio (joint, vehicle);
  of sac and lysac: buffer_size, learning_starts, batch_size, tau, train_freq, gradient_steps, ent_coef,
    target_entropy, reward_keep;
  of lysac: vehicles, capability (lists, of which each episode draws), tasks_per_vehicle, arrival, slot_s, tradeoff, bootstrap,
    cloud (false: no task may go there)
Options of the trainer:
  n_envs, net_arch, eval_freq, eval_seeds, eval_slots, target_gap, shaping

Examples:
  wayside train ppo wang2025 --out ppo/                  seconds to a gap below 1 %
  wayside train ppo coupled --set time.slot_s=0.25 --out c25/ --option total_timesteps=5000000
  wayside train lysac lin2025 --out lysac/               10 vehicles of 5 tasks each, all capabilities
  wayside train ppo wang2025 --out ppo/ --resume         after Ctrl-C, or worse
  wayside run wang2025 --policy ppo/policy.safetensors,price --bound
  tensorboard --logdir ppo/")]
pub(crate) struct Train {
    /// What learns: ppo (proximal policy optimisation), ac (the paper's actor-critic), sac (soft actor-critic for choices),
    /// lysac (Lyapunov-guided soft actor-critic, for lin2025).
    #[arg(value_name = "ALGO", value_parser = algorithm)]
    pub(crate) algorithm: Algorithm,
    /// Scenario: a TOML file, or the name of a built-in one.
    pub(crate) scenario: String,
    /// Folder of the training.
    #[arg(long, value_name = "DIR", required_unless_present = "list_options")]
    pub(crate) out: Option<PathBuf>,
    /// Continue from the checkpoint in --out.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace the training or the results in --out; files of yours stay.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Changes the scenario: a dotted key and a value; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Draw a value of a dotted key for every environment: log-uniform from KEY=LOW..HIGH, or one of KEY=A,B,C;
    /// repeatable.
    #[arg(long, value_name = "KEY=VALUES", value_parser = vary)]
    pub(crate) vary: Vec<String>,
    /// What the network sees: sequential, shared or flat [default: sequential; flat with --option agent=paper].
    #[arg(long, value_name = "KIND", value_parser = encoder)]
    pub(crate) encoder: Option<Encoder>,
    /// Changes an option of the training, such as learning_rate=3e-4 or net_arch=32,32; repeatable.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) options: Vec<(String, String)>,
    /// Print every option with its value, and do nothing else.
    #[arg(long)]
    pub(crate) list_options: bool,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

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
    /// Who decides, a name of `wayside policies` or the path of a policy.safetensors; with its default options and
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

/// List every policy: what it does, where it comes from, its options, and what it needs to know.
///
/// Options are keys of the scenario; set them there or with --set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside policies
  wayside policies --format json
  wayside run --policy greedy-data --set policy.greedy.quota=0.5")]
pub(crate) struct Policies {
    /// How to print the list.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

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
    /// Scenarios and studies: TOML files, or names of built-in scenarios.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

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

/// Run a study: grids of runs, with figures, and a verdict on every claim.
///
/// A study is a TOML file that says what to run, what to draw and what is claimed (`wayside schema study`). Finished
/// cells are kept in --out: a study that was killed continues from there, and after a change of the file only what
/// changed is run again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside study mine.toml --out results/ --quick
  wayside study mine.toml --out results/
  wayside study cross --out cross/ --page docs/cross.md")]
pub(crate) struct StudyArgs {
    /// Study: a TOML file, or a built-in one: wang2025, lin2025, cross.
    pub(crate) study: String,
    #[command(flatten)]
    pub(crate) options: StudyOptions,
}

/// Reproduce a paper: its figures and tables, and the verdict on each of its claims.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside reproduce wang2025 --out wang2025/ --quick
  wayside reproduce lin2025 --figure 13 --out figure13/")]
pub(crate) struct Reproduce {
    /// The paper.
    #[arg(value_parser = ["wang2025", "lin2025"])]
    pub(crate) paper: String,
    /// Only what belongs to this figure of the paper.
    #[arg(long, value_name = "N")]
    pub(crate) figure: Option<String>,
    #[command(flatten)]
    pub(crate) options: StudyOptions,
}

/// How a study is run.
#[derive(Debug, Args)]
pub(crate) struct StudyOptions {
    /// Folder for the results: claims, figures, tables, report, manifest, and what is finished so far.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Fewer cells and seeds: a minute's version.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Replaces another study's or run's results in --out; files of yours stay.
    #[arg(long)]
    pub(crate) force: bool,
    /// A page in Markdown whose part between `<!-- begin NAME -->` and `<!-- end NAME -->` is replaced by the
    /// results of the study NAME.
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Blocks run at a time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the verdicts.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress and no hints on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
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
}

/// Measure how fast this machine decides: each figure beside an alternative.
///
/// Rates are medians over repeats, on slots of wang2025-unbalanced with 100 vehicles unless it says otherwise. The ratio
/// is the rate over that of the alternative, measured in the same run, so that it can be compared between
/// machines. Takes some seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside bench
  wayside bench --format json")]
pub(crate) struct Bench {
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Kinds of lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bound {
    /// Horizon where time.carry_over is true, else simple.
    Auto,
    /// The dual of the slot: fast.
    Simple,
    /// Tighter, and about ten times slower.
    Split,
    /// All slots of a run together: for tasks that hold CPU into later slots.
    Horizon,
    /// None.
    Off,
}

impl From<Bound> for BoundKind {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Simple => Self::Simple,
            Bound::Split => Self::Split,
            Bound::Auto | Bound::Horizon => Self::Horizon,
            Bound::Off => Self::Off,
        }
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    match text {
        "ppo" => Ok(Algorithm::Ppo),
        "ac" => Ok(Algorithm::Ac),
        "sac" => Ok(Algorithm::Sac),
        "lysac" => Ok(Algorithm::Lysac),
        _ => Err("expected ppo, ac, sac or lysac".to_owned()),
    }
}

fn encoder(text: &str) -> Result<Encoder, String> {
    match text {
        "sequential" => Ok(Encoder::Sequential),
        "shared" => Ok(Encoder::Shared),
        "flat" => Ok(Encoder::Flat),
        _ => Err("expected sequential, shared or flat".to_owned()),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as fleet.size=200".to_owned()),
    }
}

fn vary(text: &str) -> Result<String, String> {
    text.parse::<Vary>().map(|_| text.to_owned())
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
