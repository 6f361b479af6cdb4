//! Adam (Kingma & Ba 2015), fused with the sum over shards and the clip of the global gradient norm.

use rayon::prelude::*;

use crate::nn::simd::vectorised;

/// Elements per block: blocks are summed, and updated, each by one thread.
const BLOCK: usize = 16_384;

/// Optimiser state beside a flat parameter vector. Beta 0.9 and 0.999, epsilon 1e-5 as stable-baselines3's PPO.
#[derive(Clone, Debug)]
pub struct Adam {
    /// First moment.
    pub(crate) m: Vec<f32>,
    /// Second moment.
    pub(crate) v: Vec<f32>,
    /// Updates done.
    pub(crate) steps: u64,
    epsilon: f32,
    /// Sum of the shards' gradients.
    total: Vec<f32>,
    /// Sum of squares of each block.
    squares: Vec<f64>,
}

/// How much of the first moment stays from step to step.
pub const BETA1: f32 = 0.9;
/// How much of the second moment stays from step to step.
pub const BETA2: f32 = 0.999;

impl Adam {
    /// State for `len` parameters, all moments zero.
    #[must_use]
    pub fn new(len: usize, epsilon: f32) -> Self {
        Self {
            m: vec![0.0; len],
            v: vec![0.0; len],
            steps: 0,
            epsilon,
            total: vec![0.0; len],
            squares: vec![0.0; len.div_ceil(BLOCK)],
        }
    }

    /// One update of `params` by the sum of the `shards` (in their order, whatever the threads), its norm clipped to
    /// `max_norm`. Returns the norm before the clip.
    pub fn step<'a>(
        &mut self,
        params: &mut [f32],
        shards: impl Fn(usize) -> Option<&'a [f32]> + Sync,
        rate: f64,
        max_norm: Option<f64>,
    ) -> f64 {
        let total = &mut self.total;
        total
            .par_chunks_mut(BLOCK)
            .zip(&mut self.squares)
            .enumerate()
            .for_each(|(block, (sum, square))| {
                let at = block * BLOCK;
                let end = at + sum.len();
                let part = |shard: &'a [f32]| &shard[at..end];
                // the first two at once, because this is bound by memory
                match (shards(0), shards(1)) {
                    (Some(first), Some(second)) => add_up(sum, part(first), part(second)),
                    (Some(only), None) => sum.copy_from_slice(part(only)),
                    (None, _) => sum.fill(0.0),
                }
                for shard in (2..).map_while(&shards) {
                    add(sum, part(shard));
                }
                *square = sum_of_squares(sum);
            });
        let norm = self.squares.iter().sum::<f64>().sqrt();
        // torch's clip_grad_norm_, with its guard against a zero norm
        let clip = max_norm.map_or(1.0, |max| (max / (norm + 1e-6)).min(1.0)) as f32;

        self.steps += 1;
        let t = self.steps as i32;
        let rate_hat = (rate / (1.0 - f64::from(BETA1).powi(t))) as f32;
        let root_hat = (1.0 / (1.0 - f64::from(BETA2).powi(t)).sqrt()) as f32;
        let epsilon = self.epsilon;
        let blocks = params
            .par_chunks_mut(BLOCK)
            .zip(self.m.par_chunks_mut(BLOCK))
            .zip(self.v.par_chunks_mut(BLOCK));
        blocks
            .zip(total.par_chunks(BLOCK))
            .for_each(|(((p, m), v), g)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
                            let g = g * clip;
                            *m = BETA1 * *m + (1.0 - BETA1) * g;
                            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                            *p -= rate_hat * *m / (v.sqrt() * root_hat + epsilon);
                        }
                    },
                );
            });
        norm
    }
}

fn add_up(sum: &mut [f32], a: &[f32], b: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for ((s, a), b) in sum.iter_mut().zip(a).zip(b) {
                *s = a + b;
            }
        },
    );
}

fn add(sum: &mut [f32], part: &[f32]) {
    vectorised(
        #[inline(always)]
        || sum.iter_mut().zip(part).for_each(|(s, p)| *s += p),
    );
}

/// In eight fixed columns of f64, so that it vectorises and its order never changes.
fn sum_of_squares(x: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let mut columns = [0.0f64; 8];
            let chunks = x.chunks_exact(8);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (c, &x) in columns.iter_mut().zip(chunk) {
                    *c += f64::from(x) * f64::from(x);
                }
            }
            columns.iter().sum::<f64>()
                + rest
                    .iter()
                    .map(|&x| f64::from(x) * f64::from(x))
                    .sum::<f64>()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First step by hand: m = 0.1 g, v = 0.001 g^2, so m^ = g, v^ = g^2 and the step is rate * sign(g) (epsilon small).
    /// Second, with g' = -g / 2: m = 0.9 * 0.1 g - 0.05 g = 0.04 g, m^ = 0.04 / 0.19 g; v = (0.000999 + 0.00025) g^2,
    /// v^ = 0.001249 / 0.001999 g^2; step = rate * 0.2105263 / 0.7904549.
    #[test]
    fn closed_form_two_steps_of_adam() {
        let mut adam = Adam::new(2, 1e-12);
        let mut p = vec![1.0, -1.0];
        let norm = adam.step(
            &mut p,
            |i| [&[1.0, -2.0][..], &[2.0, -2.0]].get(i).copied(),
            0.1,
            None,
        );
        assert!((norm - 5.0).abs() < 1e-12);
        assert!(
            (p[0] - 0.9).abs() < 1e-6 && (p[1] + 0.9).abs() < 1e-6,
            "{p:?}"
        );
        adam.step(&mut p, |i| [&[-1.5, 2.0][..]].get(i).copied(), 0.1, None);
        let second = 0.1 * 0.210_526_3 / 0.790_454_9;
        // the first gradient was (3, -4), the second is (-1.5, 2): the momentum still points along the first
        assert!(
            (p[0] - (0.9 - second)).abs() < 1e-6 && (p[1] + 0.9 - second).abs() < 1e-6,
            "{p:?}"
        );
    }

    /// A gradient of norm 5 clipped to 0.5 is the gradient over ten; with epsilon 1 the size of a step shows it.
    #[test]
    fn closed_form_clip_scales_the_whole_gradient() {
        let run = |g: [f32; 2], max| {
            let mut p = vec![0.0; 2];
            Adam::new(2, 1.0).step(&mut p, |i| (i == 0).then_some(&g[..]), 1.0, max);
            p
        };
        let (clipped, small) = (run([3.0, -4.0], Some(0.5)), run([0.3, -0.4], None));
        for (a, b) in clipped.iter().zip(&small) {
            assert!((a - b).abs() < 1e-6, "{clipped:?} {small:?}");
        }
        assert!((small[0] + 0.3 / 1.3).abs() < 1e-6);
    }
}
