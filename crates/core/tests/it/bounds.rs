//! The certified bounds against brute force, and against every policy.

use std::sync::Arc;

use wayside_core::backhaul::{Edge, Routes};
use wayside_core::bound::dual::{Dual, Effort};
use wayside_core::bound::split::Split;
use wayside_core::policy::PolicyKind;
use wayside_core::slot::{Placement, Slot};

use crate::support::{Recipe, allocate, at, cost, decide, excess, largest, over_seeds};

/// Every placement of every task, with exact P2 tabulated per RSU and set of tasks.
struct BruteForce<'a> {
    slot: &'a Slot,
    /// Placements of a task and what they cost besides upload and execution.
    options: Vec<Vec<(Placement, f64)>>,
    /// `execution[m][set]`, tasks as bits.
    execution: Vec<Vec<f64>>,
    /// Tasks entering and sum of a_nm, per RSU.
    entries: Vec<(f64, f64)>,
    sets: Vec<usize>,
    best: f64,
}

impl<'a> BruteForce<'a> {
    /// The least cost of any placement, without (16e).
    fn optimum(slot: &'a Slot) -> f64 {
        let (tasks, rsus) = (slot.tasks.len(), slot.rsus.len());
        let options = (0..tasks).map(|task| options(slot, task)).collect();
        let execution = (0..rsus as u32)
            .map(|m| {
                (0..1 << tasks)
                    .map(|set| execution_cost(slot, m, set))
                    .collect()
            })
            .collect();
        let mut search = Self {
            slot,
            options,
            execution,
            entries: vec![(0.0, 0.0); rsus],
            sets: vec![0; rsus],
            best: f64::INFINITY,
        };
        search.place(0, 0.0);
        search.best
    }

    fn place(&mut self, task: usize, fixed: f64) {
        if task == self.options.len() {
            let uploads = self.entries.iter().map(|(count, sum)| count * sum);
            let executions = self
                .sets
                .iter()
                .zip(&self.execution)
                .map(|(&set, g)| g[set]);
            self.best = self
                .best
                .min(fixed + uploads.chain(executions).sum::<f64>());
            return;
        }
        for i in 0..self.options[task].len() {
            let (placement, extra) = self.options[task][i];
            match placement {
                Placement::Cloud { .. } => unreachable!("the oracle does not list it"),
                Placement::Local => self.place(task + 1, fixed + extra),
                Placement::Rsu { entry, execution } => {
                    let (entry, execution) = (entry as usize, execution as usize);
                    let link = self.slot.links(task).iter();
                    let link = link.clone().find(|link| link.rsu as usize == entry);
                    let alone = self.slot.upload_cost(task, link.expect("an option"));
                    let before = self.entries[entry];
                    self.entries[entry] = (before.0 + 1.0, before.1 + alone);
                    self.sets[execution] |= 1 << task;
                    self.place(task + 1, fixed + extra);
                    self.sets[execution] &= !(1 << task);
                    self.entries[entry] = before;
                }
            }
        }
    }
}

fn options(slot: &Slot, task: usize) -> Vec<(Placement, f64)> {
    let mut options = vec![(Placement::Local, slot.local_cost(task))];
    for link in slot.links(task) {
        for target in slot.routes.targets(link.rsu) {
            let placement = Placement::Rsu {
                entry: link.rsu,
                execution: target.rsu,
            };
            options.push((
                placement,
                slot.migration_cost(slot.tasks.data_bits[task], target),
            ));
        }
    }
    options
}

fn execution_cost(slot: &Slot, m: u32, set: usize) -> f64 {
    let placements: Vec<Placement> = (0..slot.tasks.len())
        .map(|task| {
            if set >> task & 1 == 1 {
                at(m)
            } else {
                Placement::Local
            }
        })
        .collect();
    allocate(slot, &placements, &[]).0.cost
}

fn simple_bound(slot: &Slot, effort: Effort) -> f64 {
    Dual::default().solve(slot, effort)
}

fn split_bound(slot: &Slot) -> f64 {
    Split::default().solve(slot)
}

/// One Newton step: valid prices, far from the best ones.
const HASTY: Effort = Effort {
    steps: 1,
    last_temperature: 1e-2,
    ..Effort::CERTIFY
};

/// 2 to 5 tasks, 1 to 3 RSUs; ordinary, scarce CPU, weak radio by turns.
fn tiny(seed: u64) -> Slot {
    let mut recipe = Recipe {
        vehicles: 2 + (seed / 9) as usize % 4,
        rsus: 1 + (seed / 3) as usize % 3,
        range_m: 500.0..1200.0,
        ..Recipe::default()
    };
    match seed % 3 {
        0 => {}
        1 => recipe.cpu_hz = 0.5e9..4e9,
        _ => recipe.noise_dbm = -85.0,
    }
    recipe.slot(seed)
}

const REGIMES: [&str; 3] = ["ordinary", "scarce CPU", "weak radio"];

