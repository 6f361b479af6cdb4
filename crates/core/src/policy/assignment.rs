//! A slot's placements with their exact cost, kept up to date move by move.
//!
//! The cost of an assignment separates: uploads at entry m cost n_m sum a_nm, executions at m' cost the
//! optimum G_m' of P2 for the tasks there, and every task adds its migration. So moving a task changes
//! two entries and two executions, and the best place for it is found exactly: a lower bound for every
//! RSU from its present price, then P2 solved only where that bound can still win.

use crate::alloc::curve::Curve;
use crate::alloc::server::{Rows, Server};
use crate::backhaul::Target;
use crate::decision::Placement;
use crate::model::transfer;
use crate::slot::table::TaskTable;
use crate::slot::{RadioLink, Slot};

/// Placements of all tasks, and what they cost.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// Constants of the tasks.
    table: TaskTable,
    /// Placement of every task.
    placements: Vec<Placement>,
    entries: Vec<Entry>,
    executions: Vec<Execution>,
    /// Least execution cost of a cycle at any RSU.
    least_cost_per_cycle: f64,
    /// Least transfer time per bit of any backhaul link.
    least_seconds_per_bit: f64,
    /// Where tasks must end within their slot.
    fit: Option<Fit>,
    trial: Trial,
    /// Number of moves so far.
    moves: u32,
    /// Per RSU the last move that touched an RSU within its reach.
    touched: Vec<u32>,
    /// Place of every task in the order of a swap pass.
    rank: Vec<u32>,
    /// Per task the moves done when it was last looked at and stayed.
    seen: Vec<u32>,
}

/// The rule that every offloaded task ends within the slot it starts in.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    /// Most tasks that may enter by each RSU: upload times are those of so many, so that a task placed
    /// later never delays one placed before beyond its slot.
    pub entering: Vec<f64>,
}

impl Fit {
    /// Least share with which `task` ends within the slot \[Hz\]; infinite if none does.
    fn minimum_hz(&self, slot: &Slot, task: usize, link: &RadioLink, target: &Target) -> f64 {
        let data_bits = slot.tasks.data_bits[task];
        let entering = self.entering[link.rsu as usize];
        let moved_s = transfer::upload_s(data_bits, link.seconds_per_bit, entering)
            + transfer::migration_s(data_bits, target.seconds_per_bit)
            + target.wait_s;
        let left_s = slot.slot_s * (1.0 - FIT_MARGIN) - moved_s;
        if left_s > 0.0 {
            slot.tasks.cycles[task] / left_s
        } else {
            f64::INFINITY
        }
    }
}

/// Rounding must not carry a task over the end of its slot.
const FIT_MARGIN: f64 = 1e-9;

/// Tasks entering at an RSU.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    count: f64,
    /// Sum of a_nm.
    upload: f64,
}

impl Entry {
    fn cost(&self) -> f64 {
        self.count * self.upload
    }

    fn with(&self, upload: f64) -> Self {
        Self {
            count: self.count + 1.0,
            upload: self.upload + upload,
        }
    }
}

/// Tasks executed at an RSU.
#[derive(Clone, Debug, Default)]
struct Execution {
    server: Server,
    tasks: Vec<u32>,
    cycles: Vec<f64>,
    minimum_hz: Vec<f64>,
    /// Optimal value of P2 here.
    cost: f64,
    /// Whether tasks have minimum shares.
    fitted: bool,
}

