//! One RSU's CPU: the price at which its tasks take a given total.

use super::curve::{CPU_FLOOR_HZ, Curve};
use crate::slot::Slot;

/// Columns of the tasks at RSUs, grouped by RSU.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    /// Cycles C_n.
    pub cycles: Vec<f64>,
    /// Least share \[Hz\]; 0 for none.
    pub minimum_hz: Vec<f64>,
    /// Price of a Hz that the task holds in later slots; empty where none has any.
    pub later_price: Vec<f64>,
    /// Share granted \[Hz\].
    pub hz: Vec<f64>,
}

/// The tasks of one RSU.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Cycles C_n.
    pub cycles: &'a [f64],
    /// Least share \[Hz\]; 0 for none.
    pub minimum_hz: &'a [f64],
    /// Price of a Hz that the task holds in later slots; empty where none has any.
    pub later_price: &'a [f64],
}

impl Rows<'_> {
    /// What a Hz costs the task of `row` where it costs `price` in this slot.
    #[inline]
    fn whole_price(&self, row: usize, price: f64) -> f64 {
        match self.later_price.get(row) {
            Some(later_price) => price + later_price,
            None => price,
        }
    }
}

impl Tasks {
    /// The rows of `server`.
    #[must_use]
    pub fn of(&self, server: &Server) -> Rows<'_> {
        Rows {
            cycles: &self.cycles[server.start..server.end],
            minimum_hz: &self.minimum_hz[server.start..server.end],
            later_price: self
                .later_price
                .get(server.start..server.end)
                .unwrap_or_default(),
        }
    }

    /// Makes room for `count` tasks.
    pub fn resize(&mut self, count: usize) {
        self.cycles.resize(count, 0.0);
        self.minimum_hz.resize(count, 0.0);
        self.hz.resize(count, 0.0);
    }

    /// The least that all tasks of `server` may get together \[Hz\].
    #[must_use]
    pub fn least_hz_of(&self, server: &Server) -> f64 {
        let rows = server.start..server.end;
        rows.map(|row| self.least_hz(row, &server.curve)).sum()
    }

    /// The least share a task may get at an RSU with `curve` \[Hz\].
    #[must_use]
    pub fn least_hz(&self, row: usize, curve: &Curve) -> f64 {
        match curve {
            Curve::EnergyOnly { .. } => self.minimum_hz[row].max(CPU_FLOOR_HZ),
            _ => self.minimum_hz[row],
        }
    }
}

/// One RSU in P2.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Demand of a task.
    pub curve: Curve,
    /// Capacity F_m \[Hz\].
    pub cpu_hz: f64,
    /// CPU held by earlier tasks \[Hz\].
    pub reserved_hz: f64,
    /// First row of its tasks.
    pub start: usize,
    /// One past the last row of its tasks.
    pub end: usize,
    /// Price per Hz at which the tasks take what they were granted.
    pub price: f64,
    /// Sum of the shares granted \[Hz\].
    pub granted_hz: f64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            curve: Curve::new(1.0, 0.0),
            cpu_hz: 1.0,
            reserved_hz: 0.0,
            start: 0,
            end: 0,
            price: 0.0,
            granted_hz: 0.0,
        }
    }
}

/// Newton steps after which a solve stops wherever it is; bisection alone would be done by then.
const MAX_STEPS: usize = 200;

impl Server {
    /// RSU `m` of `slot` before any task is placed there.
    #[must_use]
    pub fn idle(slot: &Slot, m: usize) -> Self {
        Self {
            curve: Curve::new(slot.omega, slot.rsus.energy_coeff[m]),
            cpu_hz: slot.rsus.cpu_hz[m],
            reserved_hz: slot.rsus.cpu_hz[m] - slot.rsus.available_cpu_hz(m),
            ..Self::default()
        }
    }

    /// Whether no task is executed here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// CPU that may be granted \[Hz\].
    #[must_use]
    pub fn available_hz(&self) -> f64 {
        self.cpu_hz - self.reserved_hz
    }

