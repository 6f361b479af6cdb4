//! Updates of the networks from what was collected.

use rayon::prelude::*;
use wayside_core::error::Result;
use wayside_core::rng::Streams;

use super::Surrogate;
use super::minibatch::{Minibatch, Shard};
use crate::algo::ppo::{PpoConfig, Ratio};
use crate::algo::store::Store;
use crate::nn::adam::Adam;
use crate::nn::backend::{self, Backend};
use crate::nn::dist::Sums;
use crate::nn::net::Net;
use crate::nn::state::State;

/// Networks, optimiser, and the rollouts to learn from.
#[derive(Debug)]
pub(super) struct Updater {
    pub(super) config: PpoConfig,
    surrogate: Surrogate,
    /// Whether the rollout holds choices to be imitated: their likelihood is then raised, whatever came of them.
    pub(super) imitate: bool,
    pub(super) net: Net,
    pub(super) params: Vec<f32>,
    pub(super) adam: Adam,
    /// The latest rollout of every lane, or with a buffer the latest few.
    pub(super) stores: Vec<Store>,
    pub(super) lanes: usize,
    pub(super) shards: Vec<Shard>,
    /// Store and slot of what is learned from, shuffled.
    pub(super) order: Vec<(u32, u32)>,
    /// Store and environment of the snippets drawn from the buffer.
    pub(super) snippets: Vec<(u32, u32)>,
    /// Computes the minibatches, if not our own core.
    pub(super) backend: Option<Box<dyn Backend>>,
}

/// What the updates of an iteration did.
#[derive(Debug, Default)]
pub(super) struct Updates {
    pub(super) sums: Sums,
    /// Sum of the gradients' norms.
    pub(super) norms: f64,
    pub(super) count: u64,
}

impl Updater {
    pub(super) fn new(
        config: PpoConfig,
        surrogate: Surrogate,
        net: Net,
        lanes: usize,
        envs: usize,
        streams: Streams,
    ) -> Self {
        let params = net.init(streams);
        let stores = lanes * Self::depth(&config, envs);
        Self {
            adam: Adam::new(params.len(), backend::EPSILON),
            stores: (0..stores).map(|_| Store::default()).collect(),
            shards: (0..config.shards)
                .map(|_| Shard::new(net.parameters()))
                .collect(),
            order: Vec::new(),
            snippets: Vec::new(),
            backend: None,
            config,
            surrogate,
            imitate: false,
            net,
            params,
            lanes,
        }
    }

