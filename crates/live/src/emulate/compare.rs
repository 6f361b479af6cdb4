//! Simulated beside measured.

use super::kills::Kills;
use super::simulate::End;
use super::traffic::Task;
use crate::rsu::RsuReport;
use crate::vehicle::Measured;
use crate::wire::Place;
use serde::Serialize;
use std::collections::BTreeMap;
use wayside_core::engine::world::World;
use wayside_core::evaluate::Outcome;
use wayside_core::scenario::Counting;
use wayside_core::{Error, Result};
use wayside_output::Folder;
use wayside_plot::{Axis, Figure, Names, Point, Scale, Series};
use wayside_study::stats::{Estimate, estimate};
use wayside_study::studies::metrics;
use wayside_study::table::to_csv;

/// A task counts as predicted if its delay is off by no more \[s\].
const CLOSE_S: f64 = 5e-3;

/// The files of a comparison.
pub(super) const FILES: [&str; 7] = [
    "emulation.json",
    "tasks.csv",
    "emulation.svg",
    "emulation.pdf",
    "emulation.png",
    "emulation.csv",
    "emulation.tex",
];

/// Delay by part, mean per task \[s\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Parts {
    /// From the vehicle to its RSU.
    pub upload_s: f64,
    /// On links, sending.
    pub migration_s: f64,
    /// In queues.
    pub wait_s: f64,
    /// On a core or the vehicle.
    pub compute_s: f64,
    /// In flight, to the cloud and back, and what nobody measured: messages, timers, the operating system.
    pub rest_s: f64,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Mean delay, over seeds \[s\].
    pub delay_s: Estimate,
    /// Its parts.
    pub parts: Parts,
    /// Share of tasks within their deadline.
    pub on_time: f64,
}

/// What a simulation whose slots stand alone does not see: tasks that are not done when the next slot begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outliving {
    /// Tasks whose simulated delay is longer than a slot.
    pub tasks: usize,
    /// Their share.
    pub share: f64,
    /// Mean delay, over seeds, simulated with `time.carry_over`: such tasks hold their CPU \[s\].
    pub carried_delay_s: Estimate,
    /// By how much the measured mean delay is larger than that, relative to it.
    pub delay_off: f64,
}

/// One policy simulated and measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The policy.
    pub policy: String,
    /// Tasks compared.
    pub tasks: usize,
    /// Tasks lost, by reason.
    pub lost: BTreeMap<String, usize>,
    /// What the simulation says.
    pub simulated: Side,
    /// What vehicles measured.
    pub measured: Side,
    /// By how much the measured mean delay is larger, relative to the simulated one.
    pub delay_off: f64,
    /// Share of tasks whose measured delay is within 5 ms of the simulated one.
    pub within_5ms: f64,
    /// Share of tasks that ran where the simulation ran them.
    pub same_place: f64,
    /// Tasks that outlive their slot, where slots are simulated as if they stood alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outliving: Option<Outliving>,
}

/// All policies of an emulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the scenario.
    pub scenario: String,
    /// Seconds that a second of the scenario took.
    pub dilate: f64,
    /// Whether every agent had a network namespace of its own, and the kernel shaped links.
    pub netns: bool,
    /// The policies.
    pub policies: Vec<Compared>,
    /// Packets of related information a round, counted as sent, in every run; the smallest and the largest.
    pub packets_a_round: [f64; 2],
    /// The same by the flooding of the simulator.
    pub packets_simulated: u64,
    /// Policies by mean delay, as simulated and as measured.
    pub order: [Vec<String>; 2],
    /// Pairs whose simulated intervals do not overlap, and how many of them are measured in the same order.
    pub pairs: [usize; 2],
    /// How late timers of this machine were meanwhile, on average \[ms\] of the wall: about 1 where it is idle.
    pub timers_late_ms: f64,
    /// What became of agents that were killed, where some were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kills: Option<Kills>,
    /// Every task.
    #[serde(skip)]
    rows: Vec<Row>,
}

/// Delay and parts, simulated and measured.
type Sides = [(f64, Parts); 2];

