//! LBM-aware repair: evens out loads by moving executions, not by wasting energy.
//!
//! Where (16e) binds, the exact P2 makes lightly loaded RSUs over-allocate. Moving executions from the fullest RSUs to
//! the emptiest, by migration or by entering there, saves most of that. A move is kept only if it makes the slot cheaper
//! under the exact P2 and brings it no farther from (16e). So a repaired decision never costs more than the original.
//!
//! It is an option of Wayside's own policies. A paper's baseline decides as published.

use super::Policy;
use crate::alloc::{Allocator, Certificate};
use crate::model::load;
use crate::slot::{Decision, Placement, Slot};

/// A policy whose placements are repaired where (16e) is enforced. It must leave minimum shares alone: a move
/// changes what a task would need.
#[derive(Clone, Debug, Default)]
pub struct Repaired<P> {
    policy: P,
    repair: Repair,
}

impl<P> Repaired<P> {
    /// Repairs what `policy` decides.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            repair: Repair::default(),
        }
    }
}

impl<P: Policy> Policy for Repaired<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.policy.decide(slot, decision);
        if slot.enforce_balance {
            self.repair.improve(slot, &mut decision.placements);
        }
    }
}

/// What placements are worth where (16e) is enforced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// By how much their LBM exceeds tau; 0 where (16e) holds.
    pub excess: f64,
    /// Their cost, summed over the tasks.
    pub cost: f64,
}

impl Worth {
    /// Of no placements at all: anything is better.
    pub const NONE: Self = Self {
        excess: f64::INFINITY,
        cost: f64::INFINITY,
    };

    /// Whether it is nearer to (16e), or as near and cheaper by more than rounding.
    #[must_use]
    pub fn is_better_than(&self, other: Self) -> bool {
        self.excess < other.excess
            || self.excess <= other.excess && self.cost < other.cost * (1.0 - 1e-12)
    }
}

/// Repairs placements, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    allocator: Allocator,
    cpu_hz: Vec<f64>,
    /// The placements, those at RSUs without CPU taken back to their vehicles as the engine will.
    placements: Vec<Placement>,
    /// RSUs from the fullest to the emptiest.
    by_load: Vec<(f64, u32)>,
    /// Number of tasks that enter by each RSU, and the sum of their a_nm.
    entries: Vec<(f64, f64)>,
    /// Moves from one RSU to another, by what they add to the cost of the way there.
    moves: Vec<Move>,
}

/// A task's change of placement.
#[derive(Clone, Copy, Debug)]
struct Move {
    added: f64,
    task: u32,
    to: Placement,
}

/// RSUs tried at each end of the order by load.
const ENDS: usize = 4;
/// Moves tried for each pair of RSUs.
const MOVES: usize = 3;

impl Repair {
    /// Moves executions while that makes the slot cheaper, where (16e) binds; what the placements then are worth.
    pub fn improve(&mut self, slot: &Slot, placements: &mut [Placement]) -> Worth {
        let mut best = self.allocate(slot, placements);
        // Every accepted move lowers the cost; the count only bounds the time of a decision.
        for _ in 0..placements.len() {
            if !self.allocator.balance_binds() {
                break;
            }
            let Some((task, certificate)) = self.step(slot, &best) else {
                break;
            };
            placements[task] = self.placements[task];
            best = certificate;
        }
        Worth {
            excess: load::excess(best.lbm, slot.tau),
            cost: best.cost + self.outside(slot),
        }
    }

    /// What the present placements cost but for the CPU of RSUs.
    fn outside(&mut self, slot: &Slot) -> f64 {
        self.count_entries(slot);
        let uploads = self.entries.iter().map(|(count, sum)| count * sum);
        let rest = self.placements.iter().enumerate();
        let rest = rest.map(|(task, placement)| match *placement {
            Placement::Local => slot.local_cost(task),
            Placement::Cloud { .. } => f64::INFINITY,
            Placement::Rsu { entry, execution } => {
                let route = slot.routes.find(entry, execution);
                route.map_or(f64::INFINITY, |route| {
                    slot.migration_cost(slot.tasks.data_bits[task], route)
                })
            }
        });
        uploads.sum::<f64>() + rest.sum::<f64>()
    }

