//! Soft actor-critic (Haarnoja et al. 2018, "Soft actor-critic algorithms and applications"): twin critics, target
//! critics, automatic temperature. [`continuous`] has tanh-Gaussian actions, [`discrete`] the factorised masked categorical.

pub mod continuous;
pub mod discrete;
mod replay;

use wayside_core::error::Result;

use crate::adam::Adam;
use crate::ppo::Check;
use crate::state::State;

/// Options of SAC; names and defaults of stable-baselines3.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SacConfig {
    /// Step size of Adam, for actor, critics and temperature.
    pub learning_rate: f64,
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
    /// Steps between updates.
    pub train_freq: u64,
    /// Updates each time.
    pub gradient_steps: usize,
    /// Temperature to begin with.
    pub ent_coef: f64,
    /// Whether the temperature is learned.
    pub auto_ent_coef: bool,
    /// Entropy that the temperature aims at. None: minus the number of actions (continuous), or half of the largest
    /// possible (discrete; as share of the largest possible where given).
    pub target_entropy: Option<f64>,
    /// Hidden layers of actor and critics.
    pub hidden: Vec<usize>,
    /// Parts of a minibatch that are computed in parallel. Changes results; the number of threads does not.
    pub shards: usize,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            buffer_size: 1_000_000,
            learning_starts: 100,
            batch_size: 256,
            tau: 0.005,
            gamma: 0.99,
            train_freq: 1,
            gradient_steps: 1,
            ent_coef: 1.0,
            auto_ent_coef: true,
            target_entropy: None,
            hidden: vec![256, 256],
            shards: 2,
        }
    }
}

impl SacConfig {
    fn check(&self, sizes: &[(&str, usize)]) -> Result<()> {
        let mut check = Check::default();
        check.counts(&[
            ("buffer_size", self.buffer_size),
            ("batch_size", self.batch_size),
            ("shards", self.shards),
        ]);
        check.counts(&[
            ("train_freq", self.train_freq as usize),
            ("hidden", self.hidden.iter().copied().min().unwrap_or(0)),
        ]);
        check.counts(sizes);
        check.shares(&[("tau", self.tau), ("gamma", self.gamma)]);
        check.not_negative(&[("learning_rate", self.learning_rate)]);
        check.positive(&[("ent_coef", self.ent_coef)]);
        check.done()
    }
}

/// What an iteration did, means over its updates; names of stable-baselines3.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct SacReport {
    pub total_timesteps: u64,
    pub n_updates: u64,
    pub rew_mean: f64,
    pub actor_loss: f64,
    pub critic_loss: f64,
    pub ent_coef: f64,
    pub entropy: f64,
}

/// The weight alpha of the entropy, learned through its logarithm.
#[derive(Clone, Debug)]
struct Temperature {
    log_alpha: Vec<f32>,
    adam: Adam,
    learned: bool,
    target_entropy: f64,
}

impl Temperature {
    fn new(config: &SacConfig, target_entropy: f64) -> Self {
        let log_alpha = vec![config.ent_coef.ln() as f32];
        Self {
            log_alpha,
            adam: Adam::new(1, 1e-8),
            learned: config.auto_ent_coef,
            target_entropy,
        }
    }

    fn alpha(&self) -> f32 {
        self.log_alpha[0].exp()
    }

    /// Minimises log alpha (entropy - target): up where the policy is too sure.
    fn update(&mut self, entropy: f64, rate: f64) {
        if self.learned {
            let gradient = [(entropy - self.target_entropy) as f32];
            self.adam.step(
                &mut self.log_alpha,
                |i| (i == 0).then_some(&gradient[..]),
                rate,
                None,
            );
        }
    }
}

/// target += tau (source - target).
fn follow(target: &mut [f32], source: &[f32], tau: f32) {
    target
        .iter_mut()
        .zip(source)
        .for_each(|(t, s)| *t += tau * (s - *t));
}

/// Sums of a shard of a minibatch.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    actor: f64,
    critic: f64,
    entropy: f64,
}

/// Actor, critics with their targets, temperature and the optimisers: all but the replay.
#[derive(Debug)]
struct Networks {
    actor: Vec<f32>,
    critics: Vec<f32>,
    targets: Vec<f32>,
    actor_adam: Adam,
    critic_adam: Adam,
    temperature: Temperature,
}

impl Networks {
    fn new(actor: Vec<f32>, critics: Vec<f32>, temperature: Temperature) -> Self {
        Self {
            actor_adam: Adam::new(actor.len(), 1e-8),
            critic_adam: Adam::new(critics.len(), 1e-8),
            targets: critics.clone(),
            actor,
            critics,
            temperature,
        }
    }

    fn save(&self, state: &mut State) {
        state.put("actor", &self.actor);
        state.put("critics", &self.critics);
        state.put("targets", &self.targets);
        state.put("log_alpha", &self.temperature.log_alpha);
        for (name, adam) in [
            ("actor", &self.actor_adam),
            ("critics", &self.critic_adam),
            ("log_alpha", &self.temperature.adam),
        ] {
            state.put(&format!("{name}.adam.m"), &adam.m);
            state.put(&format!("{name}.adam.v"), &adam.v);
            state.card[format!("{name}.adam_steps")] = adam.steps.into();
        }
    }

    /// A copy with the numbers of `state`.
    fn loaded(&self, state: &State) -> Result<Self> {
        let adam = |name: &str, like: &Adam| -> Result<Adam> {
            let mut adam = like.clone();
            adam.m = state.get_len(&format!("{name}.adam.m"), like.m.len())?;
            adam.v = state.get_len(&format!("{name}.adam.v"), like.v.len())?;
            adam.steps = state.card_value(&format!("{name}.adam_steps"))?;
            Ok(adam)
        };
        let mut temperature = self.temperature.clone();
        temperature.log_alpha = state.get_len("log_alpha", 1)?;
        temperature.adam = adam("log_alpha", &self.temperature.adam)?;
        Ok(Self {
            actor: state.get_len("actor", self.actor.len())?,
            critics: state.get_len("critics", self.critics.len())?,
            targets: state.get_len("targets", self.targets.len())?,
            actor_adam: adam("actor", &self.actor_adam)?,
            critic_adam: adam("critics", &self.critic_adam)?,
            temperature,
        })
    }
}