    /// Load L_m (8).
    #[must_use]
    pub fn load(&self) -> f64 {
        (self.reserved_hz + self.granted_hz) / self.cpu_hz
    }

    /// Total demand at `price` \[Hz\] and its derivative by the price (<= 0).
    #[must_use]
    pub fn demand(&self, rows: Rows<'_>, price: f64) -> (f64, f64) {
        let demand = self.elastic_demand(rows, price);
        (demand.held_hz + demand.elastic_hz, demand.slope)
    }

    /// Ignores minimum shares that together exceed the capacity; whether it had to.
    pub fn drop_infeasible_minimums(&self, tasks: &mut Tasks) -> bool {
        let rows = &mut tasks.minimum_hz[self.start..self.end];
        let infeasible = rows.iter().sum::<f64>() > self.available_hz();
        if infeasible {
            rows.fill(0.0);
        }
        infeasible
    }

    /// P2 of this RSU alone: everybody's free demand if it fits, else the price mu that fills F_m.
    pub fn fill(&mut self, tasks: &mut Tasks) {
        if self.is_empty() {
            return;
        }
        self.price = self.fill_price(tasks.of(self));
        self.grant(tasks);
    }

    /// The price mu >= 0 of the CPU when `rows` are executed here.
    #[must_use]
    pub fn fill_price(&self, rows: Rows<'_>) -> f64 {
        if self.free_demand_hz(rows) > self.available_hz() {
            self.price_for(rows, self.available_hz())
        } else {
            0.0
        }
    }

    /// What the tasks take together where CPU costs nothing \[Hz\].
    fn free_demand_hz(&self, rows: Rows<'_>) -> f64 {
        match self.curve {
            _ if !rows.later_price.is_empty() => self.demand(rows, 0.0).0,
            Curve::Tradeoff { free_hz, .. } => rows
                .minimum_hz
                .iter()
                .map(|least_hz| least_hz.max(free_hz))
                .sum(),
            Curve::DelayOnly { .. } => f64::INFINITY,
            Curve::EnergyOnly { .. } => self.demand(rows, 0.0).0,
        }
    }

    /// Optimal value of P2 for `rows` at this RSU alone, and the price that goes with it.
    ///
    /// Infinite where the RSU has no CPU left, or not enough for the minimum shares.
    #[must_use]
    pub fn optimum(&self, rows: Rows<'_>) -> (f64, f64) {
        let least_hz = rows.minimum_hz.iter().sum::<f64>();
        if !rows.cycles.is_empty() && (self.available_hz() <= 0.0 || least_hz > self.available_hz())
        {
            return (f64::INFINITY, f64::INFINITY);
        }
        let price = self.fill_price(rows);
        let mut cost = 0.0;
        for (row, (&cycles, &minimum_hz)) in rows.cycles.iter().zip(rows.minimum_hz).enumerate() {
            let whole_price = rows.whole_price(row, price);
            let hz = self.curve.demand(whole_price, cycles).0.max(minimum_hz);
            cost += self.curve.cost(cycles, hz);
        }
        (cost, price)
    }

    /// Grants every task its demand at the present price, never more than the capacity together.
    pub fn grant(&mut self, tasks: &mut Tasks) {
        let mut total = 0.0;
        for row in self.start..self.end {
            let later_price = tasks.later_price.get(row).copied().unwrap_or(0.0);
            let hz = self
                .curve
                .demand(self.price + later_price, tasks.cycles[row])
                .0
                .max(tasks.minimum_hz[row]);
            tasks.hz[row] = hz;
            total += hz;
        }
        // What Newton's last digit left over the capacity.
        if total > self.available_hz() {
            let factor = self.available_hz() / total;
            for hz in &mut tasks.hz[self.start..self.end] {
                *hz *= factor;
            }
            total = self.available_hz();
        }
        self.granted_hz = total;
    }

