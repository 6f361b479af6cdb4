//! What a task costs at least at any RSU, at the present prices.

use super::prices::Site;
use crate::parallel;

/// Lower bound of what a task runs for at any RSU at the present prices. It spares looking at far RSUs one
/// by one, and bounds those beyond the routes' reach.
///
/// The least of g(mu_m, C) over m is concave in C, a minimum of functions linear in C. So the chords
/// between a few knots lie below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Floor {
    /// Cycles at the knots, from the slot's smallest task to its largest.
    pub(super) cycles: [f64; KNOTS],
    pub(super) cost: [f64; KNOTS],
}

pub(super) const KNOTS: usize = 6;

impl Floor {
    /// Spaces the knots evenly in the logarithm over the slot's tasks.
    pub(super) fn span(&mut self, cycles: &[f64]) {
        let least = cycles.iter().copied().fold(f64::INFINITY, f64::min);
        let most = cycles.iter().copied().fold(0.0, f64::max);
        let ratio = (most / least).powf(1.0 / (KNOTS - 1) as f64);
        self.cycles[0] = least;
        for k in 1..KNOTS {
            self.cycles[k] = self.cycles[k - 1] * ratio;
        }
        self.cycles[KNOTS - 1] = most;
    }

    pub(super) fn set(&mut self, sites: &[Site], theta: &[f64]) {
        let cycles = &self.cycles;
        self.cost = parallel::fold(
            sites,
            theta,
            || [f64::INFINITY; KNOTS],
            |mut costs, site, &theta| {
                if site.available_hz > 0.0 {
                    let price = theta / site.available_hz;
                    for (cost, &cycles) in costs.iter_mut().zip(cycles) {
                        let priced = site
                            .curve
                            .priced_cost(price, cycles, 0.0, site.available_hz);
                        *cost = cost.min(priced.0);
                    }
                }
                costs
            },
            |a, b| std::array::from_fn(|k| a[k].min(b[k])),
        );
    }

    /// At least this much, wherever a task of `cycles` runs; infinite where no RSU has any CPU.
    pub(super) fn cost(&self, cycles: f64) -> f64 {
        let k = self.cycles[1..KNOTS - 1].partition_point(|&knot| knot < cycles);
        let width = self.cycles[k + 1] - self.cycles[k];
        let along = if width > 0.0 {
            (cycles - self.cycles[k]) / width
        } else {
            0.0
        };
        let chord = self.cost[k] + along.clamp(0.0, 1.0) * (self.cost[k + 1] - self.cost[k]);
        if chord.is_nan() { f64::INFINITY } else { chord }
    }
}
