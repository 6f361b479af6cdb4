//! Policies that are asked in an environment what they would do.

use crate::policy::{Failure, factory};
use crate::raised;
use pyo3::prelude::*;
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::policy::Policy;
use wayside_core::rng::Streams;
use wayside_core::slot::Decision;

/// A policy that is asked what it would do.
pub(crate) struct Expert {
    pub(crate) key: String,
    policy: Box<dyn Policy>,
    failure: Failure,
    /// The slot that it decided last.
    decided: Option<usize>,
    pub(crate) decision: Decision,
    /// Keeps the object, so that its address stays its own.
    _object: Py<PyAny>,
}

impl Expert {
    pub(crate) fn new(
        key: String,
        policy: &Bound<'_, PyAny>,
        world: &Arc<World>,
        seed: u64,
    ) -> PyResult<Self> {
        let failure = Failure::default();
        let factory = factory(policy, Some(world), &failure)?;
        let made = factory.for_run(world, Streams::new(seed));
        if let Some(error) = failure.take() {
            return Err(error);
        }
        Ok(Self {
            key,
            policy: made.map_err(raised)?,
            failure,
            decided: None,
            decision: Decision::default(),
            _object: policy.clone().unbind(),
        })
    }

    /// Decides slot `t`, if it has not.
    pub(crate) fn decide(&mut self, slot: &wayside_core::Slot, t: usize) -> PyResult<()> {
        if self.decided == Some(t) {
            return Ok(());
        }
        self.decision.clear();
        self.policy.decide(slot, &mut self.decision);
        self.decided = Some(t);
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
