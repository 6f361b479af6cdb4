//! SAC with continuous actions in (-1, 1): a Gaussian per action, squashed by tanh.

use rayon::prelude::*;
use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use super::replay::{Replay, Transition, Widths};
use super::{Losses, Networks, SacConfig, SacReport, Temperature, follow};
use crate::mlp::{Activation, Mlp, Tape};
use crate::slot::{End, Step};
use crate::state::{State, invalid};

/// An environment with a fixed observation and continuous actions.
pub trait ContinuousEnv {
    /// Writes what is seen, `[observation]`. Must not change what a second call would show.
    fn observe(&mut self, observation: &mut [f32]);
    /// Applies `action [actions]`, each in (-1, 1).
    fn step(&mut self, action: &[f32]) -> Step;
    /// Begins a new episode.
    fn reset(&mut self);
}

/// Bounds of the logarithm of the standard deviation, as stable-baselines3.
const LOG_STD: (f32, f32) = (-20.0, 2.0);

/// A squashed Gaussian sample: u = mean + std e, a = tanh u. Returns a and the log-density of this one action.
fn squash(mean: f32, log_std: f32, noise: f32) -> (f32, f32) {
    let log_std = log_std.clamp(LOG_STD.0, LOG_STD.1);
    let u = mean + log_std.exp() * noise;
    // log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u)), without cancellation
    let softplus = (-2.0 * u).max(0.0) + (-(2.0 * u).abs()).exp().ln_1p();
    let log_slope = 2.0 * (std::f32::consts::LN_2 - u - softplus);
    let log_density = -0.5 * noise * noise - log_std - 0.5 * std::f32::consts::TAU.ln() - log_slope;
    (u.tanh(), log_density)
}

/// Gradient of alpha log-density - Q with respect to mean and log_std, given a and dQ/da.
fn squash_gradient(action: f32, log_std: f32, noise: f32, alpha: f32, dq: f32) -> (f32, f32) {
    let d_u = 2.0 * alpha * action - dq * (1.0 - action * action);
    let inside = (LOG_STD.0..LOG_STD.1).contains(&log_std);
    (
        d_u,
        if inside {
            d_u * log_std.exp() * noise - alpha
        } else {
            0.0
        },
    )
}

/// Buffers for a part of a minibatch.
#[derive(Debug, Default)]
struct Shard {
    members: Vec<usize>,
    /// Standard normal numbers for next and present actions, `[S, actions]` each.
    noise: [Vec<f32>; 2],
    observations: Vec<f32>,
    /// Observation and action side by side, `[S, observation + actions]`.
    pairs: Vec<f32>,
    d_pairs: [Vec<f32>; 2],
    log_density: Vec<f32>,
    actor: Tape,
    critics: [Tape; 2],
    actor_grads: Vec<f32>,
    critic_grads: Vec<f32>,
    losses: Losses,
}

/// The learner.
#[derive(Debug)]
pub struct Sac {
    config: SacConfig,
    observation: usize,
    actions: usize,
    actor: Mlp,
    critics: [Mlp; 2],
    networks: Networks,
    replay: Replay,
    shards: Vec<Shard>,
    seed: u64,
    iterations: u64,
    timesteps: u64,
    updates: u64,
}

