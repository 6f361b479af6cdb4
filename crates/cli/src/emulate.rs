//! `wayside emulate`.

use crate::args::{Format, dilation, key_value};
use crate::console::{Failure, Outcome, print, say};
use crate::listing::Listing;
use crate::progress;
use crate::registry::{PolicyName, registry};
use crate::seeds::Seeds;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::{Error, Problems, Result, scenario};
use wayside_live::{
    Compared, Comparison, DecidedBy, EmulateConfig, Kills, Side, Stop, agents_killed, emulate,
    isolate,
};

/// Timers that are later than this on average say more about the machine than about the scenario \[ms\].
const BUSY_MS: f64 = 3.0;

/// Emulate a scenario among processes on this machine, and say how far off its simulation is.
///
/// Starts an agent for every RSU (`wayside rsu`) on loopback and drives the vehicles of each seed: agents tell each other by UDP how busy they are (related information), tasks with real data that is
/// stored and forwarded at the rate of each link, cores that execute them first come, first served. Then it simulates the same seed with the same
/// policy, and compares every task. Times are those of the scenario; --dilate stretches them so that a small machine keeps up.
///
/// Where tasks queue for cores (lin2025) every agent decides for its own vehicles by what it has heard of the other servers. With --centre, and always where tasks
/// share CPU (wang2025), agents ask a centre (`wayside serve`), which decides by the policy; vehicles then upload to the RSU that it chose.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside emulate lin2025 --policy mcatm,ect --out live
  wayside emulate lin2025 --set execution.capability=0.2 --set fleet.size=30 --policy mcatm,ratom,ratos,ect --seeds 0..19
  wayside emulate lin2025 --policy ect --seeds 0 --dilate 10     slower, where the machine has other work
  wayside emulate lin2025 --policy ect --seeds 0..1 --netns      as root: links are shaped by the kernel
  wayside emulate wang2025 --set fleet.size=30 --slots 5 --seeds 0..4 --policy nearest,price,local     a centre decides
  wayside emulate wang2025 --set fleet.size=30 --slots 3 --policy price --seeds 0..4 --kills 10        agents and the centre are killed

The table has, for simulated and measured, the mean delay of a task and its parts; `rest` is what nobody measures: flight, messages,
timers, the operating system. --out has the same as JSON, every task as CSV, and a figure. Ctrl-C ends all agents.")]
pub(crate) struct Emulate {
    /// Scenario: a TOML file, or a built-in one.
    pub(crate) scenario: String,
    /// Policies, separated by commas, each run on its own [default: mcatm,ect, or nearest,price where tasks share CPU].
    #[arg(long = "policy", value_name = "A,B,...", value_delimiter = ',')]
    pub(crate) policies: Vec<PolicyName>,
    /// Let agents ask a centre, which decides by the policy.
    #[arg(long)]
    pub(crate) centre: bool,
    /// Seeds: 0..9 is ten seeds, both ends included; 3,7,12 a list.
    #[arg(long, default_value = "0..9")]
    pub(crate) seeds: Seeds,
    /// Slots of a seed, in place of time.slots.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// Seconds that a second of the scenario takes.
    #[arg(long, value_name = "FACTOR", default_value_t = 5.0, value_parser = dilation)]
    pub(crate) dilate: f64,
    /// Kill so many processes of every run (SIGKILL) at random moments: agents, and where a centre decides every second time the centre,
    /// which is started again from its journal.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) kills: usize,
    /// Give every agent a network namespace of its own, and let the kernel (tc tbf) hold the links between them to their rate. Linux, as root, with iproute2.
    #[arg(long)]
    pub(crate) netns: bool,
    /// Let cores compute for as long as a task takes, instead of waiting: needs as many cores as the scenario has.
    #[arg(long)]
    pub(crate) burn: bool,
    /// Changes the scenario: a dotted key and a value; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Folder for the results: JSON, every task, a figure.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace other results in --out; files of yours stay.
    #[arg(long)]
    pub(crate) force: bool,
    /// How to print the comparison.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn execute(args: &Emulate) -> Outcome {
    if args.netns {
        isolate()?;
    }
    let config = config(args)?;
    let stop = config.stop.clone();
    progress::stop_on_signal(move || stop.ask(), || false);
    let comparison = emulate(&config, &|line| {
        if !args.quiet {
            say(line);
        }
    });
    let comparison = match comparison {
        // agents and the folder of results have been cleared away
        Err(_) if config.stop.is_asked() => {
            say("interrupted: all agents have ended, and no results are kept");
            return Err(Failure::Interrupted);
        }
        comparison => comparison?,
    };
    print(&listing(&comparison).render(args.format))?;
    if args.format == Format::Table {
        print(&summary(&comparison))?;
    }
    if comparison.timers_late_ms > BUSY_MS {
        say("this machine was busy: a larger --dilate, or less other work, measures better");
    }
    Ok(())
}

