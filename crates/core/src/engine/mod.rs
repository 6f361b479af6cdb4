//! The slot loop.

pub mod coverage;
mod lane;
pub mod records;
pub mod world;

use std::ops::ControlFlow;

use crate::bound::dual::{Dual, Effort};
use crate::bound::split::Split;
use crate::error::Result;
use crate::policy::PolicyKind;
use crate::rng::Streams;
use crate::slot::Slot;
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

/// Runs all `policies` over the traffic of one seed: the same vehicles and tasks for each of them.
///
/// `watch` is called before every slot with the slot as no policy has touched it, and may stop the run;
/// the replication is then incomplete and `None` is returned.
///
/// # Errors
/// A trace that ends early or is malformed.
pub fn replicate(
    world: &World,
    policies: &[PolicyKind],
    seed: u64,
    options: Options,
    watch: &mut dyn FnMut(usize, &Slot) -> ControlFlow<()>,
) -> Result<Option<Replication>> {
    let streams = Streams::new(seed);
    let mut traffic = Traffic::new(world, streams)?;
    let mut lanes: Vec<Lane> = policies
        .iter()
        .map(|&kind| Lane::new(world, kind, streams))
        .collect();
    let mut bound = Bounder::new(options.bound);
    let mut slot = world.empty_slot();
    for t in 0..options.slots {
        traffic.advance(t, &mut slot)?;
        if watch(t, &slot).is_break() {
            return Ok(None);
        }
        let lower_bound = bound.solve(&slot);
        for lane in &mut lanes {
            lane.step(t, &mut slot, &traffic, lower_bound);
        }
    }
    Ok(Some(Replication {
        seed,
        policies: lanes.into_iter().map(Lane::finish).collect(),
    }))
}

/// Computes the bound of slot after slot.
///
/// It is taken before any policy's state is loaded into the slot: with all CPU free and no local queue it
/// bounds every policy's cost there, whatever earlier decisions hold, also under `carry_over`.
struct Bounder {
    kind: BoundKind,
    dual: Dual,
    split: Split,
}

impl Bounder {
    fn new(kind: BoundKind) -> Self {
        Self {
            kind,
            dual: Dual::default(),
            split: Split::default(),
        }
    }

    fn solve(&mut self, slot: &Slot) -> Option<f64> {
        match self.kind {
            BoundKind::Off => None,
            BoundKind::Simple => Some(self.dual.solve(slot, Effort::CERTIFY)),
            BoundKind::Split => Some(self.split.solve(slot)),
        }
    }
}
