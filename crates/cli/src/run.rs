//! `wayside run`.

use crate::args::{Format, Run};
use crate::console::{Failure, Outcome, print, say};
use crate::progress;
use crate::registry::registry;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wayside_core::engine::BoundKind;
use wayside_core::{Error, Result, Scenario, scenario};
use wayside_study::experiment::Results;
use wayside_study::{Control, Experiment, table};

pub(crate) fn execute(args: &Run) -> Outcome {
    let control = Arc::new(Control::default());
    let experiment = experiment(args)?.control(Arc::clone(&control));
    let asked = Arc::clone(&control);
    let finished = Arc::clone(&control);
    progress::stop_on_signal(
        move || asked.cancel(),
        move || finished.seeds.load(Ordering::Relaxed) > 0,
    )?;
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
    let mut experiment = Experiment::new(&resolve(args)?)?
        .registry(registry())
        .seeds(args.seeds.0.iter().copied())
        .bound(bound(args))
        .threads(args.threads.map_or(0, usize::from))
        .timing(!args.no_timing)
        .write_tasks(args.tasks);
    if !args.policies.is_empty() {
        experiment = experiment.policies(args.policies.iter().map(|name| &name.0));
    }
    if args.force && args.out.is_none() && args.dump_slots.is_none() {
        let message = "needs --out or --dump-slots";
        return Err(Error::invalid("--force", None, "", message));
    }
    if let Some(out) = &args.out {
        experiment = experiment.out(out, args.force);
    }
    if let Some(folder) = &args.dump_slots {
        if args
            .out
            .as_deref()
            .is_some_and(|out| is_within(folder, out))
        {
            let message = "must be outside --out, which holds the results alone";
            return Err(Error::invalid("--dump-slots", None, "", message));
        }
        experiment = experiment.dump_slots(folder, args.force);
    }
    Ok(experiment)
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

/// Whether `path` is `folder` or below it, links aside.
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
