//! Running mean and variance of observations and returns, as stable-baselines3's `VecNormalize`, but constant within an
//! iteration, so that a rollout does not depend on the order in which its environments are stepped.

use wayside_core::error::Result;

use crate::nn::net::NetSpec;
use crate::nn::state::State;

/// Values beyond this many standard deviations are clipped.
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

    /// Scales the weight of everything so far by `keep`.
    pub(crate) fn forget(&mut self, keep: f64) {
        self.count *= keep;
    }

    /// Adds a batch (Chan et al.).
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

    /// Mean 0 and variance 1, clipped at ten standard deviations.
    pub(crate) fn apply(&self, row: &mut [f32]) {
        for ((x, shift), scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
            *x = ((*x - shift) * scale).clamp(-CLIP, CLIP);
        }
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

/// Moments of both inputs of the networks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inputs<T> {
    pub(crate) rows: T,
    pub(crate) globals: T,
}

impl Inputs<Moments> {
    pub(crate) fn new(spec: &NetSpec) -> Self {
        Self {
            rows: Moments::new(spec.row_width),
            globals: Moments::new(spec.globals),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.globals.clear();
    }
}

impl Inputs<Running> {
    pub(crate) fn new(spec: &NetSpec) -> Self {
        Self {
            rows: Running::new(spec.row_width),
            globals: Running::new(spec.globals),
        }
    }

    pub(crate) fn merge(&mut self, batch: &Inputs<Moments>) {
        self.rows.merge(&batch.rows);
        self.globals.merge(&batch.globals);
    }

    /// Writes the normaliser, or that there is none.
    pub(crate) fn save(normaliser: Option<&Self>, state: &mut State) {
        state.card["normalised"] = normaliser.is_some().into();
        if let Some(normaliser) = normaliser {
            normaliser.rows.save("normaliser.rows", state);
            normaliser.globals.save("normaliser.globals", state);
        }
    }

    /// Reads what [`Inputs::save`] wrote.
    pub(crate) fn load(spec: &NetSpec, state: &State) -> Result<Option<Self>> {
        if !state.card_value::<bool>("normalised")? {
            return Ok(None);
        }
        Ok(Some(Self {
            rows: Running::load(spec.row_width, "normaliser.rows", state)?,
            globals: Running::load(spec.globals, "normaliser.globals", state)?,
        }))
    }
}

/// Divides rewards by the deviation of the discounted return, as Gymnasium and stable-baselines3 do, or centres them.
///
/// Where returns hardly vary while rewards are far from zero, that deviation would turn all rewards into one constant at
/// the clip: with a discount near 0 the return is the reward. So we never divide by less than the root mean square of
/// rewards; at most 1 % of them can then lie beyond 10, whatever they are (Chebyshev). Nothing is subtracted, because a
/// shift of rewards moves the optimum where episodes end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RewardNormaliser {
    /// Of discounted returns, and of rewards.
    running: Running,
    /// Mean 0 and deviation 1 of the rewards themselves, instead.
    centre: bool,
}

impl RewardNormaliser {
    pub(crate) fn new(centre: bool) -> Self {
        Self {
            running: Running::new(2),
            centre,
        }
    }

    /// Moments for [`RewardNormaliser::merge`].
    pub(crate) fn moments() -> Moments {
        Moments::new(2)
    }

    pub(crate) fn forget(&mut self, keep: f64) {
        self.running.forget(keep);
    }

    pub(crate) fn merge(&mut self, batch: &Moments) {
        self.running.merge(batch);
    }

    /// The normalised reward, and whether it was clipped.
    pub(crate) fn apply(&self, reward: f32) -> (f32, bool) {
        let r = &self.running;
        let x = if self.centre {
            (reward - r.shift[1]) * r.scale[1]
        } else if r.count > 0.0 {
            let square = r.variance[1] + r.mean[1] * r.mean[1];
            reward * (1.0 / (r.variance[0].max(square) + 1e-8).sqrt()) as f32
        } else {
            reward
        };
        (x.clamp(-CLIP, CLIP), x.abs() > CLIP)
    }

    pub(crate) fn save(&self, name: &str, state: &mut State) {
        self.running.save(name, state);
    }

    pub(crate) fn loaded(&self, name: &str, state: &State) -> Result<Self> {
        Ok(Self {
            running: Running::load(2, name, state)?,
            centre: self.centre,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::rng::Streams;

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

    /// Rewards of all kinds: far from zero, rare, of heavy tails, of growing returns.
    #[test]
    fn property_at_most_one_reward_in_a_hundred_is_clipped() {
        let mut stream = Streams::new(6).stream("rewards");
        for kind in 0..5 {
            for gamma in [0.0, 0.1, 0.9, 0.99] {
                let draw = |i: usize| match kind {
                    0 => -0.38 + 0.012 * stream.normal(),
                    1 => 1e4 + stream.normal(),
                    2 => f64::from(u8::from(i.is_multiple_of(100))) * -0.38,
                    3 => stream.normal().powi(5),
                    _ => 1e-3 * stream.normal(),
                };
                let rewards: Vec<f64> = (0..5000).map(draw).collect();
                let (mut moments, mut discounted) = (RewardNormaliser::moments(), 0.0);
                for &reward in &rewards {
                    discounted = gamma * discounted + reward;
                    moments.add(&[discounted as f32, reward as f32]);
                }
                for centre in [false, true] {
                    let mut normaliser = RewardNormaliser::new(centre);
                    normaliser.merge(&moments);
                    let cut = |&&reward: &&f64| normaliser.apply(reward as f32).1;
                    let share = rewards.iter().filter(cut).count() as f64 / 5000.0;
                    assert!(share <= 0.01, "kind {kind}, gamma {gamma}: {share}");
                }
            }
        }
    }

    /// Where returns vary more than rewards are large, Gymnasium's `NormalizeReward` it is.
    #[test]
    fn closed_form_returns_that_vary_scale_by_their_deviation() {
        let (mut moments, mut returns, mut discounted) =
            (RewardNormaliser::moments(), Vec::new(), 0.0);
        for i in 0..100 {
            let reward = f64::from(i % 7) - 2.0;
            discounted = 0.99 * discounted + reward;
            returns.push(discounted);
            moments.add(&[discounted as f32, reward as f32]);
        }
        let mean = returns.iter().sum::<f64>() / 100.0;
        let deviation = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 100.0).sqrt();
        let mut normaliser = RewardNormaliser::new(false);
        normaliser.merge(&moments);
        let (shown, cut) = normaliser.apply(3.0);
        assert!(!cut && (f64::from(shown) - 3.0 / deviation).abs() < 1e-6);
    }
}