impl Sac {
    /// For observations of width `observation` and `actions` actions.
    ///
    /// # Errors
    /// Every option out of its range, at once.
    pub fn new(config: SacConfig, observation: usize, actions: usize, seed: u64) -> Result<Self> {
        config.check(&[("observation", observation), ("actions", actions)])?;
        let sizes = |first: usize, last: usize| -> Vec<usize> {
            std::iter::once(first)
                .chain(config.hidden.iter().copied())
                .chain([last])
                .collect()
        };
        let actor = Mlp::new(0, &sizes(observation, 2 * actions), Activation::Relu, false);
        let first = Mlp::new(0, &sizes(observation + actions, 1), Activation::Relu, false);
        let second = Mlp::new(
            first.end(),
            &sizes(observation + actions, 1),
            Activation::Relu,
            false,
        );
        let streams = Streams::new(seed);
        let (mut actor_params, mut critic_params) =
            (vec![0.0; actor.end()], vec![0.0; second.end()]);
        actor.init(
            &mut actor_params,
            0.01,
            &mut streams.stream("learn.init.actor"),
        );
        first.init(
            &mut critic_params,
            1.0,
            &mut streams.stream("learn.init.critic.0"),
        );
        second.init(
            &mut critic_params,
            1.0,
            &mut streams.stream("learn.init.critic.1"),
        );
        let temperature =
            Temperature::new(&config, config.target_entropy.unwrap_or(-(actions as f64)));
        let shard = |_| Shard {
            actor_grads: vec![0.0; actor_params.len()],
            critic_grads: vec![0.0; critic_params.len()],
            ..Shard::default()
        };
        Ok(Self {
            shards: (0..config.shards).map(shard).collect(),
            replay: Replay::new(
                Widths {
                    observation,
                    action: actions,
                    mask: 0,
                },
                config.buffer_size,
            ),
            networks: Networks::new(actor_params, critic_params, temperature),
            critics: [first, second],
            config,
            observation,
            actions,
            actor,
            seed,
            iterations: 0,
            timesteps: 0,
            updates: 0,
        })
    }

    /// Takes `steps` steps, and learns after each that is due.
    pub fn iterate(&mut self, env: &mut impl ContinuousEnv, steps: usize) -> SacReport {
        let stream = |name: &str| {
            Streams::new(self.seed).stream(&format!("learn.sac.{name}.{}", self.iterations))
        };
        let (mut act, mut learn) = (stream("act"), stream("learn"));
        let (mut now, mut next) = (vec![0.0; self.observation], vec![0.0; self.observation]);
        let mut action = vec![0.0; self.actions];
        let (mut tape, mut report, mut losses, mut updates) = (
            Tape::default(),
            SacReport::default(),
            Losses::default(),
            0.0,
        );
        for _ in 0..steps {
            env.observe(&mut now);
            if self.timesteps < self.config.learning_starts {
                action
                    .iter_mut()
                    .for_each(|a| *a = act.uniform(-1.0, 1.0) as f32);
            } else {
                self.act(&now, Some(&mut act), &mut tape, &mut action);
            }
            let step = env.step(&action);
            report.rew_mean += step.reward / steps as f64;
            env.observe(&mut next);
            self.replay.push(Transition {
                observation: &now,
                next_observation: &next,
                action: &action,
                mask: &[],
                next_mask: &[],
                reward: step.reward as f32,
                goes_on: f32::from(u8::from(step.end != End::Terminated)),
            });
            if step.end != End::No {
                env.reset();
            }
            self.timesteps += 1;
            if self.timesteps >= self.config.learning_starts
                && self.timesteps.is_multiple_of(self.config.train_freq)
            {
                for _ in 0..self.config.gradient_steps {
                    let l = self.update(&mut learn);
                    losses = Losses {
                        actor: losses.actor + l.actor,
                        critic: losses.critic + l.critic,
                        entropy: losses.entropy + l.entropy,
                    };
                    updates += 1.0;
                }
            }
        }
        self.iterations += 1;
        let n = f64::max(updates, 1.0);
        SacReport {
            total_timesteps: self.timesteps,
            n_updates: self.updates,
            actor_loss: losses.actor / n,
            critic_loss: losses.critic / n,
            entropy: losses.entropy / n,
            ent_coef: f64::from(self.networks.temperature.alpha()),
            ..report
        }
    }

    /// The most probable action (the squashed mean) for one observation.
    pub fn decide(&self, observation: &[f32], action: &mut [f32]) {
        self.act(observation, None, &mut Tape::default(), action);
    }

