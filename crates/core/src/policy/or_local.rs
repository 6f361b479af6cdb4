//! Falls back to local: the result never costs more than running every task on its vehicle, under any load.
//!
//! A network guarantees nothing for loads that it was not trained on. This wrapper does, where slots are independent: it
//! prices the slot by the exact P2, (16e) included, and runs everything locally where that is cheaper.

use super::Policy;
use super::baselines::Local;
use crate::alloc::Allocator;
use crate::evaluate::{Evaluator, Outcome};
use crate::slot::{Decision, Slot};

/// A policy, or all-local where that is cheaper; keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct OrLocal<P> {
    policy: P,
    allocator: Allocator,
    evaluator: Evaluator,
    cpu_hz: Vec<f64>,
    outcomes: Vec<Outcome>,
}

impl<P> OrLocal<P> {
    /// What `policy` decides, unless that is dearer.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            allocator: Allocator::default(),
            evaluator: Evaluator::default(),
            cpu_hz: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Whether the slot costs more under `decision` than with every task on its vehicle, or is NaN.
    fn is_dearer_than_local(&mut self, slot: &Slot, decision: &Decision) -> bool {
        let placements = &decision.placements;
        self.allocator
            .solve(slot, placements, &decision.minimum_hz, &mut self.cpu_hz);
        self.evaluator
            .outcomes(slot, placements, &self.cpu_hz, &mut self.outcomes);
        let decided: f64 = self.outcomes.iter().map(|o| o.cost(slot.omega)).sum();
        let local: f64 = (0..placements.len()).map(|n| slot.local_cost(n)).sum();
        decided.is_nan() || decided > local
    }
}

impl<P: Policy> Policy for OrLocal<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.policy.decide(slot, decision);
        if self.is_dearer_than_local(slot, decision) {
            Local.decide(slot, decision);
            decision.minimum_hz.clear();
            decision.later_price.clear();
        }
    }
}
