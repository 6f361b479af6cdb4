//! Learned: a network's likeliest choice, turn by turn.

use super::Policy;
use crate::error::Result;
use crate::observation::{Encoder, Scorer};
use crate::slot::{Decision, Placement, Slot};

/// A trained network as a policy.
pub struct Learned<S> {
    scorer: S,
    encoder: Encoder,
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
        Ok(Self {
            encoder: Encoder::new(scorer.layout().clone())?,
            scorer,
            logits: Vec::new(),
            actions: Vec::new(),
        })
    }
}

impl<S: Scorer> Policy for Learned<S> {
    /// In a slot that the layout cannot serve, what it does not see runs on its vehicle.
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            encoder,
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