    /// The price at which the tasks take `total_hz` together.
    ///
    /// Newton on 1 / demand^2, which is linear in the price where capacity is scarce (F ~ p^(-1/2)),
    /// or on the demand itself, linear where CPU is in excess (p < 0); kept inside a bracket.
    #[must_use]
    pub fn price_for(&self, rows: Rows<'_>, total_hz: f64) -> f64 {
        let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut price = self.price_guess(rows, total_hz);
        for _ in 0..MAX_STEPS {
            let demand = self.elastic_demand(rows, price);
            let excess = demand.held_hz + demand.elastic_hz - total_hz;
            if excess.abs() <= 1e-15 * total_hz {
                break;
            }
            if excess > 0.0 {
                below = price;
            } else {
                above = price;
            }
            let wanted = total_hz - demand.held_hz;
            let step = if price > 0.0 && wanted > 0.0 {
                let ratio = demand.elastic_hz / wanted;
                0.5 * (1.0 - ratio * ratio) * demand.elastic_hz / demand.slope
            } else {
                -excess / demand.slope
            };
            // Newton is quadratic: after a step this small the next would be below rounding.
            if step.abs() <= 1e-9 * price.abs() {
                price += step;
                break;
            }
            price = inside(price + step, price, below, above);
        }
        price
    }

    /// Exact where all tasks are equal: F = total / K, y = F0 / F, s = y^2 - 1/y.
    fn price_guess(&self, rows: Rows<'_>, total_hz: f64) -> f64 {
        let cycles = rows.cycles;
        let count = cycles.len() as f64;
        match self.curve {
            Curve::Tradeoff { omega, free_hz } => {
                let y = free_hz * count / total_hz;
                let mean = cycles.iter().sum::<f64>() / count;
                (y * y - 1.0 / y) * omega * mean / (free_hz * free_hz)
            }
            Curve::DelayOnly { omega, .. } => {
                let roots = cycles.iter().map(|c| c.sqrt()).sum::<f64>();
                omega * roots * roots / (total_hz * total_hz)
            }
            Curve::EnergyOnly { energy_coeff } => {
                let inverse = cycles.iter().map(|c| 1.0 / c).sum::<f64>();
                -2.0 * energy_coeff * total_hz / inverse
            }
        }
    }

    fn elastic_demand(&self, rows: Rows<'_>, price: f64) -> Demand {
        // Decided once: a look at later prices in every row costs a tenth of a solve.
        if rows.later_price.is_empty() {
            self.sum_demand(rows, |_| price)
        } else {
            self.sum_demand(rows, |row| price + rows.later_price[row])
        }
    }

    #[inline(always)]
    fn sum_demand(&self, rows: Rows<'_>, price_of: impl Fn(usize) -> f64) -> Demand {
        let mut demand = Demand {
            held_hz: 0.0,
            elastic_hz: 0.0,
            slope: 0.0,
        };
        for (row, (&cycles, &minimum_hz)) in rows.cycles.iter().zip(rows.minimum_hz).enumerate() {
            let (hz, slope) = self.curve.demand(price_of(row), cycles);
            if hz > minimum_hz {
                demand.elastic_hz += hz;
                demand.slope += slope;
            } else {
                demand.held_hz += minimum_hz;
            }
        }
        demand
    }
}

struct Demand {
    /// Of tasks at their minimum share \[Hz\].
    held_hz: f64,
    /// Of all others \[Hz\].
    elastic_hz: f64,
    /// Derivative of the latter by the price.
    slope: f64,
}

/// `next` where it lies strictly between the bracket's ends, else a point that does.
pub(super) fn inside(next: f64, now: f64, below: f64, above: f64) -> f64 {
    if next > below && next < above {
        next
    } else if below.is_finite() && above.is_finite() {
        0.5 * (below + above)
    } else if below.is_finite() {
        now + 2.0 * now.abs().max(f64::MIN_POSITIVE)
    } else {
        now - 2.0 * now.abs().max(f64::MIN_POSITIVE)
    }
}
