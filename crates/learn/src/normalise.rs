//! Running mean and variance of observations and returns, as stable-baselines3's `VecNormalize`, but constant within an
//! iteration: what a rollout stores does not depend on the order in which environments were stepped.

use wayside_core::error::Result;

use crate::state::State;

/// Values beyond this many standard deviations are cut.
const CLIP: f32 = 10.0;

/// Sums over the columns of rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moments {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            count: 0.0,
            sum: vec![0.0; width],
            squares: vec![0.0; width],
        }
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0.0;
        self.sum.fill(0.0);
        self.squares.fill(0.0);
    }

    pub(crate) fn add(&mut self, row: &[f32]) {
        self.count += 1.0;
        for ((s, q), &x) in self.sum.iter_mut().zip(&mut self.squares).zip(row) {
            *s += f64::from(x);
            *q += f64::from(x) * f64::from(x);
        }
    }
}

/// Mean and variance of all rows so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Running {
    count: f64,
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// Mean and 1 / standard deviation, as rows need them.
    shift: Vec<f32>,
    scale: Vec<f32>,
}

impl Running {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            count: 0.0,
            mean: vec![0.0; width],
            variance: vec![1.0; width],
            shift: vec![0.0; width],
            scale: vec![1.0; width],
        }
    }

    /// What was taken in so far weighs `keep` times as much from now on.
    pub(crate) fn forget(&mut self, keep: f64) {
        self.count *= keep;
    }

    /// Takes in another batch (Chan et al.).
    pub(crate) fn merge(&mut self, batch: &Moments) {
        if batch.count < 1.0 {
            return;
        }
        let total = self.count + batch.count;
        for i in 0..self.mean.len() {
            let mean = batch.sum[i] / batch.count;
            let variance = (batch.squares[i] / batch.count - mean * mean).max(0.0);
            let delta = mean - self.mean[i];
            let before = if self.count > 0.0 {
                self.variance[i] * self.count
            } else {
                0.0
            };
            self.mean[i] += delta * batch.count / total;
            self.variance[i] = (before
                + variance * batch.count
                + delta * delta * self.count * batch.count / total)
                / total;
        }
        self.count = total;
        self.derive();
    }

    fn derive(&mut self) {
        for i in 0..self.mean.len() {
            self.shift[i] = self.mean[i] as f32;
            self.scale[i] = (1.0 / (self.variance[i] + 1e-8).sqrt()) as f32;
        }
    }

    /// Mean 0 and variance 1, cut at ten standard deviations.
    pub(crate) fn apply(&self, row: &mut [f32]) {
        for ((x, shift), scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
            *x = ((*x - shift) * scale).clamp(-CLIP, CLIP);
        }
    }

    /// Variance 1, the mean left in place: a reward must keep its sign.
    pub(crate) fn scale_only(&self, x: f32) -> f32 {
        (x * self.scale[0]).clamp(-CLIP, CLIP)
    }

    pub(crate) fn save(&self, name: &str, state: &mut State) {
        state.put(&format!("{name}.count"), &[self.count]);
        state.put(&format!("{name}.mean"), &self.mean);
        state.put(&format!("{name}.variance"), &self.variance);
    }

    pub(crate) fn load(width: usize, name: &str, state: &State) -> Result<Self> {
        let mut running = Self::new(width);
        running.count = state.get_len::<f64>(&format!("{name}.count"), 1)?[0];
        running.mean = state.get_len(&format!("{name}.mean"), width)?;
        running.variance = state.get_len(&format!("{name}.variance"), width)?;
        if running.count > 0.0 {
            running.derive();
        }
        Ok(running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_batches_merge_to_the_moments_of_all() {
        let xs: Vec<f32> = (0..50).map(|i| (i * 37 % 23) as f32 + 5.0).collect();
        let mut running = Running::new(1);
        for batch in xs.chunks(7) {
            let mut moments = Moments::new(1);
            batch.iter().for_each(|x| moments.add(&[*x]));
            running.merge(&moments);
        }
        let mean = xs.iter().map(|&x| f64::from(x)).sum::<f64>() / 50.0;
        let variance = xs
            .iter()
            .map(|&x| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / 50.0;
        assert!(
            (running.mean[0] - mean).abs() < 1e-9 && (running.variance[0] - variance).abs() < 1e-9
        );
        let mut row = [mean as f32 + 3.0 * variance.sqrt() as f32];
        running.apply(&mut row);
        assert!((row[0] - 3.0).abs() < 1e-4);
    }

    #[test]
    fn closed_form_what_is_forgotten_weighs_less() {
        let batch = |xs: &[f32]| {
            let mut moments = Moments::new(1);
            xs.iter().for_each(|x| moments.add(&[*x]));
            moments
        };
        let mut running = Running::new(1);
        running.merge(&batch(&[-8.0, -6.0, -8.0, -6.0]));
        running.forget(0.5);
        running.merge(&batch(&[-1.0, -1.0]));
        // two at -7, of variance 1, and two at -1: the mean is -4, the variance (2 (1 + 9) + 2 * 9) / 4
        assert!((running.mean[0] + 4.0).abs() < 1e-12);
        assert!((running.variance[0] - 9.5).abs() < 1e-12);
        running.forget(0.0);
        running.merge(&batch(&[2.0, 4.0]));
        assert!((running.mean[0] - 3.0).abs() < 1e-12 && (running.variance[0] - 1.0).abs() < 1e-12);
    }
}