impl Execution {
    fn rows(&self) -> Rows<'_> {
        Rows {
            cycles: &self.cycles,
            minimum_hz: &self.minimum_hz,
        }
    }

    fn push(&mut self, task: u32, cycles: f64, minimum_hz: f64) {
        self.tasks.push(task);
        self.cycles.push(cycles);
        self.minimum_hz.push(minimum_hz);
    }

    fn pop(&mut self) {
        self.tasks.pop();
        self.minimum_hz.pop();
        self.cycles.pop();
    }

    fn remove(&mut self, task: u32) {
        let at = self
            .tasks
            .iter()
            .position(|&t| t == task)
            .expect("the task is executed here");
        // Order is kept: sums must not depend on the history of moves.
        self.tasks.remove(at);
        self.minimum_hz.remove(at);
        self.cycles.remove(at);
    }

    /// Solves P2 here: (cost, price). Without scarcity the cost is linear in the cycles.
    fn optimum(&self) -> (f64, f64) {
        if let Curve::Tradeoff { free_hz, .. } = self.server.curve
            && !self.fitted
        {
            let demand = free_hz * self.cycles.len() as f64;
            if demand <= self.server.available_hz() {
                let total = self.cycles.iter().sum::<f64>();
                return (self.server.curve.free_cost_per_cycle() * total, 0.0);
            }
        }
        self.server.optimum(self.rows())
    }

    fn settle(&mut self) {
        (self.cost, self.server.price) = self.optimum();
    }

    /// Lower bound of what one more task adds: its cost at the present price, by weak duality.
    fn priced(&self, cycles: f64, minimum_hz: f64) -> f64 {
        let available_hz = self.server.available_hz();
        if available_hz <= 0.0 || minimum_hz > available_hz {
            return f64::INFINITY;
        }
        self.server
            .curve
            .priced_cost(self.server.price, cycles, minimum_hz, available_hz)
            .0
    }

    /// What one more task adds, exactly, and the price then.
    fn added(&mut self, task: u32, cycles: f64, minimum_hz: f64) -> (f64, f64) {
        self.push(task, cycles, minimum_hz);
        let (cost, price) = self.optimum();
        self.pop();
        (cost - self.cost, price)
    }
}

/// Scratch memory of one search for the best place.
#[derive(Clone, Debug, Default)]
struct Trial {
    /// Per RSU the cheapest way there, valid where `stamp` is the current one.
    ways: Vec<Way>,
    stamp: u32,
    /// RSUs reached.
    reached: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Way {
    stamp: u32,
    entry: u32,
    /// Upload and migration.
    cost: f64,
    /// Least CPU share on this way \[Hz\].
    minimum_hz: f64,
    /// `cost` and the lower bound of the execution; infinite once solved exactly.
    bound: f64,
}

/// Tasks executed this near an entry RSU are tried for a swap.
const SWAP_HOPS: u32 = 2;

/// Improvements smaller than this share of the cost are rounding.
const LEAST_GAIN: f64 = 1e-12;

impl Assignment {
    /// Starts a slot with every task on its vehicle and no rule on when it ends.
    pub fn reset_free(&mut self, slot: &Slot, order: &[u32]) {
        self.fit = None;
        self.reset(slot, order);
    }

    fn reset(&mut self, slot: &Slot, order: &[u32]) {
        self.table.fill(slot, order);
        self.placements.clear();
        self.placements.resize(slot.tasks.len(), Placement::Local);
        let rsus = slot.rsus.len();
        self.entries.clear();
        self.entries.resize(rsus, Entry::default());
        self.executions.resize_with(rsus, Execution::default);
        self.least_cost_per_cycle = f64::INFINITY;
        for (m, execution) in self.executions.iter_mut().enumerate() {
            execution.server = Server::idle(slot, m);
            execution.tasks.clear();
            execution.cycles.clear();
            execution.minimum_hz.clear();
            execution.cost = 0.0;
            execution.fitted = self.fit.is_some();
            self.least_cost_per_cycle = self
                .least_cost_per_cycle
                .min(execution.server.curve.free_cost_per_cycle());
        }
        self.least_seconds_per_bit = slot.routes.least_seconds_per_bit;
        self.trial.ways.clear();
        self.trial.ways.resize(rsus, Way::default());
        self.trial.stamp = 0;
        self.moves = 1;
        self.touched.clear();
        self.touched.resize(rsus, 1);
        self.seen.clear();
        self.seen.resize(slot.tasks.len(), 0);
    }

