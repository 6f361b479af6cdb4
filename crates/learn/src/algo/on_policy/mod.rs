//! The learner behind PPO and AC: collect, estimate, update. [`OnPolicy::iterate`] is one turn of Algorithm 1 of the paper.

mod buffer;
mod external_backend;
mod minibatch;
#[cfg(test)]
mod tests;
mod updater;

use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;
use wayside_core::error::Result;
use wayside_core::rng::Streams;

use crate::algo::decider::Network;
use crate::algo::env::Env;
use crate::algo::episode::{self, EpisodeLog};
use crate::algo::gae::Discounts;
use crate::algo::learner::{Learner, Losses, OnPolicyLosses, Report};
use crate::algo::normalise::{Inputs, RewardNormaliser, Running};
use crate::algo::policy::{self, Policy};
use crate::algo::ppo::PpoConfig;
use crate::algo::rollout::{Lane, Rollout};
use crate::nn::architecture::Architecture;
use crate::nn::backend::Backend;
use crate::nn::net::{Net, NetSpec};
use crate::nn::state::{State, invalid};

use updater::{Updater, Updates};

/// What the policy's gradient is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surrogate {
    /// The clipped ratio (22), over minibatches: PPO.
    Clipped,
    /// A log pi, over the whole rollout: AC.
    Plain,
}

/// Networks, optimiser and rollouts of PPO or AC; made by [`PpoConfig::learner`] or [`crate::algo::ac::AcConfig::learner`].
#[derive(Debug)]
pub struct OnPolicy<E> {
    lanes: Vec<Lane<E>>,
    normaliser: Option<Inputs<Running>>,
    rewards: Option<RewardNormaliser>,
    updater: Updater,
    seed: u64,
    iterations: u64,
    timesteps: u64,
}

impl PpoConfig {
    /// A learner in `envs`.
    ///
    /// # Errors
    /// Every option out of its range, at once.
    pub fn learner<E: Env>(&self, net: NetSpec, envs: Vec<E>, seed: u64) -> Result<OnPolicy<E>> {
        OnPolicy::new(self.clone(), Surrogate::Clipped, net, envs, seed)
    }
}

impl<E: Env> OnPolicy<E> {
    pub(crate) fn new(
        config: PpoConfig,
        surrogate: Surrogate,
        spec: NetSpec,
        envs: Vec<E>,
        seed: u64,
    ) -> Result<Self> {
        config.check(envs.len())?;
        let net = Net::new(spec)?;
        let (count, n) = (config.lanes.min(envs.len()), envs.len());
        let mut envs = envs.into_iter();
        let lane = |l: usize| {
            let (from, to) = (l * n / count, (l + 1) * n / count);
            let part = envs.by_ref().take(to - from).collect();
            Lane::new(&net, from, part, config.normalize_observation)
        };
        Ok(Self {
            lanes: (0..count).map(lane).collect(),
            normaliser: config
                .normalize_observation
                .then(|| Inputs::<Running>::new(net.spec())),
            rewards: config
                .normalize_reward
                .then(|| RewardNormaliser::new(false)),
            updater: Updater::new(config, surrogate, net, count, n, Streams::new(seed)),
            seed,
            iterations: 0,
            timesteps: 0,
        })
    }

    /// Minibatches are computed by `backend` from here on, in one piece, whatever `shards` says.
    ///
    /// # Errors
    /// If it is of other networks, its device fails, or there is a buffer.
    pub fn with_backend(mut self, backend: Box<dyn Backend>) -> Result<Self> {
        self.updater.set_backend(backend)?;
        Ok(self)
    }

    /// Networks of another architecture from here on, from their initial parameters.
    ///
    /// # Errors
    /// If there is a backend, or the number of initial parameters is wrong.
    pub fn with_architecture(mut self, architecture: Arc<dyn Architecture>) -> Result<Self> {
        let streams = Streams::new(self.seed);
        self.updater.set_architecture(architecture, streams)?;
        Ok(self)
    }

    /// Sizes of the networks.
    #[must_use]
    pub fn spec(&self) -> &NetSpec {
        self.updater.net.spec()
    }

