//! Algorithm 1 to the letter: a buffer that keeps what earlier policies did, and one minibatch of it for all epochs.
//!
//! GAE (20) needs steps that follow each other, so the buffer holds snippets of `n_steps` steps of one environment (K of the
//! paper), and a minibatch is drawn as snippets, with replacement. Their values and advantages are found anew in every epoch, by
//! the critic as it is then; only what follows the last step keeps the value it had when it was collected.

use wayside_core::error::Result;
use wayside_core::rng::Streams;

use super::Learner;
use crate::algo::gae::{Trajectories, advantages};
use crate::algo::rollout::Store;
use crate::nn::state::State;

impl Learner {
    /// Rollouts that are kept.
    pub(super) fn depth(settings: &super::Settings, envs: usize) -> usize {
        match settings.buffer {
            None => 1,
            Some((_, size)) => size.div_ceil(settings.n_steps * envs).max(1),
        }
    }

    /// The stores of the latest rollout.
    pub(super) fn latest(&self) -> std::ops::Range<usize> {
        let lanes = self.lanes.len();
        let depth = self.stores.len() / lanes;
        let at = (self.iterations % depth as u64) as usize * lanes;
        at..at + lanes
    }

    /// Whether the buffer holds enough to learn from.
    pub(super) fn ready(&self, least: usize) -> bool {
        self.stores.iter().map(Store::len).sum::<usize>() >= least
    }

    /// Draws the snippets of a minibatch into `order`, and where each begins into `snippets`.
    pub(super) fn draw(&mut self) {
        let steps = self.settings.n_steps;
        let held: Vec<(u32, u32)> = (0u32..)
            .zip(&self.stores)
            .flat_map(|(s, store)| (0..(store.len() / steps) as u32).map(move |env| (s, env)))
            .collect();
        let size = self.settings.batch_size.unwrap_or(steps);
        let mut stream = Streams::new(self.seed).stream(&format!("learn.draw.{}", self.iterations));
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

    /// Values, advantages and targets of the snippets drawn, by the critic as it is.
    pub(super) fn revalue(&mut self) {
        let (steps, width) = (self.settings.n_steps, self.net.spec().row_width);
        let (mut rewards, mut next, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ended, mut within) = (Vec::new(), Vec::new());
        let batch = &mut self.shards[0].batch;
        for (i, &(store, _)) in self.snippets.iter().enumerate() {
            let members = &self.order[i * steps..(i + 1) * steps];
            let store = &mut self.stores[store as usize];
            batch.clear();
            for &(_, slot) in members {
                let slot = store.slot(slot as usize);
                batch.rows.extend_from_slice(slot.rows);
                batch.globals.extend_from_slice(slot.globals);
                batch.row_ends.push(batch.rows.len() / width);
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
            let s = &self.settings;
            advantages(of, s.gamma, s.gae_lambda, s.turn_lambda, &mut found);
            for ((&(_, slot), advantage), value) in members.iter().zip(&found).zip(values) {
                store.advantages[slot as usize] = *advantage;
                store.returns[slot as usize] = advantage + value;
            }
        }
    }

    /// What is kept, for a checkpoint; nothing where every rollout is forgotten.
    pub(super) fn save_buffer(&self, state: &mut State) {
        if self.settings.buffer.is_some() {
            for (i, store) in self.stores.iter().enumerate() {
                store.save(&format!("buffer.{i}"), state);
            }
        }
    }

    /// What [`Learner::save_buffer`] saved.
    pub(super) fn loaded_buffer(&self, state: &State) -> Result<Vec<Store>> {
        let load = |i: usize| match self.settings.buffer {
            None => Ok(Store::default()),
            Some(_) => Store::load(&format!("buffer.{i}"), state),
        };
        (0..self.stores.len()).map(load).collect()
    }
}
