//! The summary of a comparison: `run --format json` and `summary.json`.
//!
//! Per seed, a quantity of tasks is the mean over all tasks of the run (slots weigh by their tasks), and
//! a quantity of slots the mean over the slots that have tasks. Intervals are over seeds.

mod metric;

use crate::stats::{self, Estimate};
pub use metric::{Gap, Metric, OF_RETURNS, OF_SESSIONS, ReturnSummary, SessionSummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wayside_core::engine::records::{PolicyRun, Replication, ReturnRecord, SessionRun, SlotRecord};
use wayside_core::engine::result::Missed;

/// What a comparison of policies found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Name of the scenario.
    pub scenario: String,
    /// The seeds, in order.
    pub seeds: Vec<u64>,
    /// Slots of a run.
    pub slots: usize,
    /// Version of Wayside.
    pub version: String,
    /// Whether (16e) is enforced: lower bounds and gaps are then those of the problem without it; left out where it is
    /// not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub balance_enforced: bool,
    /// Bounds that could be tighter, because a part was left out where too many tasks differ; left out where there are
    /// none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub loose_bounds: u64,
    /// One entry per policy, in the order asked for.
    pub policies: Vec<PolicySummary>,
    /// Decision times, the only part that may differ between two runs of one seed; absent with
    /// `--no-timing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Vec<Timing>>,
}

/// Decision times of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// Name of the policy.
    pub policy: String,
    /// Wall-clock time of one slot's decision \[s\].
    pub decision_time_s: Percentiles,
}

