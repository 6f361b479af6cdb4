//! Factories, which make a policy for every replication.

use std::sync::Arc;

use super::world::World;
use crate::error::{Error, Result};
use crate::observation::hosts::Hosts;
use crate::observation::{Form, Scorer};
use crate::policy::learned::Learned;
use crate::policy::lysac::Lysac;
use crate::policy::or_local::OrLocal;
use crate::policy::repair::Repaired;
use crate::policy::shared_cpu_adapter::SharedCpuAdapter;
use crate::policy::{Policy, PolicyKind};
use crate::rng::Streams;
use crate::scenario::PolicyOptions;
use crate::slot::sessions::Sessions;
use crate::slot::{Decision, Slot};

/// Makes the policies of a run: one for every seed, all under one name.
///
/// [`PolicyKind`] implements it for the policies of this crate, [`Trained`] for networks, [`own_policy`] wraps a
/// closure.
pub trait PolicyFactory: Send + Sync {
    /// Name in the results.
    fn name(&self) -> &str;

    /// Builds a policy with random streams of its own.
    ///
    /// # Errors
    /// A policy that cannot be built.
    fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>>;

    /// Checks that its policies can serve `world`.
    ///
    /// # Errors
    /// Says why not: a network, for example, may be trained for other numbers of vehicles or RSUs.
    fn serves(&self, world: &World) -> Result<()> {
        let _ = world;
        Ok(())
    }

    /// Checks that its policies can decide `slot`.
    ///
    /// # Errors
    /// As [`serves`](Self::serves).
    fn serves_slot(&self, slot: &Slot) -> Result<()> {
        let _ = slot;
        Ok(())
    }

    /// The policy of one replication.
    ///
    /// # Errors
    /// A policy that cannot serve `world`, or cannot be built.
    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.serves(world)?;
        self.policy(&world.scenario.policy, streams)
    }

    /// The policy for a single slot from outside, with the random streams of seed 0.
    ///
    /// # Errors
    /// A policy that cannot decide `slot`, or cannot be built.
    fn for_slot(&self, slot: &Slot, options: &PolicyOptions) -> Result<Box<dyn Policy>> {
        self.serves_slot(slot)?;
        self.policy(options, Streams::new(0))
    }
}

impl PolicyFactory for PolicyKind {
    fn name(&self) -> &str {
        self.info().name
    }

    fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        Ok(self.build(options, streams))
    }

    fn serves(&self, world: &World) -> Result<()> {
        let (own, sessions) = (self.hosts_sessions(), world.sessions.is_some());
        serves_sessions(PolicyFactory::name(self), own, sessions)
    }

    fn serves_slot(&self, slot: &Slot) -> Result<()> {
        let (own, sessions) = (self.hosts_sessions(), slot.sessions.is_some());
        serves_sessions(PolicyFactory::name(self), own, sessions)?;
        let told = |s: &Sessions| s.ahead.len() == slot.tasks.len();
        if self.needs_future() && !slot.sessions.as_ref().is_some_and(told) {
            let message = format!(
                "{} needs the future, which a slot does not tell",
                self.info().name
            );
            return Err(Error::invalid("policy", None, "", message));
        }
        Ok(())
    }
}

/// Checks that a policy that hosts sessions, or does not, meets what there is.
fn serves_sessions(name: &str, hosts: bool, sessions: bool) -> Result<()> {
    let message = match (hosts, sessions) {
        (true, false) => {
            format!("{name} is for sessions, which need [execution] kind = \"sessions\"")
        }
        (false, true) => format!(
            "{name} does not host sessions, and [execution] kind is \"sessions\"; `wayside policies` lists those that do"
        ),
        _ => return Ok(()),
    };
    Err(Error::invalid("policy", None, "", message))
}

