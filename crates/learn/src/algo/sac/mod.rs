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
        /// step size of Adam, for actor, critics and temperature
        learning_rate: f64 = default(3e-4, Float::ANY),
        /// how the step size changes: `constant`, or `linear`, falling to zero at total_timesteps
        schedule: Schedule = default(Schedule::Constant, Choice(&SCHEDULES)),
        /// transitions that the replay buffer holds
        buffer_size: usize = default(1_000_000, ANY_COUNT),
        /// steps with random actions before learning begins
        learning_starts: u64 = default(100, ANY_STEPS),
        /// transitions of a minibatch
        batch_size: usize = default(256, ANY_COUNT),
        /// share by which target critics follow the critics per update
        tau: f64 = default(0.005, Float::ANY),
        /// discount factor
        gamma: f64 = default(0.99, Float::ANY),
        /// discount factor between the turns of a slot, where no time passes: the weight that a turn gives to the next one
        turn_gamma: f64 = default(1.0, Float::ANY),
        /// steps of each environment between updates
        train_freq: u64 = default(1, ANY_STEPS),
        /// gradient steps of each update
        gradient_steps: usize = default(1, ANY_COUNT),
        /// steps of each environment in an iteration
        n_steps: usize = default(100, ANY_COUNT),
        /// steps of all environments after which training ends
        total_timesteps: u64 = default(1_000_000, ANY_STEPS),
        /// initial temperature
        ent_coef: f64 = default(1.0, Float::ANY),
        /// whether the temperature is learned
        auto_ent_coef: bool = default(true, Flag),
        /// entropy that the temperature aims at: for discrete actions a share of the largest possible entropy, null for half;
        /// for continuous ones the entropy itself, null for minus the number of actions
        target_entropy: Option<f64> = default(None, Nullable(Float::ANY)),
        /// whether rewards are divided by the running deviation of returns, and never by less than their own root mean square
        normalize_reward: bool = default(false, Flag),
        /// whether rewards are scaled to a running mean of 0 and deviation of 1 instead; the critics then learn differences between
        /// actions rather than what all have in common; without terminal states this does not change the optimum
        center_reward: bool = default(false, Flag),
        /// weight that earlier iterations keep in these statistics after each iteration; below 1 the scale follows the policy as it
        /// improves
        reward_keep: f64 = default(1.0, Float::ANY),
        /// parts of a minibatch that are computed in parallel, one core each; changes results in the last digits, which the number of threads does not
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
