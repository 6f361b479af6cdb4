//! Networks of others: minibatches that another library computes ([`crate::nn::backend`]), another architecture
//! ([`crate::nn::architecture`]).

use std::sync::Arc;

use wayside_core::error::{Error, Result};
use wayside_core::rng::Streams;

use super::minibatch::{Minibatch, Shard};
use super::updater::Updater;
use crate::nn::adam::Adam;
use crate::nn::architecture::Architecture;
use crate::nn::backend::{self, Backend, Weights};
use crate::nn::dist::Sums;
use crate::nn::state::invalid;

impl Updater {
    /// Lets `backend` compute the minibatches, each in one piece.
    pub(super) fn set_backend(&mut self, backend: Box<dyn Backend>) -> Result<()> {
        if let Some(name) = self.net.architecture() {
            return Err(must_be_own(&name));
        }
        if self.config.buffered() {
            let message = "must be 0: with another backend every rollout is learned from at once";
            return Err(invalid("min_buffer_size", message.to_owned()));
        }
        self.backend = Some(backend);
        self.shards.truncate(1);
        self.send()
    }

    /// Learns with another architecture, from its initial parameters.
    pub(super) fn set_architecture(
        &mut self,
        architecture: Arc<dyn Architecture>,
        streams: Streams,
    ) -> Result<()> {
        if self.backend.is_some() {
            return Err(must_be_own(&architecture.name()));
        }
        let net = self.net.clone().with_architecture(architecture);
        self.params = net.init(streams);
        let (want, got) = (net.parameters(), self.params.len());
        if got != want {
            let message = format!("must start from {want} parameters, got {got}");
            return Err(invalid("architecture", message));
        }
        self.adam = Adam::new(want, backend::EPSILON);
        let shards = self.shards.len();
        self.shards = (0..shards).map(|_| Shard::new(want)).collect();
        self.net = net;
        Ok(())
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

/// A backend computes only the networks of a `NetSpec`.
fn must_be_own(architecture: &str) -> Error {
    let message = format!("must be our own with a backend, got {architecture}");
    invalid("architecture", message)
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
        let (slots, head, value) = batch.parts();
        let (logits, _) = head.output_and_gradient();
        let (values, _) = value.output_and_gradient();
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
