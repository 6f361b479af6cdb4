//! Sums over the slot, which make the context of a turn.

use super::Promise;
use crate::observation::features::{over, share, squash};
use crate::observation::tentative::Site;
use crate::observation::{CONTEXT, Layout};
use crate::slot::{Placement, Slot};

/// Sums over the slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) capacity_hz: f64,
    pub(super) available_hz: f64,
    pub(super) elastic_hz: f64,
    pub(super) held_hz: f64,
    /// Decisions of the slot, those of earlier passes, and those of this one.
    pub(super) decisions: f64,
    pub(super) before: f64,
    pub(super) decided: f64,
    pub(super) decided_local: f64,
    /// Sums over decided tasks of what is in their offers.
    pub(super) beyond_hz: [f64; 2],
    pub(super) waits_s: f64,
    /// Cost of everything that is not in the sites.
    pub(super) rest: f64,
    /// Cost of everything.
    pub(super) cost: f64,
}

impl Totals {
    /// A task is no longer where it was expected or put.
    pub(super) fn forget(
        &mut self,
        slot: &Slot,
        task: usize,
        placement: Placement,
        promise: Option<Promise>,
        sites: &[Site],
    ) {
        let Placement::Rsu { entry, execution } = placement else {
            self.rest -= slot.local_cost(task);
            return;
        };
        match promise {
            Some(Promise { hz, own }) => {
                self.held_hz -= hz;
                self.rest -= own;
            }
            None => {
                let site = &sites[execution as usize];
                self.elastic_hz -= site.free_demand_hz.min(site.capacity_hz);
            }
        }
        if entry != execution
            && let Some(target) = slot.routes.find(entry, execution)
        {
            self.rest -= slot.migration_cost(slot.tasks.data_bits[task], target);
        }
    }

    /// What is counted of decided tasks is counted anew.
    pub(super) fn begin_pass(&mut self) {
        self.before += self.decided;
        self.decided = 0.0;
        self.decided_local = 0.0;
        self.beyond_hz = [0.0; 2];
        self.waits_s = 0.0;
    }

    /// Appends the features of the slot as a whole.
    pub(super) fn context(
        &self,
        slot: &Slot,
        layout: &Layout,
        still: &[f32],
        context: &mut Vec<f32>,
    ) {
        let tasks = (slot.tasks.len() as f64).max(1.0);
        let totals = self;
        let [decided, cost, local, held, elastic, next, after, waits_s] = over(
            [
                totals.before + totals.decided,
                totals.cost,
                totals.decided_local,
                totals.held_hz,
                totals.elastic_hz,
                totals.beyond_hz[0],
                totals.beyond_hz[1],
                totals.waits_s,
            ],
            [
                totals.decisions,
                tasks,
                totals.decided.max(1.0),
                totals.available_hz,
                totals.available_hz,
                totals.capacity_hz,
                totals.capacity_hz,
                tasks,
            ],
        );
        context.extend_from_slice(still);
        context.extend_from_slice(&[
            share(decided),
            squash(cost / (0.5 * layout.scales.cost)),
            share(local),
            share(held),
            squash(elastic),
            share(next),
            share(after),
            squash(waits_s / slot.slot_s),
        ]);
        debug_assert_eq!(context.len(), CONTEXT);
    }
}
