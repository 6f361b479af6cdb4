//! SAC with the factorised masked categorical (after Christodoulou 2019): expectations over choices are sums, not samples.
//!
//! The critics value every choice of every factor, `Q_f(s, a_f)`, by the same rows as the actor; the value of an action
//! is the mean over factors (value decomposition, Sunehag et al. 2018), as are entropy and temperature. The replay keeps
//! slots of one form; a slot that is smaller is padded with rows of zeros and choices that are masked, and its means are over
//! the factors that it shows.

use serde_json::Value;
use wayside_core::error::Result;
use wayside_core::rng::Stream;

use super::SacConfig;
use super::learner::{ActionSpace, Draw, SacEnv, SoftActorCritic};
use super::minibatch::{Minibatch, Shard};
use super::networks::Ends;
use super::replay::Widths;
use crate::algo::env::{Env, SlotView, Step};
use crate::nn::dist::Factors;
use crate::nn::state::invalid;

/// The form of the largest slot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SlotForm {
    /// Rows of a slot.
    pub rows: usize,
    /// Width of a row.
    pub row_width: usize,
    /// Numbers that environments show beside the rows; not used here.
    pub globals: usize,
    /// Choices of each factor; together `rows` times the logits per row.
    pub factors: Vec<u32>,
    /// Consecutive factors that belong to one vehicle.
    pub factors_per_vehicle: usize,
}

impl SlotForm {
    fn logits(&self) -> usize {
        self.factors.iter().map(|&f| f as usize).sum()
    }

    /// Whether the factors of a slot are the first ones of the form, the last of them perhaps shorter.
    fn holds(&self, lens: &[u32]) -> bool {
        let last = lens.len().saturating_sub(1);
        let fits =
            |(i, (len, most)): (usize, (&u32, &u32))| len == most || (i == last && len < most);
        lens.len() <= self.factors.len() && lens.iter().zip(&self.factors).enumerate().all(fits)
    }

    /// Fills a slot up to the form; its `lens` stay those that it has.
    fn pad(&self, slot: &mut SlotView) {
        slot.rows.resize(self.rows * self.row_width, 0.0);
        slot.mask.resize(self.logits(), false);
    }

    /// The factors that a padded mask shows: the first ones that have a choice.
    fn shown<'a>(&'a self, mask: &'a [bool]) -> Factors<'a> {
        let all = Factors {
            mask,
            lens: &self.factors,
        };
        let count = all.ranges().take_while(|r| mask[r.clone()].contains(&true));
        Factors {
            mask,
            lens: &self.factors[..count.count()],
        }
    }
}

/// The factorised masked categorical.
#[derive(Clone, Debug)]
pub struct Categorical {
    form: SlotForm,
    logits: usize,
}

/// Buffers of a shard.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    probabilities: Vec<f32>,
}

/// SAC for choices.
pub type DiscreteSac<E> = SoftActorCritic<Categorical, E>;

impl<E: Env> DiscreteSac<E> {
    /// For slots of at most that form.
    ///
    /// # Errors
    /// Every option out of its range, at once; or a form whose factors do not share the rows' logits evenly.
    pub fn new(
        config: SacConfig,
        form: SlotForm,
        hidden: &[usize],
        envs: Vec<E>,
        seed: u64,
    ) -> Result<Self> {
        let logits = form.logits();
        let vehicles_whole = form.factors_per_vehicle > 0
            && form.factors.len().is_multiple_of(form.factors_per_vehicle);
        let choices = form.factors.iter().all(|&f| f > 0) && logits > 0;
        if form.rows == 0 || !logits.is_multiple_of(form.rows) || !vehicles_whole || !choices {
            let message =
                format!("must be whole vehicles and as many logits for each row, got {form:?}");
            return Err(invalid("factors", message));
        }
        Self::with(config, Categorical { form, logits }, hidden, envs, seed)
    }
}

impl<E: Env> SacEnv<Categorical> for E {
    fn show(&mut self, space: &Categorical, slot: &mut SlotView) -> Result<()> {
        slot.clear();
        self.observe(slot);
        let (form, mask, lens) = (&space.form, &slot.mask, &slot.lens);
        let decidable = Factors { mask, lens }
            .ranges()
            .all(|r| mask[r].contains(&true));
        if slot.row_count() <= form.rows && form.holds(lens) && decidable {
            form.pad(slot);
            return Ok(());
        }
        let message = format!(
            "must be held by the form {form:?}, got {} rows, factors {lens:?}, each decidable: {decidable}",
            slot.row_count(),
        );
        Err(invalid("slot", message))
    }

