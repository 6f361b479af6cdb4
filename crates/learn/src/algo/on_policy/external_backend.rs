//! Minibatches that another library computes ([`crate::nn::backend`]).

use wayside_core::error::Result;

use super::minibatch::{Minibatch, Shard};
use super::updater::Updater;
use crate::nn::backend::{Backend, Slots, Weights};
use crate::nn::dist::Sums;
use crate::nn::state::invalid;

impl Updater {
    /// Lets `backend` compute the minibatches, each in one piece.
    pub(super) fn set_backend(&mut self, backend: Box<dyn Backend>) -> Result<()> {
        if self.config.buffered() {
            let message = "must be 0: with another backend every rollout is learned from at once";
            return Err(invalid("min_buffer_size", message.to_owned()));
        }
        self.backend = Some(backend);
        self.shards.truncate(1);
        self.send()
    }

    /// Tells the backend what to go on from.
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

    /// Takes over where the backend stands, for rollouts, policies and checkpoints.
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

impl Minibatch<'_> {
    /// Gradients with respect to logits and values of all slots of `shard`, left in its tapes.
    pub(super) fn by_backend(&self, shard: &mut Shard, backend: &mut dyn Backend) -> Result<()> {
        shard.sums = Sums::default();
        shard.batch.clear();
        (0..shard.members.len()).for_each(|i| self.load(shard, i));
        let (spec, batch) = (self.net.spec(), &mut shard.batch);
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

impl Shard {
    /// One step of `backend` down the gradient of the shard's slots; the gradient's norm.
    pub(super) fn step_by_backend(
        &mut self,
        backend: &mut dyn Backend,
        rate: f64,
        max_norm: Option<f64>,
    ) -> Result<f64> {
        let (_, d_logits) = self.batch.head.output_and_gradient();
        let (_, d_values) = self.batch.value.output_and_gradient();
        backend.update(d_logits, d_values, rate, max_norm)
    }
}
