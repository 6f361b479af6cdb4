//! A slot's placements with their exact cost, kept up to date move by move.
//!
//! The cost of an assignment separates: uploads at entry m cost n_m sum a_nm, executions at m' cost the
//! optimum G_m' of P2 for the tasks there, and every task adds its migration. So moving a task changes
//! two entries and two executions, and the best place for it is found exactly: a lower bound for every
//! RSU from its present price, then P2 solved only where that bound can still win. At an RSU with hundreds of tasks a
//! parabola stands for P2, so that time grows with the tasks and not with their square.
//!
//! Tasks are named by their rows in the table, the order in which they are improved. So a sweep walks
//! through memory, however the slot numbers its tasks.

mod crowd;
mod execution;
mod looks;
mod search;
mod swap;

use crate::alloc::server::Server;
use crate::backhaul::Target;
use crate::model::transfer;
use crate::parallel;
use crate::slot::table::{TaskRow, TaskTable, Upload};
use crate::slot::{Placement, RadioLink, Slot};
use execution::{Entry, Execution};
use looks::Looks;
use search::{PricedPlacement, Trial, Way};

/// Placements of all tasks, and what they cost.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// Constants of the tasks.
    table: TaskTable,
    /// Placement of every row.
    placements: Vec<Placement>,
    entries: Vec<Entry>,
    executions: Vec<Execution>,
    /// Least execution cost of a cycle at any RSU.
    least_cost_per_cycle: f64,
    /// Where tasks must end within their slot.
    fit: Option<Fit>,
    trial: Trial,
    /// Number of moves so far.
    moves: u32,
    /// Per RSU the last move that tasks entering there could take notice of.
    touched: Vec<u32>,
    looks: Looks,
    /// Per row the moves done when it was last looked at and stayed.
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
    fn minimum_hz(&self, slot: &Slot, row: &TaskRow, link: &RadioLink, target: &Target) -> f64 {
        let entering = self.entering[link.rsu as usize];
        let moved_s = transfer::upload_s(row.data_bits, link.seconds_per_bit, entering)
            + transfer::migration_s(row.data_bits, target.seconds_per_bit)
            + target.wait_s;
        let left_s = slot.slot_s * (1.0 - FIT_MARGIN) - moved_s;
        if left_s > 0.0 {
            row.cycles / left_s
        } else {
            f64::INFINITY
        }
    }
}

/// Rounding must not carry a task over the end of its slot.
const FIT_MARGIN: f64 = 1e-9;

/// Improvements smaller than this share of the cost are rounding.
const LEAST_GAIN: f64 = 1e-12;

impl Assignment {
    /// Puts every task of the table on its vehicle.
    fn reset(&mut self, slot: &Slot, fit: Option<Fit>) {
        // the search that follows goes task by task
        parallel::goes_on_alone();
        self.fit = fit;
        self.placements.clear();
        self.placements
            .resize(self.table.rows().len(), Placement::Local);
        let rsus = slot.rsus.len();
        self.entries.clear();
        self.entries.resize(rsus, Entry::default());
        self.executions.resize_with(rsus, Execution::default);
        self.least_cost_per_cycle = f64::INFINITY;
        for (m, execution) in self.executions.iter_mut().enumerate() {
            execution.clear(Server::idle(slot, m), self.fit.is_some());
            self.least_cost_per_cycle = self
                .least_cost_per_cycle
                .min(execution.server.curve.free_cost_per_cycle());
        }
        self.trial.ways.clear();
        self.trial.ways.resize(rsus, Way::default());
        self.trial.stamp = 0;
        self.moves = 1;
        self.touched.clear();
        self.touched.resize(rsus, 1);
        self.looks.reset(rsus);
        self.seen.clear();
        self.seen.resize(slot.tasks.len(), 0);
    }

    /// Starts a slot with every task on its vehicle, and tasks bound to end within it under `fit`.
    pub fn reset_fitted(&mut self, slot: &Slot, order: &[u32], fit: Fit) {
        self.table.fill(slot, order);
        self.reset(slot, Some(fit));
    }

