//! Who may enter a run.

use super::world::World;
use crate::error::Result;
use crate::observation::{Form, Scorer};
use crate::policy::learned::Learned;
use crate::policy::lysac::Lysac;
use crate::policy::migration::surrogate::Surrogate;
use crate::policy::or_local::OrLocal;
use crate::policy::repair::Repaired;
use crate::policy::{Policy, PolicyKind};
use crate::rng::Streams;
use crate::scenario::PolicyOptions;
use crate::slot::Slot;

/// What enters a run: makes the policy of every seed.
pub trait PolicyFactory {
    /// Name in the results.
    fn name(&self) -> &str;

    /// The policy of one seed.
    ///
    /// # Errors
    /// A policy that cannot serve `world`, such as one learned for other numbers of vehicles or RSUs.
    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>>;
}

impl PolicyFactory for PolicyKind {
    fn name(&self) -> &str {
        self.info().name
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
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
        let layout = scorer.layout();
        // ours, where slots stand alone; the paper's agents (`flat`) are judged by what they say themselves
        let ours = matches!(layout.form, Form::Sequential { .. }) && layout.spans == 1;
        let (repair, or_local) = (options.learned_repair, options.learned_or_local);
        let learned = Learned::new(scorer)?;
        Ok(match (ours && repair, ours && or_local) {
            (false, false) => Box::new(Surrogate::new(learned)),
            (true, false) => Box::new(Surrogate::new(Repaired::new(learned))),
            (false, true) => Box::new(Surrogate::new(OrLocal::new(learned))),
            (true, true) => Box::new(Surrogate::new(OrLocal::new(Repaired::new(learned)))),
        })
    }
}

impl<S: Scorer + Clone + 'static> PolicyFactory for Trained<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.scorer.layout().serves_world(world)?;
        self.policy(&world.scenario.policy, streams)
    }
}

impl<C: PolicyFactory + ?Sized> PolicyFactory for Box<C> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        (**self).for_run(world, streams)
    }
}
