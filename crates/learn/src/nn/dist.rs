//! Factorised masked categorical: the policy of a slot, and the gradient of its loss.
//!
//! The logits of a slot are one run of numbers, cut into factors (`algo::env`). Choices of different factors are
//! independent given the rows, so log-probabilities and entropies add up. A forbidden choice has probability zero exactly.

use wayside_core::rng::Stream;

use crate::nn::simd::{exp_slice, vectorised};

/// The factors of a slot: which logits belong together, and which are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a> {
    /// Allowed choices, `[L]` for L logits.
    pub mask: &'a [bool],
    /// Number of logits of each factor, `[F]`, with sum L.
    pub lens: &'a [u32],
}

impl Factors<'_> {
    /// Start and end of each factor.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.lens.iter().scan(0, |at, &len| {
            let start = *at;
            *at += len as usize;
            Some(start..*at)
        })
    }

    /// Number of logits L.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.lens.iter().map(|&len| len as usize).sum()
    }

    /// Turns logits `[L]` into log-probabilities in place and writes the probabilities `[L]`. Forbidden choices: 0 in both.
    pub fn normalise(&self, logits: &mut [f32], probabilities: &mut [f32]) {
        // selected, not branched on: masks look random to a branch predictor
        for range in self.ranges() {
            let (z, mask) = (&mut logits[range.clone()], &self.mask[range]);
            let mut max = f32::NEG_INFINITY;
            for (z, &ok) in z.iter().zip(mask) {
                let z = if ok { *z } else { f32::NEG_INFINITY };
                max = if z > max { z } else { max };
            }
            z.iter_mut().for_each(|z| *z -= max);
        }
        exp_slice(logits, probabilities);
        vectorised(
            #[inline(always)]
            || {
                for (p, &ok) in probabilities.iter_mut().zip(self.mask) {
                    *p = if ok { *p } else { 0.0 };
                }
            },
        );
        for range in self.ranges() {
            let p = &mut probabilities[range.clone()];
            let sum: f32 = p.iter().sum();
            let (inverse, log_sum) = (1.0 / sum, sum.ln());
            p.iter_mut().for_each(|p| *p *= inverse);
            logits[range].iter_mut().for_each(|z| *z -= log_sum);
        }
        vectorised(
            #[inline(always)]
            || {
                for (z, &ok) in logits.iter_mut().zip(self.mask) {
                    *z = if ok { *z } else { 0.0 };
                }
            },
        );
    }

    /// Draws a choice per factor by inverting its distribution function; one uniform number each.
    pub fn sample(&self, probabilities: &[f32], stream: &mut Stream, actions: &mut Vec<u32>) {
        for range in self.ranges() {
            let u = stream.unit() as f32;
            let (p, mask) = (&probabilities[range.clone()], &self.mask[range]);
            let (mut sum, mut choice) = (0.0, None);
            // rounding may leave the sum below u, and a diverged network has no probabilities: then the last possible choice
            // is made, or else the first that is allowed
            for (j, (&p, _)) in p.iter().zip(mask).enumerate().filter(|(_, (_, ok))| **ok) {
                if choice.is_none() || p > 0.0 {
                    choice = Some(j);
                }
                sum += p;
                if u < sum {
                    break;
                }
            }
            let choice = choice.unwrap_or(0);
            actions.push(choice as u32);
        }
    }

    /// The most probable choice per factor, the first of equals.
    pub fn argmax(&self, log_probs: &[f32], actions: &mut Vec<u32>) {
        for range in self.ranges() {
            let start = range.start;
            let mut best: Option<usize> = None;
            for j in range.filter(|&j| self.mask[j]) {
                if best.is_none_or(|b| log_probs[j] > log_probs[b]) {
                    best = Some(j);
                }
            }
            actions.push(best.map_or(0, |b| b - start) as u32);
        }
    }

    /// Adds the log-probabilities of `actions [F]`, summed up per vehicle of `per_vehicle` factors.
    pub fn log_probs(
        &self,
        log_probs: &[f32],
        actions: &[u32],
        per_vehicle: usize,
        out: &mut Vec<f32>,
    ) {
        for (f, (range, &a)) in self.ranges().zip(actions).enumerate() {
            if f % per_vehicle == 0 {
                out.push(0.0);
            }
            if let Some(sum) = out.last_mut() {
                *sum += log_probs[range.start + a as usize];
            }
        }
    }
}

