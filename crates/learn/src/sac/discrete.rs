//! SAC with the factorised masked categorical (after Christodoulou 2019): expectations over choices are sums, not samples.
//!
//! The critics value every choice of every factor, `Q_f(s, a_f)`, by the same rows as the actor; the value of an action
//! is the mean over factors (value decomposition, Sunehag et al. 2018), as are entropy and temperature. The number of
//! rows and the factors are the same in every slot: a scenario with a fixed number of vehicles.

use rayon::prelude::*;
use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use super::replay::{Replay, Transition, Widths};
use super::{Losses, Networks, SacConfig, SacReport, Temperature, follow};
use crate::dist::Factors;
use crate::mlp::{Activation, Mlp, Tape};
use crate::slot::{End, Env, Slot};
use crate::state::{State, invalid};

/// The fixed form of a slot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Form {
    /// Rows of a slot.
    pub rows: usize,
    /// Width of a row.
    pub row_width: usize,
    /// Choices of each factor; together `rows` times the logits per row.
    pub factors: Vec<u32>,
    /// Consecutive factors that belong to one vehicle.
    pub factors_per_vehicle: usize,
}

impl Form {
    fn logits(&self) -> usize {
        self.factors.iter().map(|&f| f as usize).sum()
    }
}

/// Buffers for a part of a minibatch.
#[derive(Debug, Default)]
struct Shard {
    members: Vec<usize>,
    rows: Vec<f32>,
    mask: Vec<bool>,
    probabilities: Vec<f32>,
    targets: Vec<f32>,
    actor: Tape,
    critics: [Tape; 2],
    actor_grads: Vec<f32>,
    critic_grads: Vec<f32>,
    losses: Losses,
}

/// The learner.
#[derive(Debug)]
pub struct DiscreteSac {
    config: SacConfig,
    form: Form,
    actor: Mlp,
    critics: [Mlp; 2],
    networks: Networks,
    replay: Replay,
    shards: Vec<Shard>,
    slots: [Slot; 2],
    seed: u64,
    iterations: u64,
    timesteps: u64,
    updates: u64,
}

impl DiscreteSac {
    /// For slots of one form.
    ///
    /// # Errors
    /// Every option out of its range, at once; or a form whose factors do not share the rows' logits evenly.
    pub fn new(config: SacConfig, form: Form, seed: u64) -> Result<Self> {
        let options = form.factors.iter().copied().min().unwrap_or(0) as usize;
        config.check(&[
            ("rows", form.rows),
            ("row_width", form.row_width),
            ("factors", options),
        ])?;
        let vehicles_whole = form.factors_per_vehicle > 0
            && form.factors.len().is_multiple_of(form.factors_per_vehicle);
        if !form.logits().is_multiple_of(form.rows) || !vehicles_whole {
            return Err(invalid(
                "factors",
                format!("must be whole vehicles and as many logits for each row, got {form:?}"),
            ));
        }
        let sizes: Vec<usize> = std::iter::once(form.row_width)
            .chain(config.hidden.iter().copied())
            .chain([form.logits() / form.rows])
            .collect();
        let net = |offset| Mlp::new(offset, &sizes, Activation::Relu, false);
        let (actor, first) = (net(0), net(0));
        let second = net(first.end());
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
        let largest = form.factors.iter().map(|&f| f64::from(f).ln()).sum::<f64>()
            / form.factors.len() as f64;
        let temperature = Temperature::new(&config, largest * config.target_entropy.unwrap_or(0.5));
        let shard = |_| Shard {
            actor_grads: vec![0.0; actor_params.len()],
            critic_grads: vec![0.0; critic_params.len()],
            ..Shard::default()
        };
        let widths = Widths {
            observation: form.rows * form.row_width,
            action: form.factors.len(),
            mask: form.logits(),
        };
        Ok(Self {
            shards: (0..config.shards).map(shard).collect(),
            slots: [Slot::new(form.row_width, 0), Slot::new(form.row_width, 0)],
            replay: Replay::new(widths, config.buffer_size),
            networks: Networks::new(actor_params, critic_params, temperature),
            critics: [first, second],
            config,
            form,
            actor,
            seed,
            iterations: 0,
            timesteps: 0,
            updates: 0,
        })
    }