/// A policy of your own, built by a closure for every seed.
///
/// ```
/// # use wayside_core::engine::{PolicyFactory as _, own_policy};
/// # use wayside_core::policy::baselines::Nearest;
/// let mine = own_policy("mine", |_options, _streams| Nearest);
/// assert_eq!(mine.name(), "mine");
/// ```
pub fn own_policy<P: Policy + 'static>(
    name: &str,
    build: impl Fn(&PolicyOptions, Streams) -> P + Send + Sync + 'static,
) -> impl PolicyFactory + 'static {
    struct Own<F> {
        name: String,
        build: F,
    }
    impl<P, F> PolicyFactory for Own<F>
    where
        P: Policy + 'static,
        F: Fn(&PolicyOptions, Streams) -> P + Send + Sync,
    {
        fn name(&self) -> &str {
            &self.name
        }

        fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
            Ok(Box::new((self.build)(options, streams)))
        }
    }
    Own {
        name: name.to_owned(),
        build,
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

impl<S: Scorer + Clone + Send + Sync + 'static> PolicyFactory for Trained<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn serves(&self, world: &World) -> Result<()> {
        let hosts = self.scorer.layout().form == Form::Hosts;
        serves_sessions(&self.name, hosts, world.sessions.is_some())?;
        self.scorer.layout().serves_world(world)
    }

    fn serves_slot(&self, slot: &Slot) -> Result<()> {
        let hosts = self.scorer.layout().form == Form::Hosts;
        serves_sessions(&self.name, hosts, slot.sessions.is_some())?;
        self.scorer.layout().serves(slot)
    }

    /// It takes slots with queues and without.
    fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        let scorer = self.scorer.clone();
        if let Form::Plan { .. } = scorer.layout().form {
            let episodes = options.migration.lysac_episodes;
            return Ok(Box::new(Lysac::new(scorer, episodes, streams)?));
        }
        if scorer.layout().form == Form::Hosts {
            let turns = Hosts::new(scorer.layout().scales);
            return Ok(Box::new(Learned::turn_by_turn(scorer, turns)));
        }
        if let Form::Destinations { .. } = scorer.layout().form {
            let turns = scorer.layout().destinations()?;
            return Ok(Box::new(Learned::turn_by_turn(scorer, turns)));
        }
        let layout = scorer.layout();
        if layout.is_either() {
            let plain = Learned::new(scorer.clone())?.pricing_later(options.plan_ahead);
            let plain = Box::new(SharedCpuAdapter::new(plain));
            let alone = improved(Learned::new(scorer)?, options);
            return Ok(Box::new(Either { plain, alone }));
        }
        // only ours, where slots do not depend on each other; the paper's agents (`flat`) decide as published
        let ours = matches!(layout.form, Form::Sequential { .. }) && layout.spans == 1;
        let learned = Learned::new(scorer)?.pricing_later(options.plan_ahead);
        Ok(match ours {
            false => Box::new(SharedCpuAdapter::new(learned)),
            true => improved(learned, options),
        })
    }
}

/// A learned policy where slots do not depend on each other, improved as the options say.
fn improved<S: Scorer + 'static>(learned: Learned<S>, options: &PolicyOptions) -> Box<dyn Policy> {
    match (options.learned.repair, options.learned.or_local) {
        (false, false) => Box::new(SharedCpuAdapter::new(learned)),
        (true, false) => Box::new(SharedCpuAdapter::new(Repaired::new(learned))),
        (false, true) => Box::new(SharedCpuAdapter::new(OrLocal::new(learned))),
        (true, true) => Box::new(SharedCpuAdapter::new(OrLocal::new(Repaired::new(learned)))),
    }
}

/// A network for both kinds of slots: improved where they do not depend on each other.
struct Either {
    plain: Box<dyn Policy>,
    alone: Box<dyn Policy>,
}

impl Policy for Either {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let policy = match slot.carry_over {
            true => &mut self.plain,
            false => &mut self.alone,
        };
        policy.decide(slot, decision);
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<F: PolicyFactory + ?Sized> PolicyFactory for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
                (**self).policy(options, streams)
            }

            fn serves(&self, world: &World) -> Result<()> {
                (**self).serves(world)
            }

            fn serves_slot(&self, slot: &Slot) -> Result<()> {
                (**self).serves_slot(slot)
            }

            fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
                (**self).for_run(world, streams)
            }

            fn for_slot(&self, slot: &Slot, options: &PolicyOptions) -> Result<Box<dyn Policy>> {
                (**self).for_slot(slot, options)
            }
        }
    )*};
}

forward!(&F, Arc<F>, Box<F>);
