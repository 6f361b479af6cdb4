//! Actor-critic, the paper's baseline: one-step advantage (19), no ratio and no clip, one pass over what was collected.
//!
//! The paper says no more. The rest is stable-baselines3's A2C (`n_steps`, learning rate, coefficients, one gradient over the
//! whole rollout), but with Adam, and with lambda = 0 in (20): A_t = r_t + gamma V(s_{t+1}) - V(s_t).

use wayside_core::error::Result;

use crate::algo::env::Env;
use crate::algo::on_policy::{OnPolicy, Surrogate};
use crate::algo::options::Schedule;
use crate::algo::ppo::PpoConfig;
use crate::nn::net::NetSpec;

/// Options of AC; names of stable-baselines3.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcConfig {
    /// Slots per environment and update.
    pub n_steps: usize,
    /// Discount.
    pub gamma: f64,
    /// Weight of the entropy.
    pub ent_coef: f64,
    /// Weight of the value loss.
    pub vf_coef: f64,
    /// Largest norm of the gradient.
    pub max_grad_norm: f64,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Where a linear schedule ends.
    pub total_timesteps: u64,
    /// Advantages get mean 0 and deviation 1.
    pub normalize_advantage: bool,
    /// Observations get running mean 0 and deviation 1.
    pub normalize_observation: bool,
    /// As [`crate::algo::ppo::PpoConfig::normalize_reward`].
    pub normalize_reward: bool,
    /// As [`crate::algo::ppo::PpoConfig::lanes`].
    pub lanes: usize,
    /// As [`crate::algo::ppo::PpoConfig::shards`].
    pub shards: usize,
}

impl Default for AcConfig {
    fn default() -> Self {
        Self {
            n_steps: 5,
            gamma: 0.99,
            ent_coef: 0.0,
            vf_coef: 0.5,
            max_grad_norm: 0.5,
            learning_rate: 7e-4,
            schedule: Schedule::Constant,
            total_timesteps: 1_000_000,
            normalize_advantage: false,
            normalize_observation: false,
            normalize_reward: false,
            lanes: 2,
            shards: 2,
        }
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
