//! Best response: in turn, each task takes its best placement given all others.

use super::Policy;
use super::baselines::Nearest;
use crate::assignment::Assignment;
use crate::slot::order::Order;
use crate::slot::{Decision, Slot};

/// Sweeps from the nearest RSUs until nothing moves. Each move lowers the cost of the whole slot.
#[derive(Clone, Debug)]
pub struct BestResponse {
    sweeps: usize,
    assignment: Assignment,
    order: Order,
}

impl BestResponse {
    /// At most `sweeps` sweeps over the tasks.
    #[must_use]
    pub fn new(sweeps: usize) -> Self {
        Self {
            sweeps,
            assignment: Assignment::default(),
            order: Order::default(),
        }
    }
}

impl Policy for BestResponse {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        Nearest.decide(slot, decision);
        self.order.canonical(slot);
        self.assignment
            .start_from(slot, self.order.tasks(), &decision.placements);
        self.assignment.sweep(slot, self.sweeps);
        self.assignment.write_placements(&mut decision.placements);
    }
}
