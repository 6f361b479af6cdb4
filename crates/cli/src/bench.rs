//! `wayside bench`.

use crate::args::Format;
use crate::console::{Outcome, print};
use crate::listing::Listing;
use clap::Args;
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;
use wayside_core::alloc::Allocator;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Bounder, Options, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::Placement;
use wayside_core::{Result, Scenario, Slot};

/// Slots that a repeat goes through.
const SLOTS: usize = 10;
/// Repeats that a median is taken of.
const REPEATS: usize = 15;

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

pub(crate) fn execute(args: &Bench) -> Outcome {
    let world = world(100)?;
    let slots = slots(&world)?;
    let placements = nearest(&world, &slots);
    let per_slot = |seconds: f64| SLOTS as f64 / seconds;
    let decisions = |kind| per_slot(decide_s(&world, &slots, kind));
    let bounds = |kind| per_slot(bound_s(&slots, kind));
    let tasks: usize = slots.iter().map(|slot| slot.tasks.len()).sum();
    let shares = |seconds: f64| tasks as f64 / seconds;

    let local_search = ("local-search", decisions(PolicyKind::LocalSearch));
    let rows = vec![
        row(
            (
                "P2, exact CPU shares",
                shares(allocate_s(&slots, &placements)),
            ),
            "tasks/s",
            ("nested bisection", shares(bisect_s(&slots, &placements))),
        ),
        row(
            ("nearest", decisions(PolicyKind::Nearest)),
            "slots/s",
            ("greedy-data", decisions(PolicyKind::GreedyData)),
        ),
        row(
            ("best-response", decisions(PolicyKind::BestResponse)),
            "slots/s",
            local_search,
        ),
        row(
            ("price, fast", decisions(PolicyKind::Price)),
            "slots/s",
            local_search,
        ),
        row(
            ("simple bound", bounds(BoundKind::Simple)),
            "slots/s",
            ("split bound", bounds(BoundKind::Split)),
        ),
        row(
            ("slot loop, 10,000 vehicles", loop_tasks_per_s(10_000)?),
            "tasks/s",
            ("slot loop, 1,000 vehicles", loop_tasks_per_s(1_000)?),
        ),
    ];
    let listing = Listing {
        columns: [
            "figure",
            "rate",
            "unit",
            "alternative",
            "alternative_rate",
            "ratio",
        ],
        rows,
    };
    print(&listing.render(args.format))
}

fn row(figure: (&str, f64), unit: &str, alternative: (&str, f64)) -> [Value; 6] {
    [
        json!(figure.0),
        json!(figure.1),
        json!(unit),
        json!(alternative.0),
        json!(alternative.1),
        json!(figure.1 / alternative.1),
    ]
}

fn world(vehicles: usize) -> Result<World> {
    let set = |key: &str, value: String| (key.to_owned(), value);
    let overrides = [
        set("fleet.size", vehicles.to_string()),
        set("policy.price.effort", "fast".to_owned()),
    ];
    World::new(&Scenario::builtin("wang2025-unbalanced", &overrides)?)
}

fn slots(world: &World) -> Result<Vec<Slot>> {
    let mut traffic = Traffic::new(world, Streams::new(0))?;
    let mut slot = world.empty_slot();
    let next = |t| {
        traffic.advance(t, &mut slot)?;
        Ok(slot.clone())
    };
    (0..SLOTS).map(next).collect()
}

fn nearest(world: &World, slots: &[Slot]) -> Vec<Vec<Placement>> {
    let options = &world.scenario.policy;
    let mut decider = Decider::of(PolicyKind::Nearest, options, Streams::new(0));
    let mut placements = |slot| {
        decider.decide(slot);
        decider.placements().to_vec()
    };
    slots.iter().map(&mut placements).collect()
}

/// Median time of `pass` \[s\].
fn median_s(repeats: usize, mut pass: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let clock = Instant::now();
            pass();
            clock.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[repeats / 2]
}