/// Median and 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Defines [`PolicySummary`] and the list of its metrics together, so that neither misses one.
macro_rules! policy_summary {
    ($($(#[$doc:meta])+ $name:ident: $figure:expr;)+) => {
        /// One policy. Shares are in `[0, 1]`; a metric without meaning in the scenario is null.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct PolicySummary {
            /// Name of the policy.
            pub policy: String,
            $($(#[$doc])+ pub $name: Option<Metric>,)+
            /// Gap to the lower bound; null without `--bound`.
            pub gap: Option<Gap>,
            /// Where work runs in sessions; left out elsewhere.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub sessions: Option<SessionSummary>,
            /// Where answers are returned; left out elsewhere.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub returns: Option<ReturnSummary>,
            /// Paired difference of the objective to the first policy, as in `objective`.
            pub difference: Option<Estimate>,
        }

        /// Names of [`PolicySummary::metrics`].
        pub const METRICS: &[&str] = &[$(stringify!($name)),+];

        impl PolicySummary {
            /// Every metric that all runs have but the gap, by name.
            #[must_use]
            pub fn metrics(&self) -> Vec<(&'static str, Option<Metric>)> {
                vec![$((stringify!($name), self.$name)),+]
            }

            /// The metrics of sessions and of the return of answers, by name, where there are any.
            #[must_use]
            pub fn further(&self) -> Vec<(&'static str, Option<Metric>)> {
                let sessions = self.sessions.iter().flat_map(SessionSummary::metrics);
                let returns = self.returns.iter().flat_map(ReturnSummary::metrics);
                let all = sessions.chain(returns);
                all.filter(|(name, metric)| *name != "evicted" || metric.is_some())
                    .collect()
            }

            fn new(runs: &Runs<'_>) -> Self {
                Self {
                    policy: runs.own[0].policy.clone(),
                    gap: runs.gap(),
                    sessions: runs.sessions(),
                    returns: runs.returns(),
                    difference: runs.metric(mean_objective).and_then(|m| m.difference),
                    $($name: runs.metric($figure),)+
                }
            }
        }
    };
}

policy_summary! {
    /// Objective J of (15).
    objective: mean_objective;
    /// Mean delay \[s\].
    delay_s: |run| per_task(run, |s| Some(s.delay_s));
    /// Mean energy \[J\].
    energy_j: |run| per_task(run, |s| Some(s.energy_j));
    /// Certified lower bound of the objective; null without `--bound`.
    lower_bound: bound;
    /// Share of tasks done within their deadline.
    deadline_met: |run| share(run, |s| s.deadline_met);
    /// Share of tasks executed at an RSU.
    offloaded: |run| share(run, |s| s.offloaded);
    /// Share of tasks executed at another RSU than the one they entered by.
    migrated: |run| share(run, |s| s.migrated);
    /// LBM (9), mean over slots; null where tasks queue for cores.
    lbm: |run| shared(run, |s| s.lbm);
    /// Share of slots whose LBM exceeds its bound; null where tasks queue for cores.
    lbm_violations: |run| shared(run, |s| f64::from(u8::from(s.violated)));
    /// Sum of all delays of a run (11) \[s\].
    total_delay_s: |run| per_task(run, |s| Some(s.delay_s)).map(|mean| mean * finished(run));
    /// Share of tasks that ended within their deadline; null where they share CPU.
    on_time: |run| run.queues.as_ref().and(share(run, |s| s.deadline_met));
    /// Share of tasks lost to faults; null where they share CPU.
    lost: |run| run.queues.as_ref().and(share(run, |s| s.lost));
    /// Share of tasks that are a success by the scenario's definition; null where they share CPU.
    success: |run| run.queues.as_ref().and(share(run, |s| s.success));
    /// Least delay \[s\]; null where they share CPU.
    delay_min_s: |run| run.queues.as_ref()?.delay_min_s;
    /// Largest delay \[s\]; null where they share CPU.
    delay_max_s: |run| run.queues.as_ref()?.delay_max_s;
    /// Distinct links on the ways of tasks, both directions as one; null where they share CPU.
    links_used: |run| Some(run.queues.as_ref()?.links_used() as f64);
    /// The same with each direction by itself; null where they share CPU.
    directions_used: |run| Some(run.queues.as_ref()?.directions_used() as f64);
    /// Share of links used, both directions as one; null where they share CPU, and without links.
    link_utilisation: |run| run.queues.as_ref()?.link_utilisation();
    /// Standard deviation over servers of the number of tasks migrated to each; null where they share CPU.
    selection_std: |run| run.queues.as_ref()?.selection_std();
    /// Upload part of the mean delay \[s\].
    upload_s: |run| per_task(run, |s| Some(s.upload_s));
    /// Migration part of the mean delay \[s\].
    migration_s: |run| per_task(run, |s| Some(s.migration_s));
    /// Time of flight, of the mean delay \[s\].
    propagation_s: |run| per_task(run, |s| Some(s.propagation_s));
    /// Waiting part of the mean delay \[s\].
    wait_s: |run| per_task(run, |s| Some(s.wait_s));
    /// Computing part of the mean delay \[s\].
    compute_s: |run| per_task(run, |s| Some(s.compute_s));
    /// Mean hops of a task.
    hops: |run| share(run, |s| s.hops);
    /// Share of tasks of vehicles that no RSU covers.
    uncovered: |run| share(run, |s| s.uncovered);
    /// Share of tasks sent back because the RSU chosen had no CPU left.
    turned_back: |run| share(run, |s| s.turned_back).filter(|_| run.queues.is_none());
    /// Jain's fairness index of the RSU loads, mean over slots; null where tasks queue for cores.
    jain: |run| shared(run, |s| s.jain);
    /// Bound tau of the LBM, mean over slots; null where tasks queue for cores.
    lbm_bound: |run| shared(run, |s| s.tau);
    /// Share of slots where tau_min was used instead of delta + phi; null where tasks queue for cores.
    clamped: |run| shared(run, |s| f64::from(u8::from(s.clamped)));
    /// Median delay \[s\].
    delay_p50_s: |run| run.delay.quantile(0.5);
    /// 95th percentile of the delay \[s\].
    delay_p95_s: |run| run.delay.quantile(0.95);
    /// 99th percentile of the delay \[s\].
    delay_p99_s: |run| run.delay.quantile(0.99);
    /// 95th percentile of the energy \[J\].
    energy_p95_j: |run| run.energy.quantile(0.95);
}

impl Summary {
    /// Sums up `replications` of the scenario called `scenario`.
    ///
    /// # Panics
    /// If replications differ in their policies.
    #[must_use]
    pub fn new(scenario: &str, replications: &[Replication], timing: bool) -> Self {
        let count = replications.first().map_or(0, |r| r.policies.len());
        assert!(
            replications.iter().all(|r| r.policies.len() == count),
            "replications differ in their policies"
        );
        let runs: Vec<Runs<'_>> = (0..count)
            .map(|policy| Runs::new(replications, policy))
            .collect();
        let slots = |r: &Replication| r.policies.iter().map(|p| p.slots.len()).max();
        let mut records = replications
            .iter()
            .flat_map(|r| r.policies.iter().flat_map(|p| &p.slots));
        Self {
            scenario: scenario.into(),
            seeds: replications.iter().map(|r| r.seed).collect(),
            slots: replications.iter().filter_map(slots).max().unwrap_or(0),
            version: env!("CARGO_PKG_VERSION").into(),
            balance_enforced: records.any(|slot| slot.enforced),
            loose_bounds: replications.iter().map(|r| u64::from(r.loose_bounds)).sum(),
            policies: runs.iter().map(PolicySummary::new).collect(),
            timing: timing.then(|| runs.iter().filter_map(Runs::timing).collect()),
        }
    }

    /// What the lower bound is of: `the certified lower bound` with this behind it.
    #[must_use]
    pub fn bound_of(&self) -> &'static str {
        if self.balance_enforced {
            " without (16e)"
        } else {
            ""
        }
    }

    /// Decision times of `policy`, where they are known.
    #[must_use]
    pub fn timing_of(&self, policy: &str) -> Option<Percentiles> {
        let all = self.timing.as_ref()?;
        all.iter()
            .find(|t| t.policy == policy)
            .map(|t| t.decision_time_s)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// JSON Schema of [`Summary`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Summary).into()
}

/// The runs of one policy and of the first, seed by seed.
struct Runs<'a> {
    own: Vec<&'a PolicyRun>,
    /// Empty for the first policy, which is not compared with itself.
    first: Vec<&'a PolicyRun>,
}

impl<'a> Runs<'a> {
    fn new(replications: &'a [Replication], policy: usize) -> Self {
        let of = |policy: usize| replications.iter().map(move |r| &r.policies[policy]);
        Self {
            own: of(policy).collect(),
            first: of(0).filter(|_| policy > 0).collect(),
        }
    }

    fn metric(&self, figure: impl Fn(&PolicyRun) -> Option<f64>) -> Option<Metric> {
        let own: Vec<_> = self.own.iter().map(|run| figure(run)).collect();
        let first: Vec<_> = self.first.iter().map(|run| figure(run)).collect();
        let known: Vec<f64> = own.iter().copied().flatten().collect();
        let Estimate { mean, ci95 } = stats::estimate(&known)?;
        let difference = stats::paired_difference(&own, &first);
        Some(Metric {
            mean,
            ci95,
            difference,
        })
    }

    /// Over all seeds: with some left out it would be a claim about those that happen to have a bound.
    fn gap(&self) -> Option<Gap> {
        let without = |run: &&&PolicyRun| mean_objective(run).is_some() && run_gap(run).is_none();
        if self.own.iter().any(|run| without(&run)) {
            return None;
        }
        let Metric {
            mean,
            ci95,
            difference,
        } = self.metric(run_gap)?;
        let slots = self.own.iter().flat_map(|run| busy(run));
        let of_slots = slots.filter_map(|s| gap(s.objective, s.lower_bound?));
        let bounded_together = self.own.iter().filter(|run| run.horizon_bound.is_some());
        let gaps = of_slots.chain(bounded_together.filter_map(|run| run_gap(run)));
        let (min, max) = gaps.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), gap| {
            (min.min(gap), max.max(gap))
        });
        Some(Gap {
            mean,
            ci95,
            min,
            max,
            difference,
        })
    }

    fn sessions(&self) -> Option<SessionSummary> {
        if self.own.iter().all(|run| run.sessions.is_none()) {
            return None;
        }
        let per_session = |value: fn(&SessionRun) -> f64| {
            self.metric(|run| {
                let sessions = run.sessions.as_ref().filter(|s| s.begun > 0)?;
                Some(value(sessions) / sessions.begun as f64)
            })
        };
        let served = |run: &PolicyRun| {
            let sessions = run.sessions.as_ref().filter(|s| s.batches > 0)?;
            Some(sessions.served as f64 / sessions.batches as f64)
        };
        Some(SessionSummary {
            moves: per_session(|s| s.moves as f64),
            moved_bytes: per_session(|s| s.moved_bits / 8.0),
            down_s: per_session(|s| s.down_s),
            served: self.metric(served),
            evicted: self.metric(|run| {
                let sessions = run.sessions.as_ref().filter(|s| s.begun > 0)?;
                Some(sessions.evicted? as f64 / sessions.begun as f64)
            }),
        })
    }

    fn returns(&self) -> Option<ReturnSummary> {
        let mut slots = self.own.iter().flat_map(|run| &run.slots);
        if slots.all(|slot| slot.returns.is_none()) {
            return None;
        }
        let counted = |count: fn(&ReturnRecord) -> u32| {
            self.metric(|run| share(run, |s| s.returns.as_ref().map_or(0, count)))
        };
        let energy_j = |run: &PolicyRun| {
            let records = run.slots.iter().filter_map(|s| s.returns.as_ref());
            let (sum, tasks) = (records.map(|r| r.energy_j).sum::<f64>(), tasks(run));
            (tasks > 0.0).then(|| sum / tasks)
        };
        Some(ReturnSummary {
            return_s: self.metric(|run| per_task(run, |s| Some(s.return_s))),
            return_j: self.metric(energy_j),
            returned: counted(|r| r.returned),
            lost_no_coverage: counted(|r| r.lost[Missed::NoCoverage as usize]),
            lost_vehicle_left: counted(|r| r.lost[Missed::VehicleLeft as usize]),
            pending: counted(|r| r.pending),
            handovers: counted(|r| r.handovers),
        })
    }

    fn timing(&self) -> Option<Timing> {
        let slots = self.own.iter().flat_map(|run| &run.slots);
        let times: Vec<f64> = slots.map(|s| s.decision_time_s).collect();
        Some(Timing {
            policy: self.own.first()?.policy.clone(),
            decision_time_s: Percentiles {
                p50: stats::quantile(&times, 0.5)?,
                p99: stats::quantile(&times, 0.99)?,
            },
        })
    }
}

