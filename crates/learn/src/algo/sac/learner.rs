//! The learner behind both kinds of SAC: act, remember, and learn from what is remembered.

use rayon::prelude::*;
use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use super::networks::{Ends, Networks};
use super::replay::{Replay, Transition, Widths};
use super::{SacConfig, SacReport};
use crate::algo::normalise::{Moments, Rewards};
use crate::algo::on_policy::Schedule;
use crate::algo::rollout::{Episode, load_episodes, save_episodes};
use crate::algo::slot::{End, Slot, Step};
use crate::nn::mlp::Tape;
use crate::nn::state::{State, invalid};

/// How an action is chosen.
pub(crate) enum Draw<'a> {
    /// Uniformly among what is allowed.
    Uniform(&'a mut Stream),
    /// As the actor says.
    Sample(&'a mut Stream),
    /// The actor's likeliest.
    Greedy,
}

/// What the two kinds of actions differ in.
pub(crate) trait Kind: Sync {
    /// What a shard of a minibatch needs besides [`Shard`]'s own.
    type Buffers: std::fmt::Debug + Default + Send + Sync;

    /// Of a transition.
    fn widths(&self) -> Widths;
    /// Of the networks.
    fn ends(&self) -> Ends;
    /// Rows of an observation, each one input of the actor.
    fn rows(&self) -> usize;
    /// To be filled by environments.
    fn slot(&self) -> Slot;
    /// What the temperature aims at.
    fn target_entropy(&self, asked: Option<f64>) -> f64;
    /// What a checkpoint must agree with.
    fn card(&self) -> serde_json::Value;
    /// An action from the actor's output; the output may be used as memory.
    fn choose(&self, output: &mut [f32], slot: &Slot, draw: Draw, action: &mut Vec<f32>);
    /// Random numbers for a shard whose members are drawn.
    fn noise(&self, shard: &mut Shard<Self::Buffers>, stream: &mut Stream);
    /// Half the squared error of both critics against r + gamma (min Q' - alpha log pi), and its gradient.
    fn critic_gradient(&self, task: &Task, shard: &mut Shard<Self::Buffers>);
    /// alpha log pi - min Q, and its gradient.
    fn actor_gradient(&self, task: &Task, shard: &mut Shard<Self::Buffers>);
}

/// An environment as a [`Kind`] of learner sees it.
pub(crate) trait Stage<K> {
    /// Shows what is to be decided, in the fixed form of the learner.
    fn show(&mut self, kind: &K, slot: &mut Slot) -> Result<()>;
    /// Takes an action for what was shown.
    fn take(&mut self, kind: &K, action: &[f32], slot: &mut Slot) -> Step;
    /// Begins a new episode.
    fn restart(&mut self);
}

/// Sums over updates, or over the shards of one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    pub(super) actor: f64,
    pub(super) critic: f64,
    pub(super) entropy: f64,
}

impl Losses {
    fn add(&mut self, other: &Self) {
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
    /// What the critics aim at.
    pub(super) targets: Vec<f32>,
    pub(super) actor: Tape,
    pub(super) critics: [Tape; 2],
    pub(super) actor_grads: Vec<f32>,
    pub(super) critic_grads: Vec<f32>,
    pub(super) losses: Losses,
    pub(super) own: B,
}

/// What every shard of a minibatch needs.
pub(crate) struct Task<'a> {
    pub(super) networks: &'a Networks,
    pub(super) replay: &'a Replay,
    pub(super) alpha: f32,
    /// 1 / members of the minibatch.
    pub(super) share: f32,
    /// What rewards are normalised by.
    rewards: Option<&'a Rewards>,
}

impl<'a> Task<'a> {
    fn new(
        networks: &'a Networks,
        replay: &'a Replay,
        size: usize,
        rewards: Option<&'a Rewards>,
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
            let reward = self.rewards.map_or(t.reward, |r| r.shown(t.reward).0);
            *value = reward + t.discount * *value;
        }
    }
}