    fn act(&mut self, _: &Categorical, action: &[f32], slot: &mut SlotView) -> Result<Step> {
        let shown = slot.lens.len();
        slot.actions.clear();
        slot.actions
            .extend(action[..shown].iter().map(|a| *a as u32));
        self.step(&slot.actions)
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

/// Adds up, over the factors of one slot, E[Q - alpha log pi] and the entropy; both means over factors. `choice` has
/// the log-probabilities and is replaced by the gradient of -E[Q - alpha log pi] times `scale` with respect to the logits.
fn soft_value(
    factors: Factors,
    (choice, p): (&mut [f32], &[f32]),
    q: [&[f32]; 2],
    alpha: f32,
    scale: f32,
) -> (f32, f32) {
    let share = 1.0 / factors.lens.len().max(1) as f32;
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

impl Categorical {
    /// Policy of all slots in `shard.rows`, and values by the critics with `params`.
    fn evaluate(&self, minibatch: &Minibatch, params: &[f32], shard: &mut Shard<Buffers>) {
        let (n, rows) = (minibatch.networks, shard.members.len() * self.form.rows);
        n.actor
            .forward(&n.actor_params, &shard.rows, rows, &mut shard.actor);
        n.judge(params, &shard.rows, rows, &mut shard.critics);
        let logits = shard.members.len() * self.logits;
        shard.own.probabilities.resize(logits, 0.0);
    }

    /// [`soft_value`] of every slot; its gradient is left in place of the logits.
    fn soft_values(
        &self,
        minibatch: &Minibatch,
        shard: &mut Shard<Buffers>,
        scale: f32,
        mut each: impl FnMut(f32, f32),
    ) {
        let (logits, _) = shard.actor.output_and_gradient();
        let [q0, q1] = &shard.critics;
        for s in 0..shard.members.len() {
            let range = s * self.logits..(s + 1) * self.logits;
            let factors = self.form.shown(&shard.mask[range.clone()]);
            let z = &mut logits[range.clone()];
            let p = &mut shard.own.probabilities[range.clone()];
            factors.normalise(z, p);
            let q = [&q0.output()[range.clone()], &q1.output()[range]];
            let (value, entropy) = soft_value(factors, (&mut *z, p), q, minibatch.alpha, scale);
            z[factors.logits()..].fill(0.0);
            each(value, entropy);
        }
    }
}

impl ActionSpace for Categorical {
    type Buffers = Buffers;

    fn widths(&self) -> Widths {
        Widths {
            observation: self.form.rows * self.form.row_width,
            action: self.form.factors.len(),
            mask: self.logits,
        }
    }

    fn ends(&self) -> Ends {
        let row = (self.form.row_width, self.logits / self.form.rows);
        Ends {
            actor: row,
            critic: row,
        }
    }

    fn rows(&self) -> usize {
        self.form.rows
    }

    fn slot(&self) -> SlotView {
        SlotView::new(self.form.row_width, self.form.globals)
    }

    fn target_entropy(&self, asked: Option<f64>) -> f64 {
        let factors = &self.form.factors;
        let largest = factors.iter().map(|&f| f64::from(f).ln()).sum::<f64>();
        asked.unwrap_or(0.5) * largest / factors.len() as f64
    }

    fn policy_form(&self) -> (usize, usize) {
        (self.form.factors_per_vehicle, self.form.globals)
    }

    fn card(&self) -> Value {
        serde_json::json!(self.form)
    }

    fn choose(&self, output: &mut [f32], slot: &SlotView, draw: Draw, action: &mut Vec<f32>) {
        let factors = self.form.shown(&slot.mask);
        let (mut choices, mut p) = (Vec::new(), vec![0.0; output.len()]);
        match draw {
            Draw::Uniform(stream) => {
                output.fill(0.0);
                factors.normalise(output, &mut p);
                factors.sample(&p, stream, &mut choices);
            }
            Draw::Sample(stream) => {
                factors.normalise(output, &mut p);
                factors.sample(&p, stream, &mut choices);
            }
        }
        action.clear();
        action.extend(choices.into_iter().map(|choice| choice as f32));
        action.resize(self.form.factors.len(), 0.0);
    }

    /// Expectations need no random numbers.
    fn noise(&self, _: &mut Shard<Buffers>, _: &mut Stream) {}

    fn critic_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Buffers>) {
        let n = minibatch.networks;
        minibatch.load(shard, true);
        self.evaluate(minibatch, &n.target_params, shard);
        let mut targets = std::mem::take(&mut shard.targets);
        targets.clear();
        self.soft_values(minibatch, shard, 0.0, |value, _| targets.push(value));
        minibatch.aim(&shard.members, &mut targets);
        shard.targets = targets;

        minibatch.load(shard, false);
        let rows = shard.members.len() * self.form.rows;
        n.judge(&n.critic_params, &shard.rows, rows, &mut shard.critics);
        for (critic, tape) in n.critics.iter().zip(&mut shard.critics) {
            let (q, dq) = tape.output_and_gradient();
            dq.fill(0.0);
            for (s, (&i, target)) in shard.members.iter().zip(&shard.targets).enumerate() {
                let (first, action) = (s * self.logits, minibatch.replay.get(i).action);
                let factors = self.form.shown(&shard.mask[first..first + self.logits]);
                let pairs = || factors.ranges().zip(action);
                let taken = || pairs().map(|(range, a)| first + range.start + *a as usize);
                let count = factors.lens.len().max(1) as f32;
                let error = taken().map(|at| q[at]).sum::<f32>() / count - target;
                taken().for_each(|at| dq[at] = minibatch.share * error / count);
                shard.losses.critic += f64::from(minibatch.share * 0.5 * error * error);
            }
            let grads = Some(shard.critic_grads.as_mut_slice());
            critic.backward(&n.critic_params, &shard.rows, tape, grads, None);
        }
    }

    fn actor_gradient(&self, minibatch: &Minibatch, shard: &mut Shard<Buffers>) {
        let n = minibatch.networks;
        self.evaluate(minibatch, &n.critic_params, shard);
        let mut losses = shard.losses;
        self.soft_values(minibatch, shard, minibatch.share, |value, entropy| {
            losses.actor -= f64::from(minibatch.share * value);
            losses.entropy += f64::from(minibatch.share * entropy);
        });
        shard.losses = losses;
        let (gradient, d_logits) = shard.actor.output_and_gradient();
        d_logits.copy_from_slice(gradient);
        let grads = Some(shard.actor_grads.as_mut_slice());
        n.actor
            .backward(&n.actor_params, &shard.rows, &mut shard.actor, grads, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::rng::Streams;

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