/// Slots that have tasks; the others count nothing.
fn busy(run: &PolicyRun) -> impl Iterator<Item = &SlotRecord> {
    run.slots.iter().filter(|s| s.tasks > 0)
}

fn tasks(run: &PolicyRun) -> f64 {
    run.slots.iter().map(|s| f64::from(s.tasks)).sum()
}

fn finished(run: &PolicyRun) -> f64 {
    run.slots.iter().map(|s| f64::from(s.finished())).sum()
}

/// Mean over the tasks that ended; `None` without any, or where a slot does not know `value`.
fn per_task(run: &PolicyRun, value: impl Fn(&SlotRecord) -> Option<f64>) -> Option<f64> {
    let sum: Option<f64> = busy(run)
        .map(|s| Some(value(s)? * f64::from(s.finished())))
        .sum();
    let finished = finished(run);
    sum.filter(|_| finished > 0.0).map(|sum| sum / finished)
}

/// Mean of a count over tasks.
fn share(run: &PolicyRun, count: impl Fn(&SlotRecord) -> u32) -> Option<f64> {
    let sum: f64 = busy(run).map(|s| f64::from(count(s))).sum();
    let tasks = tasks(run);
    (tasks > 0.0).then(|| sum / tasks)
}

/// Mean over slots that have tasks.
fn per_slot(run: &PolicyRun, value: impl Fn(&SlotRecord) -> f64) -> Option<f64> {
    stats::mean(&busy(run).map(value).collect::<Vec<_>>())
}

/// Mean over slots that have tasks, where these share CPU.
fn shared(run: &PolicyRun, value: impl Fn(&SlotRecord) -> f64) -> Option<f64> {
    per_slot(run, value).filter(|_| run.queues.is_none())
}

fn mean_objective(run: &PolicyRun) -> Option<f64> {
    per_task(run, |s| Some(s.objective))
}

fn run_gap(run: &PolicyRun) -> Option<f64> {
    gap(mean_objective(run)?, bound(run)?)
}

/// The bound of a run: of all its slots together, or the mean of theirs.
fn bound(run: &PolicyRun) -> Option<f64> {
    run.horizon_bound
        .or_else(|| per_task(run, |s| s.lower_bound))
}

/// `None` where the bound is zero: a relative gap has no meaning.
fn gap(objective: f64, bound: f64) -> Option<f64> {
    (bound > 0.0).then(|| (objective - bound) / bound)
}

#[cfg(test)]
mod tests;