#[test]
fn oracle_bounds_and_local_search_against_brute_force() {
    let gaps = over_seeds(1000, |seed| {
        let slot = tiny(seed);
        let optimum = BruteForce::optimum(&slot);
        let (simple, split) = (simple_bound(&slot, Effort::CERTIFY), split_bound(&slot));
        let hasty = simple_bound(&slot, HASTY);
        assert!(
            hasty <= optimum * (1.0 + 1e-9),
            "hasty {hasty} over {optimum}"
        );
        assert!(
            simple <= split * (1.0 + 1e-9),
            "simple {simple} over split {split}"
        );
        assert!(
            split <= optimum * (1.0 + 1e-9),
            "split {split} over {optimum}"
        );
        let searched = decide(PolicyKind::LocalSearch, &slot, seed).placements;
        let searched = excess(cost(&slot, &searched), optimum);
        assert!(
            searched >= -1e-9,
            "local search below the optimum: {searched:e}"
        );
        [excess(optimum, simple), excess(optimum, split), searched]
    });
    let optimal = |gaps: &&[f64; 3]| gaps[2] <= 1e-9;
    let hits = gaps.iter().filter(optimal).count();
    assert!(hits >= 950, "local search optimal in {hits} of 1000");
    for (first, regime) in REGIMES.iter().enumerate() {
        let gaps: Vec<[f64; 3]> = gaps.iter().copied().skip(first).step_by(3).collect();
        let count = gaps.len() as f64;
        let [simple, split, searched] = [0, 1, 2].map(|i| {
            let percent = gaps.iter().map(|gaps| 100.0 * gaps[i]);
            (largest(percent.clone()), percent.sum::<f64>() / count)
        });
        let hits = gaps.iter().filter(optimal).count();
        let summary = format!(
            "{regime}, (max, mean) gap in %: simple {simple:.3?}, split {split:.3?}; local search \
             {searched:.3?}, optimal in {hits} of {count}"
        );
        println!("{summary}");
        assert!(
            simple.1 <= 6.0 && split.1 <= 0.6 && searched.1 <= 0.05,
            "{summary}"
        );
    }
}

/// Everything extreme in turn: weights, energy for free, CPU held, RSUs out of the routes' reach,
/// vehicles out of range, no RSU, nobody.
fn extreme(seed: u64) -> Slot {
    let mut recipe = Recipe {
        vehicles: 40,
        tasks_per_vehicle: 1 + (seed % 2) as usize,
        rsus: 8,
        ..Recipe::default()
    };
    match seed % 10 {
        0 => recipe.omega = 0.0..0.0,
        1 => recipe.omega = 1.0..1.0,
        2 => recipe.energy_coeff = 0.0..0.0,
        3 => recipe.reserved = 0.3..1.0,
        4 => recipe.reserved = 1.0..1.0,
        5 => recipe.max_hops = 1,
        6 => recipe.range_m = 50.0..150.0,
        7 => recipe.rsus = 0,
        8 => recipe.vehicles = 0,
        _ => recipe.cpu_hz = 1e9..3e9,
    }
    recipe.slot(seed)
}

#[test]
fn property_no_policy_costs_less_than_the_bounds() {
    over_seeds(300, |seed| {
        let slot = extreme(seed);
        let (simple, split) = (simple_bound(&slot, Effort::CERTIFY), split_bound(&slot));
        assert!(simple >= -1e-12, "{simple}");
        assert!(split >= simple - 1e-9 * simple.abs(), "{simple} {split}");
        for kind in PolicyKind::ALL {
            let cost = cost(&slot, &decide(kind, &slot, seed).placements);
            let name = kind.info().name;
            assert!(
                split <= cost * (1.0 + 1e-9) + 1e-15,
                "{name}: {cost} under {split}"
            );
            assert!(
                simple_bound(&slot, HASTY) <= cost * (1.0 + 1e-9) + 1e-15,
                "{name}"
            );
        }
    });
}

/// A line of RSUs, the first one with little CPU: with `max_hops` = 1 the bound must allow for those
/// farther along, which other policies than ours may use.
#[test]
fn property_the_bound_holds_beyond_the_reach_of_the_routes() {
    let mut beaten = 0;
    for seed in 0..50 {
        let mut slot = Recipe {
            vehicles: 12,
            rsus: 6,
            range_m: 0.0..0.0,
            ..Recipe::default()
        }
        .slot(seed);
        slot.rsus.range_m[0] = 2e3;
        slot.coverage =
            crate::support::cover(&crate::support::channel(-104.0), &slot.rsus, &slot.vehicles);
        slot.rsus.cpu_hz[..2].fill(1e9);
        let line: Vec<Edge> = (1..6)
            .map(|b| Edge {
                a: b - 1,
                b,
                rate_bps: 1e9 * f64::from(b),
                length_m: 0.0,
                backlog_bits: 0.0,
            })
            .collect();
        slot.routes = Arc::new(Routes::build(6, &line, 6));
        let far = cost(
            &slot,
            &decide(PolicyKind::LocalSearch, &slot, seed).placements,
        );
        slot.routes = Arc::new(Routes::build(6, &line, 1));
        let near = cost(
            &slot,
            &decide(PolicyKind::LocalSearch, &slot, seed).placements,
        );
        let bound = split_bound(&slot);
        assert!(simple_bound(&slot, Effort::CERTIFY) <= bound * (1.0 + 1e-9));
        assert!(bound <= far * (1.0 + 1e-9), "{bound} over {far}");
        beaten += u32::from(far < near * 0.99);
    }
    assert!(beaten > 40, "the far RSUs pay in {beaten} of 50 slots");
}

/// Scarce CPU, and one RSU at the end of the line out of the routes' reach.
#[test]
fn property_the_bound_stays_tight_with_rsus_beyond_reach() {
    let recipe = Recipe {
        vehicles: 40,
        rsus: 8,
        cpu_hz: 1e9..3e9,
        linked: 1.0,
        max_hops: 6,
        ..Recipe::default()
    };
    let gaps = over_seeds(20, |seed| {
        let slot = recipe.slot(seed);
        let cost = cost(
            &slot,
            &decide(PolicyKind::BestResponse, &slot, seed).placements,
        );
        excess(cost, simple_bound(&slot, Effort::CERTIFY))
    });
    let worst = largest(gaps);
    assert!(worst <= 0.1, "gap {worst}");
}
