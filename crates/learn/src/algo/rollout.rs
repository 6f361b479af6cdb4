//! Collecting `[T, E]` slots. The environments are split into a fixed number of lanes. Each lane steps its own in lock
//! step, on one core, into its own store, so that the result does not depend on the number of threads.

use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use crate::algo::decider::{Decider, Network, Selection};
use crate::algo::env::{End, Env, SlotView};
use crate::algo::episode::EpisodeLog;
use crate::algo::gae::Discounts;
use crate::algo::normalise::{Inputs, Moments, RewardNormaliser};
use crate::algo::store::Store;
use crate::nn::net::Net;

/// What a rollout depends on.
pub(crate) struct Rollout<'a> {
    pub(crate) network: Network<'a>,
    /// Where rewards are normalised.
    pub(crate) rewards: Option<&'a RewardNormaliser>,
    pub(crate) n_steps: usize,
    pub(crate) discounts: Discounts,
    pub(crate) streams: Streams,
    pub(crate) iteration: u64,
    /// Whether what is kept are the choices of teachers.
    pub(crate) imitate: bool,
}

/// Some of the environments, their slots and their store.
#[derive(Debug)]
pub(crate) struct Lane<E> {
    pub(crate) envs: Vec<E>,
    first_env: usize,
    slots: Vec<SlotView>,
    active: Vec<bool>,
    streams: Vec<Stream>,
    /// What a teacher chose.
    taught: Vec<u32>,
    pub(crate) decider: Decider,
    /// Values of all decisions of a rollout.
    values: Vec<f32>,
    /// For every step, whether a second decision found the values of last states.
    cuts: Vec<bool>,
    pub(crate) store: Store,
    pub(crate) episodes: Vec<EpisodeLog>,
    pub(crate) reward_moments: Moments,
    /// Rewards of this rollout that were clipped.
    pub(crate) clipped: u64,
}

impl<E: Env> Lane<E> {
    /// `envs` are those from number `first_env` on.
    pub(crate) fn new(net: &Net, first_env: usize, envs: Vec<E>, count_moments: bool) -> Self {
        let (spec, n) = (net.spec(), envs.len());
        let moments = count_moments.then(|| Inputs::<Moments>::new(spec));
        Self {
            envs,
            first_env,
            slots: vec![SlotView::new(spec.row_width, spec.globals); n],
            active: vec![true; n],
            streams: Vec::with_capacity(n),
            taught: Vec::new(),
            decider: Decider::for_rollouts(moments),
            values: Vec::new(),
            cuts: Vec::new(),
            store: Store::default(),
            episodes: vec![EpisodeLog::default(); n],
            reward_moments: RewardNormaliser::moments(),
            clipped: 0,
        }
    }

    /// T steps of every environment, then their advantages and value targets.
    pub(crate) fn collect(&mut self, rollout: &Rollout) -> Result<()> {
        self.begin(rollout);
        for t in 0..rollout.n_steps {
            self.active.fill(true);
            self.decide(rollout);
            let cut = self.step(rollout)?;
            if cut {
                // the value of the last state stands for all that the limit of time cut off
                self.decide(rollout);
            }
            self.cuts.push(cut);
            let n = self.envs.len();
            for (e, env) in self.envs.iter_mut().enumerate() {
                if self.store.ended(t * n + e) {
                    env.reset()?;
                }
            }
        }
        self.active.fill(true);
        self.decide(rollout);
        self.decider.values(rollout.network, &mut self.values);
        let n = self.envs.len();
        self.store.set_values(&self.values, &self.cuts, n);
        self.store.estimate(n, rollout.discounts);
        if rollout.imitate {
            self.store.advantages.fill(1.0);
        }
        Ok(())
    }

    fn begin(&mut self, rollout: &Rollout) {
        self.store.clear();
        self.reward_moments.clear();
        self.clipped = 0;
        self.cuts.clear();
        self.episodes
            .iter_mut()
            .for_each(EpisodeLog::begin_iteration);
        if let Some(moments) = &mut self.decider.moments {
            moments.clear();
        }
        self.streams.clear();
        for e in self.first_env..self.first_env + self.envs.len() {
            let name = format!("learn.action.{}.{e}", rollout.iteration);
            self.streams.push(rollout.streams.stream(&name));
        }
    }

    /// Decides all active environments.
    fn decide(&mut self, rollout: &Rollout) {
        self.decider.decide(
            rollout.network,
            &mut self.envs,
            &self.active,
            &mut self.slots,
            Selection::Sample(&mut self.streams),
        );
    }

    /// One step of every environment. Leaves active those that were cut off; returns whether any was.
    fn step(&mut self, rollout: &Rollout) -> Result<bool> {
        let mut cut = false;
        for (e, env) in self.envs.iter_mut().enumerate() {
            let slot = &mut self.slots[e];
            let taught = rollout.imitate && env.teach(&mut self.taught);
            // half of the environments go where the teacher goes, half where the policy does
            let follows = taught && (self.first_env + e).is_multiple_of(2);
            let step = env.step(if follows { &self.taught } else { &slot.actions })?;
            if taught {
                slot.actions.clone_from(&self.taught);
            }
            let discount = match step.end {
                End::Turn => 1.0,
                _ => rollout.discounts.gamma,
            };
            let reward = self.episodes[e].count(&step, discount, &mut self.reward_moments);
            let (reward, clipped) = rollout
                .rewards
                .map_or((reward, false), |rewards| rewards.apply(reward));
            self.clipped += u64::from(clipped);
            self.store.push(slot, reward, step.end);
            self.active[e] = step.end == End::Truncated;
            cut |= self.active[e];
        }
        Ok(cut)
    }
}