    /// All parameters, in the layout of [`Net`] or of the architecture.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        &self.updater.params
    }

    /// The environments.
    pub fn envs(&self) -> impl Iterator<Item = &E> {
        self.lanes.iter().flat_map(|lane| &lane.envs)
    }

    /// Whether the present iteration imitates a teacher.
    fn imitates(&self) -> bool {
        self.timesteps < self.updater.config.imitate_timesteps
    }

    fn episodes(&self) -> impl Iterator<Item = &EpisodeLog> + Clone {
        self.lanes.iter().flat_map(|lane| &lane.episodes)
    }

    /// Every lane collects its rollout. Then, in the order of lanes, the moments are merged by which the next iteration
    /// normalises.
    fn collect(&mut self) -> Result<()> {
        let config = &self.updater.config;
        let rollout = Rollout {
            network: Network {
                net: &self.updater.net,
                params: &self.updater.params,
                normaliser: self.normaliser.as_ref(),
            },
            rewards: self.rewards.as_ref(),
            n_steps: config.n_steps,
            discounts: discounts(config),
            streams: Streams::new(self.seed),
            iteration: self.iterations,
            imitate: self.imitates(),
        };
        let lanes = self.lanes.par_iter_mut();
        let collected: Vec<Result<()>> = lanes.map(|lane| lane.collect(&rollout)).collect();
        collected.into_iter().collect::<Result<()>>()?;
        let stores = self.lanes.iter_mut().map(|lane| &mut lane.store);
        self.updater.take(stores, self.iterations);
        for lane in &self.lanes {
            if let (Some(normaliser), Some(moments)) = (&mut self.normaliser, &lane.decider.moments)
            {
                normaliser.merge(moments);
            }
            if let Some(rewards) = &mut self.rewards {
                rewards.merge(&lane.reward_moments);
            }
        }
        Ok(())
    }

    /// What the updates of an iteration report.
    fn losses(&self, updates: &Updates, explained_variance: f64) -> Losses {
        let (mean, config) = (updates.sums.mean(), &self.updater.config);
        Losses::OnPolicy(OnPolicyLosses {
            policy_gradient_loss: mean.policy_loss,
            value_loss: mean.value_loss,
            entropy_loss: -mean.entropy,
            loss: mean.policy_loss + config.vf_coef * mean.value_loss
                - config.ent_coef * mean.entropy,
            // a teacher's choices have no probability from before
            approx_kl: match self.updater.imitate {
                true => f64::NAN,
                false => mean.approx_kl,
            },
            clip_fraction: mean.clip_fraction,
            explained_variance,
            grad_norm: updates.norms / f64::max(updates.count as f64, 1.0),
        })
    }
}

impl<E: Env> Learner for OnPolicy<E> {
    /// Collects `n_steps` slots of every environment and learns from them.
    fn iterate(&mut self) -> Result<Report> {
        let config = &self.updater.config;
        let rate =
            (config.schedule).rate(config.learning_rate, self.timesteps, config.total_timesteps);
        self.updater.imitate = self.imitates();
        self.collect()?;
        let collected = self.updater.collected() as u64;
        let clipped: u64 = self.lanes.iter().map(|lane| lane.clipped).sum();
        let explained_variance = self.updater.explained_variance(self.iterations);
        let streams = Streams::new(self.seed);
        let updates = self.updater.learn(streams, self.iterations, rate)?;
        self.iterations += 1;
        self.timesteps += collected;
        let mut report = Report {
            iterations: self.iterations,
            total_timesteps: self.timesteps,
            n_updates: self.updater.adam.steps,
            learning_rate: rate,
            reward_clipped: clipped as f64 / collected as f64,
            ..Report::none(self.losses(&updates, explained_variance))
        };
        episode::report(self.episodes(), &mut report);
        Ok(report)
    }

    fn timesteps(&self) -> u64 {
        self.timesteps
    }

    fn policy(&self) -> Policy {
        let (net, params) = (self.updater.net.clone(), self.updater.params.clone());
        Policy::new(net, params, self.normaliser.clone())
    }

    fn save(&self) -> State {
        let mut state = self.policy().save();
        state.card["seed"] = self.seed.into();
        state.card["iterations"] = self.iterations.into();
        state.card["timesteps"] = self.timesteps.into();
        self.updater.save(&mut state);
        if let Some(rewards) = &self.rewards {
            rewards.save("normaliser.rewards", &mut state);
        }
        episode::save(self.episodes(), &mut state);
        state.card["environments"] = self.envs().map(Env::snapshot).collect();
        state
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let spec: NetSpec = state.card_value("net")?;
        if spec != *self.spec() {
            let message = format!("must be {:?}, got {spec:?}", self.spec());
            return Err(invalid("net", message));
        }
        policy::check_architecture(&self.updater.net, state)?;
        let n = self.envs().count();
        let episodes = episode::load(n, state)?;
        let normaliser = Inputs::load(&spec, state)?;
        if normaliser.is_some() != self.normaliser.is_some() {
            let (want, got) = (self.normaliser.is_some(), normaliser.is_some());
            return Err(invalid("normalised", format!("must be {want}, got {got}")));
        }
        let rewards = self.rewards.as_ref();
        let rewards = rewards.map(|r| r.loaded("normaliser.rewards", state));
        let rewards = rewards.transpose()?;
        let snapshots: Vec<Value> = state.card_list("environments", n)?;
        let (seed, iterations) = (state.card_value("seed")?, state.card_value("iterations")?);
        let timesteps = state.card_value("timesteps")?;
        self.updater.load(state)?;

        (self.seed, self.iterations, self.timesteps) = (seed, iterations, timesteps);
        (self.normaliser, self.rewards) = (normaliser, rewards);
        let logs = self.lanes.iter_mut().flat_map(|lane| &mut lane.episodes);
        logs.zip(episodes).for_each(|(log, saved)| *log = saved);
        let envs = self.lanes.iter_mut().flat_map(|lane| &mut lane.envs);
        let mut pairs = envs.zip(&snapshots);
        pairs.try_for_each(|(env, snapshot)| env.restore(snapshot))
    }
}

fn discounts(config: &PpoConfig) -> Discounts {
    Discounts {
        gamma: config.gamma,
        lambda: config.gae_lambda,
        turn_lambda: config.turn_lambda,
    }
}
