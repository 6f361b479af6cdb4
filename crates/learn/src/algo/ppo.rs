//! Proximal policy optimisation (Schulman et al. 2017), equations (19)-(23) and Algorithm 1 of the paper.
//!
//! Each detail, and where it comes from:
//!
//! | detail | here |
//! |---|---|
//! | advantage (19), (20) | [`crate::algo::gae`], bootstrapped where an episode was cut off by time |
//! | ratio (21) | of the joint action, as the paper; or of each vehicle, with means over vehicles (as MAPPO): the ratio of 200 factors leaves the clip range at the first small change |
//! | clip (22) | `clip_range` |
//! | value loss (23) | squared error, times `vf_coef`, not clipped |
//! | minibatches | reshuffled every epoch; or one drawn from a buffer for all epochs, as Algorithm 1 has it (`min_buffer_size`) |
//! | advantage normalisation | per minibatch, as stable-baselines3 |
//! | entropy bonus, gradient clip, target KL, schedule | as stable-baselines3 |
//! | initialisation | orthogonal; gain sqrt 2 hidden, 0.01 logits, 1 value |
//! | Adam | epsilon 1e-5 |
//! | normalisers | of observations and rewards, constant within an iteration |

use wayside_core::error::Result;

use crate::algo::options::{RangeCheck, Schedule};

/// Over what the ratio (21) is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ratio {
    /// The joint action of the slot.
    Joint,
    /// The choices of one vehicle; losses and entropy are means over vehicles.
    Vehicle,
}

/// Options of PPO. Names and defaults of stable-baselines3 where it has them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpoConfig {
    /// Slots per environment and iteration.
    pub n_steps: usize,
    /// Slots of a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over a rollout.
    pub n_epochs: usize,
    /// Discount.
    pub gamma: f64,
    /// Lambda of (20).
    pub gae_lambda: f64,
    /// Lambda between the turns of a slot, where there is no discount.
    pub turn_lambda: f64,
    /// Epsilon of (22).
    pub clip_range: f64,
    /// Weight of the entropy.
    pub ent_coef: f64,
    /// Weight of the value loss.
    pub vf_coef: f64,
    /// Largest norm of the gradient.
    pub max_grad_norm: f64,
    /// Ends an iteration whose mean KL divergence exceeds 1.5 times this.
    pub target_kl: Option<f64>,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Where a linear schedule ends.
    pub total_timesteps: u64,
    /// Advantages of every minibatch get mean 0 and deviation 1.
    pub normalize_advantage: bool,
    /// Observations get running mean 0 and deviation 1.
    pub normalize_observation: bool,
    /// Rewards are divided by the running deviation of returns, and never by less than the root mean square of rewards.
    pub normalize_reward: bool,
    /// Algorithm 1 to the letter: after every `n_steps` slots of all environments one minibatch is drawn, in snippets of
    /// `n_steps` slots, from a buffer that holds at least this many slots. 0: every rollout is learned from once, then
    /// dropped.
    pub min_buffer_size: usize,
    /// The most slots that the buffer holds, in whole rollouts.
    pub buffer_size: usize,
    /// Over what the ratio is taken.
    pub ratio: Ratio,
    /// Groups of environments that are stepped in parallel, one core each. Changes results in the last digits; the number
    /// of threads does not.
    pub lanes: usize,
    /// Parts of a minibatch that are computed in parallel, one core each; each costs a sum over all parameters.
    /// Changes results in the last digits; the number of threads does not.
    pub shards: usize,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            n_steps: 2048,
            batch_size: 64,
            n_epochs: 10,
            gamma: 0.99,
            gae_lambda: 0.95,
            turn_lambda: 0.95,
            clip_range: 0.2,
            ent_coef: 0.0,
            vf_coef: 0.5,
            max_grad_norm: 0.5,
            target_kl: None,
            learning_rate: 3e-4,
            schedule: Schedule::Constant,
            total_timesteps: 1_000_000,
            normalize_advantage: true,
            normalize_observation: false,
            normalize_reward: false,
            min_buffer_size: 0,
            buffer_size: 4096,
            ratio: Ratio::Joint,
            lanes: 2,
            shards: 2,
        }
    }
}

impl PpoConfig {
    /// Whether minibatches are drawn from a buffer of several rollouts.
    pub(crate) fn buffered(&self) -> bool {
        self.min_buffer_size > 0
    }

    /// Reports every option out of its range, at once.
    pub(crate) fn check(&self, envs: usize) -> Result<()> {
        let mut check = RangeCheck::default();
        check.counts(&[
            ("envs", envs),
            ("n_steps", self.n_steps),
            ("batch_size", self.batch_size),
            ("n_epochs", self.n_epochs),
            ("total_timesteps", self.total_timesteps as usize),
            ("lanes", self.lanes),
            ("shards", self.shards),
        ]);
        check.shares(&[
            ("gamma", self.gamma),
            ("gae_lambda", self.gae_lambda),
            ("turn_lambda", self.turn_lambda),
        ]);
        check.not_negative(&[
            ("learning_rate", self.learning_rate),
            ("ent_coef", self.ent_coef),
            ("vf_coef", self.vf_coef),
        ]);
        if self.buffered() {
            let (least, most) = (self.min_buffer_size, self.buffer_size);
            let want = format!("at least min_buffer_size ({least})");
            check.unless(most >= least, "buffer_size", &want, most);
        }
        check.positive(&[
            ("clip_range", self.clip_range),
            ("max_grad_norm", self.max_grad_norm),
            ("target_kl", self.target_kl.unwrap_or(1.0)),
        ]);
        check.done()
    }
}