    /// Takes `steps` steps, and learns after each that is due.
    ///
    /// # Errors
    /// If the environment shows a slot of another form, or asks for a second round.
    pub fn iterate<E: Env>(&mut self, env: &mut E, steps: usize) -> Result<SacReport> {
        let stream = |name: &str| {
            Streams::new(self.seed).stream(&format!("learn.sac.{name}.{}", self.iterations))
        };
        let (mut act, mut learn) = (stream("act"), stream("learn"));
        let (mut tape, mut probabilities) = (Tape::default(), Vec::new());
        let (mut report, mut losses, mut updates) = (SacReport::default(), Losses::default(), 0.0);
        let (mut masks, mut choices) = ([Vec::new(), Vec::new()], Vec::new());
        for _ in 0..steps {
            self.observe(env, 0)?;
            let uniform = self.timesteps < self.config.learning_starts;
            self.act(Some((&mut act, uniform)), &mut tape, &mut probabilities);
            let slot = &mut self.slots[0];
            slot.credits
                .resize(slot.actions.len() / self.form.factors_per_vehicle, 0.0);
            let step = env.step(&slot.actions, &mut slot.credits);
            report.rew_mean += step.reward / steps as f64;
            self.observe(env, 1)?;
            for (mask, slot) in masks.iter_mut().zip(&self.slots) {
                mask.clear();
                mask.extend(slot.mask.iter().map(|m| u8::from(*m)));
            }
            choices.clear();
            choices.extend(self.slots[0].actions.iter().map(|a| *a as f32));
            self.replay.push(Transition {
                observation: &self.slots[0].rows,
                next_observation: &self.slots[1].rows,
                action: &choices,
                mask: &masks[0],
                next_mask: &masks[1],
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
        Ok(SacReport {
            total_timesteps: self.timesteps,
            n_updates: self.updates,
            actor_loss: losses.actor / n,
            critic_loss: losses.critic / n,
            entropy: losses.entropy / n,
            ent_coef: f64::from(self.networks.temperature.alpha()),
            ..report
        })
    }

    /// The most probable choice of every factor.
    ///
    /// # Errors
    /// If the environment shows a slot of another form.
    pub fn decide<E: Env>(&mut self, env: &mut E) -> Result<&[u32]> {
        self.observe(env, 0)?;
        self.act(None, &mut Tape::default(), &mut Vec::new());
        Ok(&self.slots[0].actions)
    }

    fn observe<E: Env>(&mut self, env: &mut E, which: usize) -> Result<()> {
        let slot = &mut self.slots[which];
        slot.clear();
        let more = env.observe(0, &[], slot);
        let fits = slot.row_count() == self.form.rows && slot.lens == self.form.factors && !more;
        let decidable = Factors {
            mask: &slot.mask,
            lens: &slot.lens,
        }
        .ranges()
        .all(|r| slot.mask[r].contains(&true));
        if fits && decidable {
            return Ok(());
        }
        let got = format!(
            "{} rows, factors {:?}, another round: {more}, each decidable: {decidable}",
            slot.row_count(),
            slot.lens
        );
        Err(invalid(
            "slot",
            format!("must have the form {:?} in one round, got {got}", self.form),
        ))
    }

    /// Chooses for slot 0: drawn (uniformly where asked), or the most probable.
    fn act(&mut self, draw: Option<(&mut Stream, bool)>, tape: &mut Tape, p: &mut Vec<f32>) {
        let slot = &mut self.slots[0];
        self.actor
            .forward(&self.networks.actor, &slot.rows, self.form.rows, tape);
        let factors = Factors {
            mask: &slot.mask,
            lens: &slot.lens,
        };
        let (logits, _) = tape.output_and_gradient();
        p.resize(logits.len(), 0.0);
        slot.actions.clear();
        match draw {
            Some((stream, uniform)) => {
                if uniform {
                    logits.fill(0.0);
                }
                factors.normalise(logits, p);
                factors.sample(p, stream, &mut slot.actions);
            }
            None => factors.argmax(logits, &mut slot.actions),
        }
    }

    fn update(&mut self, stream: &mut Stream) -> Losses {
        let (size, count) = (self.config.batch_size, self.shards.len());
        for (i, shard) in self.shards.iter_mut().enumerate() {
            let n = (i + 1) * size / count - i * size / count;
            shard.members.clear();
            shard
                .members
                .extend((0..n).map(|_| stream.below(self.replay.len())));
        }
        let task = Task {
            form: &self.form,
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
            "form": self.form, "hidden": self.config.hidden, "seed": self.seed,
            "iterations": self.iterations, "timesteps": self.timesteps, "updates": self.updates,
        });
        let mut state = State::new(card);
        self.networks.save(&mut state);
        self.replay.save(&mut state);
        state
    }

    /// Continues where [`DiscreteSac::save_state`] stood.
    ///
    /// # Errors
    /// If the state is of another form or other sizes; the learner is then unchanged.
    pub fn load_state(&mut self, state: &State) -> Result<()> {
        let form: Form = state.card_value("form")?;
        if form != self.form {
            return Err(invalid(
                "form",
                format!("must be {:?}, got {form:?}", self.form),
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
}

/// Adds up, over the factors of one slot, E[Q - alpha log pi] and the entropy; both means over factors. `choice` has
/// the log-probabilities and is replaced by the gradient of -E[Q - alpha log pi] times `scale` with respect to the logits.
fn soft_value(
    factors: Factors,
    (choice, p): (&mut [f32], &[f32]),
    q: [&[f32]; 2],
    alpha: f32,
    scale: f32,
) -> (f32, f32) {
    let share = 1.0 / factors.lens.len() as f32;
    let (mut value, mut entropy) = (0.0, 0.0);
    for range in factors.ranges() {
        let mut mean = 0.0;
        for j in range.clone() {
            entropy -= p[j] * choice[j];
            choice[j] = q[0][j].min(q[1][j]) - alpha * choice[j];
            mean += p[j] * choice[j];
        }
        value += mean;
        for j in range {
            choice[j] = -scale * share * p[j] * (choice[j] - mean);
        }
    }
    (share * value, share * entropy)
}

/// What every shard of a minibatch needs.
struct Task<'a> {
    form: &'a Form,
    actor: &'a Mlp,
    critics: &'a [Mlp; 2],
    replay: &'a Replay,
    gamma: f32,
    alpha: f32,
    share: f32,
}

impl Task<'_> {
    /// Policy of all slots in `shard.rows`, and values by `critics`.
    fn evaluate(&self, actor: &[f32], critics: &[f32], shard: &mut Shard) {
        let rows = shard.members.len() * self.form.rows;
        self.actor
            .forward(actor, &shard.rows, rows, &mut shard.actor);
        for (critic, tape) in self.critics.iter().zip(&mut shard.critics) {
            critic.forward(critics, &shard.rows, rows, tape);
        }
        shard
            .probabilities
            .resize(shard.members.len() * self.form.logits(), 0.0);
    }

    fn load(&self, shard: &mut Shard, next: bool) {
        shard.rows.clear();
        shard.mask.clear();
        for &i in &shard.members {
            let t = self.replay.get(i);
            let (rows, mask) = if next {
                (t.next_observation, t.next_mask)
            } else {
                (t.observation, t.mask)
            };
            shard.rows.extend_from_slice(rows);
            shard.mask.extend(mask.iter().map(|m| *m != 0));
        }
    }

    /// [`soft_value`] of every slot; its gradient is left in place of the logits.
    fn soft_values(&self, shard: &mut Shard, scale: f32, mut each: impl FnMut(usize, f32, f32)) {
        let width = self.form.logits();
        let (logits, _) = shard.actor.output_and_gradient();
        let [q0, q1] = &shard.critics;
        for s in 0..shard.members.len() {
            let range = s * width..(s + 1) * width;
            let factors = Factors {
                mask: &shard.mask[range.clone()],
                lens: &self.form.factors,
            };
            let (z, p) = (
                &mut logits[range.clone()],
                &mut shard.probabilities[range.clone()],
            );
            factors.normalise(z, p);
            let (value, entropy) = soft_value(
                factors,
                (z, p),
                [&q0.output()[range.clone()], &q1.output()[range]],
                self.alpha,
                scale,
            );
            each(s, value, entropy);
        }
    }

    /// Half the squared error of both critics against r + gamma E[min Q' - alpha log pi].
    fn critic_gradient(&self, actor: &[f32], critics: &[f32], targets: &[f32], shard: &mut Shard) {
        self.load(shard, true);
        self.evaluate(actor, targets, shard);
        let mut after = std::mem::take(&mut shard.targets);
        after.clear();
        self.soft_values(shard, 0.0, |_, value, _| after.push(value));
        for (target, &i) in after.iter_mut().zip(&shard.members) {
            let t = self.replay.get(i);
            *target = t.reward + self.gamma * t.goes_on * *target;
        }
        shard.targets = after;
        self.load(shard, false);
        shard.critic_grads.fill(0.0);
        shard.losses = Losses::default();
        let (width, count) = (self.form.logits(), self.form.factors.len() as f32);
        for (critic, tape) in self.critics.iter().zip(&mut shard.critics) {
            critic.forward(
                critics,
                &shard.rows,
                shard.members.len() * self.form.rows,
                tape,
            );
            let (q, dq) = tape.output_and_gradient();
            dq.fill(0.0);
            for (s, (&i, target)) in shard.members.iter().zip(&shard.targets).enumerate() {
                let taken = || {
                    let starts = self.form.factors.iter().scan(s * width, |at, len| {
                        let start = *at;
                        *at += *len as usize;
                        Some(start)
                    });
                    starts
                        .zip(self.replay.get(i).action)
                        .map(|(start, a)| start + *a as usize)
                };
                let error = taken().map(|at| q[at]).sum::<f32>() / count - target;
                taken().for_each(|at| dq[at] = self.share * error / count);
                shard.losses.critic += f64::from(self.share * 0.5 * error * error);
            }
            critic.backward(
                critics,
                &shard.rows,
                tape,
                Some(&mut shard.critic_grads),
                None,
            );
        }
    }

    /// -E[min Q - alpha log pi].
    fn actor_gradient(&self, actor: &[f32], critics: &[f32], shard: &mut Shard) {
        self.evaluate(actor, critics, shard);
        let mut losses = shard.losses;
        self.soft_values(shard, self.share, |_, value, entropy| {
            losses.actor -= f64::from(self.share * value);
            losses.entropy += f64::from(self.share * entropy);
        });
        shard.losses = losses;
        let (gradient, d_logits) = shard.actor.output_and_gradient();
        d_logits.copy_from_slice(gradient);
        shard.actor_grads.fill(0.0);
        self.actor.backward(
            actor,
            &shard.rows,
            &mut shard.actor,
            Some(&mut shard.actor_grads),
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// -E[min Q - alpha log pi], mean over factors, in f64.
    fn twin(z: &[f64], mask: &[bool], lens: &[u32], q: &[f64], alpha: f64) -> f64 {
        let (mut at, mut loss) = (0, 0.0);
        for &len in lens {
            let ids: Vec<usize> = (at..at + len as usize).filter(|&j| mask[j]).collect();
            let log_sum = ids.iter().map(|&j| z[j].exp()).sum::<f64>().ln();
            loss -= ids
                .iter()
                .map(|&j| (z[j] - log_sum).exp() * (q[j] - alpha * (z[j] - log_sum)))
                .sum::<f64>();
            at += len as usize;
        }
        loss / lens.len() as f64
    }

    #[test]
    fn oracle_gradient_of_the_soft_value_is_that_of_finite_differences_in_f64() {
        let mut stream = Streams::new(8).stream("soft");
        let lens = [3, 1, 4];
        for _ in 0..100 {
            let mask = [
                true,
                stream.unit() < 0.5,
                true,
                true,
                stream.unit() < 0.5,
                true,
                true,
                stream.unit() < 0.5,
            ];
            let mut draw = || (0..8).map(|_| stream.normal() as f32).collect::<Vec<_>>();
            let (z, q0, q1) = (draw(), draw(), draw());
            let (mut choice, mut p) = (z.clone(), vec![0.0; 8]);
            let factors = Factors {
                mask: &mask,
                lens: &lens,
            };
            factors.normalise(&mut choice, &mut p);
            let (value, _) = soft_value(factors, (&mut choice, &p), [&q0, &q1], 0.3, 1.0);
            let q: Vec<f64> = q0
                .iter()
                .zip(&q1)
                .map(|(a, b)| f64::from(a.min(*b)))
                .collect();
            let z: Vec<f64> = z.into_iter().map(f64::from).collect();
            let loss = |z: &[f64]| twin(z, &mask, &lens, &q, 0.3);
            assert!((f64::from(-value) - loss(&z)).abs() < 1e-5);
            for j in 0..8 {
                let at = |h: f64| {
                    let mut w = z.clone();
                    w[j] += h;
                    loss(&w)
                };
                let want = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!(
                    (f64::from(choice[j]) - want).abs() < 1e-5,
                    "logit {j}: {} != {want}",
                    choice[j]
                );
            }
        }
    }
}
