//! Actor-critic, the paper's baseline: one-step advantage (19), no ratio and no clip, one pass over what was collected.
//!
//! The paper gives no more details. The rest is stable-baselines3's A2C (`n_steps`, learning rate, coefficients, one gradient over the
//! whole rollout), but with Adam, and with lambda = 0 in (20): A_t = r_t + gamma V(s_{t+1}) - V(s_t).

use wayside_core::config::{Choice, Flag, Float, section};
use wayside_core::error::Result;

use crate::algo::env::Env;
use crate::algo::on_policy::{OnPolicy, Surrogate};
use crate::algo::options::{ANY_COUNT, ANY_STEPS, SCHEDULES, Schedule};
use crate::algo::ppo::PpoConfig;
use crate::nn::net::NetSpec;

section! {
    /// Options of AC; names of stable-baselines3.
    #[derive(Clone, Debug, PartialEq)]
    pub struct AcConfig {
        /// steps of each environment in an iteration
        n_steps: usize = default(5, ANY_COUNT),
        /// discount factor
        gamma: f64 = default(0.99, Float::ANY),
        /// weight of the entropy bonus
        ent_coef: f64 = default(0.0, Float::ANY),
        /// weight of the value loss
        vf_coef: f64 = default(0.5, Float::ANY),
        /// largest norm of the gradient; longer ones are scaled down
        max_grad_norm: f64 = default(0.5, Float::ANY),
        /// step size of Adam
        learning_rate: f64 = default(7e-4, Float::ANY),
        /// how the step size changes: `constant`, or `linear`, falling to zero at total_timesteps
        schedule: Schedule = default(Schedule::Constant, Choice(&SCHEDULES)),
        /// steps of all environments after which training ends
        total_timesteps: u64 = default(1_000_000, ANY_STEPS),
        /// whether advantages are scaled to mean 0 and deviation 1
        normalize_advantage: bool = default(false, Flag),
        /// whether observations are scaled to a running mean of 0 and deviation of 1
        normalize_observation: bool = default(false, Flag),
        /// whether rewards are divided by the running deviation of returns, and never by less than their own root mean square
        normalize_reward: bool = default(false, Flag),
        /// groups of environments that are stepped in parallel, one core each; changes results in the last digits, which the number of threads does not
        lanes: usize = default(2, ANY_COUNT),
        /// parts of a minibatch that are computed in parallel, one core each; changes results in the last digits, which the number of threads does not
        shards: usize = default(2, ANY_COUNT),
    }
}

impl AcConfig {
    /// A learner in `envs`.
    ///
    /// # Errors
    /// Every option out of its range, at once.
    pub fn learner<E: Env>(&self, net: NetSpec, envs: Vec<E>, seed: u64) -> Result<OnPolicy<E>> {
        // no clip and no minibatches: the surrogate says so
        let config = PpoConfig {
            n_steps: self.n_steps,
            n_epochs: 1,
            gamma: self.gamma,
            gae_lambda: 0.0,
            turn_lambda: 0.0,
            ent_coef: self.ent_coef,
            vf_coef: self.vf_coef,
            max_grad_norm: self.max_grad_norm,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            total_timesteps: self.total_timesteps,
            normalize_advantage: self.normalize_advantage,
            normalize_observation: self.normalize_observation,
            normalize_reward: self.normalize_reward,
            lanes: self.lanes,
            shards: self.shards,
            ..PpoConfig::default()
        };
        OnPolicy::new(config, Surrogate::Plain, net, envs, seed)
    }
}
