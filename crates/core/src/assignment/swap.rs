//! Swaps: two tasks exchange their entry or their execution RSUs.

use super::{Assignment, LEAST_GAIN};
use crate::slot::{Placement, Slot};

/// Tasks executed this near an entry RSU are tried for a swap.
const SWAP_HOPS: u32 = 2;

impl Assignment {
    /// Exchanges the entry or the execution RSUs of pairs of tasks near each other where that pays, once
    /// over all tasks; whether any did.
    pub fn swap(&mut self, slot: &Slot) -> bool {
        let mut swapped = false;
        for task in 0..self.placements.len() {
            let Placement::Rsu { entry, .. } = self.placements[task] else {
                continue;
            };
            for target in slot.routes.targets(entry) {
                if target.hops > SWAP_HOPS {
                    break;
                }
                let mut index = 0;
                while let Some(&other) = self.executions[target.rsu as usize].tasks.get(index) {
                    // Each pair once; a swap that pays may put another task at this index.
                    if other as usize > task && self.swap_pair(slot, task, other as usize) {
                        swapped = true;
                    }
                    index += 1;
                }
            }
        }
        swapped
    }

    fn swap_pair(&mut self, slot: &Slot, one: usize, other: usize) -> bool {
        let (
            Placement::Rsu {
                entry: e1,
                execution: x1,
            },
            Placement::Rsu {
                entry: e2,
                execution: x2,
            },
        ) = (self.placements[one], self.placements[other])
        else {
            return false;
        };
        let exchanged = [(e1, x2, e2, x1), (e2, x1, e1, x2)];
        exchanged.into_iter().any(|(e1, x1, e2, x2)| {
            let first = Placement::Rsu {
                entry: e1,
                execution: x1,
            };
            let second = Placement::Rsu {
                entry: e2,
                execution: x2,
            };
            self.exchange(slot, (one, first), (other, second))
        })
    }

    /// Puts two tasks elsewhere at once if that pays.
    fn exchange(
        &mut self,
        slot: &Slot,
        one: (usize, Placement),
        other: (usize, Placement),
    ) -> bool {
        let old = (self.placements[one.0], self.placements[other.0]);
        if (one.1, other.1) == old {
            return false;
        }
        if !self.could_exchange(slot, one, other) {
            return false;
        }
        let before = self.pair_cost(slot, one.0, other.0, old);
        self.place_pair(slot, one, other);
        let after = self.pair_cost(slot, one.0, other.0, old);
        let pays = after < before * (1.0 - LEAST_GAIN);
        if pays {
            for placement in [old.0, old.1, one.1, other.1] {
                self.touch(slot, placement);
            }
        } else {
            self.place_pair(slot, (one.0, old.0), (other.0, old.1));
        }
        pays
    }

    /// Whether an exchange could pay: exact on the way, by weak duality at the executions.
    fn could_exchange(
        &self,
        slot: &Slot,
        (one, first): (usize, Placement),
        (other, second): (usize, Placement),
    ) -> bool {
        let on_way = |task: usize, placement: Placement| match placement {
            Placement::Rsu { entry, execution } => {
                let target = slot.routes.find(entry, execution);
                target.map_or(f64::INFINITY, |t| {
                    slot.migration_cost(self.table.row(task).data_bits, t)
                })
            }
            Placement::Local | Placement::Cloud { .. } => f64::INFINITY,
        };
        let executed = |task: usize, placement: Placement| match placement {
            Placement::Rsu { execution, .. } => {
                self.executions[execution as usize].priced(self.table.row(task).cycles, 0.0)
            }
            Placement::Local | Placement::Cloud { .. } => f64::INFINITY,
        };
        let entered = |task: usize, placement: Placement| match placement {
            // The number of tasks at both entries stays: what counts is the exchange of a_nm.
            Placement::Rsu { entry, .. } => {
                self.entries[entry as usize].count * self.upload(task, entry)
            }
            Placement::Local | Placement::Cloud { .. } => f64::INFINITY,
        };
        let whole = |task, placement| {
            on_way(task, placement) + executed(task, placement) + entered(task, placement)
        };
        let now = whole(one, self.placements[one]) + whole(other, self.placements[other]);
        whole(one, first) + whole(other, second) < now * (1.0 - LEAST_GAIN)
    }

    /// Cost of everything that an exchange between the placements `at` touches.
    fn pair_cost(&self, slot: &Slot, one: usize, other: usize, at: (Placement, Placement)) -> f64 {
        let mut cost = 0.0;
        for task in [one, other] {
            if let Placement::Rsu { entry, execution } = self.placements[task]
                && let Some(target) = slot.routes.find(entry, execution)
            {
                cost += slot.migration_cost(self.table.row(task).data_bits, target);
            }
        }
        let (
            Placement::Rsu {
                entry: e1,
                execution: x1,
            },
            Placement::Rsu {
                entry: e2,
                execution: x2,
            },
        ) = at
        else {
            return f64::INFINITY;
        };
        cost += self.entries[e1 as usize].cost() + self.executions[x1 as usize].cost;
        if e1 != e2 {
            cost += self.entries[e2 as usize].cost();
        }
        if x1 != x2 {
            cost += self.executions[x2 as usize].cost;
        }
        cost
    }

    fn place_pair(&mut self, slot: &Slot, one: (usize, Placement), other: (usize, Placement)) {
        self.take_out(one.0);
        self.take_out(other.0);
        for (task, placement) in [one, other] {
            self.insert(slot, task, placement);
        }
        for (_, placement) in [one, other] {
            if let Placement::Rsu { execution, .. } = placement {
                self.executions[execution as usize].settle();
            }
        }
    }
}
