//! The learner behind both kinds of SAC: acts, stores transitions, and learns from stored ones.

use rayon::prelude::*;
use serde_json::Value;
use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use super::SacConfig;
use super::minibatch::{Losses, Minibatch, Shard};
use super::networks::{Ends, Networks};
use super::replay::{Replay, Transition, Widths};
use crate::algo::env::{End, SlotView, Step};
use crate::algo::episode::{self, EpisodeLog};
use crate::algo::learner::{self, Learner, Report, SacLosses};
use crate::algo::normalise::{Moments, RewardNormaliser};
use crate::algo::policy::Policy;
use crate::nn::mlp::{Activation, Tape};
use crate::nn::net::{Net, NetSpec, Pool};
use crate::nn::state::{State, invalid};

/// How an action is chosen.
pub(crate) enum Draw<'a> {
    /// Uniformly among what is allowed.
    Uniform(&'a mut Stream),
    /// From the actor's distribution.
    Sample(&'a mut Stream),
}

/// Actions of one kind: everything in which continuous and discrete SAC differ.
pub(crate) trait ActionSpace: Sync {
    /// What a shard of a minibatch needs besides the fields of [`Shard`].
    type Buffers: std::fmt::Debug + Default + Send + Sync;

    /// Widths of a transition.
    fn widths(&self) -> Widths;
    /// Widths of the networks.
    fn ends(&self) -> Ends;
    /// Rows of an observation, each one input of the actor.
    fn rows(&self) -> usize;
    /// A slot for environments to fill.
    fn slot(&self) -> SlotView;
    /// The entropy that the temperature aims at.
    fn target_entropy(&self, asked: Option<f64>) -> f64;
    /// Consecutive factors of a vehicle, and what environments show beside the rows: what a policy needs to know besides.
    fn policy_form(&self) -> (usize, usize);
    /// What a checkpoint must agree with.
    fn card(&self) -> serde_json::Value;
    /// An action from the actor's output; the output may be used as memory.
    fn choose(&self, output: &mut [f32], slot: &SlotView, draw: Draw, action: &mut Vec<f32>);
    /// Random numbers for a shard whose members are drawn.
    fn noise(&self, shard: &mut Shard<Self::Buffers>, stream: &mut Stream);
    /// Half the squared error of both critics against r + gamma (min Q' - alpha log pi), and its gradient.
    fn critic_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Self::Buffers>);
    /// alpha log pi - min Q, and its gradient.
    fn actor_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Self::Buffers>);
}

/// An environment as the learner of a [`ActionSpace`] sees it.
pub(crate) trait SacEnv<A>: Send {
    /// Shows what is to be decided, in the fixed form of the learner.
    fn show(&mut self, space: &A, slot: &mut SlotView) -> Result<()>;
    /// Applies an action for what was shown.
    fn act(&mut self, space: &A, action: &[f32], slot: &mut SlotView) -> Result<Step>;
    /// As [`crate::algo::env::Env::reset`].
    fn restart(&mut self) -> Result<()>;
    /// As [`crate::algo::env::Env::snapshot`].
    fn standing(&self) -> Value;
    /// As [`crate::algo::env::Env::restore`].
    fn go_on_from(&mut self, standing: &Value) -> Result<()>;
}

/// One environment, what it has shown and what was done.
#[derive(Debug)]
struct EnvRunner<E> {
    env: E,
    /// Now, and after the step.
    slots: [SlotView; 2],
    masks: [Vec<u8>; 2],
    action: Vec<f32>,
    episode: EpisodeLog,
}

impl<E> EnvRunner<E> {
    /// Shows slot `which`, and keeps its mask.
    fn show<A>(&mut self, space: &A, which: usize) -> Result<()>
    where
        E: SacEnv<A>,
    {
        self.env.show(space, &mut self.slots[which])?;
        let shown = self.slots[which].mask.iter();
        self.masks[which].clear();
        self.masks[which].extend(shown.map(|m| u8::from(*m)));
        Ok(())
    }
}

