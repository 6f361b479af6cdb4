//! Slot-fit: what the per-slot optimum lacks under `carry_over`.
//!
//! With slots shorter than a task takes, the optimum of one slot lets tasks run on into the next and hold
//! CPU there: at 0.30 s it ends up half as expensive again. Slot-fit adds to P2 that a task must end
//! within its slot, F_n >= C_n / (slot - t_tra - t_mig), so that every slot starts with all CPU free.
//! Tasks that do not fit run on their vehicles.

use super::Policy;
use super::baselines::Nearest;
use crate::assignment::{Assignment, Fit};
use crate::slot::order::Order;
use crate::slot::{Decision, Slot};

/// Places tasks one by one where they fit, largest first, then sweeps.
#[derive(Clone, Debug)]
pub struct SlotFit {
    sweeps: usize,
    assignment: Assignment,
    order: Order,
}

/// Tasks admitted beyond the plan: with none the placement is rigid, with more the uploads get slow.
const SLACK: f64 = 1.0;

impl SlotFit {
    /// `sweeps` best-response sweeps after the first placement.
    #[must_use]
    pub fn new(sweeps: usize) -> Self {
        Self {
            sweeps,
            assignment: Assignment::default(),
            order: Order::default(),
        }
    }

    /// Room for as many tasks per entry RSU as the per-slot optimum would let in, and [`SLACK`] more.
    fn plan(&mut self, slot: &Slot, decision: &mut Decision) -> Fit {
        Nearest.decide(slot, decision);
        self.assignment
            .start_from(slot, self.order.tasks(), &decision.placements);
        self.assignment.sweep(slot, self.sweeps);
        Fit {
            entering: self
                .assignment
                .entering()
                .map(|count| count + SLACK)
                .collect(),
        }
    }
}

impl Policy for SlotFit {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        // Large tasks fit into little else but an empty RSU.
        self.order.by_size(slot);
        let fit = self.plan(slot, decision);
        self.assignment.reset_fitted(slot, self.order.tasks(), fit);
        for row in 0..self.order.tasks().len() {
            self.assignment.put_best(slot, row);
        }
        self.assignment.sweep(slot, self.sweeps);
        self.assignment.write_placements(&mut decision.placements);
        self.assignment.minimum_hz(slot, &mut decision.minimum_hz);
    }
}