/// One task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    policy: usize,
    seed: u64,
    slot: u32,
    task: u32,
    deadline_s: f64,
    lost: Option<&'static str>,
    /// Simulated and measured delay and parts, where the task ended.
    sides: Option<Sides>,
    same_place: bool,
    /// Delay in a simulation with `time.carry_over`, where the other one has none \[s\].
    carried_s: Option<f64>,
}

/// A task simulated, without and with `time.carry_over` where that differs, and measured.
pub(super) fn row(
    policy: usize,
    seed: u64,
    task: &Task,
    (simulated, carried): (Option<&End>, Option<&End>),
    measured: &Measured,
) -> Row {
    let spent = measured.spent;
    let known_s = measured.upload_s + spent.transmission_s + spent.wait_s + spent.compute_s;
    let of_measured = Parts {
        upload_s: measured.upload_s,
        migration_s: spent.transmission_s,
        wait_s: spent.wait_s,
        compute_s: spent.compute_s,
        rest_s: measured.delay_s - known_s,
    };
    let of_simulated = |outcome: &Outcome| Parts {
        upload_s: outcome.upload_s,
        migration_s: outcome.migration_s,
        wait_s: outcome.wait_s,
        compute_s: outcome.compute_s,
        rest_s: outcome.propagation_s,
    };
    let ended = simulated.filter(|_| measured.lost.is_none());
    Row {
        policy,
        seed,
        slot: task.slot,
        task: task.place,
        deadline_s: task.offer.deadline_s,
        lost: measured.lost,
        sides: ended.map(|(_, outcome)| {
            [
                (outcome.delay_s(), of_simulated(outcome)),
                (measured.delay_s, of_measured),
            ]
        }),
        same_place: simulated.map(|&(placement, _)| Place::from(placement)) == measured.place,
        carried_s: carried.map(|(_, outcome)| outcome.delay_s()),
    }
}

/// Packets of related information a round, as agents sent them, counted as the scenario says; and by the flooding of the simulator.
pub(super) fn packets_a_round(world: &World, reports: &[RsuReport]) -> (f64, u64) {
    let Some((mut flooding, sources)) = metrics::flooding(world) else {
        return (0.0, 0);
    };
    let per_link = world
        .scenario
        .information
        .is_some_and(|told| told.counting == Counting::Transmissions);
    let of_source = |source: u32| {
        let sent = reports.iter().zip(0..).map(|(report, m)| {
            let links = world.network.leaving(m).len() as u64;
            let broadcasts = report.counts.broadcasts.get(source as usize);
            broadcasts.copied().unwrap_or(0) * if per_link { links } else { 1 }
        });
        let rounds = reports[source as usize].counts.rounds.max(1);
        sent.sum::<u64>() as f64 / rounds as f64
    };
    let sent = sources.rows(reports.len()).map(of_source).sum();
    (sent, flooding.round(&sources, |_| true).packets)
}

impl Comparison {
    pub(super) fn new(
        world: &World,
        (dilate, netns): (f64, bool),
        names: impl Iterator<Item = String>,
        rows: Vec<Row>,
        packets: &[(f64, u64)],
        timers_late_ms: f64,
        kills: Option<Kills>,
    ) -> Self {
        let slot_s = world.scenario.time.slot_s;
        let of = |(policy, name)| {
            let rows = rows.iter().filter(|row| row.policy == policy);
            Compared::new(name, slot_s, rows)
        };
        let policies: Vec<Compared> = names.enumerate().map(of).collect();
        let order = |side: fn(&Compared) -> &Side| {
            let mut order: Vec<&Compared> = policies.iter().collect();
            let delay = |of: &Compared| side(of).delay_s.mean;
            order.sort_by(|a, b| delay(a).total_cmp(&delay(b)));
            order.iter().map(|of| of.policy.clone()).collect()
        };
        let sent = packets.iter().map(|&(sent, _)| sent);
        Self {
            scenario: world.scenario.name.clone(),
            dilate,
            netns,
            packets_a_round: [
                sent.clone().fold(f64::INFINITY, f64::min),
                sent.fold(0.0, f64::max),
            ],
            packets_simulated: packets.first().map_or(0, |&(_, simulated)| simulated),
            order: [order(|of| &of.simulated), order(|of| &of.measured)],
            pairs: pairs(&policies),
            timers_late_ms,
            kills,
            policies,
            rows,
        }
    }