    /// Starts a slot with every task on its vehicle, and tasks bound to end within it under `fit`.
    pub fn reset_fitted(&mut self, slot: &Slot, order: &[u32], fit: Fit) {
        self.fit = Some(fit);
        self.reset(slot, order);
    }

    /// The least share of every task \[Hz\]; 0 on vehicles.
    pub fn minimum_hz(&self, slot: &Slot, out: &mut Vec<f64>) {
        out.clear();
        out.extend(
            (0..self.placements.len()).map(|task| match self.placements[task] {
                Placement::Local => 0.0,
                Placement::Rsu { entry, execution } => {
                    self.least_share(slot, task, entry, execution)
                }
            }),
        );
    }

    /// Starts a slot from given placements, set in `order`; tasks stay local where an RSU has no CPU left.
    pub fn start_from(&mut self, slot: &Slot, order: &[u32], placements: &[Placement]) {
        self.reset_free(slot, order);
        for &task in order {
            match placements[task as usize] {
                Placement::Rsu { execution, .. }
                    if slot.rsus.available_cpu_hz(execution as usize) <= 0.0 => {}
                placement => self.insert(slot, task as usize, placement),
            }
        }
        for execution in &mut self.executions {
            execution.settle();
        }
    }

    /// Number of tasks that enter by each RSU.
    pub fn entering(&self) -> impl Iterator<Item = f64> + '_ {
        self.entries.iter().map(|entry| entry.count)
    }

