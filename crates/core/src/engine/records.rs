//! What a run leaves: one record per seed, policy and slot, and the distributions over its tasks.

use super::result::{Fate, Missed, Returned};
use crate::evaluate::Outcome;
use crate::queueing::Reason;
use hdrhistogram::Histogram;

/// One seed: every policy on the same world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replication {
    /// The seed.
    pub seed: u64,
    /// Bounds with a part left out, see [`QueueBounds::left_out`](crate::bound::queues::QueueBounds::left_out).
    pub loose_bounds: u32,
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
    /// Further results where tasks queue for cores; `None` where they share CPU.
    pub queues: Option<QueueRun>,
    /// Further results where work runs in sessions.
    pub sessions: Option<SessionRun>,
    /// Load L_m (8) of every RSU, mean over slots, by row.
    pub rsu_load: Vec<f64>,
    /// Certified lower bound of the mean objective over all tasks, where slots are bounded together
    /// ([`BoundKind::Horizon`](super::BoundKind::Horizon)).
    pub horizon_bound: Option<f64>,
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

/// A run in which tasks queue for cores: totals over all its slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueRun {
    /// For every server the tasks that were migrated to it.
    pub selections: Vec<u32>,
    /// For every directed link whether a path led over it, or over its reverse; of the two directions
    /// that in the lower row counts.
    pub link_used: Vec<bool>,
    /// For every directed link whether a path led over it in this direction.
    pub direction_used: Vec<bool>,
    /// Least delay \[s\].
    pub delay_min_s: Option<f64>,
    /// Largest delay \[s\].
    pub delay_max_s: Option<f64>,
    /// Tasks lost, by the order of `Reason::ALL`.
    pub lost: [u64; Reason::ALL.len()],
    /// Times that a fault sent a task another way to its server.
    pub rerouted: u64,
    /// Times that a fault sent a task to another server.
    pub replanned: u64,
}

/// A run of sessions: totals over all its slots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SessionRun {
    /// Sessions that began.
    pub begun: u64,
    /// Their batches, one a session and slot.
    pub batches: u64,
    /// Batches that hosts served; the others ran on vehicles.
    pub served: u64,
    /// Moves ordered.
    pub moves: u64,
    /// Bits that moves sent.
    pub moved_bits: f64,
    /// Downtime of all switches \[s\].
    pub down_s: f64,
    /// Times that a session lost its host because the server failed, and was to be placed anew; `None` where nothing
    /// ever fails.
    pub evicted: Option<u64>,
}

/// What became of the results of a slot's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReturnRecord {
    /// Tasks that ran on their vehicles, or in the cloud.
    pub local: u32,
    /// Results that came back.
    pub returned: u32,
    /// Results lost, by the order of [`Missed::ALL`].
    pub lost: [u32; Missed::ALL.len()],
    /// Results of which nobody knows, because positions end before.
    pub pending: u32,
    /// Handovers of vehicles while their tasks were away.
    pub handovers: u32,
    /// Energy of all returns \[J\].
    pub energy_j: f64,
}

impl ReturnRecord {
    pub(super) fn of(returns: &[Returned]) -> Self {
        let mut record = Self::default();
        for returned in returns {
            record.add(returned);
        }
        record
    }

    /// Counts another one.
    pub(super) fn add(&mut self, returned: &Returned) {
        match returned.fate {
            Fate::Local | Fate::Cloud => self.local += 1,
            Fate::Returned(_) => self.returned += 1,
            Fate::Lost(reason) => self.lost[reason as usize] += 1,
            Fate::Pending => self.pending += 1,
        }
        self.handovers += returned.handovers;
        self.energy_j += returned.energy_j;
    }
}

impl QueueRun {
    /// Population standard deviation of the selections over all servers.
    #[must_use]
    pub fn selection_std(&self) -> Option<f64> {
        let count = self.selections.len() as f64;
        let selections = || self.selections.iter().map(|&n| f64::from(n));
        let mean = selections().sum::<f64>() / count;
        let variance = selections().map(|n| (n - mean) * (n - mean)).sum::<f64>() / count;
        (count > 0.0).then(|| variance.sqrt())
    }

