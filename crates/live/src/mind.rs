//! The policy of the batches, which keeps its memory from one to the next.

use crate::centre::Batch;
use std::sync::Arc;
use wayside_core::Result;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Bounder, PolicyFactory as _, SharedFactory};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_study::decision::{self, DecisionReport};

/// How far a batch's bound may stay below the largest one, relative to it: then it takes less time than the decision.
const TOLERANCE: f64 = 1e-3;

/// A policy with what it remembers.
pub(crate) struct Mind {
    factory: SharedFactory,
    decider: Decider,
    bounder: Bounder,
}

impl Mind {
    /// The policy of `factory` in `world`, with the random streams of `seed`.
    ///
    /// # Errors
    /// A policy that cannot serve this world.
    pub(crate) fn new(factory: &SharedFactory, seed: u64, world: &World) -> Result<Self> {
        let bound = match world.scenario.serve.bound {
            true => BoundKind::Simple,
            false => BoundKind::Off,
        };
        Ok(Self {
            decider: Decider::new(factory.for_run(world, Streams::new(seed))?),
            factory: Arc::clone(factory),
            bounder: Bounder::new(bound).within(TOLERANCE),
        })
    }

    /// What stands in for a policy that fails or takes too long.
    pub(crate) fn nearest(world: &World) -> Self {
        let kind = PolicyKind::Nearest;
        Self {
            decider: Decider::of(kind, &world.scenario.policy, Streams::new(0)),
            factory: Arc::new(kind),
            bounder: Bounder::new(BoundKind::Off),
        }
    }

    /// Decides a batch.
    ///
    /// # Errors
    /// A policy that cannot decide such a slot; a cost below its certified bound, which is a bug of Wayside.
    pub(crate) fn decide(&mut self, batch: &Batch) -> Result<DecisionReport> {
        self.factory.serves_slot(&batch.slot.slot)?;
        let by = (self.factory.name(), &mut self.decider);
        decision::decide_next("batch", &batch.slot, by, &mut self.bounder)
    }
}
