//! SAC with continuous actions in (-1, 1): a Gaussian per action, squashed by tanh.

use serde_json::Value;
use wayside_core::error::Result;
use wayside_core::rng::Stream;

use super::SacConfig;
use super::learner::{ActionSpace, Draw, SacEnv, SoftActorCritic};
use super::minibatch::{Minibatch, Shard};
use super::networks::Ends;
use super::replay::Widths;
use crate::algo::env::{ContinuousEnv, SlotView, Step};

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

/// A squashed Gaussian per action.
#[derive(Clone, Debug)]
pub struct Gaussian {
    observation: usize,
    actions: usize,
}

/// Buffers of a shard.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Standard normal numbers for next and present actions, `[S, actions]` each.
    noise: [Vec<f32>; 2],
    /// Observation and action side by side, `[S, observation + actions]`.
    pairs: Vec<f32>,
    d_pairs: [Vec<f32>; 2],
    log_density: Vec<f32>,
}

/// SAC for continuous actions.
pub type Sac<E> = SoftActorCritic<Gaussian, E>;

impl<E: ContinuousEnv> Sac<E> {
    /// For observations of width `observation` and `actions` actions. The policy's outputs are means, then logarithms of
    /// deviations; the most probable action is tanh of the mean.
    ///
    /// # Errors
    /// Every option out of its range, at once.
    pub fn new(
        config: SacConfig,
        (observation, actions): (usize, usize),
        hidden: &[usize],
        envs: Vec<E>,
        seed: u64,
    ) -> Result<Self> {
        let space = Gaussian {
            observation,
            actions,
        };
        Self::with(config, space, hidden, envs, seed)
    }
}

impl<E: ContinuousEnv> SacEnv<Gaussian> for E {
    fn show(&mut self, _: &Gaussian, slot: &mut SlotView) -> Result<()> {
        slot.clear();
        self.observe(slot.row());
        Ok(())
    }

    fn act(&mut self, _: &Gaussian, action: &[f32], _: &mut SlotView) -> Result<Step> {
        self.step(action)
    }

    fn restart(&mut self) -> Result<()> {
        self.reset()
    }

    fn standing(&self) -> Value {
        self.snapshot()
    }

    fn go_on_from(&mut self, standing: &Value) -> Result<()> {
        self.restore(standing)
    }
}

impl Gaussian {
    /// Draws actions for `shard.rows` with noise `which`; writes pairs and log-densities.
    fn propose(&self, minibatch: &Minibatch, which: usize, shard: &mut Shard<Buffers>) {
        let (n, actions) = (minibatch.networks, self.actions);
        let rows = shard.members.len();
        n.actor
            .forward(&n.actor_params, &shard.rows, rows, &mut shard.actor);
        let own = &mut shard.own;
        own.pairs.clear();
        own.log_density.clear();
        let seen = shard.rows.chunks_exact(self.observation);
        let output = shard.actor.output().chunks_exact(2 * actions);
        let noise = own.noise[which].chunks_exact(actions);
        for ((seen, out), noise) in seen.zip(output).zip(noise) {
            own.pairs.extend_from_slice(seen);
            let mut sum = 0.0;
            for i in 0..actions {
                let (action, log_density) = squash(out[i], out[actions + i], noise[i]);
                own.pairs.push(action);
                sum += log_density;
            }
            own.log_density.push(sum);
        }
    }

    fn evaluate(&self, minibatch: &Minibatch, params: &[f32], shard: &mut Shard<Buffers>) {
        let rows = shard.members.len();
        let pairs = &shard.own.pairs;
        minibatch
            .networks
            .judge(params, pairs, rows, &mut shard.critics);
    }
}

impl ActionSpace for Gaussian {
    type Buffers = Buffers;

    fn widths(&self) -> Widths {
        Widths {
            observation: self.observation,
            action: self.actions,
            mask: 0,
        }
    }

    fn ends(&self) -> Ends {
        Ends {
            actor: (self.observation, 2 * self.actions),
            critic: (self.observation + self.actions, 1),
        }
    }

    fn rows(&self) -> usize {
        1
    }

    fn slot(&self) -> SlotView {
        SlotView::new(self.observation, 0)
    }

    fn target_entropy(&self, asked: Option<f64>) -> f64 {
        asked.unwrap_or(-(self.actions as f64))
    }

    fn policy_form(&self) -> (usize, usize) {
        (1, 0)
    }