    /// Writes it to a folder of results.
    pub(super) fn write(&self, folder: &Folder) -> Result<()> {
        let json = serde_json::to_string_pretty(self).expect("plain data") + "\n";
        folder.write("emulation.json", json.as_bytes())?;
        folder.write("tasks.csv", self.csv().as_bytes())?;
        let figure = self.figure();
        let files = wayside_plot::files(&figure);
        let files = files.map_err(|e| Error::io(&folder.shown("emulation.svg"), e))?;
        for (extension, content) in files {
            folder.write(&format!("emulation.{extension}"), &content)?;
        }
        Ok(())
    }

    /// Every task: measured beside simulated.
    fn csv(&self) -> String {
        let header = [
            "policy",
            "seed",
            "slot",
            "task",
            "lost",
            "same_place",
            "simulated_s",
            "measured_s",
            "simulated_upload_s",
            "measured_upload_s",
            "simulated_migration_s",
            "measured_migration_s",
            "simulated_wait_s",
            "measured_wait_s",
            "simulated_compute_s",
            "measured_compute_s",
            "simulated_rest_s",
            "measured_rest_s",
            "carried_s",
        ];
        let line = |row: &Row| {
            let mut line = vec![
                self.policies[row.policy].policy.clone(),
                row.seed.to_string(),
                row.slot.to_string(),
                row.task.to_string(),
                row.lost.unwrap_or_default().to_owned(),
                row.same_place.to_string(),
            ];
            let columns = row.sides.map(|[(s, a), (m, b)]| {
                let pairs = [
                    (s, m),
                    (a.upload_s, b.upload_s),
                    (a.migration_s, b.migration_s),
                    (a.wait_s, b.wait_s),
                    (a.compute_s, b.compute_s),
                    (a.rest_s, b.rest_s),
                ];
                pairs.map(|(s, m)| [format!("{s:.6}"), format!("{m:.6}")])
            });
            match columns {
                Some(columns) => line.extend(columns.concat()),
                None => line.resize(header.len() - 1, String::new()),
            }
            line.push(row.carried_s.map_or(String::new(), |s| format!("{s:.6}")));
            line
        };
        let lines = self.rows.iter().map(line);
        to_csv(std::iter::once(header.map(str::to_owned).to_vec()).chain(lines))
    }

    /// Mean delay, simulated beside measured.
    fn figure(&self) -> Figure {
        let series = |name: &str, style, side: fn(&Compared) -> &Side| Series {
            name: name.to_owned(),
            style,
            joined: false,
            points: self
                .policies
                .iter()
                .zip(0_u32..)
                .map(|(of, row)| Point {
                    x: side(of).delay_s.mean,
                    y: f64::from(row),
                    interval: side(of).delay_s.ci95,
                    label: None,
                })
                .collect(),
        };
        let names = self.policies.iter().map(|of| of.policy.clone());
        Figure {
            id: "emulation".into(),
            title: format!("{}: simulated and measured", self.scenario),
            caption: format!(
                "Mean delay of a task with its 95 % interval over seeds: simulated, and measured among processes on one machine, a second of the scenario taking {} s.",
                self.dilate
            ),
            x: Axis::new("delay", Some("s"), Scale::Linear),
            y: Axis::of("policy", names.collect()),
            series: vec![
                series("simulated", 0, |of| &of.simulated),
                series("measured", 1, |of| &of.measured),
            ],
            references: Vec::new(),
            published: Vec::new(),
            names: Names::Above,
        }
    }
}