    fn act(
        &self,
        observation: &[f32],
        stream: Option<&mut Stream>,
        tape: &mut Tape,
        action: &mut [f32],
    ) {
        self.actor
            .forward(&self.networks.actor, observation, 1, tape);
        let (mean, log_std) = tape.output().split_at(self.actions);
        let mut noise = stream;
        for ((a, m), s) in action.iter_mut().zip(mean).zip(log_std) {
            let e = noise.as_mut().map_or(0.0, |stream| stream.normal() as f32);
            *a = squash(*m, *s, e).0;
        }
    }

    /// One update of critics, actor, temperature and targets, on a minibatch drawn with replacement.
    fn update(&mut self, stream: &mut Stream) -> Losses {
        let (size, count) = (self.config.batch_size, self.shards.len());
        for (i, shard) in self.shards.iter_mut().enumerate() {
            let n = (i + 1) * size / count - i * size / count;
            shard.members.clear();
            shard
                .members
                .extend((0..n).map(|_| stream.below(self.replay.len())));
            for noise in &mut shard.noise {
                noise.clear();
                noise.extend((0..n * self.actions).map(|_| stream.normal() as f32));
            }
        }
        let task = Task {
            observation: self.observation,
            actions: self.actions,
            actor: &self.actor,
            critics: &self.critics,
            replay: &self.replay,
            gamma: self.config.gamma as f32,
            alpha: self.networks.temperature.alpha(),
            share: 1.0 / size as f32,
        };
        let n = &mut self.networks;
        let rate = self.config.learning_rate;
        self.shards
            .par_iter_mut()
            .for_each(|shard| task.critic_gradient(&n.actor, &n.critics, &n.targets, shard));
        let shards = &self.shards;
        n.critic_adam.step(
            &mut n.critics,
            |i| shards.get(i).map(|s| s.critic_grads.as_slice()),
            rate,
            None,
        );
        self.shards
            .par_iter_mut()
            .for_each(|shard| task.actor_gradient(&n.actor, &n.critics, shard));
        let shards = &self.shards;
        n.actor_adam.step(
            &mut n.actor,
            |i| shards.get(i).map(|s| s.actor_grads.as_slice()),
            rate,
            None,
        );
        let mut losses = Losses::default();
        for shard in &self.shards {
            losses.actor += shard.losses.actor;
            losses.critic += shard.losses.critic;
            losses.entropy += shard.losses.entropy;
        }
        n.temperature.update(losses.entropy, rate);
        follow(&mut n.targets, &n.critics, self.config.tau as f32);
        self.updates += 1;
        losses
    }

    /// All that the next iteration depends on, the replay included, but not the environment.
    #[must_use]
    pub fn save_state(&self) -> State {
        let card = serde_json::json!({
            "observation": self.observation, "actions": self.actions, "hidden": self.config.hidden, "seed": self.seed,
            "iterations": self.iterations, "timesteps": self.timesteps, "updates": self.updates,
        });
        let mut state = State::new(card);
        self.networks.save(&mut state);
        self.replay.save(&mut state);
        state
    }

    /// Continues where [`Sac::save_state`] stood.
    ///
    /// # Errors
    /// If the state is of other sizes; the learner is then unchanged.
    pub fn load_state(&mut self, state: &State) -> Result<()> {
        let sizes: (usize, usize) = (
            state.card_value("observation")?,
            state.card_value("actions")?,
        );
        if sizes != (self.observation, self.actions) {
            let want = (self.observation, self.actions);
            return Err(invalid(
                "observation, actions",
                format!("must be {want:?}, got {sizes:?}"),
            ));
        }
        let (networks, replay) = (self.networks.loaded(state)?, self.replay.loaded(state)?);
        let (seed, iterations) = (state.card_value("seed")?, state.card_value("iterations")?);
        let (timesteps, updates) = (state.card_value("timesteps")?, state.card_value("updates")?);
        (self.networks, self.replay) = (networks, replay);
        (self.seed, self.iterations, self.timesteps, self.updates) =
            (seed, iterations, timesteps, updates);
        Ok(())
    }

