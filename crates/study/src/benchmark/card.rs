//! The score card: what each policy reached in each task, and its scores.

use super::suite::{BenchmarkTask, Suite, Track};
use crate::stats::{self, Estimate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wayside_core::engine::records::{PolicyRun, SlotRecord};

/// What the benchmark found: `score.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreCard {
    /// The suite, with its version.
    pub suite: String,
    /// Version of Wayside.
    pub version: String,
    /// Which seeds: `score`, or `tuning` while a policy is developed.
    pub seeds_of: String,
    /// Whether it was a quick look: fewer seeds and slots. Not a score to cite.
    pub quick: bool,
    /// Whether every task was played to its end.
    pub complete: bool,
    /// The tasks that were played, in the order of the suite.
    pub tasks: Vec<TaskCard>,
    /// One entry per policy, in the order in which they were named.
    pub entries: Vec<Entry>,
    /// Decision times, the only numbers that differ between two runs; left out on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Vec<Timing>>,
}

/// A task, as it was played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCard {
    /// Name of the task.
    pub task: String,
    /// What it asks of a policy.
    pub question: String,
    /// What kind of policy plays it: `shared`, `sessions` or `queues`.
    pub track: String,
    /// Tasks of one regime count as one.
    pub regime: String,
    /// The certified bound that gaps are to: `split` (each slot), `horizon` (all slots of a run), `sessions` (all slots of a
    /// run of sessions), `queues` (each batch).
    pub certificate: String,
    /// Seeds, one run each.
    pub seeds: Vec<u64>,
    /// Slots of a run.
    pub slots: usize,
}

/// What one policy reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Name of the policy.
    pub policy: String,
    /// Whether it is told the future, which no policy that is deployed can be.
    pub knows_future: bool,
    /// By task, in the order of `tasks`.
    pub results: Vec<TaskResult>,
    /// Mean gap of each regime over its tasks; null where it did not play them all.
    pub regimes: Vec<RegimeScore>,
    /// Mean gap of each track over its regimes; null where it did not play them all.
    pub tracks: Vec<TrackScore>,
    /// Mean gap over all regimes of the suite, each counting the same; null unless it played every task of the suite.
    pub score: Option<Estimate>,
}

/// One policy in one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskResult {
    /// Name of the task.
    pub task: String,
    /// Why the policy cannot play it; null where it did.
    pub unplayable: Option<String>,
    /// (objective - lower_bound) / lower_bound, a share: 0.01 is 1 %.
    pub gap: Option<Estimate>,
    /// Share of the tasks that ended within their deadlines.
    pub on_time: Option<Estimate>,
    /// Objective J, mean over tasks.
    pub objective: Option<Estimate>,
    /// Certified lower bound of the objective.
    pub lower_bound: Option<Estimate>,
    /// Mean delay \[s\].
    pub delay_s: Option<Estimate>,
    /// Mean energy \[J\].
    pub energy_j: Option<Estimate>,
    /// The same for each seed; empty where it did not play.
    pub by_seed: Vec<SeedResult>,
}

/// One policy in one task, under one seed. Means are over the tasks of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Tasks that arose.
    pub tasks: u64,
    /// Objective J.
    pub objective: f64,
    /// Its certified lower bound; null where there is none.
    pub lower_bound: Option<f64>,
    /// Gap between them.
    pub gap: Option<f64>,
    /// Share of the tasks that ended within their deadlines.
    pub on_time: f64,
    /// Mean delay \[s\].
    pub delay_s: f64,
    /// Mean energy \[J\].
    pub energy_j: f64,
}

/// One policy in one regime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegimeScore {
    /// The regime.
    pub regime: String,
    /// Mean gap.
    pub gap: Option<Estimate>,
}

/// One policy in one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrackScore {
    /// The track.
    pub track: String,
    /// Mean gap.
    pub gap: Option<Estimate>,
}