/// The learner of an action space in environments `E`.
#[derive(Debug)]
#[allow(private_bounds)] // the action spaces are ours alone
pub struct SoftActorCritic<A: ActionSpace, E> {
    config: SacConfig,
    space: A,
    hidden: Vec<usize>,
    networks: Networks,
    /// The actor in the form that decides in a run.
    policy_net: Net,
    replay: Replay,
    shards: Vec<Shard<A::Buffers>>,
    runners: Vec<EnvRunner<E>>,
    /// The normaliser of rewards, and their moments in this iteration.
    rewards: Option<RewardNormaliser>,
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
impl<A: ActionSpace, E: SacEnv<A>> SoftActorCritic<A, E> {
    pub(super) fn with(
        config: SacConfig,
        space: A,
        hidden: &[usize],
        envs: Vec<E>,
        seed: u64,
    ) -> Result<Self> {
        let widths = space.widths();
        let narrowest = hidden.iter().copied().min().unwrap_or(0);
        config.check(&[
            ("envs", envs.len()),
            ("net_arch", narrowest),
            ("observation", widths.observation),
            ("actions", widths.action),
        ])?;
        let target_entropy = space.target_entropy(config.target_entropy);
        let streams = Streams::new(seed);
        let networks = Networks::new(&config, space.ends(), hidden, target_entropy, streams);
        let shard = |_| Shard {
            actor_grads: vec![0.0; networks.actor_params.len()],
            critic_grads: vec![0.0; networks.critic_params.len()],
            ..Shard::default()
        };
        let runner = |env| EnvRunner {
            env,
            slots: [space.slot(), space.slot()],
            masks: [Vec::new(), Vec::new()],
            action: Vec::new(),
            episode: EpisodeLog::default(),
        };
        Ok(Self {
            policy_net: policy_net(&space, hidden)?,
            shards: (0..config.shards).map(shard).collect(),
            runners: envs.into_iter().map(runner).collect(),
            rewards: (config.normalize_reward || config.center_reward)
                .then(|| RewardNormaliser::new(config.center_reward)),
            moments: RewardNormaliser::moments(),
            replay: Replay::new(widths, config.buffer_size),
            hidden: hidden.to_vec(),
            networks,
            config,
            space,
            rows: Vec::new(),
            tape: Tape::default(),
            seed,
            iterations: 0,
            timesteps: 0,
            updates: 0,
        })
    }

    /// Observes all environments and draws an action for each: at random before learning starts.
    fn draw_actions(&mut self, stream: &mut Stream) -> Result<()> {
        self.rows.clear();
        for runner in &mut self.runners {
            runner.show(&self.space, 0)?;
            self.rows.extend_from_slice(&runner.slots[0].rows);
        }
        let rows = self.runners.len() * self.space.rows();
        let n = &self.networks;
        n.actor
            .forward(&n.actor_params, &self.rows, rows, &mut self.tape);
        let (output, _) = self.tape.output_and_gradient();
        let width = output.len() / self.runners.len();
        for (runner, output) in self.runners.iter_mut().zip(output.chunks_exact_mut(width)) {
            let draw = match self.timesteps < self.config.learning_starts {
                true => Draw::Uniform(stream),
                false => Draw::Sample(stream),
            };
            self.space
                .choose(output, &runner.slots[0], draw, &mut runner.action);
        }
        Ok(())
    }

    /// Takes the drawn action in every environment and remembers the transition. Returns how many rewards were clipped.
    fn step(&mut self) -> Result<u64> {
        let mut clipped = 0;
        for runner in &mut self.runners {
            let step = (runner.env).act(&self.space, &runner.action, &mut runner.slots[0])?;
            runner.show(&self.space, 1)?;
            let discount = match step.end {
                End::Terminated => 0.0,
                End::Turn => self.config.turn_gamma,
                End::No | End::Truncated => self.config.gamma,
            };
            let reward = runner.episode.count(&step, discount, &mut self.moments);
            let cut = self.rewards.as_ref().is_some_and(|r| r.apply(reward).1);
            clipped += u64::from(cut);
            self.replay.push(Transition {
                observation: &runner.slots[0].rows,
                next_observation: &runner.slots[1].rows,
                action: &runner.action,
                mask: &runner.masks[0],
                next_mask: &runner.masks[1],
                reward,
                discount: discount as f32,
            });
            if step.end.is_over() {
                runner.env.restart()?;
            }
        }
        self.timesteps += self.runners.len() as u64;
        Ok(clipped)
    }

    /// Whether the present step is followed by updates.
    fn learns(&self) -> bool {
        let steps = self.timesteps / self.runners.len() as u64;
        self.timesteps >= self.config.learning_starts
            && steps.is_multiple_of(self.config.train_freq)
    }

    /// Parameters of the actor.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        &self.networks.actor_params
    }

    /// The environments.
    pub fn envs(&self) -> impl Iterator<Item = &E> {
        self.runners.iter().map(|runner| &runner.env)
    }

    /// One update of critics, actor, temperature and targets, on a minibatch drawn with replacement.
    fn update(&mut self, rate: f64, stream: &mut Stream) -> Losses {
        let Self {
            config,
            space,
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
            space.noise(shard, stream);
        }
        let rewards = self.rewards.as_ref();
        let minibatch = Minibatch::new(networks, replay, size, rewards);
        shards.par_iter_mut().for_each(|shard| {
            shard.losses = Losses::default();
            shard.critic_grads.fill(0.0);
            space.critic_gradient(&minibatch, shard);
        });
        networks.step_critics(|i| shards.get(i).map(|s| s.critic_grads.as_slice()), rate);
        let minibatch = Minibatch::new(networks, replay, size, rewards);
        shards.par_iter_mut().for_each(|shard| {
            shard.actor_grads.fill(0.0);
            space.actor_gradient(&minibatch, shard);
        });
        networks.step_actor(|i| shards.get(i).map(|s| s.actor_grads.as_slice()), rate);
        let mut losses = Losses::default();
        shards.iter().for_each(|shard| losses.add(&shard.losses));
        networks.temperature.update(losses.entropy, rate);
        networks.follow(config.tau as f32);
        self.updates += 1;
        losses
    }
}