    /// Parameters of the actor.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        &self.networks.actor
    }
}

/// What every shard of a minibatch needs.
struct Task<'a> {
    observation: usize,
    actions: usize,
    actor: &'a Mlp,
    critics: &'a [Mlp; 2],
    replay: &'a Replay,
    gamma: f32,
    alpha: f32,
    share: f32,
}

impl Task<'_> {
    /// Draws actions for `shard.observations` with noise `which`, writes pairs and log-densities.
    fn propose(&self, actor: &[f32], which: usize, shard: &mut Shard) {
        let (o, n) = (self.observation, self.actions);
        self.actor.forward(
            actor,
            &shard.observations,
            shard.members.len(),
            &mut shard.actor,
        );
        shard.pairs.clear();
        shard.log_density.clear();
        let rows = shard
            .observations
            .chunks_exact(o)
            .zip(shard.actor.output().chunks_exact(2 * n));
        for ((seen, out), noise) in rows.zip(shard.noise[which].chunks_exact(n)) {
            shard.pairs.extend_from_slice(seen);
            let mut sum = 0.0;
            for i in 0..n {
                let (action, log_density) = squash(out[i], out[n + i], noise[i]);
                shard.pairs.push(action);
                sum += log_density;
            }
            shard.log_density.push(sum);
        }
    }

    fn evaluate(&self, critics: &[f32], shard: &mut Shard) {
        for (critic, tape) in self.critics.iter().zip(&mut shard.critics) {
            critic.forward(critics, &shard.pairs, shard.members.len(), tape);
        }
    }

    /// Half the squared error of both critics against r + gamma (min Q'(s', a') - alpha log pi(a' | s')).
    fn critic_gradient(&self, actor: &[f32], critics: &[f32], targets: &[f32], shard: &mut Shard) {
        shard.observations.clear();
        for &i in &shard.members {
            shard
                .observations
                .extend_from_slice(self.replay.get(i).next_observation);
        }
        self.propose(actor, 0, shard);
        self.evaluate(targets, shard);
        let [q0, q1] = &shard.critics;
        for ((target, q0), (q1, &i)) in shard
            .log_density
            .iter_mut()
            .zip(q0.output())
            .zip(q1.output().iter().zip(&shard.members))
        {
            let t = self.replay.get(i);
            *target = t.reward + self.gamma * t.goes_on * (q0.min(*q1) - self.alpha * *target);
        }
        shard.pairs.clear();
        for &i in &shard.members {
            let t = self.replay.get(i);
            shard.pairs.extend_from_slice(t.observation);
            shard.pairs.extend_from_slice(t.action);
        }
        self.evaluate(critics, shard);
        shard.critic_grads.fill(0.0);
        shard.losses = Losses::default();
        for (critic, tape) in self.critics.iter().zip(&mut shard.critics) {
            let (q, dq) = tape.output_and_gradient();
            for ((q, dq), target) in q.iter().zip(dq).zip(&shard.log_density) {
                *dq = self.share * (q - target);
                shard.losses.critic += f64::from(self.share * 0.5 * (q - target) * (q - target));
            }
            critic.backward(
                critics,
                &shard.pairs,
                tape,
                Some(&mut shard.critic_grads),
                None,
            );
        }
    }

    /// alpha log pi(a | s) - min Q(s, a) for a drawn from the actor, through the action.
    fn actor_gradient(&self, actor: &[f32], critics: &[f32], shard: &mut Shard) {
        let (o, n) = (self.observation, self.actions);
        shard.observations.clear();
        for &i in &shard.members {
            shard
                .observations
                .extend_from_slice(self.replay.get(i).observation);
        }
        self.propose(actor, 1, shard);
        self.evaluate(critics, shard);
        let [first, second] = &mut shard.critics;
        {
            let ((q0, d0), (q1, d1)) = (first.output_and_gradient(), second.output_and_gradient());
            for s in 0..shard.members.len() {
                (d0[s], d1[s]) = if q0[s] <= q1[s] {
                    (1.0, 0.0)
                } else {
                    (0.0, 1.0)
                };
                let log_density = shard.log_density[s];
                shard.losses.actor +=
                    f64::from(self.share * (self.alpha * log_density - q0[s].min(q1[s])));
                shard.losses.entropy -= f64::from(self.share * log_density);
            }
        }
        for ((critic, tape), d) in self
            .critics
            .iter()
            .zip([first, second])
            .zip(&mut shard.d_pairs)
        {
            d.resize(shard.pairs.len(), 0.0);
            critic.backward(critics, &shard.pairs, tape, None, Some(d));
        }
        let (out, d_out) = shard.actor.output_and_gradient();
        for s in 0..shard.members.len() {
            for i in 0..n {
                let (pair, at) = (s * (o + n) + o + i, s * 2 * n + i);
                let dq = shard.d_pairs[0][pair] + shard.d_pairs[1][pair];
                let (d_mean, d_std) = squash_gradient(
                    shard.pairs[pair],
                    out[at + n],
                    shard.noise[1][s * n + i],
                    self.alpha,
                    dq,
                );
                (d_out[at], d_out[at + n]) = (self.share * d_mean, self.share * d_std);
            }
        }
        shard.actor_grads.fill(0.0);
        self.actor.backward(
            actor,
            &shard.observations,
            &mut shard.actor,
            Some(&mut shard.actor_grads),
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// alpha log-density - Q in f64 with Q(a) = 0.7 a - 0.3 a^2.
    fn twin(mean: f64, log_std: f64, noise: f64, alpha: f64) -> f64 {
        let a = (mean + log_std.exp() * noise).tanh();
        let density =
            -0.5 * noise * noise - log_std - 0.5 * std::f64::consts::TAU.ln() - (1.0 - a * a).ln();
        alpha * density - (0.7 * a - 0.3 * a * a)
    }

    #[test]
    fn oracle_gradient_of_the_squashed_gaussian_is_that_of_finite_differences_in_f64() {
        let mut stream = Streams::new(6).stream("squash");
        for _ in 0..500 {
            let (mean, log_std, noise) = (
                stream.normal(),
                0.7 * stream.normal() - 0.5,
                stream.normal().clamp(-2.0, 2.0),
            );
            let (m, s, e) = (mean as f32, log_std as f32, noise as f32);
            let (mean, log_std, noise) = (f64::from(m), f64::from(s), f64::from(e));
            let (a, density) = squash(m, s, e);
            let loss = 0.2 * f64::from(density) - f64::from(0.7 * a - 0.3 * a * a);
            // 1 - a^2 of the twin loses digits where |a| nears one
            assert!((loss - twin(mean, log_std, noise, 0.2)).abs() < 1e-4);
            let (d_mean, d_std) = squash_gradient(a, s, e, 0.2, 0.7 - 0.6 * a);
            let h = 1e-6;
            let want_mean = (twin(mean + h, log_std, noise, 0.2)
                - twin(mean - h, log_std, noise, 0.2))
                / (2.0 * h);
            let want_std = (twin(mean, log_std + h, noise, 0.2)
                - twin(mean, log_std - h, noise, 0.2))
                / (2.0 * h);
            assert!(
                (f64::from(d_mean) - want_mean).abs() < 1e-4 * (1.0 + want_mean.abs()),
                "{d_mean} != {want_mean}"
            );
            assert!(
                (f64::from(d_std) - want_std).abs() < 1e-4 * (1.0 + want_std.abs()),
                "{d_std} != {want_std}"
            );
        }
        assert!(
            squash(60.0, -20.0, 1.0).1.is_finite(),
            "no cancellation far out"
        );
    }
}
