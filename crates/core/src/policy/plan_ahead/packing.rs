//! Which task runs where and for how many slots, with its exact cost kept up to date.

use super::menu::{Menu, Take};
use crate::alloc::curve::Curve;
use crate::alloc::server::{Rows, Server};
use crate::slot::Slot;

/// The choice of a task that runs on its vehicle.
pub(super) const LOCAL: u32 = u32::MAX;
/// Rounding must not carry the shares at an RSU over its CPU.
const MARGIN: f64 = 1e-9;
/// Newton steps to the price that fills an RSU, and the share of its CPU that may be missing.
const MOST_STEPS: usize = 30;
const TOLERANCE: f64 = 1e-5;

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
    /// What a Hz more would save them.
    pub(super) price: f64,
    /// The last change here, as counted by `Packing::changes`.
    pub(super) changed: u32,
}

impl Bin {
    /// Whether its tasks get less than they would like.
    pub(super) fn is_tight(&self) -> bool {
        self.free.hz > self.available_hz
    }

    /// Whether there is not even the least that they need.
    pub(super) fn is_overloaded(&self) -> bool {
        self.least.hz > self.available_hz
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
    /// What every task pays at its RSU, the price of its CPU included.
    paid: Vec<f64>,
    /// What every choice would cost at the price of its RSU, and which change there that was found after.
    priced: Vec<(u32, f64)>,
    /// Number of changes so far, and per row the number of them when it was last moved or found where it is best.
    pub(super) changes: u32,
    pub(super) seen: Vec<u32>,
    /// The same for its swaps.
    pub(super) swapped: Vec<u32>,
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
    /// What execution costs with the least share.
    least_cost: Vec<f64>,
}

impl Packing {
    /// Empties all RSUs.
    pub(super) fn reset(&mut self, slot: &Slot) {
        let tasks = self.local.len();
        self.chosen.clear();
        self.chosen.resize(tasks, LOCAL);
        self.priced.clear();
        self.priced.resize(self.menu.choices.len(), (u32::MAX, 0.0));
        self.paid.clear();
        self.paid.resize(tasks, 0.0);
        self.seen.clear();
        self.seen.resize(tasks, 0);
        self.swapped.clear();
        self.swapped.resize(tasks, 0);
        self.changes = 0;
        self.bins.resize_with(slot.rsus.len(), Bin::default);
        for (m, bin) in self.bins.iter_mut().enumerate() {
            bin.server = Server::idle(slot, m);
            bin.available_hz = slot.rsus.available_cpu_hz(m) * (1.0 - MARGIN);
            bin.rows.clear();
            (bin.least, bin.free, bin.value) = (Take::default(), Take::default(), 0.0);
        }
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
        let bin = &mut self.bins[m as usize];
        (bin.least, bin.free) = (Take::default(), Take::default());
        for &row in &bin.rows {
            let choice = &self.menu.choices[self.chosen[row as usize] as usize];
            bin.least = bin.least.plus(choice.least);
            bin.free = bin.free.plus(choice.free);
        }
        self.changes += 1;
        bin.changed = self.changes;
        let (value, price) = self.value_and_price(m, Change::default(), f64::INFINITY);
        let bin = &mut self.bins[m as usize];
        (bin.value, bin.price) = (value, price);
        for &row in &bin.rows {
            let choice = &self.menu.choices[self.chosen[row as usize] as usize];
            let cycles = self.cycles[row as usize];
            self.paid[row as usize] = choice.priced(&bin.server.curve, cycles, price);
        }
    }

