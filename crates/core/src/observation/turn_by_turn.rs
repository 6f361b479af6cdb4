//! What is decided turn by turn, over rows: tasks that share CPU, destinations where tasks queue, hosts of sessions.

use super::destinations::Destinations;
use super::hosts::Hosts;
use super::{Encoder, Later, Observation};
use crate::slot::{Decision, Slot};

/// Shows a slot as turns and takes an action in each.
pub trait TurnByTurn: Send {
    /// Whether the rows can show `slot`.
    fn fits(&self, _slot: &Slot) -> bool {
        true
    }

    /// Says what later slots cost and where tasks enter, before a slot begins.
    fn price_later(&mut self, _later: &Later) {}

    /// Begins a slot.
    fn begin(&mut self, slot: &Slot);

    /// Goes on to the next turn; false when the slot is decided. The first turn always comes, perhaps without rows.
    fn observe(&mut self, slot: &Slot) -> bool;

    /// The present turn.
    fn observation(&self) -> &Observation;

    /// Takes an action per head.
    fn act(&mut self, slot: &Slot, actions: &[u32]);

    /// What was decided.
    fn decision(&mut self, slot: &Slot, decision: &mut Decision);
}

/// By methods of the type that have the same names; `$decision` for the one whose parameters differ.
macro_rules! turn_by_turn {
    ($turns:ty, $decision:expr $(, $differs:item)*) => {
        impl TurnByTurn for $turns {
            $($differs)*

            fn begin(&mut self, slot: &Slot) {
                self.begin(slot);
            }

            fn observe(&mut self, slot: &Slot) -> bool {
                self.observe(slot)
            }

            fn observation(&self) -> &Observation {
                self.observation()
            }

            fn act(&mut self, slot: &Slot, actions: &[u32]) {
                self.act(slot, actions);
            }

            fn decision(&mut self, slot: &Slot, decision: &mut Decision) {
                $decision(self, slot, decision);
            }
        }
    };
}

turn_by_turn!(
    Encoder,
    Self::decision,
    fn fits(&self, slot: &Slot) -> bool {
        self.fits(slot)
    },
    fn price_later(&mut self, later: &Later) {
        self.price_later(later);
    }
);
turn_by_turn!(Destinations, |turns, _, decision| Self::decision(
    turns, decision
));
turn_by_turn!(Hosts, |turns, _, decision| Self::decision(turns, decision));