fn config(args: &Emulate) -> Result<EmulateConfig> {
    let scenario = scenario::resolve(&args.scenario, &args.set)?;
    let slots = args
        .slots
        .map_or(scenario.time.slots, |slots| slots as usize);
    let registry = registry();
    let policy = |name: &PolicyName| {
        let factory = registry.resolve(&name.0, Some(&scenario))?;
        Ok((name.0.clone(), factory))
    };
    let by = match args.centre || !scenario.execution.queues() {
        true => DecidedBy::Centre,
        false => DecidedBy::Agents,
    };
    let names = names(&args.policies, scenario.execution.queues())?;
    let policies = names.iter().map(policy).collect::<Result<_>>()?;
    let world = Arc::new(World::new(&scenario)?);
    if agents_killed(args.kills, by) > world.rsus.len() {
        let (rsus, agents) = (world.rsus.len(), agents_killed(args.kills, by));
        let message = format!("must be less: {agents} of them are of agents, and there are {rsus}");
        return Err(Error::invalid("--kills", None, "", message));
    }
    let program = std::env::current_exe().map_err(|e| Error::io(Path::new("wayside"), e))?;
    Ok(EmulateConfig {
        policies,
        by,
        world,
        kills: args.kills,
        seeds: args.seeds.0.clone(),
        slots,
        dilate: args.dilate,
        netns: args.netns,
        burn: args.burn,
        program,
        stop: Stop::default(),
        out: args.out.clone(),
        force: args.force,
    })
}

/// The policies that were asked for, or those that suit.
fn names(asked: &[PolicyName], queues: bool) -> Result<Vec<PolicyName>> {
    let default = match queues {
        true => ["mcatm", "ect"],
        false => ["nearest", "price"],
    };
    if asked.is_empty() {
        return Ok(default.map(|name| PolicyName(name.to_owned())).to_vec());
    }
    let mut problems = Problems::default();
    problems.add_repeats("--policy", asked.iter().map(|name| &name.0));
    problems.into_result(asked.to_vec())
}

fn listing(comparison: &Comparison) -> Listing<11> {
    let row = |of: &Compared, name: &str, side: &Side, off: Value, within: Value| {
        let ms = |s: f64| json!(1e3 * s);
        [
            json!(of.policy),
            json!(name),
            ms(side.delay_s.mean),
            ms(side.parts.upload_s),
            ms(side.parts.migration_s),
            ms(side.parts.wait_s),
            ms(side.parts.compute_s),
            ms(side.parts.rest_s),
            json!(100.0 * side.on_time),
            off,
            within,
        ]
    };
    let rows = comparison.policies.iter().flat_map(|of| {
        let (off, within) = (json!(100.0 * of.delay_off), json!(100.0 * of.within_5ms));
        [
            row(of, "simulated", &of.simulated, Value::Null, Value::Null),
            row(of, "measured", &of.measured, off, within),
        ]
    });
    Listing {
        columns: [
            "policy",
            "",
            "delay_ms",
            "upload_ms",
            "migration_ms",
            "wait_ms",
            "compute_ms",
            "rest_ms",
            "on_time_%",
            "off_%",
            "within_5ms_%",
        ],
        rows: rows.collect(),
    }
}

/// What the table does not say.
fn summary(comparison: &Comparison) -> String {
    let [least, most] = comparison.packets_a_round;
    let [simulated, measured] = &comparison.order;
    let [apart, same] = comparison.pairs;
    let mut text = format!(
        "\norder by delay: simulated {}; measured {}. Of {apart} pairs whose simulated intervals do not overlap {same} are measured in the same order.\n",
        simulated.join(" < "),
        measured.join(" < "),
    );
    if comparison.packets_simulated > 0 {
        text += &format!(
            "related information: {least:.1} to {most:.1} packets a round sent, {} by the simulator.\n",
            comparison.packets_simulated,
        );
    }
    text += &format!(
        "timers of this machine were {:.1} ms late on average, {:.2} ms of the scenario.\n",
        comparison.timers_late_ms,
        comparison.timers_late_ms / comparison.dilate
    );
    if let Some(kills) = &comparison.kills {
        text += &killed(kills);
    }
    for of in &comparison.policies {
        let lost: Vec<String> = of
            .lost
            .iter()
            .map(|(why, n)| format!("{n} {why}"))
            .collect();
        let lost = match lost.is_empty() {
            true => "none lost".to_owned(),
            false => format!("lost: {}", lost.join(", ")),
        };
        text += &format!(
            "{}: {} tasks, {lost}; {:.1} % ran where they were simulated to run.\n",
            of.policy,
            of.tasks,
            100.0 * of.same_place
        );
        if let Some(outliving) = of.outliving.as_ref().filter(|o| o.tasks > 0) {
            text += &format!(
                "  {} of them ({:.1} %) outlive their slot and hold CPU in the next, which slots that stand alone do not see: simulated with time.carry_over {:.1} ms, measured {:+.1} % off that.\n",
                outliving.tasks,
                100.0 * outliving.share,
                1e3 * outliving.carried_delay_s.mean,
                100.0 * outliving.delay_off,
            );
        }
    }
    text
}

/// What became of runs whose processes were killed.
fn killed(kills: &Kills) -> String {
    let mut text = format!(
        "killed: {} agents; the others planned {} tasks anew, and hold {} at the end.\n",
        kills.agents, kills.replanned, kills.held
    );
    if let Some(centre) = kills.centre {
        let [runs, tasks] = centre.compared;
        text += &format!(
            "killed: {} times the centre. After {runs} runs it was killed once more with {tasks} tasks in hand: {} times it read another state than it had, and {} tasks and RSUs held CPU after all leases.\n",
            centre.kills, centre.different, centre.leaked
        );
    }
    text
}
