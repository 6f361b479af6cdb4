//! Scores of a policy, on traffic that it never learned from.

use rayon::prelude::*;
use wayside_core::engine::records::{Replication, SlotRecord};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory, Trained, replicate};
use wayside_core::error::Result;

use crate::trainer::learned::{LearnedPolicy, Score};

/// Evaluates the most probable choices, always on the same slots.
#[derive(Debug)]
pub struct Evaluation {
    seeds: Vec<u64>,
    slots: usize,
    bound: BoundKind,
    /// Lower bounds by seed and slot, once known; they depend on no policy.
    bounds: Vec<Vec<f64>>,
}

impl Evaluation {
    /// On `slots` slots of every seed; [`Score::gap`] is to the bound of that kind.
    #[must_use]
    pub fn new(seeds: Vec<u64>, slots: usize, bound: BoundKind) -> Self {
        Self {
            seeds,
            slots,
            bound,
            bounds: Vec::new(),
        }
    }

    /// The score of `policy` in `worlds`, one for all seeds or one for each: every task counts the same, but for the gap, in
    /// which every world does.
    ///
    /// # Errors
    /// A layout that cannot serve a world; a trace that ends early.
    pub fn score(&mut self, worlds: &[World], policy: &LearnedPolicy) -> Result<Score> {
        let factory = Trained {
            name: policy.card().algorithm.clone(),
            scorer: policy.clone(),
        };
        self.score_of(worlds, &factory)
    }

    /// The same for any policy.
    ///
    /// # Errors
    /// As [`Evaluation::score`].
    pub fn score_of<C: PolicyFactory + Sync>(
        &mut self,
        worlds: &[World],
        factory: &C,
    ) -> Result<Score> {
        let first = self.bounds.is_empty();
        let bound = if first { self.bound } else { BoundKind::Off };
        let one = |(i, &seed): (usize, &u64)| {
            let world = &worlds[i % worlds.len()];
            let options = Options {
                slots: self.slots,
                bound: of_slots_alone(bound, world),
            };
            replicate(world, std::slice::from_ref(factory), seed, options)
        };
        // collected first, so that the error is that of the first seed
        let runs: Vec<Result<Replication>> = self.seeds.par_iter().enumerate().map(one).collect();
        let mut slots: Vec<Vec<SlotRecord>> = Vec::new();
        for run in runs {
            let Some(run) = run?.policies.pop() else {
                continue;
            };
            if first {
                // the bound of a whole run is that of the mean task in each of its slots
                let of_run = run.horizon_bound;
                let bound = |slot: &SlotRecord| of_run.or(slot.lower_bound).unwrap_or(f64::NAN);
                self.bounds.push(run.slots.iter().map(bound).collect());
            }
            slots.push(run.slots);
        }
        let mut score = sum_up(&slots, &self.bounds);
        if worlds.len() > 1 {
            let runs = slots.chunks(1).zip(self.bounds.chunks(1));
            let gaps = runs.map(|(slots, bounds)| sum_up(slots, bounds).gap);
            score.gap = gaps.sum::<f64>() / slots.len() as f64;
        }
        Ok(score)
    }
}

/// The tighter bound of every slot where none depends on another, in place of that of all slots together.
fn of_slots_alone(bound: BoundKind, world: &World) -> BoundKind {
    match bound == BoundKind::Horizon && !world.scenario.time.carry_over {
        true => BoundKind::Split,
        false => bound,
    }
}

fn sum_up(slots: &[Vec<SlotRecord>], bounds: &[Vec<f64>]) -> Score {
    let pairs = slots
        .iter()
        .flatten()
        .zip(bounds.iter().flatten())
        .filter(|(slot, _)| slot.tasks > 0);
    let mut sums = [0.0; 6];
    for (slot, bound) in pairs {
        let tasks = f64::from(slot.tasks);
        let met = f64::from(slot.deadline_met) / tasks;
        let values = [
            1.0,
            slot.objective,
            *bound,
            slot.delay_s,
            slot.energy_j,
            met,
        ];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += tasks * value;
        }
    }
    let [tasks, objective, bound, delay_s, energy_j, met] = sums;
    let mean = |sum: f64| sum / f64::max(tasks, 1.0);
    Score {
        objective: mean(objective),
        lower_bound: mean(bound),
        gap: (objective - bound) / bound,
        delay_s: mean(delay_s),
        energy_j: mean(energy_j),
        deadline_met: mean(met),
    }
}
