//! The slot loop.

mod carried;
mod contender;
pub mod coverage;
pub mod decider;
pub mod env;
mod lane;
pub mod records;
pub mod world;

use std::ops::ControlFlow;

use crate::bound::dual::{Dual, Effort};
use crate::bound::split::Split;
use crate::error::Result;
use crate::rng::Streams;
use crate::slot::Slot;
pub use contender::{Contender, Trained};
use decider::Decider;
use lane::Lane;
use records::Replication;
use world::{Traffic, World};

/// Which certified lower bound a run carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BoundKind {
    /// None.
    #[default]
    Off,
    /// The simple dual, see [`crate::bound::dual`].
    Simple,
    /// The split bound, see [`crate::bound::split`]: tighter, slower.
    Split,
}

/// What a replication does besides running policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Number of slots.
    pub slots: usize,
    /// Bound computed in every slot.
    pub bound: BoundKind,
}

/// Follows a replication from outside.
pub trait Observer {
    /// Sees slot number `t` before any policy has touched it, and may stop the run.
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()>;

    /// Sees what became of it under the policy in place `policy` of the list.
    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider);
}

/// [`replicate_observed`] with an observer of slots alone.
///
/// # Errors
/// See there.
pub fn replicate<C: Contender>(
    world: &World,
    policies: &[C],
    seed: u64,
    options: Options,
    watch: &mut dyn FnMut(usize, &Slot) -> ControlFlow<()>,
) -> Result<Option<Replication>> {
    struct Watch<'a>(&'a mut dyn FnMut(usize, &Slot) -> ControlFlow<()>);
    impl Observer for Watch<'_> {
        fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
            (self.0)(t, slot)
        }
        fn decided(&mut self, _: usize, _: usize, _: &Slot, _: &Decider) {}
    }
    replicate_observed(world, policies, seed, options, &mut Watch(watch))
}

/// Runs all `policies` over the traffic of one seed: the same vehicles and tasks for each of them.
///
/// Where the observer stops the run the replication is incomplete, and `None` is returned.
///
/// # Errors
/// A trace that ends early or is malformed; a policy that cannot serve this world.
pub fn replicate_observed<C: Contender>(
    world: &World,
    policies: &[C],
    seed: u64,
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Option<Replication>> {
    let streams = Streams::new(seed);
    let mut traffic = Traffic::new(world, streams)?;
    let mut lanes: Vec<Lane> = policies
        .iter()
        .map(|policy| {
            Ok(Lane::new(
                world,
                policy.name(),
                policy.enter(world, streams)?,
            ))
        })
        .collect::<Result<_>>()?;
    let mut bound = Bounder::new(options.bound);
    let mut slot = world.empty_slot();
    for t in 0..options.slots {
        traffic.advance(t, &mut slot)?;
        if observer.slot(t, &slot).is_break() {
            return Ok(None);
        }
        let lower_bound = bound.solve(&slot);
        for (policy, lane) in lanes.iter_mut().enumerate() {
            lane.step(t, &mut slot, &traffic, lower_bound);
            observer.decided(t, policy, &slot, lane.decider());
        }
    }
    Ok(Some(Replication {
        seed,
        policies: lanes.into_iter().map(Lane::finish).collect(),
    }))
}

/// Computes the bound of slot after slot, keeping its memory.
///
/// In a run it is taken before any policy's state is loaded into the slot: with all CPU free and no local
/// queue it bounds every policy's cost there, whatever earlier decisions hold, also under `carry_over`.
#[derive(Debug, Default)]
pub struct Bounder {
    kind: BoundKind,
    dual: Dual,
    split: Split,
}

impl Bounder {
    /// For bounds of that kind.
    #[must_use]
    pub fn new(kind: BoundKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// The bound on the summed cost of all tasks of `slot`, with the CPU held and the queues as it says.
    pub fn solve(&mut self, slot: &Slot) -> Option<f64> {
        match self.kind {
            BoundKind::Off => None,
            BoundKind::Simple => Some(self.dual.solve(slot, Effort::CERTIFY)),
            BoundKind::Split => Some(self.split.solve(slot)),
        }
    }
}