    fn card(&self) -> Value {
        serde_json::json!({ "observation": self.observation, "actions": self.actions })
    }

    fn choose(&self, output: &mut [f32], _: &SlotView, mut draw: Draw, action: &mut Vec<f32>) {
        let (mean, log_std) = output.split_at(self.actions);
        action.clear();
        action.extend(mean.iter().zip(log_std).map(|(m, s)| match &mut draw {
            Draw::Uniform(stream) => stream.uniform(-1.0, 1.0) as f32,
            Draw::Sample(stream) => squash(*m, *s, stream.normal() as f32).0,
        }));
    }

    fn noise(&self, shard: &mut Shard<Buffers>, stream: &mut Stream) {
        let count = shard.members.len() * self.actions;
        for noise in &mut shard.own.noise {
            noise.clear();
            noise.extend((0..count).map(|_| stream.normal() as f32));
        }
    }

    fn critic_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Buffers>) {
        let n = minibatch.networks;
        minibatch.load(shard, true);
        self.propose(minibatch, 0, shard);
        self.evaluate(minibatch, &n.target_params, shard);
        shard.targets.clear();
        let [q0, q1] = &shard.critics;
        let values = q0.output().iter().zip(q1.output());
        let soft = values
            .zip(&shard.own.log_density)
            .map(|((q0, q1), density)| q0.min(*q1) - minibatch.alpha * density);
        shard.targets.extend(soft);
        minibatch.aim(&shard.members, &mut shard.targets);

        minibatch.load(shard, false);
        shard.own.pairs.clear();
        for &i in &shard.members {
            let t = minibatch.replay.get(i);
            shard.own.pairs.extend_from_slice(t.observation);
            shard.own.pairs.extend_from_slice(t.action);
        }
        self.evaluate(minibatch, &n.critic_params, shard);
        for (critic, tape) in n.critics.iter().zip(&mut shard.critics) {
            let (q, dq) = tape.output_and_gradient();
            for ((q, dq), target) in q.iter().zip(dq).zip(&shard.targets) {
                *dq = minibatch.share * (q - target);
                shard.losses.critic +=
                    f64::from(minibatch.share * 0.5 * (q - target) * (q - target));
            }
            let grads = Some(shard.critic_grads.as_mut_slice());
            critic.backward(&n.critic_params, &shard.own.pairs, tape, grads, None);
        }
    }

    /// For actions drawn from the actor, and through them.
    fn actor_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Buffers>) {
        let (o, n) = (self.observation, self.actions);
        self.propose(minibatch, 1, shard);
        self.evaluate(minibatch, &minibatch.networks.critic_params, shard);
        let [first, second] = &mut shard.critics;
        {
            let ((q0, d0), (q1, d1)) = (first.output_and_gradient(), second.output_and_gradient());
            for s in 0..shard.members.len() {
                let less = q0[s] <= q1[s];
                (d0[s], d1[s]) = (f32::from(less), f32::from(!less));
                let log_density = shard.own.log_density[s];
                let loss = minibatch.alpha * log_density - q0[s].min(q1[s]);
                shard.losses.actor += f64::from(minibatch.share * loss);
                shard.losses.entropy -= f64::from(minibatch.share * log_density);
            }
        }
        let networks = minibatch.networks;
        let own = &mut shard.own;
        let tapes = networks.critics.iter().zip([first, second]);
        for ((critic, tape), d) in tapes.zip(&mut own.d_pairs) {
            d.resize(own.pairs.len(), 0.0);
            critic.backward(&networks.critic_params, &own.pairs, tape, None, Some(d));
        }
        let (out, d_out) = shard.actor.output_and_gradient();
        for s in 0..shard.members.len() {
            for i in 0..n {
                let (pair, at) = (s * (o + n) + o + i, s * 2 * n + i);
                let dq = own.d_pairs[0][pair] + own.d_pairs[1][pair];
                let noise = own.noise[1][s * n + i];
                let (d_mean, d_std) =
                    squash_gradient(own.pairs[pair], out[at + n], noise, minibatch.alpha, dq);
                (d_out[at], d_out[at + n]) = (minibatch.share * d_mean, minibatch.share * d_std);
            }
        }
        let (rows, grads) = (&shard.rows, Some(shard.actor_grads.as_mut_slice()));
        let actor = &networks.actor;
        actor.backward(&networks.actor_params, rows, &mut shard.actor, grads, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::rng::Streams;

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
