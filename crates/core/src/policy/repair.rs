//! LBM-aware repair: moves executions towards even loads instead of burning energy to look busy.
//!
//! Where (16e) binds, the exact P2 makes lightly loaded RSUs over-allocate. Moving the execution of a
//! task from the fullest RSUs to the emptiest costs a migration and saves most of that. Every move is
//! priced with the exact P2 and kept only if the slot gets cheaper.

use crate::alloc::Allocator;
use crate::decision::{Decision, Placement};
use crate::slot::Slot;

/// Repairs the decisions of any policy, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    cpu_hz: Vec<f64>,
    /// RSUs from the fullest to the emptiest.
    by_load: Vec<(f64, u32)>,
    /// Tasks that could move, by the migration cost that adds.
    movable: Vec<(f64, u32)>,
}

/// RSUs tried at each end of the order by load.
const ENDS: usize = 4;
/// Tasks tried for each pair of RSUs.
const TASKS: usize = 2;

impl Repair {
    /// Moves executions while that makes the slot cheaper under (16e).
    pub fn improve(&mut self, slot: &Slot, decision: &mut Decision, allocator: &mut Allocator) {
        let Decision {
            placements,
            minimum_hz,
        } = decision;
        let mut cost = allocator
            .solve(slot, placements, minimum_hz, &mut self.cpu_hz)
            .cost;
        // Every accepted move lowers the cost; the count only bounds the time of a decision.
        for _ in 0..placements.len() {
            if !allocator.balance_binds()
                || !self.step(slot, placements, minimum_hz, allocator, &mut cost)
            {
                break;
            }
        }
    }

    /// Makes the first move that pays; whether there was one.
    fn step(
        &mut self,
        slot: &Slot,
        placements: &mut [Placement],
        minimum_hz: &[f64],
        allocator: &mut Allocator,
        cost: &mut f64,
    ) -> bool {
        self.by_load.clear();
        self.by_load.extend(allocator.unbalanced_loads().zip(0..));
        self.by_load
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let ends = ENDS.min(self.by_load.len() / 2);
        for from in 0..ends {
            for to in 0..ends {
                let from = self.by_load[from].1;
                let to = self.by_load[self.by_load.len() - 1 - to].1;
                self.list_movable(slot, placements, from, to);
                for &(added, task) in self.movable.iter().take(TASKS) {
                    let old = placements[task as usize];
                    let Placement::Rsu { entry, .. } = old else {
                        continue;
                    };
                    placements[task as usize] = Placement::Rsu {
                        entry,
                        execution: to,
                    };
                    let next = allocator
                        .solve(slot, placements, minimum_hz, &mut self.cpu_hz)
                        .cost;
                    if next + added < *cost * (1.0 - 1e-9) {
                        *cost = next;
                        return true;
                    }
                    placements[task as usize] = old;
                }
            }
        }
        false
    }

    /// The tasks executed at `from` that have a route to `to`, cheapest move first.
    fn list_movable(&mut self, slot: &Slot, placements: &[Placement], from: u32, to: u32) {
        self.movable.clear();
        for (task, placement) in placements.iter().enumerate() {
            let Placement::Rsu { entry, execution } = *placement else {
                continue;
            };
            if execution != from {
                continue;
            }
            let routes = (slot.routes.find(entry, from), slot.routes.find(entry, to));
            if let (Some(now), Some(then)) = routes {
                let added = slot.migration_cost(task, then) - slot.migration_cost(task, now);
                self.movable.push((added, task as u32));
            }
        }
        self.movable
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }
}