/// What the policy maximises.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// Epsilon of (22); none: the plain policy gradient A log pi of an actor-critic.
    pub clip_range: Option<f32>,
    /// One ratio (21) per vehicle, and means over vehicles, rather than one of the whole action, and sums.
    pub per_vehicle: bool,
    /// Weight of the entropy.
    pub ent_coef: f32,
    /// Consecutive factors that one vehicle decides.
    pub factors_per_vehicle: usize,
}

/// What was chosen, with which probability, and how good it was.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Choices, `[F]`.
    pub actions: &'a [u32],
    /// Log-probabilities when they were taken, per vehicle.
    pub old_log_probs: &'a [f32],
    /// Advantage of the slot.
    pub advantage: f32,
}

/// Sums over slots of what is reported; [`Sums::mean`] makes means of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Minus the surrogate.
    pub policy_loss: f64,
    /// Squared error of the value.
    pub value_loss: f64,
    /// Entropy (per vehicle: mean over vehicles).
    pub entropy: f64,
    /// (ratio - 1) - log ratio, an estimate of the KL divergence from the old policy.
    pub approx_kl: f64,
    /// Share of ratios outside of the clip range.
    pub clip_fraction: f64,
    /// Slots.
    pub slots: f64,
}

impl Sums {
    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.policy_loss += other.policy_loss;
        self.value_loss += other.value_loss;
        self.entropy += other.entropy;
        self.approx_kl += other.approx_kl;
        self.clip_fraction += other.clip_fraction;
        self.slots += other.slots;
    }

    /// Means over slots.
    #[must_use]
    pub fn mean(&self) -> Self {
        let n = self.slots.max(1.0);
        Self {
            policy_loss: self.policy_loss / n,
            value_loss: self.value_loss / n,
            entropy: self.entropy / n,
            approx_kl: self.approx_kl / n,
            clip_fraction: self.clip_fraction / n,
            slots: self.slots,
        }
    }
}

/// Log-ratios are clamped to this: exp must stay finite where a joint ratio diverges.
const MAX_LOG_RATIO: f32 = 20.0;

impl Objective {
    /// The loss of one slot, -surrogate - ent_coef entropy, times `scale`: replaces the log-probabilities `[L]` by the
    /// gradient with respect to the logits. `gains` is scratch.
    pub fn gradient(
        &self,
        factors: Factors,
        taken: Taken,
        (log_probs, probabilities): (&mut [f32], &[f32]),
        scale: f32,
        gains: &mut Vec<f32>,
    ) -> Sums {
        gains.clear();
        factors.log_probs(log_probs, taken.actions, self.factors_per_vehicle, gains);
        let vehicles = gains.len().max(1) as f32;
        let mut sums = Sums {
            slots: 1.0,
            ..Sums::default()
        };
        let weight = if self.per_vehicle {
            1.0 / vehicles
        } else {
            1.0
        };
        if self.per_vehicle {
            for (gain, old) in gains.iter_mut().zip(taken.old_log_probs) {
                *gain = weight * self.gain(*gain, *old, taken.advantage, weight, &mut sums);
            }
        } else {
            let gain = self.gain(
                gains.iter().sum(),
                taken.old_log_probs.iter().sum(),
                taken.advantage,
                1.0,
                &mut sums,
            );
            gains.fill(gain);
        }
        let entropy_weight = scale * self.ent_coef * weight;
        for (f, (range, &a)) in factors.ranges().zip(taken.actions).enumerate() {
            let (lp, p) = (&mut log_probs[range.clone()], &probabilities[range]);
            let entropy = -lp.iter().zip(p).map(|(l, p)| l * p).sum::<f32>();
            sums.entropy += f64::from(weight * entropy);
            let gain = scale * gains[f / self.factors_per_vehicle];
            // d log p_a / d z_j = [j = a] - p_j;  dH / d z_j = -p_j (log p_j + H)
            for (lp, &p) in lp.iter_mut().zip(p) {
                *lp = p * (gain + entropy_weight * (*lp + entropy));
            }
            lp[a as usize] -= gain;
        }
        sums
    }