/// What one environment has seen and done.
#[derive(Debug)]
struct Seat {
    /// Now, and after the step.
    slots: [Slot; 2],
    masks: [Vec<u8>; 2],
    action: Vec<f32>,
    episode: Episode,
}

impl Seat {
    /// Keeps what the slot shows as may be chosen.
    fn note(&mut self, which: usize) {
        let shown = self.slots[which].mask.iter();
        self.masks[which].clear();
        self.masks[which].extend(shown.map(|m| u8::from(*m)));
    }
}

/// The learner: a kind of action, networks, replay.
#[derive(Debug)]
#[allow(private_bounds)] // the kinds are ours alone
pub struct Soft<K: Kind> {
    config: SacConfig,
    pub(super) kind: K,
    hidden: Vec<usize>,
    pub(super) networks: Networks,
    replay: Replay,
    shards: Vec<Shard<K::Buffers>>,
    seats: Vec<Seat>,
    /// What rewards are normalised by, and their moments in this iteration.
    rewards: Option<Rewards>,
    moments: Moments,
    /// Observations of all environments, and the actor's answer.
    rows: Vec<f32>,
    tape: Tape,
    seed: u64,
    iterations: u64,
    timesteps: u64,
    updates: u64,
}

#[allow(private_bounds)]
impl<K: Kind> Soft<K> {
    pub(super) fn with(
        config: SacConfig,
        kind: K,
        hidden: &[usize],
        envs: usize,
        seed: u64,
    ) -> Result<Self> {
        let widths = kind.widths();
        let narrowest = hidden.iter().copied().min().unwrap_or(0);
        config.check(&[
            ("envs", envs),
            ("net_arch", narrowest),
            ("observation", widths.observation),
            ("actions", widths.action),
        ])?;
        let target_entropy = kind.target_entropy(config.target_entropy);
        let streams = Streams::new(seed);
        let networks = Networks::new(&config, kind.ends(), hidden, target_entropy, streams);
        let shard = |_| Shard {
            actor_grads: vec![0.0; networks.actor_params.len()],
            critic_grads: vec![0.0; networks.critic_params.len()],
            ..Shard::default()
        };
        let seat = |_| Seat {
            slots: [kind.slot(), kind.slot()],
            masks: [Vec::new(), Vec::new()],
            action: Vec::new(),
            episode: Episode::default(),
        };
        Ok(Self {
            shards: (0..config.shards).map(shard).collect(),
            seats: (0..envs).map(seat).collect(),
            rewards: (config.normalize_reward || config.center_reward)
                .then(|| Rewards::new(config.center_reward)),
            moments: Rewards::moments(),
            replay: Replay::new(widths, config.buffer_size),
            hidden: hidden.to_vec(),
            networks,
            config,
            kind,
            rows: Vec::new(),
            tape: Tape::default(),
            seed,
            iterations: 0,
            timesteps: 0,
            updates: 0,
        })
    }

