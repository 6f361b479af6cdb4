//! LBM-aware repair: moves executions towards even loads instead of burning energy to look busy.
//!
//! Where (16e) binds, the exact P2 makes lightly loaded RSUs over-allocate. Moving the execution of a
//! task from the fullest RSUs to the emptiest, by migration or by entering there in the first place,
//! saves most of that. Every move is priced with the exact P2 and kept only if the slot gets cheaper.

use crate::alloc::Allocator;
use crate::decision::{Decision, Placement};
use crate::slot::Slot;

/// Repairs the decisions of any policy, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    cpu_hz: Vec<f64>,
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
    /// Moves executions while that makes the slot cheaper under (16e).
    pub fn improve(&mut self, slot: &Slot, decision: &mut Decision, allocator: &mut Allocator) {
        let Decision {
            placements,
            minimum_hz,
            ..
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
        self.count_entries(slot, placements);
        let ends = ENDS.min(self.by_load.len() / 2);
        for from in 0..ends {
            for to in 0..ends {
                let from = self.by_load[from].1;
                let to = self.by_load[self.by_load.len() - 1 - to].1;
                self.list_moves(slot, placements, from, to);
                for &Move { added, task, to } in self.moves.iter().take(MOVES) {
                    let old = std::mem::replace(&mut placements[task as usize], to);
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

    fn count_entries(&mut self, slot: &Slot, placements: &[Placement]) {
        self.entries.clear();
        self.entries.resize(slot.rsus.len(), (0.0, 0.0));
        for (task, placement) in placements.iter().enumerate() {
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
    fn list_moves(&mut self, slot: &Slot, placements: &[Placement], from: u32, to: u32) {
        self.moves.clear();
        for (task, placement) in placements.iter().enumerate() {
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
