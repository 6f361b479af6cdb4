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

use wayside_core::config::{Choice, Flag, Float, Nullable, section};
use wayside_core::error::Result;

use crate::algo::options::{ANY_COUNT, ANY_STEPS, RangeCheck, SCHEDULES, Schedule};

/// Over what the ratio (21) is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ratio {
    /// The joint action of the slot.
    Joint,
    /// The choices of one vehicle; losses and entropy are means over vehicles.
    Vehicle,
}

const RATIOS: [(&str, Ratio); 2] = [("joint", Ratio::Joint), ("vehicle", Ratio::Vehicle)];

section! {
    /// Options of PPO. Names and defaults of stable-baselines3 where it has them.
    #[derive(Clone, Debug, PartialEq)]
    pub struct PpoConfig {
        /// steps of each environment in an iteration
        n_steps: usize = default(2048, ANY_COUNT),
        /// steps of a minibatch; the last one of an epoch may be smaller
        batch_size: usize = default(64, ANY_COUNT),
        /// passes over a rollout
        n_epochs: usize = default(10, ANY_COUNT),
        /// discount factor
        gamma: f64 = default(0.99, Float::ANY),
        /// lambda of generalised advantage estimation, equation (20)
        gae_lambda: f64 = default(0.95, Float::ANY),
        /// the same lambda between the turns of a slot, where there is no discount
        turn_lambda: f64 = default(0.95, Float::ANY),
        /// clip range epsilon of the ratio, equation (22)
        clip_range: f64 = default(0.2, Float::ANY),
        /// weight of the entropy bonus
        ent_coef: f64 = default(0.0, Float::ANY),
        /// weight of the value loss
        vf_coef: f64 = default(0.5, Float::ANY),
        /// largest norm of the gradient; longer ones are scaled down
        max_grad_norm: f64 = default(0.5, Float::ANY),
        /// ends an iteration whose mean KL divergence exceeds 1.5 times this
        target_kl: Option<f64> = default(None, Nullable(Float::ANY)),
        /// step size of Adam
        learning_rate: f64 = default(3e-4, Float::ANY),
        /// how the step size changes: `constant`, or `linear`, falling to zero at total_timesteps
        schedule: Schedule = default(Schedule::Constant, Choice(&SCHEDULES)),
        /// steps of all environments after which training ends
        total_timesteps: u64 = default(1_000_000, ANY_STEPS),
        /// whether the advantages of every minibatch are scaled to mean 0 and deviation 1
        normalize_advantage: bool = default(true, Flag),
        /// whether observations are scaled to a running mean of 0 and deviation of 1
        normalize_observation: bool = default(false, Flag),
        /// whether rewards are divided by the running deviation of returns, and never by less than their own root mean square
        normalize_reward: bool = default(false, Flag),
        /// if above 0, Algorithm 1 to the letter: after every n_steps steps of all environments one minibatch is drawn, in
        /// pieces of n_steps, from a buffer that holds at least this many steps; 0: every rollout is used once, then dropped
        min_buffer_size: usize = default(0, ANY_COUNT),
        /// the most steps that this buffer holds, in whole rollouts
        buffer_size: usize = default(4096, ANY_COUNT),
        /// steps at the start in which the choices of a teacher are imitated, where the environment has one; its choices are
        /// taken in every other environment, those of the policy in the others
        imitate_timesteps: u64 = default(0, ANY_STEPS),
        /// what the ratio (21) is taken over: the `joint` action of a slot, or the choices of each `vehicle`
        ratio: Ratio = default(Ratio::Joint, Choice(&RATIOS)),
        /// groups of environments that are stepped in parallel, one core each; changes results in the last digits, which the number of threads does not
        lanes: usize = default(2, ANY_COUNT),
        /// parts of a minibatch that are computed in parallel, one core each; changes results in the last digits, which the number of threads does not
        shards: usize = default(2, ANY_COUNT),
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