/// Pairs of policies whose simulated intervals do not overlap, and how many of them are measured in the same order.
fn pairs(policies: &[Compared]) -> [usize; 2] {
    let (mut apart, mut same) = (0, 0);
    for (i, a) in policies.iter().enumerate() {
        for b in &policies[i + 1..] {
            let ends = |of: &Compared| {
                let delay = of.simulated.delay_s;
                delay.ci95.unwrap_or([delay.mean; 2])
            };
            let ([a_low, a_high], [b_low, b_high]) = (ends(a), ends(b));
            if a_high < b_low || b_high < a_low {
                apart += 1;
                let measured = a.measured.delay_s.mean < b.measured.delay_s.mean;
                same += usize::from((a_high < b_low) == measured);
            }
        }
    }
    [apart, same]
}

impl Compared {
    fn new<'a>(policy: String, slot_s: f64, rows: impl Iterator<Item = &'a Row>) -> Self {
        let rows: Vec<&Row> = rows.collect();
        let ended: Vec<(&Row, Sides)> = rows
            .iter()
            .filter_map(|row| Some((*row, row.sides?)))
            .collect();
        let mut lost = BTreeMap::new();
        for reason in rows.iter().filter_map(|row| row.lost) {
            *lost.entry(reason.to_owned()).or_insert(0) += 1;
        }
        let share = |holds: &dyn Fn(&Row, &Sides) -> bool| {
            let count = ended
                .iter()
                .filter(|(row, sides)| holds(row, sides))
                .count();
            count as f64 / ended.len().max(1) as f64
        };
        let [simulated, measured] = [0, 1].map(|side| Side {
            delay_s: over_seeds(ended.iter().map(|(row, sides)| (row.seed, sides[side].0))),
            parts: mean_parts(ended.iter().map(|(_, sides)| sides[side].1)),
            on_time: share(&|row, sides| sides[side].0 <= row.deadline_s),
        });
        Self {
            policy,
            tasks: ended.len(),
            lost,
            delay_off: measured.delay_s.mean / simulated.delay_s.mean - 1.0,
            within_5ms: share(&|_, [(s, _), (m, _)]| (s - m).abs() <= CLOSE_S),
            same_place: share(&|row, _| row.same_place),
            outliving: outliving(&ended, slot_s, measured.delay_s.mean),
            simulated,
            measured,
        }
    }
}

/// The tasks that outlive their slot, where that was simulated both ways.
fn outliving(ended: &[(&Row, Sides)], slot_s: f64, measured_s: f64) -> Option<Outliving> {
    let carried = ended
        .iter()
        .map(|(row, _)| Some((row.seed, row.carried_s?)));
    let carried: Option<Vec<_>> = carried.collect();
    let carried_delay_s = over_seeds(carried.filter(|all| !all.is_empty())?.into_iter());
    let outlives = |[(simulated_s, _), _]: &Sides| *simulated_s > slot_s;
    let tasks = ended.iter().filter(|(_, sides)| outlives(sides)).count();
    Some(Outliving {
        tasks,
        share: tasks as f64 / ended.len() as f64,
        carried_delay_s,
        delay_off: measured_s / carried_delay_s.mean - 1.0,
    })
}

/// The mean of delays, with its interval over seeds.
fn over_seeds(delays: impl Iterator<Item = (u64, f64)>) -> Estimate {
    let mut of_seed: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (seed, delay_s) in delays {
        let (sum, count) = of_seed.entry(seed).or_default();
        *sum += delay_s;
        *count += 1.0;
    }
    let means: Vec<f64> = of_seed.values().map(|(sum, count)| sum / count).collect();
    estimate(&means).unwrap_or(Estimate {
        mean: f64::NAN,
        ci95: None,
    })
}

fn mean_parts(parts: impl ExactSizeIterator<Item = Parts>) -> Parts {
    let share = 1.0 / parts.len().max(1) as f64;
    parts.fold(Parts::default(), |sum, part| Parts {
        upload_s: sum.upload_s + share * part.upload_s,
        migration_s: sum.migration_s + share * part.migration_s,
        wait_s: sum.wait_s + share * part.wait_s,
        compute_s: sum.compute_s + share * part.compute_s,
        rest_s: sum.rest_s + share * part.rest_s,
    })
}