    /// Takes `n_steps` steps in each of `envs`, and learns after each that is due.
    ///
    /// The environments must be the same from call to call, as many as the learner was made for.
    ///
    /// # Errors
    /// If there are more or fewer environments, or one shows what does not have the form of the learner.
    #[allow(private_bounds)]
    pub fn iterate<E: Stage<K>>(&mut self, envs: &mut [E]) -> Result<SacReport> {
        if envs.len() != self.seats.len() {
            let message = format!(
                "must be {} environments, got {}",
                self.seats.len(),
                envs.len()
            );
            return Err(invalid("envs", message));
        }
        let streams = Streams::new(self.seed);
        let stream = |name: &str| streams.stream(&format!("learn.sac.{name}.{}", self.iterations));
        let (mut act, mut learn) = (stream("act"), stream("learn"));
        let (mut losses, updates) = (Losses::default(), self.updates);
        let rate = self.rate();
        let (mut reward, mut clipped, mut ended) = (0.0, 0, Vec::new());
        self.moments.clear();
        for _ in 0..self.config.n_steps {
            self.act(envs, &mut act)?;
            for (seat, env) in self.seats.iter_mut().zip(&mut *envs) {
                let step = env.take(&self.kind, &seat.action, &mut seat.slots[0]);
                reward += step.reward;
                env.show(&self.kind, &mut seat.slots[1])?;
                seat.note(1);
                let discount = match step.end {
                    End::Terminated => 0.0,
                    End::Turn => self.config.turn_gamma,
                    End::No | End::Truncated => self.config.gamma,
                };
                let reward = seat.episode.count(step.reward, discount, &mut self.moments);
                let cut = self.rewards.as_ref().is_some_and(|r| r.shown(reward).1);
                clipped += u64::from(cut);
                self.replay.push(Transition {
                    observation: &seat.slots[0].rows,
                    next_observation: &seat.slots[1].rows,
                    action: &seat.action,
                    mask: &seat.masks[0],
                    next_mask: &seat.masks[1],
                    reward,
                    discount: discount as f32,
                });
                if step.end.is_over() {
                    ended.push(std::mem::take(&mut seat.episode));
                    env.restart();
                }
            }
            self.timesteps += envs.len() as u64;
            let turns = self.timesteps / envs.len() as u64;
            if self.timesteps >= self.config.learning_starts
                && turns.is_multiple_of(self.config.train_freq)
            {
                for _ in 0..self.config.gradient_steps {
                    losses.add(&self.update(rate, &mut learn));
                }
            }
        }
        // constant within an iteration, as everything that is normalised
        if let Some(rewards) = &mut self.rewards {
            rewards.forget(self.config.reward_keep);
            rewards.merge(&self.moments);
        }
        self.iterations += 1;
        let n = f64::max((self.updates - updates) as f64, 1.0);
        let episodes = ended.len() as f64;
        let mean = |of: fn(&Episode) -> f64| {
            (!ended.is_empty()).then(|| ended.iter().map(of).sum::<f64>() / episodes)
        };
        Ok(SacReport {
            iterations: self.iterations,
            total_timesteps: self.timesteps,
            n_updates: self.updates,
            ep_rew_mean: mean(|e| e.reward),
            ep_len_mean: mean(|e| e.length),
            learning_rate: rate,
            rew_mean: reward / (self.config.n_steps * envs.len()) as f64,
            reward_clipped: clipped as f64 / (self.config.n_steps * envs.len()) as f64,
            actor_loss: losses.actor / n,
            critic_loss: losses.critic / n,
            entropy: losses.entropy / n,
            ent_coef: f64::from(self.networks.temperature.alpha()),
        })
    }

    /// Observes all environments and draws an action for each: at random before learning starts.
    fn act<E: Stage<K>>(&mut self, envs: &mut [E], stream: &mut Stream) -> Result<()> {
        self.rows.clear();
        for (seat, env) in self.seats.iter_mut().zip(envs) {
            env.show(&self.kind, &mut seat.slots[0])?;
            seat.note(0);
            self.rows.extend_from_slice(&seat.slots[0].rows);
        }
        let rows = self.seats.len() * self.kind.rows();
        let n = &self.networks;
        n.actor
            .forward(&n.actor_params, &self.rows, rows, &mut self.tape);
        let (output, _) = self.tape.output_and_gradient();
        let width = output.len() / self.seats.len();
        for (seat, output) in self.seats.iter_mut().zip(output.chunks_exact_mut(width)) {
            let draw = match self.timesteps < self.config.learning_starts {
                true => Draw::Uniform(stream),
                false => Draw::Sample(stream),
            };
            self.kind
                .choose(output, &seat.slots[0], draw, &mut seat.action);
        }
        Ok(())
    }

    /// The likeliest action of the actor for `slot`, which is in the form of the learner.
    pub(super) fn likeliest(&mut self, slot: &Slot, action: &mut Vec<f32>) {
        let n = &self.networks;
        n.actor.forward(
            &n.actor_params,
            &slot.rows,
            self.kind.rows(),
            &mut self.tape,
        );
        let (output, _) = self.tape.output_and_gradient();
        self.kind.choose(output, slot, Draw::Greedy, action);
    }