    /// A lower bound of how `change` changes the value of RSU `m`, by weak duality at its price: costs next to nothing.
    pub(super) fn least_gain(&mut self, m: u32, change: Change) -> f64 {
        let goes = change.goes.map_or(0.0, |row| self.paid[row as usize]);
        let bin = &self.bins[m as usize];
        let comes = change.comes.map_or(0.0, |(row, index)| {
            let (stamp, priced) = &mut self.priced[index as usize];
            if *stamp != bin.changed {
                let choice = &self.menu.choices[index as usize];
                let cycles = self.cycles[row as usize];
                *stamp = bin.changed;
                *priced = choice.priced(&bin.server.curve, cycles, bin.price);
            }
            *priced
        });
        comes - goes
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

    /// What the tasks at RSU `m` cost together after `change`: exact P2 with later slots priced. Where that is `limit` or more,
    /// perhaps infinity, which costs less to find out.
    pub(super) fn value(&mut self, m: u32, change: Change, limit: f64) -> f64 {
        self.value_and_price(m, change, limit).0
    }

    fn value_and_price(&mut self, m: u32, change: Change, limit: f64) -> (f64, f64) {
        let (least, free) = self.sums(m, change);
        let available_hz = self.bins[m as usize].available_hz;
        if free.hz <= available_hz {
            return (free.cost, 0.0);
        }
        let overload_hz = least.hz - available_hz;
        if overload_hz > 0.0 {
            let price = self.overload_price;
            let cost = least.cost + price * overload_hz + self.overload_charge;
            return (cost, price);
        }
        self.squeezed(m, change, least, limit)
    }

    /// The same where shares are between the least and the free ones.
    fn squeezed(&mut self, m: u32, change: Change, least: Take, limit: f64) -> (f64, f64) {
        let Self {
            menu,
            cycles,
            chosen,
            bins,
            scratch,
            ..
        } = self;
        let bin = &bins[m as usize];
        let curve = &bin.server.curve;
        scratch.cycles.clear();
        scratch.minimum_hz.clear();
        scratch.later_price.clear();
        scratch.least_cost.clear();
        let staying = bin.rows.iter().filter(|&&row| change.goes != Some(row));
        let staying = staying.map(|&row| (row, chosen[row as usize]));
        let mut rest = least;
        for (row, choice) in staying.chain(change.comes) {
            let choice = &menu.choices[choice as usize];
            if choice.free.hz > choice.least.hz {
                let cycles = cycles[row as usize];
                scratch.cycles.push(cycles);
                scratch.minimum_hz.push(choice.least.hz);
                scratch.later_price.push(choice.later_price);
                scratch.least_cost.push(curve.cost(cycles, choice.least.hz));
                rest = rest.minus(choice.least);
            }
        }
        let fill = Fill {
            curve,
            rows: Rows {
                cycles: &scratch.cycles,
                minimum_hz: &scratch.minimum_hz,
                later_price: &scratch.later_price,
            },
            least_cost: &scratch.least_cost,
            total_hz: bin.available_hz - rest.hz,
            base: least.cost,
        };
        match curve {
            Curve::Tradeoff { .. } => fill.climb(bin.price, limit),
            _ => {
                let price = bin.server.price_for(fill.rows, fill.total_hz);
                (fill.at(price).value, price)
            }
        }
    }
}

/// Tasks that share the CPU of an RSU which is too small for what they would like.
struct Fill<'a> {
    curve: &'a Curve,
    rows: Rows<'a>,
    /// What execution costs each of them with its least share.
    least_cost: &'a [f64],
    total_hz: f64,
    /// What all tasks of the RSU cost with their least shares.
    base: f64,
}

/// The dual of P2 at a price.
struct Dual {
    /// What the tasks cost at least; exact at the price that fills the RSU, where an error of the price counts in the second order only.
    value: f64,
    /// Demand above the CPU that is there \[Hz\].
    excess_hz: f64,
    /// Its derivative by the price.
    slope: f64,
}

impl Fill<'_> {
    fn at(&self, price: f64) -> Dual {
        let Rows {
            cycles,
            minimum_hz,
            later_price,
        } = self.rows;
        let (mut sum, mut slope) = (0.0, 0.0);
        let mut value = self.base - price * self.total_hz;
        for (row, (&cycles, &least_hz)) in cycles.iter().zip(minimum_hz).enumerate() {
            let later = later_price[row];
            let (mut hz, by_price) = self.curve.demand(price + later, cycles);
            if hz > least_hz {
                slope += by_price;
            } else {
                hz = least_hz;
            }
            sum += hz;
            value += self.curve.cost(cycles, hz) - self.least_cost[row] + later * (hz - least_hz);
            value += price * hz;
        }
        Dual {
            value,
            excess_hz: sum - self.total_hz,
            slope,
        }
    }

