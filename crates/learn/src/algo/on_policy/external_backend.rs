//! Minibatches that another core computes ([`crate::nn::backend`]).

use wayside_core::error::Result;

use super::{Learner, Shard, Task};
use crate::nn::backend::{Backend, Slots, Weights};
use crate::nn::dist::Sums;
use crate::nn::net::NetSpec;
use crate::nn::state::invalid;

impl Learner {
    /// Sizes of the networks.
    #[must_use]
    pub fn net(&self) -> &NetSpec {
        self.net.spec()
    }

    /// Minibatches are computed by `backend` from here on, in one piece, whatever `shards` says.
    ///
    /// # Errors
    /// If it is of other networks, or its device fails.
    pub fn by(mut self, backend: Box<dyn Backend>) -> Result<Self> {
        if self.settings.buffer.is_some() {
            let message = "must be 0: with another core every rollout is learned from at once";
            return Err(invalid("min_buffer_size", message.to_owned()));
        }
        self.backend = Some(backend);
        self.shards.truncate(1);
        self.send()?;
        Ok(self)
    }

    /// What `backend` is to go on from.
    pub(super) fn send(&mut self) -> Result<()> {
        let Some(backend) = &mut self.backend else {
            return Ok(());
        };
        backend.load(&Weights {
            params: self.params.clone(),
            m: self.adam.m.clone(),
            v: self.adam.v.clone(),
            steps: self.adam.steps,
        })
    }

    /// Where `backend` stands, for rollouts, policies and checkpoints.
    pub(super) fn fetch(&mut self) -> Result<()> {
        let Some(backend) = &self.backend else {
            return Ok(());
        };
        let weights = backend.save()?;
        weights.check(self.params.len())?;
        self.params = weights.params;
        (self.adam.m, self.adam.v, self.adam.steps) = (weights.m, weights.v, weights.steps);
        Ok(())
    }
}

impl Task<'_> {
    /// Gradients with respect to logits and values of all slots of `shard`, left in its tapes.
    pub(super) fn by_backend(&self, shard: &mut Shard, backend: &mut dyn Backend) -> Result<()> {
        shard.sums = Sums::default();
        let (spec, batch) = (self.net.spec(), &mut shard.batch);
        batch.clear();
        for &(store, slot) in &shard.members {
            let slot = self.stores[store as usize].slot(slot as usize);
            batch.rows.extend_from_slice(slot.rows);
            batch.globals.extend_from_slice(slot.globals);
            batch.row_ends.push(batch.rows.len() / spec.row_width);
        }
        let rows = batch.rows.len() / spec.row_width;
        batch.head.make_room(rows * spec.logits_per_row);
        batch.value.make_room(batch.row_ends.len());
        let slots = Slots {
            rows: &batch.rows,
            row_ends: &batch.row_ends,
            globals: &batch.globals,
        };
        let (logits, _) = batch.head.output_and_gradient();
        let (values, _) = batch.value.output_and_gradient();
        backend.forward(slots, logits, values)?;
        self.loss(shard, 0, shard.members.len());
        Ok(())
    }
}

/// One step of `backend` down the gradient of the slots of `shard`; its norm.
pub(super) fn step(
    shard: &mut Shard,
    backend: &mut dyn Backend,
    rate: f64,
    max_norm: Option<f64>,
) -> Result<f64> {
    let (_, d_logits) = shard.batch.head.output_and_gradient();
    let (_, d_values) = shard.batch.value.output_and_gradient();
    backend.update(d_logits, d_values, rate, max_norm)
}
