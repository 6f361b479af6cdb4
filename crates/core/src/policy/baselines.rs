//! Local, random, nearest, and the paper's two greedy baselines.

use super::Policy;
use crate::rng::{Stream, Streams};
use crate::scenario::RandomTarget;
use crate::slot::{Decision, Placement, Slot};

/// Every task on its vehicle.
#[derive(Clone, Copy, Debug)]
pub struct Local;

impl Policy for Local {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.clear();
        decision
            .placements
            .resize(slot.tasks.len(), Placement::Local);
    }
}

/// Every task to the nearest RSU, or local where none covers its vehicle.
#[derive(Clone, Copy, Debug)]
pub struct Nearest;

impl Policy for Nearest {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.clear();
        decision
            .placements
            .extend((0..slot.tasks.len()).map(|task| slot.nearest(task)));
    }
}

/// What a greedy baseline sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Most cycles first.
    Computation,
    /// Least data first.
    Data,
}

/// The first round(q N) tasks by rank go to the nearest RSU, without migration; the rest stay local.
#[derive(Clone, Debug)]
pub struct Greedy {
    rank: Rank,
    quota: f64,
    order: Vec<u32>,
}

impl Greedy {
    /// Offloads a share `quota` of the tasks.
    #[must_use]
    pub fn new(rank: Rank, quota: f64) -> Self {
        Self {
            rank,
            quota,
            order: Vec::new(),
        }
    }
}

impl Policy for Greedy {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let tasks = slot.tasks.len();
        self.order.clear();
        self.order.extend(0..tasks as u32);
        let key = |task: u32| match self.rank {
            Rank::Computation => -slot.tasks.cycles[task as usize],
            Rank::Data => slot.tasks.data_bits[task as usize],
        };
        self.order
            .sort_unstable_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        let quota = (self.quota * tasks as f64).round() as usize;
        decision.placements.clear();
        decision.placements.resize(tasks, Placement::Local);
        for &task in self.order.iter().take(quota) {
            decision.placements[task as usize] = slot.nearest(task as usize);
        }
    }
}

/// A uniform choice among the candidate sequence of the paper's IV-C: the covering RSUs, nearest first,
/// padded cyclically to length beta, then local; and a uniform execution RSU among all within reach, or among
/// the padded candidates.
#[derive(Clone, Debug)]
pub struct Random {
    candidates: usize,
    target: RandomTarget,
    stream: Stream,
}

impl Random {
    /// Draws from sequences of length `candidates` = beta + 1.
    #[must_use]
    pub fn new(candidates: usize, target: RandomTarget, streams: Streams) -> Self {
        Self {
            candidates,
            target,
            stream: streams.stream("policy.random"),
        }
    }
}

impl Policy for Random {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.clear();
        for task in 0..slot.tasks.len() {
            // Both are always drawn, so that the stream does not depend on the coverage.
            let first = self.stream.below(self.candidates.max(1));
            let second = self.stream.unit();
            let links = slot.links(task);
            let placement = if links.is_empty() || first + 1 >= self.candidates {
                Placement::Local
            } else {
                let entry = links[first % links.len()].rsu;
                let execution = match self.target {
                    RandomTarget::Any => {
                        let targets = slot.routes.targets(entry);
                        targets[pick(second, targets.len())].rsu
                    }
                    RandomTarget::Candidates => {
                        let target = links[pick(second, self.candidates - 1) % links.len()].rsu;
                        let route = slot.routes.find(entry, target);
                        route.map_or(entry, |_| target)
                    }
                };
                Placement::Rsu { entry, execution }
            };
            decision.placements.push(placement);
        }
    }
}

fn pick(unit: f64, n: usize) -> usize {
    ((unit * n as f64) as usize).min(n - 1)
}