    /// Takes the latest rollout of every lane, in exchange for an old one.
    pub(super) fn take<'a>(
        &mut self,
        rollouts: impl Iterator<Item = &'a mut Store>,
        iteration: u64,
    ) {
        self.order.clear();
        for (s, rollout) in self.latest(iteration).zip(rollouts) {
            std::mem::swap(&mut self.stores[s], rollout);
            let slots = 0..self.stores[s].len() as u32;
            self.order.extend(slots.map(|slot| (s as u32, slot)));
        }
    }

    /// Slots of the latest rollout.
    pub(super) fn collected(&self) -> usize {
        self.order.len()
    }

    /// Learns from what was collected, once a buffer is full enough.
    pub(super) fn learn(&mut self, streams: Streams, iteration: u64, rate: f64) -> Result<Updates> {
        let mut updates = Updates::default();
        if self.ready() {
            let before = self.adam.steps;
            self.passes(streams, iteration, rate, &mut updates)?;
            self.fetch()?;
            updates.count = self.adam.steps - before;
        }
        Ok(updates)
    }

    /// Passes over the rollout in minibatches, or with a buffer over one minibatch drawn from it.
    fn passes(
        &mut self,
        streams: Streams,
        iteration: u64,
        rate: f64,
        updates: &mut Updates,
    ) -> Result<()> {
        let buffered = self.config.buffered();
        if buffered {
            self.draw(streams, iteration);
        }
        let whole = buffered || self.surrogate == Surrogate::Plain;
        let size = if whole {
            self.order.len()
        } else {
            self.config.batch_size
        };
        for epoch in 0..self.config.n_epochs {
            if buffered {
                self.revalue();
            } else {
                self.shuffle(streams, iteration, epoch);
            }
            for start in (0..self.order.len()).step_by(size) {
                let sums = self.gradient(start, (start + size).min(self.order.len()))?;
                updates.sums.add(&sums);
                // as stable-baselines3: the update that would go too far is not made
                let target = self.config.target_kl;
                if !self.imitate && target.is_some_and(|kl| sums.mean().approx_kl > 1.5 * kl) {
                    return Ok(());
                }
                updates.norms += self.step(rate)?;
            }
        }
        Ok(())
    }

    /// Fisher-Yates. Every epoch has a stream of its own, so there is no generator to save.
    fn shuffle(&mut self, streams: Streams, iteration: u64, epoch: usize) {
        let mut stream = streams.stream(&format!("learn.shuffle.{iteration}.{epoch}"));
        for i in (1..self.order.len()).rev() {
            self.order.swap(i, stream.below(i + 1));
        }
    }

    /// Gradient of the minibatch `order[start..end]`, left in the shards, and its sums.
    fn gradient(&mut self, start: usize, end: usize) -> Result<Sums> {
        let members = &self.order[start..end];
        let (mean, deviation) = self.advantage_moments(members);
        let count = self.shards.len();
        for (i, shard) in self.shards.iter_mut().enumerate() {
            let part = i * members.len() / count..(i + 1) * members.len() / count;
            shard.members.clear();
            shard.members.extend_from_slice(&members[part]);
        }
        let minibatch = Minibatch {
            config: &self.config,
            clip_range: (self.surrogate == Surrogate::Clipped && !self.imitate)
                .then_some(self.config.clip_range as f32),
            net: &self.net,
            params: &self.params,
            stores: &self.stores,
            mean,
            scale: 1.0 / deviation,
            share: 1.0 / members.len() as f32,
        };
        match &mut self.backend {
            None => self
                .shards
                .par_iter_mut()
                .for_each(|shard| minibatch.gradient(shard)),
            Some(backend) => minibatch.by_backend(&mut self.shards[0], backend.as_mut())?,
        }
        let mut sums = Sums::default();
        self.shards.iter().for_each(|shard| sums.add(&shard.sums));
        Ok(sums)
    }

    /// One step down the gradient of the last minibatch; the gradient's norm.
    fn step(&mut self, rate: f64) -> Result<f64> {
        let max_norm = Some(self.config.max_grad_norm);
        if let Some(backend) = &mut self.backend {
            return self.shards[0].step_by_backend(backend.as_mut(), rate, max_norm);
        }
        let shards = &self.shards;
        let part = |i: usize| shards.get(i).map(|s| s.grads.as_slice());
        Ok(self.adam.step(&mut self.params, part, rate, max_norm))
    }

    /// Mean and standard deviation of the minibatch's advantages, per slot or per vehicle; (0, 1) where they are not
    /// normalised.
    fn advantage_moments(&self, members: &[(u32, u32)]) -> (f32, f32) {
        if !self.config.normalize_advantage || self.imitate {
            return (0.0, 1.0);
        }
        let (mut n, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        for &(store, slot) in members {
            let slot = self.stores[store as usize].slot(slot as usize);
            let advantage = f64::from(slot.advantage);
            let count = match self.config.ratio {
                Ratio::Joint => 1,
                Ratio::Vehicle => slot.log_probs.len(),
            };
            for _ in 0..count {
                n += 1.0;
                sum += advantage;
                squares += advantage * advantage;
            }
        }
        if n < 2.0 {
            return (0.0, 1.0);
        }
        let variance = ((squares - sum * sum / n) / (n - 1.0)).max(0.0);
        ((sum / n) as f32, (variance.sqrt() + 1e-8) as f32)
    }

    /// 1 - Var(target - value) / Var(target) over the latest rollout; not a number where targets do not vary.
    pub(super) fn explained_variance(&self, iteration: u64) -> f64 {
        let pairs = || {
            self.stores[self.latest(iteration)]
                .iter()
                .flat_map(|s| s.returns.iter().zip(&s.values))
        };
        let variance = |f: &dyn Fn(f32, f32) -> f32| {
            let n = pairs().count() as f64;
            let mean = pairs().map(|(r, v)| f64::from(f(*r, *v))).sum::<f64>() / n;
            pairs()
                .map(|(r, v)| (f64::from(f(*r, *v)) - mean).powi(2))
                .sum::<f64>()
                / n
        };
        let targets = variance(&|r, _| r);
        if targets == 0.0 {
            return f64::NAN;
        }
        1.0 - variance(&|r, v| r - v) / targets
    }

    /// Writes the optimiser and the buffer; the parameters are the policy's.
    pub(super) fn save(&self, state: &mut State) {
        state.card["adam_steps"] = self.adam.steps.into();
        state.put("adam.m", &self.adam.m);
        state.put("adam.v", &self.adam.v);
        self.save_buffer(state);
    }

    /// Reads parameters, optimiser and buffer.
    pub(super) fn load(&mut self, state: &State) -> Result<()> {
        let n = self.params.len();
        let params = state.get_len("params", n)?;
        let (m, v) = (state.get_len("adam.m", n)?, state.get_len("adam.v", n)?);
        let steps = state.card_value("adam_steps")?;
        let stores = self.loaded_buffer(state)?;
        (self.params, self.stores) = (params, stores);
        (self.adam.m, self.adam.v, self.adam.steps) = (m, v, steps);
        self.send()
    }
}
