//! A minibatch of transitions, split into shards.

use super::networks::Networks;
use super::replay::Replay;
use crate::algo::normalise::RewardNormaliser;
use crate::nn::mlp::Tape;

/// Sums over updates, or over the shards of one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    pub(super) actor: f64,
    pub(super) critic: f64,
    pub(super) entropy: f64,
}

impl Losses {
    pub(super) fn add(&mut self, other: &Self) {
        self.actor += other.actor;
        self.critic += other.critic;
        self.entropy += other.entropy;
    }
}

/// Buffers for a part of a minibatch.
#[derive(Debug, Default)]
pub(crate) struct Shard<B> {
    pub(super) members: Vec<usize>,
    /// Observations of the members, present or next.
    pub(super) rows: Vec<f32>,
    pub(super) mask: Vec<bool>,
    /// Targets of the critics.
    pub(super) targets: Vec<f32>,
    pub(super) actor: Tape,
    pub(super) critics: [Tape; 2],
    pub(super) actor_grads: Vec<f32>,
    pub(super) critic_grads: Vec<f32>,
    pub(super) losses: Losses,
    pub(super) own: B,
}

/// What every shard of a minibatch needs.
pub(crate) struct Minibatch<'a> {
    pub(super) networks: &'a Networks,
    pub(super) replay: &'a Replay,
    pub(super) alpha: f32,
    /// 1 / members of the minibatch.
    pub(super) share: f32,
    /// Where rewards are normalised.
    rewards: Option<&'a RewardNormaliser>,
}

impl<'a> Minibatch<'a> {
    pub(super) fn new(
        networks: &'a Networks,
        replay: &'a Replay,
        size: usize,
        rewards: Option<&'a RewardNormaliser>,
    ) -> Self {
        Self {
            networks,
            replay,
            alpha: networks.temperature.alpha(),
            share: 1.0 / size as f32,
            rewards,
        }
    }

    /// Loads what the members saw, or what they saw next.
    pub(super) fn load<B>(&self, shard: &mut Shard<B>, next: bool) {
        shard.rows.clear();
        shard.mask.clear();
        for &i in &shard.members {
            let t = self.replay.get(i);
            let (rows, mask) = match next {
                true => (t.next_observation, t.next_mask),
                false => (t.observation, t.mask),
            };
            shard.rows.extend_from_slice(rows);
            shard.mask.extend(mask.iter().map(|m| *m != 0));
        }
    }

    /// Turns the soft values of the members' next states into targets: r + gamma V.
    pub(super) fn aim(&self, members: &[usize], values: &mut [f32]) {
        for (value, &i) in values.iter_mut().zip(members) {
            let t = self.replay.get(i);
            let reward = self.rewards.map_or(t.reward, |r| r.apply(t.reward).0);
            *value = reward + t.discount * *value;
        }
    }
}
