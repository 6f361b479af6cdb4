//! Learned: a network's likeliest choice, turn by turn.

use super::Policy;
use super::plan_ahead::LaterPrices;
use crate::error::Result;
use crate::observation::turn_by_turn::TurnByTurn;
use crate::observation::{Encoder, Scorer};
use crate::scenario::PlanAheadOptions;
use crate::slot::{Decision, Placement, Slot};

/// A trained network as a policy; also a rule that scores the same rows.
pub struct Learned<S, T = Encoder> {
    scorer: S,
    turns: T,
    /// Where actions name numbers of slots.
    later: Option<LaterPrices>,
    logits: Vec<f32>,
    actions: Vec<u32>,
}

impl<S: Scorer> Learned<S> {
    /// Decides tasks that share CPU by `scorer`. Whether its layout can serve a world or a slot is for the caller to check
    /// ([`Layout::serves_world`](crate::observation::Layout::serves_world),
    /// [`serves`](crate::observation::Layout::serves)): a policy cannot fail.
    ///
    /// # Errors
    /// A layout that makes no sense.
    pub fn new(scorer: S) -> Result<Self> {
        let encoder = Encoder::new(scorer.layout().clone())?;
        Ok(Self::turn_by_turn(scorer, encoder))
    }
}

impl<S: Scorer, T: TurnByTurn> Learned<S, T> {
    /// Decides `turns`, whose rows are those of the layout of `scorer`.
    #[must_use]
    pub fn turn_by_turn(scorer: S, turns: T) -> Self {
        let priced = scorer.layout().priced;
        Self {
            scorer,
            turns,
            later: priced.then(|| LaterPrices::new(PlanAheadOptions::default())),
            logits: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Where actions name numbers of slots, later ones are priced by `options`.
    #[must_use]
    pub fn pricing_later(mut self, options: PlanAheadOptions) -> Self {
        if self.later.is_some() {
            self.later = Some(LaterPrices::new(options));
        }
        self
    }
}

impl<S: Scorer, T: TurnByTurn> Policy for Learned<S, T> {
    /// In a slot that the layout cannot serve, what it does not see runs on its vehicle.
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            turns,
            later,
            logits,
            actions,
        } = self;
        if !turns.fits(slot) {
            decision.placements.clear();
            decision
                .placements
                .resize(slot.tasks.len(), Placement::Local);
            decision.minimum_hz.clear();
            return;
        }
        if let Some(later) = later {
            turns.price_later(later.price(slot));
        }
        turns.begin(slot);
        while turns.observe(slot) {
            logits.clear();
            if !turns.observation().is_empty() {
                scorer.score(turns.observation(), logits);
            }
            turns.observation().greedy(logits, actions);
            turns.act(slot, actions);
        }
        turns.decision(slot, decision);
    }
}
