//! Soft actor-critic (Haarnoja et al. 2018, "Soft actor-critic algorithms and applications"): twin critics, target
//! critics, automatic temperature. [`learner`] is the algorithm; [`continuous`] has tanh-Gaussian actions, [`discrete`] the
//! factorised masked categorical.

pub mod continuous;
pub mod discrete;
pub mod learner;
mod networks;
mod replay;

use wayside_core::error::Result;

use crate::algo::options::{RangeCheck, Schedule};

/// Options of SAC; names and defaults of stable-baselines3 where it has them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SacConfig {
    /// Step size of Adam, for actor, critics and temperature.
    pub learning_rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Transitions remembered.
    pub buffer_size: usize,
    /// Random steps before learning.
    pub learning_starts: u64,
    /// Transitions of a minibatch.
    pub batch_size: usize,
    /// Share by which target critics follow per update.
    pub tau: f64,
    /// Discount.
    pub gamma: f64,
    /// Discount between the turns of a slot, where no time passes. Below 1 it is the weight that a turn gives to the
    /// turns after it.
    pub turn_gamma: f64,
    /// Steps of every environment between updates.
    pub train_freq: u64,
    /// Updates each time.
    pub gradient_steps: usize,
    /// Steps of every environment in an iteration.
    pub n_steps: usize,
    /// Steps of all environments after which training ends.
    pub total_timesteps: u64,
    /// The first temperature.
    pub ent_coef: f64,
    /// Whether the temperature is learned.
    pub auto_ent_coef: bool,
    /// Entropy that the temperature aims at. None: minus the number of actions (continuous), or half of the largest
    /// possible (discrete; as share of the largest possible where given).
    pub target_entropy: Option<f64>,
    /// As [`crate::algo::ppo::PpoConfig::normalize_reward`]; the replay keeps the rewards themselves.
    pub normalize_reward: bool,
    /// Rewards get running mean 0 and deviation 1 instead. Where episodes never terminate this changes no optimum, and leaves the
    /// critics differences to learn rather than the sum that all actions have in common.
    pub center_reward: bool,
    /// What earlier iterations weigh in these moments after another one. Below 1 they follow the policy as it gets better, so that
    /// small differences between good actions count as much as large ones between bad actions did.
    pub reward_keep: f64,
    /// Parts of a minibatch that are computed in parallel. Changes results; the number of threads does not.
    pub shards: usize,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            schedule: Schedule::Constant,
            buffer_size: 1_000_000,
            learning_starts: 100,
            batch_size: 256,
            tau: 0.005,
            gamma: 0.99,
            turn_gamma: 1.0,
            train_freq: 1,
            gradient_steps: 1,
            n_steps: 100,
            total_timesteps: 1_000_000,
            ent_coef: 1.0,
            auto_ent_coef: true,
            target_entropy: None,
            normalize_reward: false,
            center_reward: false,
            reward_keep: 1.0,
            shards: 2,
        }
    }
}

impl SacConfig {
    fn check(&self, sizes: &[(&str, usize)]) -> Result<()> {
        let mut check = RangeCheck::default();
        check.counts(&[
            ("buffer_size", self.buffer_size),
            ("batch_size", self.batch_size),
            ("n_steps", self.n_steps),
            ("shards", self.shards),
            ("train_freq", self.train_freq as usize),
            ("total_timesteps", self.total_timesteps as usize),
        ]);
        check.counts(sizes);
        check.shares(&[
            ("tau", self.tau),
            ("gamma", self.gamma),
            ("turn_gamma", self.turn_gamma),
            ("reward_keep", self.reward_keep),
        ]);
        check.not_negative(&[("learning_rate", self.learning_rate)]);
        check.positive(&[("ent_coef", self.ent_coef)]);
        check.done()
    }
}
