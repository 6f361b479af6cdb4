//! The simple bound: prices by smoothed dual ascent.
//!
//! Every task's minimum is replaced by a soft minimum of temperature T, which makes the dual concave and
//! twice differentiable; projected Newton steps climb it while T falls. Newton systems are solved by
//! conjugate gradients on products with the tasks that have several choices left, so that time and memory grow
//! with the tasks and not with the square of the RSUs. The bound itself is then taken with hard minima.

mod ascent;

pub use super::effort::Effort;
pub use super::prices::{Prices, upload_at};

use super::crowds::Crowds;
use super::floor::Floor;
use super::newton::{Newton, Tally};
use super::pass::{Block, View};
use super::prices::{Site, fill_sites};
use crate::parallel;
use crate::slot::Slot;
use crate::slot::table::TaskTable;

/// A way to run a task at an RSU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Index among the task's links.
    pub(super) link: usize,
    pub(super) cost: f64,
    /// Execution RSU and the share of its CPU; `None` for one beyond the routes' reach.
    pub(super) execution: Option<(u32, f64)>,
}

/// Solves the dual slot after slot, warm from the last prices, keeping its memory.
///
/// ```
/// use wayside_core::Scenario;
/// use wayside_core::bound::dual::{Dual, Effort};
/// use wayside_core::engine::traffic::Traffic;
/// use wayside_core::engine::world::World;
/// use wayside_core::rng::Streams;
///
/// let world = World::new(&Scenario::builtin("wang2025", &[])?)?;
/// let mut slot = world.empty_slot();
/// Traffic::new(&world, Streams::new(0))?.advance(0, &mut slot)?;
/// let bound = Dual::default().solve(&slot, Effort::CERTIFY);
/// let local: f64 = (0..slot.tasks.len()).map(|task| slot.local_cost(task)).sum();
/// assert!(0.0 < bound && bound < local);
/// # Ok::<(), wayside_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dual {
    prices: Prices,
    sites: Vec<Site>,
    floor: Floor,
    /// About what a task costs: by the bound in the last pass with hard minima.
    mean_cost: f64,
    /// Constants of the tasks by their nearest RSU: neighbours in it share routes, prices and cache lines;
    /// the order is canonical, so that the search for placements can reuse it.
    table: TaskTable,
    crowds: Crowds,
    /// Per row the RSUs of the cheapest way in the last pass with hard minima; `None`: local.
    chosen: Vec<Option<(u32, u32)>>,
    /// The tasks of the table in blocks of `block_len`, one where the slot is not large.
    blocks: Vec<Block>,
    block_len: usize,
    newton: Newton,
    /// Share of the last Newton step that was taken.
    length: f64,
    /// Prices that a Newton step started from.
    start_prices: Prices,
    /// What the bound is at least, where the last step was not checked.
    assured: f64,
}

impl Dual {
    /// The prices of the last solve.
    #[must_use]
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Maximises the bound and returns it: a lower bound of the sum over tasks of the cost in (15).
    pub fn solve(&mut self, slot: &Slot, effort: Effort) -> f64 {
        let warm = self.prices.band.len() == slot.rsus.len();
        self.prepare(slot);
        self.assured = f64::NEG_INFINITY;
        if !slot.tasks.is_empty() && !slot.rsus.is_empty() {
            // Drop the prices of an earlier slot that is too different to start from.
            if !(warm && self.anneal(slot, effort, true)) {
                self.cold_start();
                if !self.anneal(slot, effort, false) {
                    self.cold_start();
                    self.anneal(slot, Effort::CLIMB, false);
                }
                self.newton.release_choices();
            }
        } else if !warm {
            self.cold_start();
        }
        self.settle(slot)
    }

    /// What every task costs at least if it had the RSUs to itself: the bound of the slot last solved at prices of zero.
    /// It is not tight, but never below zero, even where extreme numbers upset the ascent. The prices stay.
    pub fn alone(&mut self, slot: &Slot) -> f64 {
        let found = self.prices.clone();
        self.prices.band.fill(0.0);
        self.prices.cpu.fill(0.0);
        let value = self.value(slot);
        self.prices = found;
        value
    }

    /// [`alone`](Self::alone) of a slot that was not solved; the prices end at zero.
    pub(super) fn alone_in(&mut self, slot: &Slot) -> f64 {
        self.prepare(slot);
        for prices in [&mut self.prices.band, &mut self.prices.cpu] {
            prices.clear();
            prices.resize(slot.rsus.len(), 0.0);
        }
        self.value(slot)
    }

    /// Takes the prices of CPU as `theta` for what follows.
    pub(super) fn set_floor(&mut self, theta: &[f64]) {
        self.floor.set(&self.sites, theta);
    }