    /// P2 for `placements`, which are kept as the engine takes them.
    fn allocate(&mut self, slot: &Slot, placements: &[Placement]) -> Certificate {
        let taken = |&placement: &Placement| match placement.execution() {
            Some(m) if slot.rsus.available_cpu_hz(m as usize) <= 0.0 => Placement::Local,
            _ => placement,
        };
        self.placements.clear();
        self.placements.extend(placements.iter().map(taken));
        self.solve(slot)
    }

    fn solve(&mut self, slot: &Slot) -> Certificate {
        self.allocator
            .solve(slot, &self.placements, &[], &mut self.cpu_hz)
    }

    /// Makes the first move that pays: its task, and P2 with it.
    fn step(&mut self, slot: &Slot, best: &Certificate) -> Option<(usize, Certificate)> {
        self.by_load.clear();
        self.by_load
            .extend(self.allocator.unbalanced_loads().zip(0..));
        self.by_load
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.count_entries(slot);
        let ends = ENDS.min(self.by_load.len() / 2);
        for from in 0..ends {
            for to in 0..ends {
                let from = self.by_load[from].1;
                let to = self.by_load[self.by_load.len() - 1 - to].1;
                if slot.rsus.available_cpu_hz(to as usize) <= 0.0 {
                    continue;
                }
                self.list_moves(slot, from, to);
                for index in 0..MOVES.min(self.moves.len()) {
                    let Move { added, task, to } = self.moves[index];
                    let task = task as usize;
                    let old = std::mem::replace(&mut self.placements[task], to);
                    let next = self.solve(slot);
                    let excess = |p2: &Certificate| load::excess(p2.lbm, slot.tau);
                    if next.cost + added < best.cost * (1.0 - 1e-9) && excess(&next) <= excess(best)
                    {
                        return Some((task, next));
                    }
                    self.placements[task] = old;
                }
            }
        }
        None
    }

    fn count_entries(&mut self, slot: &Slot) {
        self.entries.clear();
        self.entries.resize(slot.rsus.len(), (0.0, 0.0));
        for (task, placement) in self.placements.iter().enumerate() {
            if let Some(entry) = placement.entry()
                && let Some(link) = slot.links(task).iter().find(|link| link.rsu == entry)
            {
                let (count, sum) = &mut self.entries[entry as usize];
                *count += 1.0;
                *sum += slot.upload_cost(task, link);
            }
        }
    }

    /// The moves of tasks executed at `from` to `to`, cheapest way first.
    fn list_moves(&mut self, slot: &Slot, from: u32, to: u32) {
        self.moves.clear();
        for (task, placement) in self.placements.iter().enumerate() {
            let Placement::Rsu { entry, execution } = *placement else {
                continue;
            };
            if execution != from {
                continue;
            }
            let Some(route) = slot.routes.find(entry, from) else {
                continue;
            };
            let now = slot.migration_cost(slot.tasks.data_bits[task], route);
            if let Some(route) = slot.routes.find(entry, to) {
                let added = slot.migration_cost(slot.tasks.data_bits[task], route) - now;
                let to = Placement::Rsu {
                    entry,
                    execution: to,
                };
                self.moves.push(Move {
                    added,
                    task: task as u32,
                    to,
                });
            }
            if entry != to
                && let Some(link) = slot.links(task).iter().find(|link| link.rsu == to)
                && let Some(left) = slot.links(task).iter().find(|link| link.rsu == entry)
            {
                let (count, sum) = self.entries[to as usize];
                let joining = (count + 1.0) * (sum + slot.upload_cost(task, link)) - count * sum;
                let (count, sum) = self.entries[entry as usize];
                let leaving = count * sum - (count - 1.0) * (sum - slot.upload_cost(task, left));
                let added = joining - leaving - now;
                let to = Placement::Rsu {
                    entry: to,
                    execution: to,
                };
                self.moves.push(Move {
                    added,
                    task: task as u32,
                    to,
                });
            }
        }
        self.moves
            .sort_unstable_by(|a, b| a.added.total_cmp(&b.added).then(a.task.cmp(&b.task)));
    }
}