    /// Distinct links that paths led over, both directions as one.
    #[must_use]
    pub fn links_used(&self) -> usize {
        self.link_used.iter().filter(|&&used| used).count()
    }

    /// Their share of all links; `None` without links.
    #[must_use]
    pub fn link_utilisation(&self) -> Option<f64> {
        let links = self.link_used.len() / 2;
        (links > 0).then(|| self.links_used() as f64 / links as f64)
    }

    /// Distinct directed links that paths led over.
    #[must_use]
    pub fn directions_used(&self) -> usize {
        self.direction_used.iter().filter(|&&used| used).count()
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
    /// Resolves values up to 10^12 s or J.
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

/// One slot under one policy. Means are over the tasks of the slot that were not lost, and zero where it
/// has none. Tasks belong to the slot in which they arise, whenever they end.
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
    /// Parts of the mean delay \[s\]: upload, migration, propagation, wait, compute.
    pub upload_s: f64,
    /// See `upload_s`.
    pub migration_s: f64,
    /// See `upload_s`.
    pub propagation_s: f64,
    /// See `upload_s`.
    pub wait_s: f64,
    /// See `upload_s`.
    pub compute_s: f64,
    /// What the return of results adds to the mean delay \[s\].
    pub return_s: f64,
    /// What became of the results, where they are returned.
    pub returns: Option<ReturnRecord>,
    /// Certified lower bound of `objective`, where asked for.
    pub lower_bound: Option<f64>,
    /// Most tasks that any policy could have had done within their deadlines, where bounds were asked for and tasks
    /// queue for cores.
    pub on_time_most: Option<u32>,
    /// Tasks done within their deadline.
    pub deadline_met: u32,
    /// Tasks lost to faults: `tasks` is the number of those that ended and those lost.
    pub lost: u32,
    /// Tasks that are a success by the scenario's definition, where tasks queue for cores.
    pub success: u32,
    /// Tasks executed at an RSU.
    pub offloaded: u32,
    /// Tasks executed at another RSU than the one they entered by.
    pub migrated: u32,
    /// Sum of hops over all tasks.
    pub hops: u32,
    /// Tasks of vehicles that no RSU covers.
    pub uncovered: u32,
    /// Tasks sent back to the vehicle because the RSU chosen had no CPU left, or failed before they ended.
    pub turned_back: u32,
    /// LBM (9).
    pub lbm: f64,
    /// Its bound tau.
    pub tau: f64,
    /// Whether delta + phi fell below tau_min.
    pub clamped: bool,
    /// Whether LBM > tau (beyond rounding).
    pub violated: bool,
    /// Whether (16e) is enforced. Lower bounds do not know of it.
    pub enforced: bool,
    /// Jain's fairness index of the RSU loads, 1 where all are zero.
    pub jain: f64,
    /// Wall-clock time of the decision \[s\]; the only field that may differ between runs of a seed.
    pub decision_time_s: f64,
}

impl SlotRecord {
    /// Number of tasks that ended.
    #[must_use]
    pub fn finished(&self) -> u32 {
        self.tasks - self.lost
    }

    /// Adds what a task cost; [`Self::sums_to_means`] makes means of the sums.
    pub fn add(&mut self, outcome: &Outcome, omega: f64) {
        self.objective += outcome.cost(omega);
        self.delay_s += outcome.delay_s();
        self.energy_j += outcome.energy_j();
        self.upload_s += outcome.upload_s;
        self.migration_s += outcome.migration_s;
        self.propagation_s += outcome.propagation_s;
        self.wait_s += outcome.wait_s;
        self.compute_s += outcome.compute_s;
        self.return_s += outcome.return_s;
        self.hops += outcome.hops;
    }

    /// Turns sums over tasks into means.
    pub fn sums_to_means(&mut self) {
        let per_task = 1.0 / f64::from(self.finished().max(1));
        for sum in [
            &mut self.objective,
            &mut self.delay_s,
            &mut self.energy_j,
            &mut self.upload_s,
            &mut self.migration_s,
            &mut self.propagation_s,
            &mut self.wait_s,
            &mut self.compute_s,
            &mut self.return_s,
        ] {
            *sum *= per_task;
        }
    }
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
