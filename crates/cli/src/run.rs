//! `wayside run`.

use crate::args::{Bound, Format, key_value};
use crate::console::{Failure, Outcome, print, say};
use crate::progress;
use crate::registry::{PolicyName, registry};
use crate::seeds::Seeds;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wayside_core::engine::BoundKind;
use wayside_core::{Problem, Problems, Result, Scenario, scenario};
use wayside_study::experiment::Results;
use wayside_study::{Control, Experiment, table};

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
    /// Scenario: a TOML file, - for standard input, or a built-in one, such as hotspot, coupled, lin2025, highway.
    /// An unknown name prints them all [default: wang2025].
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
    /// Also write playback.parquet to --out, and every task, so that `wayside view` can play the run.
    #[arg(long, requires = "out")]
    pub(crate) playback: bool,
    /// Folder for every slot as JSON, for `wayside decide`.
    #[arg(long, value_name = "DIR")]
    pub(crate) dump_slots: Option<PathBuf>,
    /// No progress and no hints on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn execute(args: &Run) -> Outcome {
    let control = Arc::new(Control::default());
    let experiment = experiment(args)?.control(Arc::clone(&control));
    let asked = Arc::clone(&control);
    let finished = Arc::clone(&control);
    progress::stop_on_signal(
        move || asked.cancel(),
        move || finished.seeds.load(Ordering::Relaxed) > 0,
    );
    let counts = || control.progress();
    let results = progress::with_bar("slots", args.quiet, counts, || experiment.run())?;
    let (done, all) = (results.replications.len(), results.seeds);
    if done > 0 {
        show(args, &results)?;
    }
    if done < all {
        say(format_args!("interrupted: {done} of {all} seeds"));
        return Err(Failure::Interrupted);
    }
    if args.scenario.is_none() && args.format == Format::Table && !args.quiet {
        suggest(args);
    }
    Ok(())
}

/// The experiment that the flags describe.
fn experiment(args: &Run) -> Result<Experiment> {
    let mut problems = Problems::default();
    let scenario = problems.collect(resolve(args))?;
    if args.force && args.out.is_none() && args.dump_slots.is_none() {
        problems.push(flag("--force", "needs --out or --dump-slots"));
    }
    let folders = args.dump_slots.as_deref().zip(args.out.as_deref());
    if folders.is_some_and(|(slots, out)| is_within(slots, out)) {
        let message = "must be outside --out, which holds the results alone";
        problems.push(flag("--dump-slots", message));
    }
    let scenario = problems.into_result(scenario)?.expect("nothing is wrong");
    let mut experiment = Experiment::new(&scenario)?
        .registry(registry())
        .seeds(args.seeds.0.iter().copied())
        .bound(bound(args))
        .threads(args.threads.map_or(0, usize::from))
        .timing(!args.no_timing)
        .write_tasks(args.tasks)
        .write_playback(args.playback);
    if !args.policies.is_empty() {
        experiment = experiment.policies(args.policies.iter().map(|name| &name.0));
    }
    if let Some(out) = &args.out {
        experiment = experiment.out(out, args.force);
    }
    if let Some(folder) = &args.dump_slots {
        experiment = experiment.dump_slots(folder, args.force);
    }
    Ok(experiment)
}

/// A problem of a flag.
fn flag(flag: &str, message: &str) -> Problem {
    Problem {
        file: flag.to_owned(),
        line: None,
        path: String::new(),
        message: message.to_owned(),
    }
}

fn resolve(args: &Run) -> Result<Scenario> {
    let name = args.scenario.as_deref();
    let name = name.unwrap_or(scenario::BUILTIN_SCENARIOS[0].name);
    let slots = args.slots.map(|t| ("time.slots".to_owned(), t.to_string()));
    let overrides: Vec<_> = args.set.iter().cloned().chain(slots).collect();
    scenario::resolve(name, &overrides)
}

fn bound(args: &Run) -> BoundKind {
    match args.bound {
        Some(bound) => bound.into(),
        None if args.scenario.is_none() => BoundKind::Split,
        None => BoundKind::Off,
    }
}

/// Whether `path` is `folder` or below it, without following links.
fn is_within(path: &Path, folder: &Path) -> bool {
    let absolute = |path| std::path::absolute(path).unwrap_or_default();
    absolute(path).starts_with(absolute(folder))
}

fn show(args: &Run, results: &Results) -> Outcome {
    print(&match args.format {
        Format::Table => results.table(),
        Format::Json => table::json(&results.summary),
        Format::Csv => table::csv(&results.summary),
    })?;
    if let (Some(out), false) = (&args.out, args.quiet) {
        say(format!("Results, figures and manifest: {}", out.display()));
    }
    Ok(())
}

/// Suggests how to go on.
fn suggest(args: &Run) {
    say("");
    if args.out.is_none() {
        say("wayside run --out results/    the same with figures and files");
    }
    say("wayside run hotspot --bound   another scenario");
    say("wayside policies              what these policies do");
}
