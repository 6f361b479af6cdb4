//! An experiment that is ready to run.

use std::sync::Arc;
use wayside_core::Result;
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::engine::{
    Observer, Options, PolicyFactory as _, SharedFactory, replicate_observed,
};

/// A scenario laid out, with its policies: replicates any seed.
pub struct Session {
    pub(super) world: Arc<World>,
    pub(super) policies: Vec<SharedFactory>,
    pub(super) options: Options,
}

impl Session {
    /// The scenario, laid out.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Names of the policies, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name())
    }

    pub(super) fn name_of(&self, policy: usize) -> &str {
        self.policies[policy].name()
    }

    /// Slots of a replication.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.options.slots
    }

    /// Runs all policies on the traffic of `seed`; `None` where the observer stopped it.
    ///
    /// # Errors
    /// As [`replicate_observed`].
    pub fn replicate(&self, seed: u64, observer: &mut dyn Observer) -> Result<Option<Replication>> {
        replicate_observed(&self.world, &self.policies, seed, self.options, observer)
    }
}