    /// Step size of Adam for the present iteration.
    fn rate(&self) -> f64 {
        let done = self.timesteps as f64 / self.config.total_timesteps as f64;
        match self.config.schedule {
            Schedule::Constant => self.config.learning_rate,
            Schedule::Linear => self.config.learning_rate * (1.0 - done).max(0.0),
        }
    }

    /// One update of critics, actor, temperature and targets, on a minibatch drawn with replacement.
    fn update(&mut self, rate: f64, stream: &mut Stream) -> Losses {
        let Self {
            config,
            kind,
            networks,
            replay,
            shards,
            ..
        } = self;
        let (size, count) = (config.batch_size, shards.len());
        for (i, shard) in shards.iter_mut().enumerate() {
            let n = (i + 1) * size / count - i * size / count;
            shard.members.clear();
            let draw = |_| stream.below(replay.len());
            shard.members.extend((0..n).map(draw));
            kind.noise(shard, stream);
        }
        let rewards = self.rewards.as_ref();
        let task = Task::new(networks, replay, size, rewards);
        shards.par_iter_mut().for_each(|shard| {
            shard.losses = Losses::default();
            shard.critic_grads.fill(0.0);
            kind.critic_gradient(&task, shard);
        });
        networks.step_critics(|i| shards.get(i).map(|s| s.critic_grads.as_slice()), rate);
        let task = Task::new(networks, replay, size, rewards);
        shards.par_iter_mut().for_each(|shard| {
            shard.actor_grads.fill(0.0);
            kind.actor_gradient(&task, shard);
        });
        networks.step_actor(|i| shards.get(i).map(|s| s.actor_grads.as_slice()), rate);
        let mut losses = Losses::default();
        shards.iter().for_each(|shard| losses.add(&shard.losses));
        networks.temperature.update(losses.entropy, rate);
        networks.follow(config.tau as f32);
        self.updates += 1;
        losses
    }

    /// Steps of all environments so far.
    #[must_use]
    pub fn timesteps(&self) -> u64 {
        self.timesteps
    }

    /// Hidden layers of actor and critics.
    pub(crate) fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// Parameters of the actor.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        &self.networks.actor_params
    }

    /// All that the next iteration depends on, the whole replay included, but not the environments.
    #[must_use]
    pub fn save_state(&self) -> State {
        let card = serde_json::json!({
            "form": self.kind.card(), "hidden": self.hidden, "seed": self.seed,
            "iterations": self.iterations, "timesteps": self.timesteps, "updates": self.updates,
        });
        let mut state = State::new(card);
        self.networks.save(&mut state);
        self.replay.save(&mut state);
        if let Some(rewards) = &self.rewards {
            rewards.save("normaliser.rewards", &mut state);
        }
        save_episodes(self.seats.iter().map(|seat| &seat.episode), &mut state);
        state
    }

    /// Continues where [`Soft::save_state`] stood, to the bit, if the environments do so too.
    ///
    /// # Errors
    /// If the state is of another form, other sizes or another number of environments; the learner is then unchanged.
    pub fn load_state(&mut self, state: &State) -> Result<()> {
        let form: serde_json::Value = state.card_value("form")?;
        if form != self.kind.card() {
            let message = format!("must be {}, got {form}", self.kind.card());
            return Err(invalid("form", message));
        }
        let (networks, replay) = (self.networks.loaded(state)?, self.replay.loaded(state)?);
        let episodes = load_episodes(self.seats.len(), state)?;
        let rewards = self.rewards.as_ref();
        let rewards = rewards.map(|r| r.loaded("normaliser.rewards", state));
        let rewards = rewards.transpose()?;
        let (seed, iterations) = (state.card_value("seed")?, state.card_value("iterations")?);
        let (timesteps, updates) = (state.card_value("timesteps")?, state.card_value("updates")?);
        (self.networks, self.replay, self.rewards) = (networks, replay, rewards);
        (self.seed, self.iterations, self.timesteps, self.updates) =
            (seed, iterations, timesteps, updates);
        for (seat, episode) in self.seats.iter_mut().zip(episodes) {
            seat.episode = episode;
        }
        Ok(())
    }
}
