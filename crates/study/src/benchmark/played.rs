//! What was played so far.

use super::card::{SeedResult, TaskCard, TaskResult, median_decision_s};
use super::suite::{BenchmarkTask, Track};
use crate::experiment::Results;
use crate::stats;
use wayside_core::Scenario;
use wayside_core::engine::world::World;

/// The tasks played, with the results of every policy.
pub(super) struct Played {
    pub(super) tasks: Vec<TaskCard>,
    /// By policy.
    pub(super) results: Vec<Vec<TaskResult>>,
    /// Policy, task, time.
    pub(super) timing: Vec<(usize, String, stats::Estimate)>,
}

impl Played {
    pub(super) fn new(policies: usize) -> Self {
        Self {
            tasks: Vec::new(),
            results: vec![Vec::new(); policies],
            timing: Vec::new(),
        }
    }

    /// Adds a task; `reasons` say, by policy, who did not play it.
    pub(super) fn add(
        &mut self,
        task: &BenchmarkTask,
        world: &World,
        seeds: &[u64],
        reasons: Vec<Option<String>>,
        results: Option<&Results>,
    ) {
        self.tasks.push(TaskCard {
            task: task.id.clone(),
            question: task.question.clone(),
            track: task.track.word().to_owned(),
            regime: task.regime.clone(),
            certificate: certificate(task.track, &world.scenario).to_owned(),
            seeds: seeds.to_vec(),
            slots: world.scenario.time.slots,
        });
        let mut lane = 0;
        for (policy, unplayable) in reasons.into_iter().enumerate() {
            let result = match (unplayable, results) {
                (Some(reason), _) => TaskResult::unplayable(&task.id, reason),
                (None, results) => {
                    let replications = results.map_or(&[][..], |r| &r.replications);
                    let runs = || replications.iter().map(|r| (r.seed, &r.policies[lane]));
                    let times: Option<Vec<f64>> =
                        runs().map(|(_, run)| median_decision_s(run)).collect();
                    if let Some(time) = times.and_then(|times| stats::estimate(&times)) {
                        self.timing.push((policy, task.id.clone(), time));
                    }
                    let by_seed = runs().map(|(seed, run)| SeedResult::new(seed, run));
                    let result = TaskResult::played(&task.id, by_seed.collect());
                    lane += 1;
                    result
                }
            };
            self.results[policy].push(result);
        }
    }
}

fn certificate(track: Track, scenario: &Scenario) -> &'static str {
    match track {
        Track::Queues => "queues",
        Track::Sessions => "sessions",
        Track::Shared if scenario.time.carry_over => "horizon",
        Track::Shared => "split",
    }
}
