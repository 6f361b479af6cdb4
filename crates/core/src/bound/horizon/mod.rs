//! The horizon bound: a certificate for a whole run in which tasks hold CPU over several slots.
//!
//! Under `carry_over` a task that takes k slots holds its share F in each of them. Prices lambda_mt for the band of RSU
//! m in slot t and mu_mt for its CPU relax the two capacities of every slot. For any prices that are not negative,
//!
//! ```text
//! LB = sum_n min{ local_n ; min over covering m, any m', j >= 1, k >= 1 of j a_nm + lambda_mt / j + hops + h_k }
//!      - sum lambda_mt - sum mu_mt F_m
//! h_k = min over F >= C / (k slot - tau) of  omega C / F + (1 - omega) kappa F^2 C + F (mu_m't + .. + mu_m',t+k-1)
//! ```
//!
//! with t the slot of task n, j the number of tasks that share the band, and tau its time to upload and migrate. LB bounds
//! the summed cost of every policy on these tasks, also of one that knows the future: every schedule meets sum 1/j <= 1 and
//! sum F <= F_m in each slot, and queues on vehicles only add cost. After the last slot prices are zero.
//!
//! Where servers and links fail, each slot has the coverage and the ways of what works in it, a server that does not has neither CPU nor a
//! price, and k ends before the next slot in which it does not: a task that it interrupts costs at least what it costs on its vehicle.
//!
//! Prices are found in a window of slots that moves along the run: quasi-Newton steps on the smoothed dual
//! (`ascent`) starting from the prices of the slots before. The first `STRIDE` slots of a window then keep their
//! prices. The bound is the sum of the slots' values at the prices kept, whatever these are, so every window length gives
//! a valid bound; a short one gives a looser bound. Time is linear in slots, memory that of the window.

pub(in crate::bound) mod ascent;
mod stage;
mod ways;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::bound::dual::{self, Dual};
use crate::slot::Slot;
use ascent::{Ascent, Until};
use stage::{Constants, Search, Stage};
use ways::Ways;

/// Slots in which a task's hold on CPU is counted; what it holds longer costs no more.
const MOST_SLOTS: usize = 6;
/// How hard prices are looked for. The bound is as valid with any.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Effort {
    /// Slots whose prices are found together, and by how many the window moves.
    window: usize,
    stride: usize,
    /// Slots before the window whose tasks are looked at too, as they hold CPU in it.
    back: usize,
    /// Temperatures relative to the mean cost of a task: all of them for the first window, the last ones after it.
    temperatures: &'static [f64],
    warm: usize,
    /// Whether the mean cost is found anew for every window.
    rescales: bool,
    until: Until,
}

impl Effort {
    const FINE: Self = Self {
        window: 12,
        stride: 4,
        back: MOST_SLOTS,
        temperatures: &[4e-2, 1e-2, 3e-3, 1e-3, 3e-4],
        warm: 2,
        rescales: true,
        until: Until::NEAR,
    };
    /// For a few times the time of a decision by `plan-ahead`: the prices of the slot before are nearly right (decision 36).
    const FAST: Self = Self {
        window: 6,
        stride: 4,
        back: 1,
        temperatures: &[4e-2, 1e-2, 3e-3, 1e-3],
        warm: 1,
        rescales: false,
        until: Until {
            steps: 12,
            gain: 2e-5,
        },
    };

    /// For a bound that may be about `tolerance` below the largest one, relative to it.
    fn within(tolerance: f64) -> Self {
        /// From here on the fast one will do.
        const ROUGH: f64 = 2e-2;
        match tolerance < ROUGH {
            true => Self::FINE,
            false => Self::FAST,
        }
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self::FINE
    }
}

/// Bounds a run whose slots it is shown one after the other.
#[derive(Clone, Debug, Default)]
pub struct Horizon {
    effort: Effort,
    constants: Constants,
    ways: Option<Arc<Ways>>,
    /// The slots that are not finished: first those whose prices are kept, then the window.
    stages: VecDeque<Stage>,
    kept: usize,
    /// Prices expected after the window, per RSU.
    beyond: Vec<f64>,
    /// Scale of each RSU's prices of band and CPU.
    scale: Vec<f64>,
    search: Search,
    ascent: Ascent,
    /// Mean cost of a task in the window last scaled by it.
    mean: f64,
    dual: Dual,
    /// What the tasks cost at least if each had the RSUs to itself: hardly tight, but never below zero.
    alone: f64,
    trivial: Dual,
    /// Values of the slots that are finished.
    value: f64,
    warm: bool,
    /// Stages to use again.
    spare: Vec<Stage>,
}