    /// The derivative of (22) with respect to the log-probability: ratio times advantage, or zero where clipped.
    fn gain(&self, log_prob: f32, old: f32, advantage: f32, weight: f32, sums: &mut Sums) -> f32 {
        let log_ratio = (log_prob - old).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO);
        let ratio = log_ratio.exp();
        sums.approx_kl += f64::from(weight * (ratio - 1.0 - log_ratio));
        let Some(clip) = self.clip_range else {
            sums.policy_loss -= f64::from(weight * advantage * log_prob);
            return advantage;
        };
        if (ratio - 1.0).abs() > clip {
            sums.clip_fraction += f64::from(weight);
        }
        let clipped = ratio.clamp(1.0 - clip, 1.0 + clip) * advantage;
        sums.policy_loss -= f64::from(weight * clipped.min(ratio * advantage));
        if clipped < ratio * advantage {
            0.0
        } else {
            ratio * advantage
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::rng::Streams;

    const LENS: [u32; 6] = [4, 3, 2, 5, 1, 3];

    fn mask(stream: &mut Stream) -> Vec<bool> {
        let mut mask = Vec::new();
        for len in LENS {
            let sure = stream.below(len as usize);
            mask.extend((0..len as usize).map(|j| j == sure || stream.unit() < 0.6));
        }
        mask
    }

    #[test]
    fn property_masks_are_kept_over_a_million_choices() {
        let mut stream = Streams::new(9).stream("masks");
        let (mut choices, mut actions) = (0, Vec::new());
        let mut p = vec![0.0; 18];
        while choices < 1_000_000 {
            let mask = mask(&mut stream);
            let factors = Factors {
                mask: &mask,
                lens: &LENS,
            };
            // forbidden logits far above, allowed ones far apart
            let mut z: Vec<f32> = mask
                .iter()
                .map(|ok| stream.normal() as f32 * 40.0 + if *ok { 0.0 } else { 300.0 })
                .collect();
            factors.normalise(&mut z, &mut p);
            for greedy in [false, true] {
                actions.clear();
                if greedy {
                    factors.argmax(&z, &mut actions)
                } else {
                    factors.sample(&p, &mut stream, &mut actions)
                }
                for (range, a) in factors.ranges().zip(&actions) {
                    assert!((*a as usize) < range.len() && mask[range.start + *a as usize]);
                }
            }
            choices += LENS.len();
        }
    }

    #[test]
    fn oracle_frequencies_are_the_softmax() {
        let mask = [true, true, false, true];
        let factors = Factors {
            mask: &mask,
            lens: &[4],
        };
        let (mut z, mut p) = (vec![0.3, -1.0, 5.0, 1.2], vec![0.0; 4]);
        factors.normalise(&mut z, &mut p);
        let total: f64 = [0.3f64, -1.0, 1.2].iter().map(|z| z.exp()).sum();
        let (mut count, mut actions) = ([0; 4], Vec::new());
        let mut stream = Streams::new(2).stream("frequencies");
        for _ in 0..200_000 {
            actions.clear();
            factors.sample(&p, &mut stream, &mut actions);
            count[actions[0] as usize] += 1;
        }
        for (j, z) in [(0, 0.3f64), (1, -1.0), (3, 1.2)] {
            let want = z.exp() / total;
            assert!((f64::from(p[j]) - want).abs() < 1e-6);
            // four standard deviations of a share are at most 0.0045
            assert!((f64::from(count[j]) / 2e5 - want).abs() < 0.0045);
        }
    }

    /// The loss in f64, plainly, by equations (21) and (22).
    fn twin(
        z: &[f64],
        mask: &[bool],
        old: &[f64],
        adv: f64,
        actions: &[u32],
        o: &Objective,
    ) -> f64 {
        let (mut at, mut lps, mut entropy) = (0, vec![0.0; old.len()], 0.0);
        for (f, (&len, &a)) in LENS.iter().zip(actions).enumerate() {
            let ids: Vec<usize> = (at..at + len as usize).filter(|&j| mask[j]).collect();
            let log_sum = ids.iter().map(|&j| z[j].exp()).sum::<f64>().ln();
            entropy -= ids
                .iter()
                .map(|&j| (z[j] - log_sum) * (z[j] - log_sum).exp())
                .sum::<f64>();
            lps[f / o.factors_per_vehicle] += z[at + a as usize] - log_sum;
            at += len as usize;
        }
        let surrogate = |lp: f64, old: f64, adv: f64| match o.clip_range.map(f64::from) {
            None => adv * lp,
            Some(e) => (adv * (lp - old).exp()).min(adv * (lp - old).exp().clamp(1.0 - e, 1.0 + e)),
        };
        let ent_coef = f64::from(o.ent_coef);
        if o.per_vehicle {
            let n = old.len() as f64;
            let sum: f64 = (0..old.len()).map(|v| surrogate(lps[v], old[v], adv)).sum();
            -sum / n - ent_coef * entropy / n
        } else {
            -surrogate(lps.iter().sum(), old.iter().sum(), adv) - ent_coef * entropy
        }
    }

    #[test]
    fn oracle_gradient_of_every_loss_is_that_of_finite_differences_in_f64() {
        let mut stream = Streams::new(4).stream("loss");
        for case in 0..200 {
            let objective = Objective {
                clip_range: [None, Some(0.2)][case % 2],
                per_vehicle: case / 2 % 2 == 0,
                ent_coef: 0.1,
                factors_per_vehicle: [1, 2][case / 4 % 2],
            };
            let mask = mask(&mut stream);
            let factors = Factors {
                mask: &mask,
                lens: &LENS,
            };
            let z: Vec<f32> = (0..18).map(|_| stream.normal() as f32).collect();
            let (mut lp, mut p, mut actions, mut now) =
                (z.clone(), vec![0.0; 18], Vec::new(), Vec::new());
            factors.normalise(&mut lp, &mut p);
            factors.sample(&p, &mut stream, &mut actions);
            factors.log_probs(&lp, &actions, objective.factors_per_vehicle, &mut now);
            let old: Vec<f32> = now
                .iter()
                .map(|l| l + 0.3 * stream.normal() as f32)
                .collect();
            let advantage = stream.normal() as f32;
            let taken = Taken {
                actions: &actions,
                old_log_probs: &old,
                advantage,
            };
            let sums = objective.gradient(factors, taken, (&mut lp, &p), 1.0, &mut Vec::new());

            let z: Vec<f64> = z.into_iter().map(f64::from).collect();
            let old: Vec<f64> = old.into_iter().map(f64::from).collect();
            let loss = |z: &[f64]| twin(z, &mask, &old, f64::from(advantage), &actions, &objective);
            assert!(
                (sums.policy_loss - 0.1 * sums.entropy - loss(&z)).abs() < 1e-5,
                "loss of case {case}"
            );
            for j in 0..18 {
                let at = |h: f64| {
                    let mut q = z.clone();
                    q[j] += h;
                    loss(&q)
                };
                let want = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!(
                    (f64::from(lp[j]) - want).abs() < 1e-5,
                    "case {case}, logit {j}: {} != {want}",
                    lp[j]
                );
                assert!(mask[j] || lp[j] == 0.0);
            }
        }
    }
}
