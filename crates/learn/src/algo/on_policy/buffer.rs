//! Algorithm 1 to the letter: a buffer of earlier rollouts, and one minibatch drawn from it for all epochs.
//!
//! GAE (20) needs steps that follow each other, so the buffer holds snippets of `n_steps` steps of one environment (K of the
//! paper), and a minibatch is made of snippets, drawn with replacement. Their values and advantages are computed anew in every
//! epoch, by the critic as it is then. Only the state after the last step keeps the value that it had when it was collected.

use wayside_core::error::Result;
use wayside_core::rng::Streams;

use super::discounts;
use super::updater::Updater;
use crate::algo::gae::{Trajectories, advantages};
use crate::algo::ppo::PpoConfig;
use crate::algo::store::Store;
use crate::nn::state::State;

impl Updater {
    /// Rollouts that are kept.
    pub(super) fn depth(config: &PpoConfig, envs: usize) -> usize {
        if config.buffered() {
            config.buffer_size.div_ceil(config.n_steps * envs).max(1)
        } else {
            1
        }
    }

    /// The stores of the latest rollout.
    pub(super) fn latest(&self, iteration: u64) -> std::ops::Range<usize> {
        let depth = self.stores.len() / self.lanes;
        let at = (iteration % depth as u64) as usize * self.lanes;
        at..at + self.lanes
    }

    /// Whether there is enough to learn from.
    pub(super) fn ready(&self) -> bool {
        self.stores.iter().map(Store::len).sum::<usize>() >= self.config.min_buffer_size
    }

    /// Draws the snippets of a minibatch into `order`, and where each begins into `snippets`.
    pub(super) fn draw(&mut self, streams: Streams, iteration: u64) {
        let (steps, size) = (self.config.n_steps, self.config.batch_size);
        let held: Vec<(u32, u32)> = (0u32..)
            .zip(&self.stores)
            .flat_map(|(s, store)| (0..(store.len() / steps) as u32).map(move |env| (s, env)))
            .collect();
        let mut stream = streams.stream(&format!("learn.draw.{iteration}"));
        self.snippets.clear();
        self.order.clear();
        for _ in 0..(size / steps).max(1) {
            let (store, env) = held[stream.below(held.len())];
            self.snippets.push((store, env));
            let envs = (self.stores[store as usize].len() / steps) as u32;
            self.order
                .extend((0..steps as u32).map(|t| (store, t * envs + env)));
        }
    }

    /// Computes values, advantages and targets of the snippets drawn, by the critic as it is.
    pub(super) fn revalue(&mut self) {
        let steps = self.config.n_steps;
        let (mut rewards, mut next, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ended, mut within) = (Vec::new(), Vec::new());
        let batch = &mut self.shards[0].batch;
        for (i, &(store, _)) in self.snippets.iter().enumerate() {
            let members = &self.order[i * steps..(i + 1) * steps];
            let store = &mut self.stores[store as usize];
            batch.clear();
            for &(_, slot) in members {
                let slot = store.slot(slot as usize);
                batch.push(self.net.spec().row_width, slot.rows, slot.globals);
            }
            self.net.forward(&self.params, batch);
            let values = batch.value.output();
            for of in [&mut ended, &mut within] {
                of.clear();
            }
            rewards.clear();
            next.clear();
            for (t, &(_, slot)) in members.iter().enumerate() {
                let step = store.step(slot as usize);
                rewards.push(step.reward);
                ended.push(step.ended);
                within.push(step.within);
                let follows = t + 1 < steps && !step.ended;
                next.push(if follows {
                    values[t + 1]
                } else {
                    step.next_value
                });
            }
            let of = Trajectories {
                rewards: &rewards,
                values,
                next_values: &next,
                ended: &ended,
                within: &within,
                envs: 1,
            };
            advantages(of, discounts(&self.config), &mut found);
            for ((&(_, slot), advantage), value) in members.iter().zip(&found).zip(values) {
                store.advantages[slot as usize] = *advantage;
                store.returns[slot as usize] = advantage + value;
            }
        }
    }

    /// Writes the buffer, where there is one.
    pub(super) fn save_buffer(&self, state: &mut State) {
        if self.config.buffered() {
            for (i, store) in self.stores.iter().enumerate() {
                store.save(&format!("buffer.{i}"), state);
            }
        }
    }

    /// Reads what [`Updater::save_buffer`] wrote.
    pub(super) fn loaded_buffer(&self, state: &State) -> Result<Vec<Store>> {
        let load = |i: usize| {
            if self.config.buffered() {
                Store::load(&format!("buffer.{i}"), state)
            } else {
                Ok(Store::default())
            }
        };
        (0..self.stores.len()).map(load).collect()
    }
}