    /// The value, and the price at which the tasks take `total_hz`, which they can and would exceed for nothing: Newton's steps from
    /// below. The demand is convex and falls, so they never go too far. As soon as the value is sure to be `limit` or more, it is
    /// given as infinity.
    fn climb(&self, guess: f64, limit: f64) -> (f64, f64) {
        let mut price = guess;
        let mut dual = self.at(price);
        if dual.excess_hz < 0.0 && dual.value < limit {
            price = 0.0;
            dual = self.at(price);
        }
        for _ in 0..MOST_STEPS {
            let is_filled = dual.excess_hz <= TOLERANCE * self.total_hz || dual.slope >= 0.0;
            if is_filled || dual.value >= limit {
                break;
            }
            price -= dual.excess_hz / dual.slope;
            dual = self.at(price);
        }
        match dual.value < limit {
            true => (dual.value, price),
            false => (f64::INFINITY, price),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    /// The search's own price is that of P2, to the share of the CPU that may be missing, and so is its value; with a limit it says
    /// rightly on which side of it the value lies.
    #[test]
    fn oracle_the_filling_price_is_that_of_p2() {
        let mut stream = Streams::new(3).stream("filling-price");
        let mut squeezed = 0;
        for _ in 0..2000 {
            let curve = Curve::new(stream.uniform(0.05, 0.95), 3e-28);
            let tasks = 1 + stream.below(12);
            let mut draw = |min, max| (0..tasks).map(|_| stream.uniform(min, max)).collect();
            let (cycles, minimum_hz): (Vec<f64>, Vec<f64>) = (draw(3e8, 4.5e8), draw(1e8, 3e9));
            let later_price: Vec<f64> = draw(-1e-10, 2e-10);
            let later_price: Vec<f64> = later_price.iter().map(|price| price.max(0.0)).collect();
            let rows = Rows {
                cycles: &cycles,
                minimum_hz: &minimum_hz,
                later_price: &later_price,
            };
            let server = Server {
                curve,
                ..Server::default()
            };
            let least_hz: f64 = minimum_hz.iter().sum();
            let free_hz = server.demand(rows, 0.0).0;
            let total_hz = least_hz + stream.uniform(0.01, 0.99) * (free_hz - least_hz);
            if total_hz >= free_hz {
                continue;
            }
            squeezed += 1;
            let exact = server.price_for(rows, total_hz);
            let least_cost: Vec<f64> = cycles
                .iter()
                .zip(&minimum_hz)
                .map(|(&c, &hz)| curve.cost(c, hz))
                .collect();
            let base: f64 = least_cost.iter().sum();
            let paid = |row: usize| {
                let least_hz = minimum_hz[row];
                let hz = curve
                    .demand(exact + later_price[row], cycles[row])
                    .0
                    .max(least_hz);
                curve.cost(cycles[row], hz) + later_price[row] * (hz - least_hz)
            };
            let total: f64 = (0..tasks).map(paid).sum();
            for guess in [0.0, 0.3 * exact, exact, 20.0 * exact] {
                let fill = Fill {
                    curve: &curve,
                    rows,
                    least_cost: &least_cost,
                    total_hz,
                    base,
                };
                let (value, price) = fill.climb(guess, f64::INFINITY);
                // what is missing of the CPU, at what the price lacks
                let rounding = 1e-12 * total;
                let lost = 1.01 * TOLERANCE * total_hz * (exact - price).max(0.0) + rounding;
                assert!(
                    value <= total + rounding && value >= total - lost,
                    "{value} {total}"
                );
                for limit in [0.5, 0.99, 0.999_99, 1.000_01, 1.01] {
                    let limit = limit * total;
                    let (cut, _) = fill.climb(guess, limit);
                    match total < limit {
                        true => assert_eq!(cut.to_bits(), value.to_bits()),
                        false => assert!(cut.is_infinite()),
                    }
                }
                let taken_hz = server.demand(rows, price).0;
                assert!(price <= exact * (1.0 + 1e-9), "{price} {exact}");
                let missing_hz = (taken_hz - total_hz).abs();
                assert!(
                    missing_hz <= 1.01 * TOLERANCE * total_hz,
                    "{missing_hz} of {total_hz}"
                );
            }
        }
        assert!(squeezed > 1000, "{squeezed}");
    }
}