/// How long one policy took to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// Name of the policy.
    pub policy: String,
    /// Name of the task.
    pub task: String,
    /// Median over the decisions of a seed \[s\], with its mean over the seeds.
    pub decision_time_s: Estimate,
}

/// JSON Schema of [`ScoreCard`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ScoreCard).into()
}

impl SeedResult {
    /// Sums a run up.
    pub(super) fn new(seed: u64, run: &PolicyRun) -> Self {
        let ended = |slot: &SlotRecord| f64::from(slot.tasks - slot.lost);
        let all =
            |of: fn(&SlotRecord) -> u32| run.slots.iter().map(|s| u64::from(of(s))).sum::<u64>();
        let sum = |of: &dyn Fn(&SlotRecord) -> f64| run.slots.iter().map(of).sum::<f64>();
        let tasks = all(|slot| slot.tasks);
        let (arose, weight) = ((tasks as f64).max(1.0), sum(&ended).max(1.0));
        let mean = |of: fn(&SlotRecord) -> f64| sum(&|slot| of(slot) * ended(slot)) / weight;
        let objective = mean(|slot| slot.objective);
        let per_slot = || {
            let bound = |slot: &SlotRecord| Some(slot.lower_bound? * f64::from(slot.tasks));
            let with = run.slots.iter().filter(|slot| slot.tasks > 0);
            let sum: Option<f64> = with.map(bound).sum();
            sum.map(|sum| sum / arose)
        };
        let lower_bound = run.horizon_bound.or_else(per_slot).filter(|b| *b > 0.0);
        Self {
            seed,
            tasks,
            objective,
            lower_bound,
            gap: lower_bound.map(|bound| (objective - bound) / bound),
            on_time: all(|slot| slot.deadline_met) as f64 / arose,
            delay_s: mean(|slot| slot.delay_s),
            energy_j: mean(|slot| slot.energy_j),
        }
    }
}

/// The median decision time of a run \[s\].
pub(super) fn median_decision_s(run: &PolicyRun) -> Option<f64> {
    let decided = run.slots.iter().filter(|slot| slot.tasks > 0);
    let times: Vec<f64> = decided.map(|slot| slot.decision_time_s).collect();
    stats::quantile(&times, 0.5)
}

impl TaskResult {
    /// That of a policy that played.
    pub(super) fn played(task: &str, by_seed: Vec<SeedResult>) -> Self {
        let over = |of: &dyn Fn(&SeedResult) -> Option<f64>| {
            let values: Option<Vec<f64>> = by_seed.iter().map(of).collect();
            values.and_then(|values| stats::estimate(&values))
        };
        Self {
            task: task.to_owned(),
            unplayable: None,
            gap: over(&|s| s.gap),
            on_time: over(&|s| Some(s.on_time)),
            objective: over(&|s| Some(s.objective)),
            lower_bound: over(&|s| s.lower_bound),
            delay_s: over(&|s| Some(s.delay_s)),
            energy_j: over(&|s| Some(s.energy_j)),
            by_seed,
        }
    }

    /// That of a policy that cannot.
    pub(super) fn unplayable(task: &str, reason: String) -> Self {
        Self {
            task: task.to_owned(),
            unplayable: Some(reason),
            gap: None,
            on_time: None,
            objective: None,
            lower_bound: None,
            delay_s: None,
            energy_j: None,
            by_seed: Vec::new(),
        }
    }
}

