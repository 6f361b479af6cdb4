//! Ways over the backhaul, and what they cost.

use std::sync::Arc;

use crate::backhaul::{Routes, Target};
use crate::slot::Slot;

/// The ways of a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    /// What they are of.
    routes: Arc<Routes>,
    /// From RSU m: `ways[start[m]..start[m + 1]]`, the RSU itself first.
    ways: Vec<Way>,
    start: Vec<u32>,
    /// Least cost per bit of a way to an RSU beyond those.
    pub(super) far_cost_per_bit: Vec<Option<f64>>,
}

impl Ways {
    pub(super) fn new(slot: &Slot) -> Self {
        let mut ways = Self {
            routes: Arc::clone(&slot.routes),
            start: vec![0],
            ..Self::default()
        };
        for m in 0..slot.rsus.len() {
            let targets = slot.routes.targets(m as u32);
            ways.ways
                .extend(targets.iter().map(|target| Way::new(slot, target)));
            ways.start.push(ways.ways.len() as u32);
            let far = slot.routes.beyond[m];
            ways.far_cost_per_bit
                .push(far.map(|far| slot.least_migration_cost(1.0, far.hops, far.seconds_per_bit)));
        }
        ways
    }

    /// Whether `slot` has these ways.
    pub(super) fn are_of(&self, slot: &Slot) -> bool {
        Arc::ptr_eq(&self.routes, &slot.routes)
    }

    /// Those from RSU `m`.
    pub(super) fn from(&self, m: u32) -> &[Way] {
        &self.ways[self.start[m as usize] as usize..self.start[m as usize + 1] as usize]
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) rsu: u32,
    pub(super) cost_per_bit: f64,
    /// Cost of waiting behind bits already on the links.
    pub(super) wait_cost: f64,
    pub(super) s_per_bit: f64,
}

impl Way {
    fn new(slot: &Slot, target: &Target) -> Self {
        let wait_cost = slot.migration_cost(0.0, target);
        let link_s_per_bit = target.seconds_per_bit / f64::from(target.hops.max(1));
        Self {
            rsu: target.rsu,
            cost_per_bit: slot.least_migration_cost(1.0, target.hops, link_s_per_bit),
            wait_cost,
            s_per_bit: target.seconds_per_bit,
        }
    }

    pub(super) fn cost(&self, data_bits: f64) -> f64 {
        self.cost_per_bit * data_bits + self.wait_cost
    }
}
