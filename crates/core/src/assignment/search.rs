//! Moves: the best place of one task given all others.

use super::{Assignment, LEAST_GAIN};
use crate::slot::{Placement, Slot};

/// Scratch memory of one search for the best place.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// Per RSU the cheapest way there, valid where `stamp` is the current one.
    pub(super) ways: Vec<Way>,
    pub(super) stamp: u32,
    /// RSUs reached.
    pub(super) reached: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) stamp: u32,
    pub(super) entry: u32,
    /// Upload and migration.
    pub(super) cost: f64,
    /// Least CPU share on this way \[Hz\].
    pub(super) minimum_hz: f64,
    /// `cost` and the lower bound of the execution; infinite once solved exactly.
    pub(super) bound: f64,
}

/// A place for a task that is out.
#[derive(Clone, Copy, Debug)]
pub(super) struct PricedPlacement {
    pub(super) at: Placement,
    /// What the task adds to the cost there.
    pub(super) cost: f64,
    /// Cost and price of P2 at the execution RSU with the task.
    pub(super) optimum: (f64, f64),
}

impl Assignment {
    /// Moves `task` to its best place given all others; whether that changed anything.
    pub fn improve(&mut self, slot: &Slot, task: usize) -> bool {
        let old = self.placements[task];
        if !self.is_touched(task) {
            return false;
        }
        self.seen[task] = self.moves;
        if !self.could_improve(slot, task) {
            return false;
        }
        let optimum = match old {
            Placement::Local | Placement::Cloud { .. } => (0.0, 0.0),
            Placement::Rsu { execution, .. } => {
                let execution = &self.executions[execution as usize];
                (execution.cost, execution.server.price)
            }
        };
        self.take_out(task);
        let stay = PricedPlacement {
            at: old,
            cost: self.cost_back(slot, task, old, optimum.0),
            optimum,
        };
        let best = self.best_place(slot, task, stay);
        let moves = best.cost < stay.cost - LEAST_GAIN * stay.cost.abs();
        self.put(slot, task, if moves { best } else { stay });
        if moves {
            self.touch(slot, old);
            self.touch(slot, best.at);
        }
        moves
    }

    /// Whether any RSU that `task` looks at changed since it was last looked at.
    fn is_touched(&self, task: usize) -> bool {
        let seen = self.seen[task];
        let uploads = self.table.uploads(self.table.row(task));
        uploads
            .iter()
            .any(|upload| self.touched[upload.rsu as usize] > seen)
    }

    /// Notes a change at the RSUs of `placement` for everybody who looks at them: what happens at an entry
    /// concerns those who can enter there, what happens to the CPU those who have looked so far.
    pub(super) fn touch(&mut self, slot: &Slot, placement: Placement) {
        let Placement::Rsu { entry, execution } = placement else {
            return;
        };
        self.moves += 1;
        self.touched[entry as usize] = self.moves;
        self.executions[execution as usize].refresh();
        for looker in self.looks.lookers(slot, execution) {
            self.touched[looker as usize] = self.moves;
        }
    }

    /// Whether a move of `task` could pay, by weak duality alone: at present prices, leaving its RSU
    /// saves at most what it pays there, and joining another costs at least what it would pay there.
    fn could_improve(&mut self, slot: &Slot, task: usize) -> bool {
        let Placement::Rsu { entry, execution } = self.placements[task] else {
            return true;
        };
        let cycles = self.table.row(task).cycles;
        let minimum_hz = self.least_share(slot, task, entry, execution);
        let present = &self.executions[execution as usize];
        if !present.server.curve.is_priced_exactly() {
            return true;
        }
        let paid = present.priced(cycles, minimum_hz);
        let at_entry = self.entries[entry as usize];
        self.leave_entry(task, entry);
        let stay = self.way(slot, task, entry, execution) + paid;
        let limit = self.table.row(task).local.min(stay);
        self.reach(slot, task, limit);
        self.entries[entry as usize] = at_entry;
        let least = self
            .trial
            .reached
            .iter()
            .map(|&m| self.trial.ways[m as usize].bound);
        least.fold(self.table.row(task).local, f64::min) < stay - LEAST_GAIN * stay.abs()
    }

    /// Improves every task in turn, at most `sweeps` times or until nothing moves.
    pub fn sweep(&mut self, slot: &Slot, sweeps: usize) {
        let tasks = self.placements.len();
        let mut settled = 0;
        for task in (0..tasks).cycle().take(sweeps.saturating_mul(tasks)) {
            if self.improve(slot, task) {
                settled = 0;
            } else {
                settled += 1;
                if settled == tasks {
                    break;
                }
            }
        }
    }

