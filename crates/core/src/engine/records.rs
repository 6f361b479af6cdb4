//! What a run leaves: one record per seed, policy and slot, and the distributions over its tasks.

use hdrhistogram::Histogram;

/// One seed: every policy on the same world.
#[derive(Clone, Debug, PartialEq)]
pub struct Replication {
    /// The seed.
    pub seed: u64,
    /// One run per policy, in the same order in every replication.
    pub policies: Vec<PolicyRun>,
}

/// One policy under one seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyRun {
    /// Name of the policy.
    pub policy: String,
    /// One record per slot, in order.
    pub slots: Vec<SlotRecord>,
    /// Delays of all tasks \[s\].
    pub delay: Distribution,
    /// Energies of all tasks \[J\].
    pub energy: Distribution,
    /// Load L_m (8) of every RSU, mean over slots, by row.
    pub rsu_load: Vec<f64>,
}

impl PolicyRun {
    /// Takes the loads of the slot recorded last into the means.
    pub(super) fn record_loads(&mut self, loads: impl ExactSizeIterator<Item = f64>) {
        self.rsu_load.resize(loads.len(), 0.0);
        let share = 1.0 / self.slots.len() as f64;
        for (mean, load) in self.rsu_load.iter_mut().zip(loads) {
            *mean += (load - *mean) * share;
        }
    }
}

/// Distribution of a quantity in seconds or joules, kept in constant memory.
///
/// Resolves one millionth of the unit or three digits, whichever is coarser.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution(Histogram<u64>);

impl Default for Distribution {
    fn default() -> Self {
        let digits = 3;
        Self(Histogram::new(digits).expect("0 to 5 digits are valid"))
    }
}

impl Distribution {
    /// Values up to 10^12 s or J are told apart.
    const MAX_MICRO: f64 = 1e18;

    /// Adds one value, not negative.
    pub fn record(&mut self, value: f64) {
        debug_assert!(value >= 0.0, "{value}");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0..10^18"
        )]
        let micro = (value * 1e6).round().clamp(0.0, Self::MAX_MICRO) as u64;
        self.0
            .record(micro)
            .expect("the histogram grows to what the clamp lets through");
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("the histogram grows to what was recorded");
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest value that is not exceeded by the share `q` of all; `None` where there is none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
        let unit = |micro: u64| micro as f64 * 1e-6;
        (!self.is_empty()).then(|| unit(self.0.value_at_quantile(q)))
    }

    /// Distinct values with their counts, in ascending order; a histogram for figures.
    pub fn counts(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        #[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
        self.0
            .iter_recorded()
            .map(|v| (v.value_iterated_to() as f64 * 1e-6, v.count_at_value()))
    }
}

/// One slot under one policy. Means are over the tasks of the slot and zero where it has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlotRecord {
    /// Slot number t.
    pub slot: u32,
    /// Number of tasks.
    pub tasks: u32,
    /// Number of vehicles present.
    pub vehicles: u32,
    /// J_t of (15), mean over tasks.
    pub objective: f64,
    /// Mean delay \[s\].
    pub delay_s: f64,
    /// Mean energy \[J\].
    pub energy_j: f64,
    /// Parts of the mean delay \[s\]: upload, migration, wait, compute.
    pub upload_s: f64,
    /// See `upload_s`.
    pub migration_s: f64,
    /// See `upload_s`.
    pub wait_s: f64,
    /// See `upload_s`.
    pub compute_s: f64,
    /// Certified lower bound of `objective`, where asked for.
    pub lower_bound: Option<f64>,
    /// Tasks done within their deadline.
    pub deadline_met: u32,
    /// Tasks executed at an RSU.
    pub offloaded: u32,
    /// Tasks executed at another RSU than the one they entered by.
    pub migrated: u32,
    /// Sum of hops over all tasks.
    pub hops: u32,
    /// Tasks of vehicles that no RSU covers.
    pub uncovered: u32,
    /// Tasks sent back to the vehicle because the RSU chosen had no CPU left.
    pub turned_back: u32,
    /// LBM (9).
    pub lbm: f64,
    /// Its bound tau.
    pub tau: f64,
    /// Whether delta + phi fell below tau_min.
    pub clamped: bool,
    /// Whether LBM > tau (beyond rounding).
    pub violated: bool,
    /// Jain's fairness index of the RSU loads, 1 where all are zero.
    pub jain: f64,
    /// Wall-clock time of the decision \[s\]; the only field that may differ between runs of a seed.
    pub decision_time_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_quantiles_of_a_uniform_distribution() {
        let mut all = Distribution::default();
        let mut upper = Distribution::default();
        assert_eq!((all.quantile(0.5), all.len()), (None, 0));
        for i in 1..=1000 {
            let half = if i <= 500 { &mut all } else { &mut upper };
            half.record(f64::from(i) * 0.01);
        }
        all.merge(&upper);
        assert_eq!(all.len(), 1000);
        for (q, expected) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9), (1.0, 10.0)] {
            let found = all.quantile(q).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-3, "{q}: {found}");
        }
        assert_eq!(all.counts().map(|(_, n)| n).sum::<u64>(), 1000);
    }

    #[test]
    fn closed_form_mean_loads() {
        let mut run = PolicyRun::default();
        for loads in [[0.5, 0.0], [0.7, 0.0], [0.0, 0.3]] {
            run.slots.push(SlotRecord::default());
            run.record_loads(loads.into_iter());
        }
        assert!((run.rsu_load[0] - 0.4).abs() < 1e-15 && (run.rsu_load[1] - 0.1).abs() < 1e-15);
    }

    #[test]
    fn property_distribution_takes_extremes() {
        let mut all = Distribution::default();
        for value in [0.0, 1e-9, 1e30, f64::INFINITY] {
            all.record(value);
        }
        assert_eq!(all.quantile(0.25), Some(0.0));
        assert!(all.quantile(1.0).unwrap() >= 0.999e12);
    }
}
