//! Least ahead: the rule that a learned policy starts from where its actions say for how many slots tasks hold their CPU, untrained.
//!
//! Every task takes the row with the least total, what it pays for CPU in later slots included: `least-total` with the numbers of
//! slots, entries and prices of `plan-ahead`, without its search. Where slots stand alone it is `least-total`.

use super::Policy;
use super::learned::Learned;
use super::least::Least;
use crate::observation::{Form, TOTAL_ABOVE_LEAST, Turns};
use crate::scenario::PlanAheadOptions;
use crate::slot::{Decision, Slot};

/// The most slots that an action may name.
const MOST_SLOTS: usize = 32;
/// How often every task is decided.
const PASSES: usize = 2;

/// The rule as a policy.
pub struct LeastAhead<P> {
    ahead: Learned<Least>,
    /// Decides where slots stand alone.
    alone: P,
}

impl<P: Policy> LeastAhead<P> {
    /// From nothing; `alone` decides where slots stand alone.
    ///
    /// # Panics
    /// Never: its layout makes sense.
    #[must_use]
    pub fn new(options: PlanAheadOptions, alone: P) -> Self {
        let form = Form::Sequential {
            // of RSUs only the cheapest can win
            options: 1,
            turns: Turns::SmallFirst,
            passes: PASSES,
        };
        let least = Least::new(form, TOTAL_ABOVE_LEAST).choosing_slots(MOST_SLOTS);
        let ahead = Learned::new(least).expect("the layout makes sense");
        Self {
            ahead: ahead.pricing_later(options),
            alone,
        }
    }
}

impl<P: Policy> Policy for LeastAhead<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        match slot.carry_over {
            true => self.ahead.decide(slot, decision),
            false => self.alone.decide(slot, decision),
        }
    }
}
