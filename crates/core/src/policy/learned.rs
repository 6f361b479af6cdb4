//! Learned: a network's likeliest choice, turn by turn.

use super::Policy;
use super::plan_ahead::LaterPrices;
use crate::error::Result;
use crate::observation::{Encoder, Scorer};
use crate::scenario::PlanAheadOptions;
use crate::slot::{Decision, Placement, Slot};

/// A trained network as a policy.
pub struct Learned<S> {
    scorer: S,
    encoder: Encoder,
    /// Where actions name numbers of slots.
    later: Option<LaterPrices>,
    logits: Vec<f32>,
    actions: Vec<u32>,
}

impl<S: Scorer> Learned<S> {
    /// Decides by `scorer`. Whether its layout can serve a world or a slot is for the caller to check
    /// ([`Layout::serves_world`](crate::observation::Layout::serves_world),
    /// [`serves`](crate::observation::Layout::serves)): a policy cannot fail.
    ///
    /// # Errors
    /// A layout that makes no sense.
    pub fn new(scorer: S) -> Result<Self> {
        let priced = scorer.layout().priced;
        Ok(Self {
            encoder: Encoder::new(scorer.layout().clone())?,
            later: priced.then(|| LaterPrices::new(PlanAheadOptions::default())),
            scorer,
            logits: Vec::new(),
            actions: Vec::new(),
        })
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

impl<S: Scorer> Policy for Learned<S> {
    /// In a slot that the layout cannot serve, what it does not see runs on its vehicle.
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            encoder,
            later,
            logits,
            actions,
        } = self;
        if !encoder.fits(slot) {
            decision.placements.clear();
            decision
                .placements
                .resize(slot.tasks.len(), Placement::Local);
            decision.minimum_hz.clear();
            return;
        }
        if let Some(later) = later {
            encoder.price_later(later.price(slot));
        }
        encoder.begin(slot);
        while encoder.observe(slot) {
            logits.clear();
            scorer.score(encoder.observation(), logits);
            encoder.observation().greedy(logits, actions);
            encoder.act(slot, actions);
        }
        encoder.decision(slot, decision);
    }
}
