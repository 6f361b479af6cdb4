//! Who may enter a run.

use super::world::World;
use crate::error::Result;
use crate::observe::{Form, Scorer};
use crate::policy::learned::Learned;
use crate::policy::lysac::Lysac;
use crate::policy::migration::surrogate::Surrogate;
use crate::policy::{Policy, PolicyKind};
use crate::rng::Streams;
use crate::scenario::PolicyOptions;
use crate::slot::Slot;

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

/// A trained network under its name.
#[derive(Clone, Debug)]
pub struct Trained<S> {
    /// Name in the results.
    pub name: String,
    /// The network; every seed gets its own copy.
    pub scorer: S,
}

impl<S: Scorer + Clone + 'static> Trained<S> {
    /// The policy for one slot that came from outside.
    ///
    /// # Errors
    /// A layout that cannot serve it.
    pub fn for_slot(&self, slot: &Slot, options: &PolicyOptions) -> Result<Box<dyn Policy>> {
        self.scorer.layout().serves(slot)?;
        self.policy(options, Streams::new(0))
    }

    /// It takes slots with queues and without.
    fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        let scorer = self.scorer.clone();
        if let Form::Plan { .. } = scorer.layout().form {
            let episodes = options.migration.lysac_episodes;
            return Ok(Box::new(Lysac::new(scorer, episodes, streams)?));
        }
        Ok(Box::new(Surrogate::new(Learned::new(scorer)?)))
    }
}

impl<S: Scorer + Clone + 'static> Contender for Trained<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn enter(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.scorer.layout().serves_world(world)?;
        self.policy(&world.scenario.policy, streams)
    }
}

impl<C: Contender + ?Sized> Contender for Box<C> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn enter(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        (**self).enter(world, streams)
    }
}