impl Entry {
    /// Scores `results`.
    pub(super) fn new(
        policy: &str,
        knows_future: bool,
        results: Vec<TaskResult>,
        suite: &Suite,
    ) -> Self {
        let regimes = regimes(suite);
        let tasks_of = |regime: &str| -> Vec<&BenchmarkTask> {
            let tasks = suite.tasks.iter();
            tasks.filter(|task| task.regime == regime).collect()
        };
        let gaps =
            |regime: &str| mean_by_seed(tasks_of(regime).iter().map(|t| gaps_of(&results, &t.id)));
        let over = |track: Option<Track>| {
            let chosen = regimes.iter();
            let chosen = chosen.filter(|(_, of)| track.is_none_or(|track| *of == track));
            let gaps = mean_by_seed(chosen.map(|(regime, _)| gaps(regime)));
            gaps.and_then(|gaps| stats::estimate(&gaps))
        };
        let regime_scores = regimes.iter().map(|(regime, _)| RegimeScore {
            regime: (*regime).to_owned(),
            gap: gaps(regime).and_then(|gaps| stats::estimate(&gaps)),
        });
        let tracks = [Track::Shared, Track::Sessions, Track::Queues];
        Self {
            policy: policy.to_owned(),
            knows_future,
            regimes: regime_scores.collect(),
            tracks: tracks
                .map(|track| TrackScore {
                    track: track.word().to_owned(),
                    gap: over(Some(track)),
                })
                .into(),
            score: over(None),
            results,
        }
    }
}

/// The regimes with their tracks, in the order of the suite.
fn regimes(suite: &Suite) -> Vec<(&str, Track)> {
    let mut regimes: Vec<(&str, Track)> = Vec::new();
    for task in &suite.tasks {
        if regimes.last().is_none_or(|(last, _)| *last != task.regime) {
            regimes.push((&task.regime, task.track));
        }
    }
    regimes
}

/// The gap of every seed in `task`; none where it was not played.
fn gaps_of(results: &[TaskResult], task: &str) -> Option<Vec<f64>> {
    let result = results.iter().find(|result| result.task == task)?;
    let gaps: Option<Vec<f64>> = result.by_seed.iter().map(|s| s.gap).collect();
    gaps.filter(|gaps| !gaps.is_empty())
}

/// The mean of several gaps, seed by seed; none unless all are there. All tasks have the same seeds.
fn mean_by_seed(parts: impl Iterator<Item = Option<Vec<f64>>>) -> Option<Vec<f64>> {
    let parts: Vec<Vec<f64>> = parts.collect::<Option<_>>()?;
    let seeds = parts.iter().map(Vec::len).min()?;
    let mean = |seed: usize| parts.iter().map(|part| part[seed]).sum::<f64>() / parts.len() as f64;
    Some((0..seeds).map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(task: &str, gaps: [f64; 2]) -> TaskResult {
        let seed = |(seed, gap): (u64, f64)| SeedResult {
            seed,
            tasks: 1,
            objective: 1.0 + gap,
            lower_bound: Some(1.0),
            gap: Some(gap),
            on_time: 1.0,
            delay_s: 1.0,
            energy_j: 1.0,
        };
        TaskResult::played(task, [(0, gaps[0]), (1, gaps[1])].map(seed).into())
    }

    /// A regime counts once however many tasks it has, and nothing is scored that was not played whole.
    #[test]
    fn closed_form_scores() {
        let suite = Suite::builtin().unwrap();
        let mut results: Vec<TaskResult> = suite
            .tasks
            .iter()
            .map(|t| result(&t.id, [0.1, 0.3]))
            .collect();
        let entry = Entry::new("p", false, results.clone(), &suite);
        assert!((entry.score.unwrap().mean - 0.2).abs() < 1e-12);
        // three tasks of one regime: .5 in one of them is .1 more in the regime, and .1 / 9 in the score
        results[0] = result("slot-20", [0.4, 0.6]);
        let entry = Entry::new("p", false, results.clone(), &suite);
        assert!((entry.regimes[0].gap.unwrap().mean - 0.3).abs() < 1e-12);
        let regimes = entry.regimes.len() as f64;
        assert!((entry.score.unwrap().mean - 0.2 - 0.1 / regimes).abs() < 1e-12);
        results[0] = TaskResult::unplayable("slot-20", "why".to_owned());
        let entry = Entry::new("p", false, results, &suite);
        assert_eq!(
            (entry.score, entry.regimes[0].gap, entry.tracks[0].gap),
            (None, None, None)
        );
        assert!(entry.tracks[1].gap.is_some());
    }
}
