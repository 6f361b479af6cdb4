//! Who may enter a run.

use super::world::World;
use crate::error::Result;
use crate::policy::{Policy, PolicyKind};
use crate::rng::Streams;

/// What enters a run: makes the policy of every seed.
pub trait Contender {
    /// Name in the results.
    fn name(&self) -> &str;

    /// The policy of one seed.
    ///
    /// # Errors
    /// A policy that cannot serve `world`, such as one learned for other numbers of vehicles or RSUs.
    fn enter(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>>;
}

impl Contender for PolicyKind {
    fn name(&self) -> &str {
        self.info().name
    }

    fn enter(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        Ok(self.build(&world.scenario.policy, streams))
    }
}