    /// The least share of every task of the slot \[Hz\]; 0 on vehicles.
    pub fn minimum_hz(&self, slot: &Slot, out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.placements.len(), 0.0);
        for (row, placement) in self.placements.iter().enumerate() {
            if let Placement::Rsu { entry, execution } = *placement {
                out[self.table.row(row).task as usize] =
                    self.least_share(slot, row, entry, execution);
            }
        }
    }

    /// Starts a slot from given placements of its tasks, set in `order`; tasks stay local where an RSU has
    /// no CPU left.
    pub fn start_from(&mut self, slot: &Slot, order: &[u32], placements: &[Placement]) {
        self.table.fill(slot, order);
        self.reset(slot, None);
        self.place_rows(slot, order.iter().map(|&task| placements[task as usize]));
    }

    /// The same with the placements of the rows of a table already filled, which is exchanged for the
    /// present one.
    pub fn start_with(
        &mut self,
        slot: &Slot,
        table: &mut TaskTable,
        placements: impl Iterator<Item = Placement>,
    ) {
        std::mem::swap(&mut self.table, table);
        self.reset(slot, None);
        self.place_rows(slot, placements);
    }

    /// Gives back the table that the slot before was [started with](Self::start_with), so that there need be only one.
    pub fn hand_back(&mut self, table: &mut TaskTable) {
        std::mem::swap(&mut self.table, table);
    }

    fn place_rows(&mut self, slot: &Slot, placements: impl Iterator<Item = Placement>) {
        for (row, placement) in placements.enumerate() {
            match placement {
                Placement::Rsu { execution, .. }
                    if slot.rsus.available_cpu_hz(execution as usize) <= 0.0 => {}
                placement => self.insert(slot, row, placement),
            }
        }
        parallel::each(&mut self.executions, Execution::settle_exactly);
    }

    /// Number of tasks that enter by each RSU.
    pub fn entering(&self) -> impl Iterator<Item = f64> + '_ {
        self.entries.iter().map(|entry| entry.count)
    }

    /// Puts the placement of every task of the slot in `out`.
    pub fn write_placements(&self, out: &mut Vec<Placement>) {
        out.clear();
        out.resize(self.placements.len(), Placement::Local);
        for (row, &placement) in self.table.rows().iter().zip(&self.placements) {
            out[row.task as usize] = placement;
        }
    }

    /// Cost of the whole assignment: the sum over tasks that (15) averages, under exact P2 without (16e).
    #[must_use]
    pub fn cost(&self, slot: &Slot) -> f64 {
        let entries = self.entries.iter().map(Entry::cost).sum::<f64>();
        let executions = self
            .executions
            .iter()
            .map(Execution::exact_cost)
            .sum::<f64>();
        let rest = (0..self.placements.len())
            .map(|row| match self.placements[row] {
                Placement::Local => self.table.row(row).local,
                Placement::Cloud { .. } => f64::INFINITY,
                Placement::Rsu { entry, execution } => {
                    let target = slot.routes.find(entry, execution);
                    target.map_or(f64::INFINITY, |t| {
                        slot.migration_cost(self.table.row(row).data_bits, t)
                    })
                }
            })
            .sum::<f64>();
        entries + executions + rest
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

    /// Puts `task` at a place, where P2 is solved already.
    fn put(&mut self, slot: &Slot, task: usize, place: PricedPlacement) {
        self.insert(slot, task, place.at);
        if let Placement::Rsu { execution, .. } = place.at {
            let execution = &mut self.executions[execution as usize];
            (execution.cost, execution.server.price) = place.optimum;
        }
    }

    fn insert(&mut self, slot: &Slot, task: usize, placement: Placement) {
        self.placements[task] = placement;
        if let Placement::Rsu { entry, execution } = placement {
            let upload = self.upload(task, entry);
            let at = &mut self.entries[entry as usize];
            *at = at.with(upload);
            if entry != execution
                && let Some(target) = slot.routes.find(entry, execution)
            {
                self.looks.look(slot, entry, target.hops);
            }
            let minimum_hz = self.least_share(slot, task, entry, execution);
            self.executions[execution as usize].push(
                task as u32,
                self.table.row(task).cycles,
                minimum_hz,
            );
        }
    }

    fn least_share(&self, slot: &Slot, row: usize, entry: u32, execution: u32) -> f64 {
        let Some(fit) = &self.fit else { return 0.0 };
        let row = self.table.row(row);
        let mut links = slot.links(row.task as usize).iter();
        let link = links.find(|link| link.rsu == entry);
        let target = slot.routes.find(entry, execution);
        match (link, target) {
            (Some(link), Some(target)) => fit.minimum_hz(slot, row, link, target),
            _ => f64::INFINITY,
        }
    }

    fn upload(&self, task: usize, entry: u32) -> f64 {
        let uploads = self.table.uploads(self.table.row(task));
        let upload = uploads.iter().find(|upload| upload.rsu == entry);
        upload.map_or(f64::INFINITY, Upload::alone)
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
}