    /// The bound at the present prices, with hard minima; sets what depends on it.
    fn value(&mut self, slot: &Slot) -> f64 {
        self.floor.set(&self.sites, &self.prices.cpu);
        let Self {
            prices,
            sites,
            floor,
            table,
            blocks,
            block_len,
            chosen,
            ..
        } = self;
        let view = View {
            slot,
            prices,
            sites,
            floor,
            table,
        };
        blocks.iter_mut().for_each(|block| block.value = 0.0);
        parallel::each_block(blocks, chosen, *block_len, |first, block, chosen| {
            block.choose(view, first, chosen);
        });
        let value = self.blocks.iter().map(|block| block.value).sum::<f64>();
        let prices = &self.prices;
        let bound = value - prices.band.iter().sum::<f64>() - prices.cpu.iter().sum::<f64>();
        if !self.table.rows().is_empty() {
            // Bad prices must not make costs seem small; at good ones shares cost less than half of `value`.
            let cost = bound.max(0.25 * value).max(f64::MIN_POSITIVE);
            self.mean_cost = cost / self.table.rows().len() as f64;
        }
        bound
    }

    /// The cheapest way of task `n` to any RSU when its uploads cost `uploads` (one per link) and the CPU
    /// of the RSUs `theta`; for the bounds that price uploads otherwise. Uses the sites of the last solve.
    pub(super) fn cheapest_way(
        &mut self,
        slot: &Slot,
        n: usize,
        uploads: impl Iterator<Item = f64>,
        theta: &[f64],
    ) -> Option<Way> {
        let Self {
            blocks,
            sites,
            floor,
            ..
        } = self;
        let offers = &mut blocks[0].offers;
        offers.next_task();
        let (cycles, data_bits) = (slot.tasks.cycles[n], slot.tasks.data_bits[n]);
        let least_execution = floor.cost(cycles);
        let least_spb = slot.routes.least_seconds_per_bit;
        let mut best: Option<Way> = None;
        let mut limit = f64::INFINITY;
        for (index, (link, upload)) in slot.links(n).iter().zip(uploads).enumerate() {
            let mut consider = |cost: f64, execution: Option<(u32, f64)>| {
                if best.is_none_or(|best| cost < best.cost) {
                    best = Some(Way {
                        link: index,
                        cost,
                        execution,
                    });
                }
                best.map_or(f64::INFINITY, |best| best.cost)
            };
            if let Some(far) = &slot.routes.beyond[link.rsu as usize] {
                let hops = slot.least_migration_cost(data_bits, far.hops, least_spb);
                limit = consider(upload + hops + least_execution, None);
            }
            limit = slot.visit_targets(
                slot.routes.targets(link.rsu),
                upload,
                data_bits,
                least_execution,
                limit,
                |target, way, _| {
                    let m = target.rsu as usize;
                    let offer = offers.of(sites, m, theta[m], cycles);
                    consider(way + offer.cost, Some((target.rsu, offer.share)))
                },
            );
        }
        best
    }

    /// Constants of the last slot's tasks in canonical order, and per row the entry and execution RSU of its
    /// cheapest way at the prices found, `None` for local. The next solve fills the table anew, so until
    /// then it may be exchanged for another.
    pub fn table_and_choices(&mut self) -> (&mut TaskTable, &[Option<(u32, u32)>]) {
        (&mut self.table, &self.chosen)
    }

    fn prepare(&mut self, slot: &Slot) {
        fill_sites(slot, &mut self.sites);
        self.block_len = parallel::block_len(slot.tasks.len());
        let blocks = slot.tasks.len().div_ceil(self.block_len).max(1);
        self.blocks.resize_with(blocks, Block::default);
        for block in &mut self.blocks {
            block.offers.prepare(slot.rsus.len());
        }
        self.floor.span(&slot.tasks.cycles);
        self.chosen.clear();
        self.chosen.resize(slot.tasks.len(), None);
        self.table.fill_canonical(slot);
    }

    /// Starts from the prices at which every task's nearest RSU is shared as it would be.
    fn cold_start(&mut self) {
        self.crowds.gather(&self.table, self.sites.len());
        self.crowds.price(&self.sites, &mut self.prices);
    }

    /// The smoothed dual at the present prices; fills gradient and curvature.
    fn smooth(&mut self, slot: &Slot, temperature: f64, effort: Effort) -> f64 {
        let rsus = self.prices.band.len();
        self.floor.set(&self.sites, &self.prices.cpu);
        let Self {
            prices,
            sites,
            floor,
            table,
            blocks,
            newton,
            ..
        } = self;
        let (tasks, len) = (table.rows().len(), self.block_len);
        let view = View {
            slot,
            prices,
            sites,
            floor,
            table,
        };
        newton.tallies.resize_with(blocks.len(), Tally::default);
        parallel::each_block(blocks, &mut newton.tallies, 1, |i, block, tally| {
            let rows = i * len..tasks.min((i + 1) * len);
            block.smooth(view, rows, temperature, effort, &mut tally[0]);
        });
        newton.sum(rsus);
        let mut value = self.blocks.iter().map(|block| block.value).sum::<f64>();
        // So many tasks stand for all of them, on as large a share of the capacity.
        let share = 1.0 / effort.sample as f64;
        for m in 0..rsus {
            value -= share * (self.prices.band[m] + self.prices.cpu[m]);
        }
        self.newton.subtract_capacity(share);
        value / share
    }
}
