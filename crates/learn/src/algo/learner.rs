//! What every learner does, and what it reports.

use wayside_core::error::Result;

use crate::algo::policy::Policy;
use crate::nn::state::State;

/// An algorithm with its networks and its environments: what [`crate::trainer`] drives.
pub trait Learner {
    /// Takes the steps of one iteration in every environment and learns from them.
    ///
    /// # Errors
    /// If an environment or a device fails.
    ///
    /// # Panics
    /// If an environment breaks the contract of [`crate::algo::env::Observe`].
    fn iterate(&mut self) -> Result<Report>;

    /// Steps of all environments so far.
    fn timesteps(&self) -> u64;

    /// The policy as it stands.
    fn policy(&self) -> Policy;

    /// All that the next iteration depends on. Random streams are named by seed and iteration, so the counter is their
    /// state.
    fn save(&self) -> State;

    /// Goes on where [`Learner::save`] stood, to the bit.
    ///
    /// # Errors
    /// If the state is of other networks, options or environments.
    fn load(&mut self, state: &State) -> Result<()>;
}

/// What an iteration did; the fields have the names of stable-baselines3, and [`Report::tags`] its groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Iterations so far.
    pub iterations: u64,
    /// Steps of all environments so far.
    pub total_timesteps: u64,
    /// Updates so far.
    pub n_updates: u64,
    /// Slots that ended in this iteration.
    pub slots: u64,
    /// Mean reported reward of these slots.
    pub slot_reward: Option<f64>,
    /// Mean reported reward of the episodes that ended in this iteration.
    pub ep_rew_mean: Option<f64>,
    /// Mean length of these episodes, in slots.
    pub ep_len_mean: Option<f64>,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Share of rewards that were clipped when they were normalised.
    pub reward_clipped: f64,
    /// Means over the updates of this iteration.
    pub losses: Losses,
}

/// What an algorithm reports of its updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Losses {
    /// PPO and AC.
    OnPolicy(OnPolicyLosses),
    /// SAC of either kind.
    Sac(SacLosses),
}

/// Losses of PPO and AC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct OnPolicyLosses {
    pub policy_gradient_loss: f64,
    pub value_loss: f64,
    pub entropy_loss: f64,
    pub loss: f64,
    pub approx_kl: f64,
    pub clip_fraction: f64,
    pub explained_variance: f64,
    pub grad_norm: f64,
}

/// Losses of SAC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct SacLosses {
    pub actor_loss: f64,
    pub critic_loss: f64,
    pub ent_coef: f64,
    pub entropy_loss: f64,
}

impl Report {
    /// The report of no iteration yet.
    #[must_use]
    pub fn none(losses: Losses) -> Self {
        Self {
            iterations: 0,
            total_timesteps: 0,
            n_updates: 0,
            slots: 0,
            slot_reward: None,
            ep_rew_mean: None,
            ep_len_mean: None,
            learning_rate: 0.0,
            reward_clipped: 0.0,
            losses,
        }
    }

    /// Tag and value of all that is known, in a fixed order.
    pub fn tags(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let optional = [
            ("rollout/ep_rew_mean", self.ep_rew_mean),
            ("rollout/ep_len_mean", self.ep_len_mean),
        ];
        let always = [
            ("time/iterations", self.iterations as f64),
            ("time/total_timesteps", self.total_timesteps as f64),
            ("train/learning_rate", self.learning_rate),
            ("train/reward_clipped", self.reward_clipped),
            ("train/n_updates", self.n_updates as f64),
        ];
        let known = optional
            .into_iter()
            .filter_map(|(tag, value)| Some((tag, value?)));
        known.chain(always).chain(self.losses.tags())
    }

    /// The value of a tag, where there is one.
    #[must_use]
    pub fn tag(&self, tag: &str) -> Option<f64> {
        self.tags()
            .find_map(|(name, value)| (name == tag).then_some(value))
    }
}

impl Losses {
    fn tags(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let (on_policy, sac) = match self {
            Self::OnPolicy(l) => (Some(l.tags()), None),
            Self::Sac(l) => (None, Some(l.tags())),
        };
        on_policy
            .into_iter()
            .flatten()
            .chain(sac.into_iter().flatten())
    }
}

impl OnPolicyLosses {
    fn tags(&self) -> [(&'static str, f64); 8] {
        [
            ("train/policy_gradient_loss", self.policy_gradient_loss),
            ("train/value_loss", self.value_loss),
            ("train/entropy_loss", self.entropy_loss),
            ("train/loss", self.loss),
            ("train/approx_kl", self.approx_kl),
            ("train/clip_fraction", self.clip_fraction),
            ("train/explained_variance", self.explained_variance),
            ("train/grad_norm", self.grad_norm),
        ]
    }
}

impl SacLosses {
    fn tags(&self) -> [(&'static str, f64); 4] {
        [
            ("train/actor_loss", self.actor_loss),
            ("train/critic_loss", self.critic_loss),
            ("train/ent_coef", self.ent_coef),
            ("train/entropy_loss", self.entropy_loss),
        ]
    }
}
