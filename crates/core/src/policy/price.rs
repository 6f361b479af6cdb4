//! Price: each task takes its best option at the bound's prices, then a sweep or two of best response.
//!
//! Without sweeps tasks herd, because all find the same RSU cheap: 4.8 % above the optimum at a hot spot in the
//! prototype, 0.23 % after two sweeps.

use super::Policy;
use crate::assignment::Assignment;
use crate::bound::dual::{Dual, Effort};
use crate::scenario::{PriceEffort, PriceOptions};
use crate::slot::{Decision, Placement, Slot};

/// Prices stay warm from slot to slot.
#[derive(Clone, Debug)]
pub struct Price {
    options: PriceOptions,
    dual: Dual,
    assignment: Assignment,
}

impl Price {
    /// Without prices of an earlier slot.
    #[must_use]
    pub fn new(options: PriceOptions) -> Self {
        Self {
            options,
            dual: Dual::default(),
            assignment: Assignment::default(),
        }
    }
}

impl Policy for Price {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.assignment.hand_back(self.dual.table_and_choices().0);
        self.dual.solve(slot, effort(self.options.effort));
        let (table, choices) = self.dual.table_and_choices();
        self.assignment
            .start_with(slot, table, choices.iter().copied().map(placement));
        self.assignment.sweep(slot, self.options.sweeps);
        self.assignment.write_placements(&mut decision.placements);
    }
}

fn placement(choice: Option<(u32, u32)>) -> Placement {
    choice.map_or(Placement::Local, |(entry, execution)| Placement::Rsu {
        entry,
        execution,
    })
}

fn effort(effort: PriceEffort) -> Effort {
    match effort {
        PriceEffort::Accurate => Effort::CERTIFY,
        PriceEffort::Fast => Effort::DECIDE,
    }
}
