//! Soft actor-critic (Haarnoja et al. 2018, "Soft actor-critic algorithms and applications"): twin critics, target
//! critics, automatic temperature. [`learner`] is the algorithm; [`continuous`] has tanh-Gaussian actions, [`discrete`] the
//! factorised masked categorical.

pub mod continuous;
pub mod discrete;
pub mod learner;
mod minibatch;
mod networks;
mod replay;

use wayside_core::config::{Choice, Flag, Float, Nullable, section};
use wayside_core::error::Result;

use crate::algo::options::{ANY_COUNT, ANY_STEPS, RangeCheck, SCHEDULES, Schedule};

section! {
    /// Options of SAC; names and defaults of stable-baselines3 where it has them.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SacConfig {
        /// Step size of Adam, for actor, critics and temperature.
        learning_rate: f64 = default(3e-4, Float::ANY),
        /// How the step size changes.
        schedule: Schedule = default(Schedule::Constant, Choice(&SCHEDULES)),
        /// Transitions remembered.
        buffer_size: usize = default(1_000_000, ANY_COUNT),
        /// Random steps before learning.
        learning_starts: u64 = default(100, ANY_STEPS),
        /// Transitions of a minibatch.
        batch_size: usize = default(256, ANY_COUNT),
        /// Share by which target critics follow per update.
        tau: f64 = default(0.005, Float::ANY),
        /// Discount.
        gamma: f64 = default(0.99, Float::ANY),
        /// Discount between the turns of a slot, where no time passes. Below 1 it is the weight that a turn gives to the
        /// turns after it.
        turn_gamma: f64 = default(1.0, Float::ANY),
        /// Steps of every environment between updates.
        train_freq: u64 = default(1, ANY_STEPS),
        /// Updates each time.
        gradient_steps: usize = default(1, ANY_COUNT),
        /// Steps of every environment in an iteration.
        n_steps: usize = default(100, ANY_COUNT),
        /// Steps of all environments after which training ends.
        total_timesteps: u64 = default(1_000_000, ANY_STEPS),
        /// The first temperature.
        ent_coef: f64 = default(1.0, Float::ANY),
        /// Whether the temperature is learned.
        auto_ent_coef: bool = default(true, Flag),
        /// Entropy that the temperature aims at. None: minus the number of actions (continuous), or half of the largest
        /// possible (discrete; as share of the largest possible where given).
        target_entropy: Option<f64> = default(None, Nullable(Float::ANY)),
        /// As [`crate::algo::ppo::PpoConfig::normalize_reward`]; the replay keeps the rewards themselves.
        normalize_reward: bool = default(false, Flag),
        /// Rewards get running mean 0 and deviation 1 instead. Where episodes never terminate this changes no optimum, and leaves the
        /// critics differences to learn rather than the sum that all actions have in common.
        center_reward: bool = default(false, Flag),
        /// What earlier iterations weigh in these moments after another one. Below 1 they follow the policy as it gets better, so that
        /// small differences between good actions count as much as large ones between bad actions did.
        reward_keep: f64 = default(1.0, Float::ANY),
        /// Parts of a minibatch that are computed in parallel. Changes results; the number of threads does not.
        shards: usize = default(2, ANY_COUNT),
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
