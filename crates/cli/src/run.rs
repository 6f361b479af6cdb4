//! `wayside run`.

use crate::args::{Format, Run};
use crate::console::{Failure, Outcome, print, report_bug, say};
use crate::contender::{Entrant, Named};
use crate::progress;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory as _};
use wayside_core::policy::PolicyKind;
use wayside_core::{Error, Result, Scenario, scenario};
use wayside_study::ScenarioFacts;
use wayside_study::output::{Manifest, RunFolder};
use wayside_study::run::{Control, Plan};
use wayside_study::{Summary, table};

pub(crate) fn execute(args: &Run) -> Outcome {
    let scenario = resolve(args)?;
    let policies = policies(args, &scenario)?;
    let world = World::new(&scenario)?;
    let folder = folder(args, &scenario, &policies)?;
    let tasks = match &folder {
        Some(folder) if args.tasks => Some(folder.task_parts()?),
        _ => None,
    };
    let replications = run(
        &Plan {
            world: &world,
            policies: &policies,
            seeds: &args.seeds.0,
            options: Options {
                slots: scenario.time.slots,
                bound: bound(args),
            },
            threads: args.threads.map_or(0, usize::from),
            dump_slots: args.dump_slots.as_deref(),
            tasks: tasks.as_deref(),
        },
        args.quiet,
    )?;
    let (done, all) = (replications.len(), args.seeds.0.len());
    if done > 0 {
        deliver(args, &world, folder, &replications)?;
    }
    certify(&replications)?;
    if done < all {
        say(format_args!("interrupted: {done} of {all} seeds"));
        return Err(Failure::Interrupted);
    }
    if args.scenario.is_none() && args.format == Format::Table && !args.quiet {
        say_more(args);
    }
    Ok(())
}

fn resolve(args: &Run) -> Result<Scenario> {
    let name = args.scenario.as_deref();
    let name = name.unwrap_or(scenario::BUILTIN_SCENARIOS[0].name);
    let slots = args.slots.map(|t| ("time.slots".to_owned(), t.to_string()));
    let overrides: Vec<_> = args.set.iter().cloned().chain(slots).collect();
    scenario::resolve(name, &overrides)
}

fn policies(args: &Run, scenario: &Scenario) -> Result<Vec<Entrant>> {
    if args.policies.is_empty() {
        let kinds = PolicyKind::defaults(scenario).into_iter();
        return Ok(kinds.map(Entrant::Kind).collect());
    }
    for (i, kind) in args.policies.iter().enumerate() {
        if args.policies[..i].contains(kind) {
            let message = format!("{kind} is there twice");
            return Err(Error::invalid("--policy", None, "", message));
        }
    }
    let enter = |named: &Named| named.resolve(Some(scenario));
    args.policies.iter().map(enter).collect()
}

fn bound(args: &Run) -> BoundKind {
    match args.bound {
        Some(bound) => bound.into(),
        None if args.scenario.is_none() => BoundKind::Split,
        None => BoundKind::Off,
    }
}

fn folder(args: &Run, scenario: &Scenario, policies: &[Entrant]) -> Result<Option<RunFolder>> {
    let Some(target) = &args.out else {
        return Ok(None);
    };
    if let Some(slots) = &args.dump_slots
        && is_within(slots, target)
    {
        let message = "must be outside --out, which holds the results alone";
        return Err(Error::invalid("--dump-slots", None, "", message));
    }
    let names: Vec<_> = policies.iter().map(|p| p.name().to_owned()).collect();
    let manifest = Manifest::now(
        &scenario.name,
        &scenario.to_toml(),
        &args.seeds.0,
        scenario.time.slots,
        &names,
    );
    RunFolder::create(target, manifest, args.force).map(Some)
}

/// Whether `path` is `folder` or below it, links aside.
fn is_within(path: &Path, folder: &Path) -> bool {
    let absolute = |path| std::path::absolute(path).unwrap_or_default();
    absolute(path).starts_with(absolute(folder))
}

/// Writes and prints what was finished.
fn deliver(
    args: &Run,
    world: &World,
    folder: Option<RunFolder>,
    replications: &[Replication],
) -> Outcome {
    let summary = Summary::new(&world.scenario.name, replications, !args.no_timing);
    if let Some(folder) = folder {
        let facts = ScenarioFacts::new(world, replications[0].seed)?;
        folder.write_results(&summary, replications, &facts)?;
        if args.tasks {
            folder.write_tasks(replications)?;
        }
        folder.finish(replications.len() == args.seeds.0.len())?;
    }
    print(&match args.format {
        Format::Table => report(&summary, replications),
        Format::Json => table::json(&summary),
        Format::Csv => table::csv(&summary),
    })?;
    if let (Some(out), false) = (&args.out, args.quiet) {
        say(format!("Results, figures and manifest: {}", out.display()));
    }
    Ok(())
}

/// Runs the plan, with a progress bar where somebody waits for it, until it is done or interrupted.
fn run(plan: &Plan<'_, Entrant>, quiet: bool) -> Result<Vec<Replication>> {
    let control = Arc::new(Control::default());
    let asked = Arc::clone(&control);
    progress::stop_on_signal(move || asked.cancelled.swap(true, Ordering::Relaxed))?;
    let all = (plan.seeds.len() * plan.options.slots) as u64;
    let counts = || (control.slots.load(Ordering::Relaxed), all);
    progress::with_bar("slots", quiet, counts, || {
        wayside_study::run::run(plan, &control)
    })
}

fn report(summary: &Summary, replications: &[Replication]) -> String {
    let first = replications.iter().filter_map(|r| r.policies.first());
    let tasks: u64 = first.map(|run| run.delay.len()).sum();
    let caption = table::caption(summary);
    let table = table::text(summary);
    let mut text = format!("{caption}, {tasks} tasks\n\n{table}\n");
    if let Some(verdict) = table::verdict(summary) {
        text += &verdict;
        text.push('\n');
    }
    text
}

/// How to go on.
fn say_more(args: &Run) {
    say("");
    if args.out.is_none() {
        say("wayside run --out results/    the same with figures and files");
    }
    say("wayside run hotspot --bound   another scenario");
    say("wayside policies              what these policies do");
}

/// Names every cost below its bound.
fn certify(replications: &[Replication]) -> Outcome {
    let mut result = Ok(());
    for replication in replications {
        for run in &replication.policies {
            for slot in &run.slots {
                let place = format_args!(
                    "{}, seed {}, slot {},",
                    run.policy, replication.seed, slot.slot
                );
                let bound = slot.lower_bound.unwrap_or(0.0);
                result = result.and(report_bug(slot.objective, bound, place));
            }
        }
    }
    result
}