impl Horizon {
    /// May stay about so far below the largest bound of its kind, relative to it.
    #[must_use]
    pub fn within(tolerance: f64) -> Self {
        Self {
            effort: Effort::within(tolerance),
            ..Self::default()
        }
    }

    /// Takes the next slot, with all CPU free and no queues.
    pub fn push(&mut self, slot: &Slot) {
        if self.stages.is_empty() && !self.warm {
            self.constants = Constants::new(slot);
        }
        self.alone += self.trivial.alone_in(slot);
        let ways = self.ways.take().filter(|ways| ways.are_of(slot));
        let ways = ways.unwrap_or_else(|| Arc::new(Ways::new(slot)));
        let mut stage = self.spare.pop().unwrap_or_default();
        stage.fill(slot, &ways);
        self.ways = Some(ways);
        match self.stages.back() {
            Some(before) => stage.start_from(before),
            None => self.cold_start(slot, &mut stage),
        }
        self.stages.push_back(stage);
        if self.stages.len() - self.kept == self.effort.window {
            self.solve();
            self.keep(self.effort.stride);
        }
    }

    /// The bound on the summed cost of all tasks pushed, after the last slot; then it is ready for another run.
    pub fn finish(&mut self) -> f64 {
        self.beyond.fill(0.0);
        if self.stages.len() > self.kept {
            self.solve();
        }
        self.keep(self.stages.len() - self.kept);
        while !self.stages.is_empty() {
            self.close_first();
        }
        self.kept = 0;
        self.warm = false;
        // Extreme numbers can leave the prices where the bound says nothing.
        let alone = std::mem::take(&mut self.alone);
        std::mem::take(&mut self.value).max(alone)
    }

    /// Prices of the first slot by itself.
    fn cold_start(&mut self, slot: &Slot, stage: &mut Stage) {
        let cost = self.dual.solve(slot, dual::Effort::DECIDE);
        let prices = self.dual.prices();
        stage.band.clone_from(&prices.band);
        stage.cpu.clone_from(&prices.cpu);
        self.beyond.clone_from(&prices.cpu);
        // held over slots, CPU may be dear where it costs next to nothing in one: up to what its tasks cost
        let unit = (cost / slot.rsus.len().max(1) as f64).max(f64::MIN_POSITIVE);
        self.scale.clear();
        self.scale
            .extend(prices.band.iter().map(|price| price.max(0.02 * unit)));
        self.scale.resize(2 * slot.rsus.len(), unit);
    }

    /// Finds prices for the window.
    fn solve(&mut self) {
        let effort = self.effort;
        let temperatures = effort.temperatures;
        let first = match self.warm {
            true => temperatures.len() - effort.warm,
            false => 0,
        };
        let rescales = effort.rescales || !self.warm;
        self.warm = true;
        let Self {
            constants,
            stages,
            kept,
            beyond,
            scale,
            search,
            ascent,
            mean,
            ..
        } = self;
        let old = kept.saturating_sub(effort.back);
        let mut point: Vec<f64> = Vec::new();
        for stage in stages.iter().skip(*kept) {
            let prices = stage.band.iter().chain(&stage.cpu);
            point.extend(prices.zip(&*scale).map(|(price, scale)| price / scale));
        }
        if rescales {
            *mean = search.mean_cost(constants, stages, beyond);
        }
        for temperature in &temperatures[first..] {
            let mut dual = |point: &[f64], gradient: &mut Vec<f64>| {
                for (stage, point) in stages
                    .iter_mut()
                    .skip(*kept)
                    .zip(point.chunks(scale.len().max(1)))
                {
                    stage.set_prices(point, scale);
                }
                let smooth = temperature * *mean;
                let value = search.pass(constants, (stages, old), beyond, smooth);
                gradient.clear();
                for stage in stages.iter().skip(*kept) {
                    stage.gradient(scale, gradient);
                }
                value
            };
            ascent.climb(&mut point, effort.until, &mut dual);
        }
        let rows = point.chunks(scale.len().max(1));
        for (stage, point) in stages.iter_mut().skip(*kept).zip(rows) {
            stage.set_prices(point, scale);
        }
    }

    /// Keeps the prices of the next slots, and finishes those that no open price reaches.
    fn keep(&mut self, slots: usize) {
        self.kept += slots;
        if let Some(last) = self.kept.checked_sub(1) {
            for (beyond, price) in self.beyond.iter_mut().zip(&self.stages[last].cpu) {
                if self.stages.len() > self.kept {
                    *beyond = *price;
                }
            }
        }
        while self.kept >= MOST_SLOTS {
            self.close_first();
        }
    }

    fn close_first(&mut self) {
        self.value += self
            .search
            .first_value(&self.constants, &self.stages, &self.beyond);
        self.spare.extend(self.stages.pop_front());
        self.kept = self.kept.saturating_sub(1);
    }
}