impl<A: ActionSpace, E: SacEnv<A>> Learner for SoftActorCritic<A, E> {
    /// Takes `n_steps` steps in every environment, and learns after each that is due.
    fn iterate(&mut self) -> Result<Report> {
        let streams = Streams::new(self.seed);
        let stream = |name: &str| streams.stream(&format!("learn.sac.{name}.{}", self.iterations));
        let (mut act, mut learn) = (stream("act"), stream("learn"));
        let config = &self.config;
        let rate =
            (config.schedule).rate(config.learning_rate, self.timesteps, config.total_timesteps);
        let (mut losses, mut clipped, before) = (Losses::default(), 0, self.updates);
        self.moments.clear();
        let episodes = self.runners.iter_mut().map(|runner| &mut runner.episode);
        episodes.for_each(EpisodeLog::begin_iteration);
        for _ in 0..self.config.n_steps {
            self.draw_actions(&mut act)?;
            clipped += self.step()?;
            if self.learns() {
                for _ in 0..self.config.gradient_steps {
                    losses.add(&self.update(rate, &mut learn));
                }
            }
        }
        // only now: like every normaliser it is constant within an iteration
        if let Some(rewards) = &mut self.rewards {
            rewards.forget(self.config.reward_keep);
            rewards.merge(&self.moments);
        }
        self.iterations += 1;
        let n = f64::max((self.updates - before) as f64, 1.0);
        let losses = SacLosses {
            actor_loss: losses.actor / n,
            critic_loss: losses.critic / n,
            ent_coef: f64::from(self.networks.temperature.alpha()),
            entropy_loss: -(losses.entropy / n),
        };
        let steps = self.config.n_steps * self.runners.len();
        let mut report = Report {
            iterations: self.iterations,
            total_timesteps: self.timesteps,
            n_updates: self.updates,
            learning_rate: rate,
            reward_clipped: clipped as f64 / steps as f64,
            ..Report::none(learner::Losses::Sac(losses))
        };
        episode::report(
            self.runners.iter().map(|runner| &runner.episode),
            &mut report,
        );
        Ok(report)
    }

    fn timesteps(&self) -> u64 {
        self.timesteps
    }

    /// The actor, with a value of zero.
    fn policy(&self) -> Policy {
        let mut params = self.params().to_vec();
        params.resize(self.policy_net.parameters(), 0.0);
        Policy::new(self.policy_net.clone(), params, None)
    }

    /// The whole replay is part of it.
    fn save(&self) -> State {
        let card = serde_json::json!({
            "form": self.space.card(), "hidden": self.hidden, "seed": self.seed,
            "iterations": self.iterations, "timesteps": self.timesteps, "updates": self.updates,
        });
        let mut state = State::new(card);
        self.networks.save(&mut state);
        self.replay.save(&mut state);
        if let Some(rewards) = &self.rewards {
            rewards.save("normaliser.rewards", &mut state);
        }
        episode::save(
            self.runners.iter().map(|runner| &runner.episode),
            &mut state,
        );
        let standings = self.runners.iter().map(|runner| runner.env.standing());
        state.card["environments"] = standings.collect();
        state
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let form: Value = state.card_value("form")?;
        if form != self.space.card() {
            let message = format!("must be {}, got {form}", self.space.card());
            return Err(invalid("form", message));
        }
        let (networks, replay) = (self.networks.loaded(state)?, self.replay.loaded(state)?);
        let n = self.runners.len();
        let episodes = episode::load(n, state)?;
        let standings: Vec<Value> = state.card_list("environments", n)?;
        let rewards = self.rewards.as_ref();
        let rewards = rewards.map(|r| r.loaded("normaliser.rewards", state));
        let rewards = rewards.transpose()?;
        let (seed, iterations) = (state.card_value("seed")?, state.card_value("iterations")?);
        let (timesteps, updates) = (state.card_value("timesteps")?, state.card_value("updates")?);
        (self.networks, self.replay, self.rewards) = (networks, replay, rewards);
        (self.seed, self.iterations, self.timesteps, self.updates) =
            (seed, iterations, timesteps, updates);
        for ((runner, episode), standing) in self.runners.iter_mut().zip(episodes).zip(&standings) {
            runner.episode = episode;
            runner.env.go_on_from(standing)?;
        }
        Ok(())
    }
}

/// The actor as the network of a [`Policy`]: its layers, then a linear value.
fn policy_net<A: ActionSpace>(space: &A, hidden: &[usize]) -> Result<Net> {
    let (row_width, logits_per_row) = space.ends().actor;
    let (factors_per_vehicle, globals) = space.policy_form();
    Net::new(NetSpec {
        row_width,
        globals,
        hidden: hidden.to_vec(),
        logits_per_row,
        factors_per_vehicle,
        value_hidden: Vec::new(),
        pool: Pool::Trunk,
        activation: Activation::Relu,
    })
}