    /// The placements.
    #[must_use]
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// Cost of the whole assignment: the sum over tasks that (15) averages, under exact P2 without (16e).
    #[must_use]
    pub fn cost(&self, slot: &Slot) -> f64 {
        let entries = self.entries.iter().map(Entry::cost).sum::<f64>();
        let executions = self.executions.iter().map(|e| e.cost).sum::<f64>();
        let rest = (0..self.placements.len())
            .map(|task| match self.placements[task] {
                Placement::Local => self.table.row(task).local,
                Placement::Rsu { entry, execution } => {
                    let target = slot.routes.find(entry, execution);
                    target.map_or(f64::INFINITY, |t| {
                        slot.migration_cost(self.table.row(task).data_bits, t)
                    })
                }
            })
            .sum::<f64>();
        entries + executions + rest
    }

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
        let (old_price, old_cost) = match old {
            Placement::Local => (0.0, 0.0),
            Placement::Rsu { execution, .. } => {
                let execution = &self.executions[execution as usize];
                (execution.server.price, execution.cost)
            }
        };
        self.take_out(task);
        let stay = self.cost_back(slot, task, old, old_cost);
        let (best, cost, price) = self.best_place(slot, task);
        if cost < stay - LEAST_GAIN * stay.abs() {
            self.put(slot, task, best, price);
            self.touch(slot, old);
            self.touch(slot, best);
            true
        } else {
            self.insert(slot, task, old);
            if let Placement::Rsu { execution, .. } = old {
                let execution = &mut self.executions[execution as usize];
                execution.server.price = old_price;
                execution.cost = old_cost;
            }
            false
        }
    }

    /// Whether any RSU within reach of `task` changed since it was last looked at.
    fn is_touched(&self, task: usize) -> bool {
        let seen = self.seen[task];
        let uploads = self.table.uploads(self.table.row(task));
        uploads
            .iter()
            .any(|upload| self.touched[upload.rsu as usize] > seen)
    }

    /// Notes a change at the RSUs of `placement` for everybody who can reach them.
    fn touch(&mut self, slot: &Slot, placement: Placement) {
        let Placement::Rsu { entry, execution } = placement else {
            return;
        };
        self.moves += 1;
        for rsu in [entry, execution] {
            // Reach is symmetric: links work both ways.
            for target in slot.routes.targets(rsu) {
                self.touched[target.rsu as usize] = self.moves;
            }
            if entry == execution {
                break;
            }
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

    /// Improves every task of `order` in turn, at most `sweeps` times or until nothing moves.
    pub fn sweep(&mut self, slot: &Slot, order: &[u32], sweeps: usize) {
        let mut settled = 0;
        for &task in order
            .iter()
            .cycle()
            .take(sweeps.saturating_mul(order.len()))
        {
            if self.improve(slot, task as usize) {
                settled = 0;
            } else {
                settled += 1;
                if settled == order.len() {
                    break;
                }
            }
        }
    }

    /// Exchanges the entry or the execution RSUs of pairs of tasks near each other where that pays, once
    /// over all tasks; whether any did.
    pub fn swap(&mut self, slot: &Slot, order: &[u32]) -> bool {
        let mut swapped = false;
        self.rank.resize(order.len(), 0);
        for (rank, &task) in order.iter().enumerate() {
            self.rank[task as usize] = rank as u32;
        }
        for (rank, &task) in order.iter().enumerate() {
            let Placement::Rsu { entry, .. } = self.placements[task as usize] else {
                continue;
            };
            for target in slot.routes.targets(entry) {
                if target.hops > SWAP_HOPS {
                    break;
                }
                let mut index = 0;
                while let Some(&other) = self.executions[target.rsu as usize].tasks.get(index) {
                    // Each pair once; a swap that pays may put another task at this index.
                    if self.rank[other as usize] > rank as u32
                        && self.swap_pair(slot, task as usize, other as usize)
                    {
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
            Placement::Local => f64::INFINITY,
        };
        let executed = |task: usize, placement: Placement| match placement {
            Placement::Rsu { execution, .. } => {
                self.executions[execution as usize].priced(self.table.row(task).cycles, 0.0)
            }
            Placement::Local => f64::INFINITY,
        };
        let entered = |task: usize, placement: Placement| match placement {
            // The number of tasks at both entries stays: what counts is the exchange of a_nm.
            Placement::Rsu { entry, .. } => {
                self.entries[entry as usize].count * self.upload(task, entry)
            }
            Placement::Local => f64::INFINITY,
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

    /// Takes `task` out and puts it at its best place, whatever it cost before.
    pub fn put_best(&mut self, slot: &Slot, task: usize) {
        self.take_out(task);
        let (best, _, price) = self.best_place(slot, task);
        self.put(slot, task, best, price);
        self.touch(slot, best);
    }

    /// Takes `task` off its RSUs (it counts as local until it is put again).
    fn take_out(&mut self, task: usize) {
        if let Placement::Rsu { entry, execution } = self.placements[task] {
            self.leave_entry(task, entry);
            let execution = &mut self.executions[execution as usize];
            execution.remove(task as u32);
            execution.settle();
            self.placements[task] = Placement::Local;
        }
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

    fn put(&mut self, slot: &Slot, task: usize, placement: Placement, price: f64) {
        self.insert(slot, task, placement);
        if let Placement::Rsu { execution, .. } = placement {
            let execution = &mut self.executions[execution as usize];
            execution.server.price = price;
            execution.settle();
        }
    }

    fn insert(&mut self, slot: &Slot, task: usize, placement: Placement) {
        self.placements[task] = placement;
        if let Placement::Rsu { entry, execution } = placement {
            let upload = self.upload(task, entry);
            let at = &mut self.entries[entry as usize];
            *at = at.with(upload);
            let minimum_hz = self.least_share(slot, task, entry, execution);
            self.executions[execution as usize].push(
                task as u32,
                self.table.row(task).cycles,
                minimum_hz,
            );
        }
    }

    fn least_share(&self, slot: &Slot, task: usize, entry: u32, execution: u32) -> f64 {
        let Some(fit) = &self.fit else { return 0.0 };
        let link = slot.links(task).iter().find(|link| link.rsu == entry);
        let target = slot.routes.find(entry, execution);
        match (link, target) {
            (Some(link), Some(target)) => fit.minimum_hz(slot, task, link, target),
            _ => f64::INFINITY,
        }
    }

    fn upload(&self, task: usize, entry: u32) -> f64 {
        let uploads = self.table.uploads(self.table.row(task));
        let upload = uploads.iter().find(|upload| upload.rsu == entry);
        upload.map_or(f64::INFINITY, |upload| upload.alone)
    }

    fn leave_entry(&mut self, task: usize, entry: u32) {
        let upload = self.upload(task, entry);
        let at = &mut self.entries[entry as usize];
        at.count -= 1.0;
        // An empty RSU is exactly empty, whatever rounding the moves before left.
        at.upload = if at.count > 0.0 {
            at.upload - upload
        } else {
            0.0
        };
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
            Placement::Rsu { entry, execution } => {
                let added = execution_cost - self.executions[execution as usize].cost;
                self.way(slot, task, entry, execution) + added
            }
        }
    }

    /// Upload and migration cost that `task` adds on the way from `entry` to `execution`.
    fn way(&self, slot: &Slot, task: usize, entry: u32, execution: u32) -> f64 {
        let at = self.entries[entry as usize];
        let upload = at.with(self.upload(task, entry)).cost() - at.cost();
        let target = slot.routes.find(entry, execution);
        upload
            + target.map_or(f64::INFINITY, |t| {
                slot.migration_cost(self.table.row(task).data_bits, t)
            })
    }

    /// The cheapest placement of `task`, which is out: (placement, cost, price at its execution RSU).
    fn best_place(&mut self, slot: &Slot, task: usize) -> (Placement, f64, f64) {
        let cycles = self.table.row(task).cycles;
        let mut best = (Placement::Local, self.table.row(task).local, 0.0);
        self.reach(slot, task, best.1);
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
            if way.bound >= best.1 {
                return best;
            }
            way.bound = f64::INFINITY;
            let (added, price) =
                self.executions[rsu as usize].added(task as u32, cycles, way.minimum_hz);
            if way.cost + added < best.1 {
                best = (
                    Placement::Rsu {
                        entry: way.entry,
                        execution: rsu,
                    },
                    way.cost + added,
                    price,
                );
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
            let entering = at.with(upload.alone).cost() - at.cost();
            for target in slot.routes.targets(upload.rsu) {
                let cost = entering + slot.migration_cost(data_bits, target);
                if cost + least_execution >= limit {
                    // Farther targets cost at least as much as this many of the fastest hops.
                    let least = slot.least_migration_cost(
                        data_bits,
                        target.hops,
                        self.least_seconds_per_bit,
                    );
                    if entering + least + least_execution >= limit {
                        break;
                    }
                    continue;
                }
                let minimum_hz = fit.as_ref().map_or(0.0, |fit| {
                    fit.minimum_hz(slot, task, &slot.links(task)[index], target)
                });
                let execution = &executions[target.rsu as usize];
                let way = &mut trial.ways[target.rsu as usize];
                if way.stamp != trial.stamp {
                    trial.reached.push(target.rsu);
                } else if cost >= way.cost {
                    continue;
                }
                *way = Way {
                    stamp: trial.stamp,
                    entry: upload.rsu,
                    cost,
                    minimum_hz,
                    bound: cost + execution.priced(cycles, minimum_hz),
                };
                // Without scarcity after the move the bound is exact, so it limits the rest.
                if execution.has_room() {
                    limit = limit.min(way.bound * (1.0 + 1e-12));
                }
            }
        }
    }
}

impl Execution {
    /// Whether one more task still gets its free demand.
    fn has_room(&self) -> bool {
        match self.server.curve {
            Curve::Tradeoff { free_hz, .. } if !self.fitted => {
                free_hz * (self.cycles.len() + 1) as f64 <= self.server.available_hz()
            }
            _ => false,
        }
    }
}