    /// Takes `task` out and puts it at its best place, whatever it cost before.
    pub fn put_best(&mut self, slot: &Slot, task: usize) {
        self.take_out(task);
        let best = self.best_place(slot, task, self.on_vehicle(task));
        self.put(slot, task, best);
        self.touch(slot, best.at);
    }

    /// Takes `tasks` out and puts them back one after the other, each at its best place.
    pub fn replace(&mut self, slot: &Slot, tasks: &[u32]) {
        for &task in tasks {
            let old = self.placements[task as usize];
            self.take_out(task as usize);
            self.touch(slot, old);
        }
        for &task in tasks {
            self.put_best(slot, task as usize);
        }
    }

    /// What `task`, which is out, would cost back at `placement`, where P2 cost `execution_cost` with it.
    fn cost_back(
        &self,
        slot: &Slot,
        task: usize,
        placement: Placement,
        execution_cost: f64,
    ) -> f64 {
        match placement {
            Placement::Local => self.table.row(task).local,
            Placement::Cloud { .. } => f64::INFINITY,
            Placement::Rsu { entry, execution } => {
                let added = execution_cost - self.executions[execution as usize].cost;
                self.way(slot, task, entry, execution) + added
            }
        }
    }

    fn on_vehicle(&self, task: usize) -> PricedPlacement {
        PricedPlacement {
            at: Placement::Local,
            cost: self.table.row(task).local,
            optimum: (0.0, 0.0),
        }
    }

    /// The cheapest place of `task`, which is out, when the cost at `known` is known already.
    fn best_place(&mut self, slot: &Slot, task: usize, known: PricedPlacement) -> PricedPlacement {
        let cycles = self.table.row(task).cycles;
        let local = self.on_vehicle(task);
        let mut best = if known.cost < local.cost {
            known
        } else {
            local
        };
        self.reach(slot, task, best.cost);
        if let Placement::Rsu { entry, execution } = known.at {
            let way = &mut self.trial.ways[execution as usize];
            if way.entry == entry {
                way.bound = f64::INFINITY;
            }
        }
        loop {
            let Trial { ways, reached, .. } = &mut self.trial;
            let Some(&rsu) = reached.iter().min_by(|&&a, &&b| {
                ways[a as usize]
                    .bound
                    .total_cmp(&ways[b as usize].bound)
                    .then(a.cmp(&b))
            }) else {
                return best;
            };
            let way = &mut ways[rsu as usize];
            if way.bound >= best.cost {
                return best;
            }
            way.bound = f64::INFINITY;
            let execution = &mut self.executions[rsu as usize];
            let optimum = execution.optimum_with(task as u32, cycles, way.minimum_hz);
            let cost = way.cost + (optimum.0 - execution.cost);
            if cost < best.cost {
                best = PricedPlacement {
                    at: Placement::Rsu {
                        entry: way.entry,
                        execution: rsu,
                    },
                    cost,
                    optimum,
                };
            }
        }
    }

    /// Finds the cheapest way of `task` to every RSU that could beat `limit`.
    fn reach(&mut self, slot: &Slot, task: usize, limit: f64) {
        let Self {
            entries,
            executions,
            trial,
            fit,
            table,
            looks,
            ..
        } = self;
        trial.stamp += 1;
        trial.reached.clear();
        let row = table.row(task);
        let (cycles, data_bits) = (row.cycles, row.data_bits);
        let least_execution = cycles * self.least_cost_per_cycle;
        let mut limit = limit;
        for (index, upload) in table.uploads(row).iter().enumerate() {
            let at = entries[upload.rsu as usize];
            if fit
                .as_ref()
                .is_some_and(|fit| at.count >= fit.entering[upload.rsu as usize])
            {
                continue;
            }
            let entering = at.with(upload.alone()).cost() - at.cost();
            limit = slot.visit_targets(
                slot.routes.targets(upload.rsu),
                entering,
                data_bits,
                least_execution,
                limit,
                |target, cost, limit| {
                    looks.look(slot, upload.rsu, target.hops);
                    let minimum_hz = fit.as_ref().map_or(0.0, |fit| {
                        fit.minimum_hz(slot, row, &slot.links(row.task as usize)[index], target)
                    });
                    let execution = &executions[target.rsu as usize];
                    let way = &mut trial.ways[target.rsu as usize];
                    if way.stamp != trial.stamp {
                        trial.reached.push(target.rsu);
                    } else if cost >= way.cost {
                        return limit;
                    }
                    *way = Way {
                        stamp: trial.stamp,
                        entry: upload.rsu,
                        cost,
                        minimum_hz,
                        bound: cost + execution.priced(cycles, minimum_hz),
                    };
                    // Without scarcity after the move the bound is exact, so it limits the rest.
                    match execution.has_room() {
                        true => limit.min(way.bound * (1.0 + 1e-12)),
                        false => limit,
                    }
                },
            );
        }
    }
}
