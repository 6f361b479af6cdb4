//! The gradient of a minibatch, split into shards.

use crate::algo::ppo::{PpoConfig, Ratio};
use crate::algo::store::Store;
use crate::nn::batch::Batch;
use crate::nn::dist::{Factors, Objective, Sums, Taken};
use crate::nn::net::Net;

/// Rows that pass through the networks at once: with 64 wide layers a megabyte, so that a core keeps them in its cache.
const CHUNK_ROWS: usize = 1024;

/// A part of a minibatch: its gradient, and the buffers to compute it.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) grads: Vec<f32>,
    pub(super) batch: Batch,
    pub(super) members: Vec<(u32, u32)>,
    probabilities: Vec<f32>,
    gains: Vec<f32>,
    pub(super) sums: Sums,
}

impl Shard {
    pub(super) fn new(parameters: usize) -> Self {
        Self {
            grads: vec![0.0; parameters],
            batch: Batch::default(),
            members: Vec::new(),
            probabilities: Vec::new(),
            gains: Vec::new(),
            sums: Sums::default(),
        }
    }
}

/// What every shard of a minibatch needs.
pub(super) struct Minibatch<'a> {
    pub(super) config: &'a PpoConfig,
    /// Epsilon of (22); none: the plain policy gradient.
    pub(super) clip_range: Option<f32>,
    pub(super) net: &'a Net,
    pub(super) params: &'a [f32],
    pub(super) stores: &'a [Store],
    /// Advantages are normalised to `(a - mean) * scale`.
    pub(super) mean: f32,
    pub(super) scale: f32,
    /// 1 / size of the minibatch.
    pub(super) share: f32,
}

impl Minibatch<'_> {
    /// Gradient of the loss over the shard's slots, as many at a time as fit the cache.
    pub(super) fn gradient(&self, shard: &mut Shard) {
        if shard.members.is_empty() {
            shard.grads.fill(0.0);
        }
        shard.sums = Sums::default();
        let width = self.net.spec().row_width;
        let mut from = 0;
        while from < shard.members.len() {
            shard.batch.clear();
            let mut to = from;
            while to < shard.members.len()
                && (to == from || shard.batch.rows.len() < CHUNK_ROWS * width)
            {
                self.load(shard, to);
                to += 1;
            }
            self.net.forward(self.params, &mut shard.batch);
            self.loss(shard, from, to);
            self.net
                .backward(self.params, &mut shard.batch, &mut shard.grads, from > 0);
            from = to;
        }
    }

    /// Adds what member `i` of the shard saw to its batch.
    pub(super) fn load(&self, shard: &mut Shard, i: usize) {
        let (store, slot) = shard.members[i];
        let slot = self.stores[store as usize].slot(slot as usize);
        shard
            .batch
            .push(self.net.spec().row_width, slot.rows, slot.globals);
    }

    /// Gradients of policy loss (22), value loss (23) and entropy with respect to logits and values, into the tapes.
    pub(super) fn loss(&self, shard: &mut Shard, from: usize, to: usize) {
        let config = self.config;
        let objective = Objective {
            clip_range: self.clip_range,
            per_vehicle: config.ratio == Ratio::Vehicle,
            ent_coef: config.ent_coef as f32,
            factors_per_vehicle: self.net.spec().factors_per_vehicle,
        };
        let (logits, d_logits) = shard.batch.head.output_and_gradient();
        let (values, d_values) = shard.batch.value.output_and_gradient();
        shard.probabilities.resize(logits.len(), 0.0);
        let mut at = 0;
        for (i, &(store, slot)) in shard.members[from..to].iter().enumerate() {
            let slot = self.stores[store as usize].slot(slot as usize);
            let range = at..at + slot.mask.len();
            at = range.end;
            let factors = Factors {
                mask: slot.mask,
                lens: slot.lens,
            };
            let z = &mut logits[range.clone()];
            let p = &mut shard.probabilities[range.clone()];
            factors.normalise(z, p);
            let taken = Taken {
                actions: slot.actions,
                old_log_probs: slot.log_probs,
                advantage: (slot.advantage - self.mean) * self.scale,
            };
            let mut sums = objective.gradient(factors, taken, (z, p), self.share, &mut shard.gains);
            d_logits[range.clone()].copy_from_slice(&logits[range]);
            let error = values[i] - slot.target;
            sums.value_loss = f64::from(error) * f64::from(error);
            d_values[i] = 2.0 * config.vf_coef as f32 * self.share * error;
            shard.sums.add(&sums);
        }
    }
}