fn decide_s(world: &World, slots: &[Slot], kind: PolicyKind) -> f64 {
    let mut decider = Decider::of(kind, &world.scenario.policy, Streams::new(0));
    median_s(REPEATS, || {
        for slot in slots {
            decider.decide(black_box(slot));
            black_box(decider.outcomes());
        }
    })
}

fn bound_s(slots: &[Slot], kind: BoundKind) -> f64 {
    let mut bounder = Bounder::new(kind);
    median_s(REPEATS, || {
        for slot in slots {
            black_box(bounder.solve(black_box(slot)));
        }
    })
}

fn allocate_s(slots: &[Slot], placements: &[Vec<Placement>]) -> f64 {
    let mut allocator = Allocator::default();
    let mut cpu_hz = Vec::new();
    median_s(REPEATS, || {
        for (slot, placements) in slots.iter().zip(placements) {
            allocator.solve(slot, black_box(placements), &[], &mut cpu_hz);
            black_box(&cpu_hz);
        }
    })
}

fn bisect_s(slots: &[Slot], placements: &[Vec<Placement>]) -> f64 {
    median_s(REPEATS, || {
        for (slot, placements) in slots.iter().zip(placements) {
            black_box(bisect(slot, black_box(placements)));
        }
    })
}

/// Tasks per second of the whole slot loop, traffic included, under `nearest`.
fn loop_tasks_per_s(vehicles: usize) -> Result<f64> {
    let world = world(vehicles)?;
    let options = Options {
        slots: SLOTS,
        ..Options::default()
    };
    let mut result = Ok(());
    let seconds = median_s(REPEATS / 3, || {
        let policies = [PolicyKind::Nearest];
        result = replicate(&world, &policies, 0, options).map(drop);
    });
    result?;
    Ok((vehicles * SLOTS) as f64 / seconds)
}

/// P2 without (16e) the plain way: bisection on the price of every RSU's CPU, and within it on the share
/// of every task there. Needs both delay and energy to weigh.
fn bisect(slot: &Slot, placements: &[Placement]) -> Vec<f64> {
    let mut cpu_hz = vec![0.0; placements.len()];
    for m in 0..slot.rsus.len() {
        let here = |placement: &Placement| matches!(*placement, Placement::Rsu { execution, .. } if execution as usize == m);
        let tasks: Vec<usize> = (0..placements.len())
            .filter(|&task| here(&placements[task]))
            .collect();
        let available_hz = slot.rsus.available_cpu_hz(m);
        let delay = |task: usize| slot.omega * slot.tasks.cycles[task];
        let energy = |task: usize| {
            2.0 * (1.0 - slot.omega) * slot.rsus.energy_coeff[m] * slot.tasks.cycles[task]
        };
        // The derivative of the cost grows with F: it is negative below the share taken at `price`.
        let share = |task: usize, price: f64| {
            bisection(available_hz, |hz| {
                energy(task) * hz + price < delay(task) / (hz * hz)
            })
        };
        let total = |price: f64| tasks.iter().map(|&task| share(task, price)).sum::<f64>();
        let dearest = |task: &usize| {
            let least_hz = available_hz / (10.0 * tasks.len() as f64);
            delay(*task) / (least_hz * least_hz)
        };
        let highest = tasks.iter().map(dearest).fold(0.0, f64::max);
        let price = bisection(highest, |price| total(price) > available_hz);
        for &task in &tasks {
            cpu_hz[task] = share(task, price);
        }
    }
    cpu_hz
}

/// Where `below` changes from true to false in `[0, high]`, to rounding.
fn bisection(high: f64, below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, high);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_bisection_agrees_with_the_allocator() {
        for vehicles in [5, 100, 400] {
            let world = world(vehicles).unwrap();
            let slots = slots(&world).unwrap();
            let placements = nearest(&world, &slots);
            let mut cpu_hz = Vec::new();
            Allocator::default().solve(&slots[0], &placements[0], &[], &mut cpu_hz);
            for (fast, plain) in cpu_hz.iter().zip(bisect(&slots[0], &placements[0])) {
                assert!((fast - plain).abs() <= 1e-6 * plain, "{fast} {plain}");
            }
        }
    }
}
