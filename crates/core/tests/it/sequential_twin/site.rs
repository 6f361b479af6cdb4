//! An RSU as the twin sees it.

use super::*;

/// Loads of an RSU.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) curve: Curve,
    pub(super) free_demand_hz: f64,
    pub(super) capacity_hz: f64,
    pub(super) available_hz: f64,
    pub(super) entering: f64,
    pub(super) upload: f64,
    pub(super) held_hz: f64,
    /// Least shares of decided tasks that have a number of slots.
    pub(super) least_hz: f64,
    pub(super) elastic: f64,
    pub(super) cycles: f64,
}

impl Site {
    pub(super) fn new(slot: &Slot, m: usize) -> Self {
        let curve = Curve::new(slot.omega, slot.rsus.energy_coeff[m]);
        Self {
            free_demand_hz: match curve {
                Curve::Tradeoff { free_hz, .. } => free_hz,
                Curve::DelayOnly { .. } => f64::INFINITY,
                Curve::EnergyOnly { .. } => CPU_FLOOR_HZ,
            },
            curve,
            capacity_hz: slot.rsus.cpu_hz[m],
            available_hz: slot.rsus.available_cpu_hz(m),
            entering: 0.0,
            upload: 0.0,
            held_hz: 0.0,
            least_hz: 0.0,
            elastic: 0.0,
            cycles: 0.0,
        }
    }

    pub(super) fn free_hz(&self) -> f64 {
        self.available_hz - self.held_hz
    }

    pub(super) fn share_hz(&self, count: f64, pool_hz: f64) -> f64 {
        (pool_hz.max(LEAST_FREE_SHARE * self.capacity_hz) / count).min(self.free_demand_hz)
    }

    pub(super) fn execution_cost(&self, pool_hz: f64) -> f64 {
        if self.elastic > 0.0 {
            let share_hz = self.share_hz(self.elastic, pool_hz);
            self.curve.cost(self.cycles, share_hz)
        } else {
            0.0
        }
    }

    pub(super) fn cost(&self) -> f64 {
        self.entering * self.upload + self.execution_cost(self.free_hz())
    }

    pub(super) fn leave(&mut self, upload: f64) {
        self.entering -= 1.0;
        self.upload = if self.entering > 0.0 {
            self.upload - upload
        } else {
            0.0
        };
    }

    pub(super) fn drop(&mut self, cycles: f64) {
        self.elastic -= 1.0;
        self.cycles = if self.elastic > 0.0 {
            self.cycles - cycles
        } else {
            0.0
        };
    }
}
