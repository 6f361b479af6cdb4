//! Which task runs where and for how many slots, with its exact cost kept up to date.

use super::menu::{Menu, Take};
use crate::alloc::curve::Curve;
use crate::alloc::server::{Rows, Server};
use crate::slot::Slot;

/// The choice of a task that runs on its vehicle.
pub(super) const LOCAL: u32 = u32::MAX;
/// Rounding must not carry the shares at an RSU over its CPU.
const MARGIN: f64 = 1e-9;

/// The tasks executed at an RSU.
#[derive(Clone, Debug, Default)]
pub(super) struct Bin {
    pub(super) server: Server,
    pub(super) available_hz: f64,
    /// Rows, in the order they came.
    pub(super) rows: Vec<u32>,
    least: Take,
    free: Take,
    /// What they cost together.
    pub(super) value: f64,
}

impl Bin {
    /// Whether its tasks get less than they would like.
    pub(super) fn is_tight(&self) -> bool {
        self.free.hz > self.available_hz
    }

    /// CPU that the tasks need beyond what there is \[Hz\].
    pub(super) fn overload_hz(&self) -> f64 {
        self.least.hz - self.available_hz
    }
}

/// A change at one RSU: a row that goes, and a choice that a row comes with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) goes: Option<u32>,
    pub(super) comes: Option<(u32, u32)>,
}

/// All tasks of a slot, packed.
#[derive(Clone, Debug, Default)]
pub(super) struct Packing {
    pub(super) menu: Menu,
    pub(super) cycles: Vec<f64>,
    pub(super) local: Vec<f64>,
    pub(super) chosen: Vec<u32>,
    pub(super) bins: Vec<Bin>,
    /// What every Hz costs by which the least shares exceed the CPU of an RSU, and what any such excess costs.
    pub(super) overload_price: f64,
    pub(super) overload_charge: f64,
    scratch: Scratch,
}

/// Tasks whose shares are between the least and what they would like.
#[derive(Clone, Debug, Default)]
struct Scratch {
    cycles: Vec<f64>,
    minimum_hz: Vec<f64>,
    later_price: Vec<f64>,
}

impl Packing {
    /// Empties all RSUs.
    pub(super) fn reset(&mut self, slot: &Slot) {
        let tasks = self.local.len();
        self.chosen.clear();
        self.chosen.resize(tasks, LOCAL);
        self.bins.resize_with(slot.rsus.len(), Bin::default);
        for (m, bin) in self.bins.iter_mut().enumerate() {
            bin.server = Server::idle(slot, m);
            bin.available_hz = slot.rsus.available_cpu_hz(m) * (1.0 - MARGIN);
            bin.rows.clear();
            (bin.least, bin.free, bin.value) = (Take::default(), Take::default(), 0.0);
        }
    }

    /// Cost of everything, with what overloads cost.
    pub(super) fn cost(&self) -> f64 {
        let bins = self.bins.iter().map(|bin| bin.value).sum::<f64>();
        let chosen = self.chosen.iter().zip(&self.local);
        let local = chosen.filter(|(chosen, _)| **chosen == LOCAL);
        bins + local.map(|(_, cost)| cost).sum::<f64>()
    }

    /// Which RSU executes `row`.
    pub(super) fn rsu(&self, row: u32) -> Option<u32> {
        match self.chosen[row as usize] {
            LOCAL => None,
            choice => Some(self.menu.choices[choice as usize].rsu),
        }
    }

    /// Gives `row` another choice; the values of its RSUs are up to date afterwards.
    pub(super) fn put(&mut self, row: u32, choice: u32) {
        let before = self.rsu(row);
        self.chosen[row as usize] = choice;
        let after = self.rsu(row);
        if before != after {
            if let Some(m) = before {
                self.bins[m as usize].rows.retain(|&other| other != row);
            }
            if let Some(m) = after {
                self.bins[m as usize].rows.push(row);
            }
        }
        for m in [before, after].into_iter().flatten() {
            self.settle(m);
        }
    }

    /// Sums up RSU `m` afresh.
    pub(super) fn settle(&mut self, m: u32) {
        let Self {
            menu, chosen, bins, ..
        } = self;
        let bin = &mut bins[m as usize];
        (bin.least, bin.free) = (Take::default(), Take::default());
        for &row in &bin.rows {
            let choice = &menu.choices[chosen[row as usize] as usize];
            bin.least = bin.least.plus(choice.least);
            bin.free = bin.free.plus(choice.free);
        }
        self.bins[m as usize].value = self.value(m, Change::default());
    }

    /// A lower bound of [`value`](Self::value) that costs next to nothing.
    pub(super) fn least_value(&self, m: u32, change: Change) -> f64 {
        self.sums(m, change).1.cost
    }

    fn sums(&self, m: u32, change: Change) -> (Take, Take) {
        let bin = &self.bins[m as usize];
        let (mut least, mut free) = (bin.least, bin.free);
        if let Some(row) = change.goes {
            let choice = &self.menu.choices[self.chosen[row as usize] as usize];
            (least, free) = (least.minus(choice.least), free.minus(choice.free));
        }
        if let Some((_, choice)) = change.comes {
            let choice = &self.menu.choices[choice as usize];
            (least, free) = (least.plus(choice.least), free.plus(choice.free));
        }
        (least, free)
    }

    /// What the tasks at RSU `m` cost together after `change`: exact P2 with later slots priced.
    pub(super) fn value(&mut self, m: u32, change: Change) -> f64 {
        let (least, free) = self.sums(m, change);
        let available_hz = self.bins[m as usize].available_hz;
        if free.hz <= available_hz {
            return free.cost;
        }
        let overload_hz = least.hz - available_hz;
        if overload_hz > 0.0 {
            return least.cost + self.overload_price * overload_hz + self.overload_charge;
        }
        self.squeezed(m, change, least)
    }

    /// The same where shares are between the least and the free ones.
    fn squeezed(&mut self, m: u32, change: Change, least: Take) -> f64 {
        let Self {
            menu,
            cycles,
            chosen,
            bins,
            scratch,
            ..
        } = self;
        let bin = &bins[m as usize];
        scratch.cycles.clear();
        scratch.minimum_hz.clear();
        scratch.later_price.clear();
        let staying = bin.rows.iter().filter(|&&row| change.goes != Some(row));
        let staying = staying.map(|&row| (row, chosen[row as usize]));
        let mut rest = least;
        for (row, choice) in staying.chain(change.comes) {
            let choice = &menu.choices[choice as usize];
            if choice.free.hz > choice.least.hz {
                scratch.cycles.push(cycles[row as usize]);
                scratch.minimum_hz.push(choice.least.hz);
                scratch.later_price.push(choice.later_price);
                rest = rest.minus(choice.least);
            }
        }
        let rows = Rows {
            cycles: &scratch.cycles,
            minimum_hz: &scratch.minimum_hz,
            later_price: &scratch.later_price,
        };
        let price = bin.server.price_for(rows, bin.available_hz - rest.hz);
        let curve: &Curve = &bin.server.curve;
        let mut cost = least.cost;
        for (row, &cycles) in scratch.cycles.iter().enumerate() {
            let (least_hz, later) = (scratch.minimum_hz[row], scratch.later_price[row]);
            let hz = curve.demand(price + later, cycles).0.max(least_hz);
            cost += curve.cost(cycles, hz) - curve.cost(cycles, least_hz) + later * (hz - least_hz);
        }
        cost
    }
}
