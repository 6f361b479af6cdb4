//! Agents that are killed at random moments, as a power cut would end them.

use super::EmulateConfig;
use super::traffic::Task;
use crate::rsu::RsuReport;
use serde::Serialize;
use wayside_core::rng::Streams;

/// How long after the last task of a run agents may be killed \[s\].
const AFTER_S: f64 = 0.3;

/// What became of runs whose agents were killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kills {
    /// Agents killed, in all runs.
    pub agents: usize,
    /// Tasks that the others planned anew.
    pub replanned: u64,
    /// Tasks that the others still held at the end, though nobody waited for them any more: none, or it is a bug.
    pub held: usize,
}

impl Kills {
    /// Adds a run.
    pub(super) fn add(&mut self, reports: &[Option<RsuReport>]) {
        self.agents += reports.iter().filter(|report| report.is_none()).count();
        for report in reports.iter().flatten() {
            self.replanned += report.counts.replanned;
            self.held += report.open;
        }
    }
}

/// When which agents of a run are killed \[s\].
pub(super) fn plan(config: &EmulateConfig, seed: u64, tasks: &[Task]) -> Vec<(f64, usize)> {
    let mut draw = Streams::new(seed).stream("emulate.kills");
    let mut rows: Vec<usize> = (0..config.world.rsus.len()).collect();
    let ends = tasks.first().zip(tasks.last());
    let (first_s, last_s) = ends.map_or((0.0, 0.0), |(first, last)| (first.at_s, last.at_s));
    let kill = |_| {
        let row = rows.swap_remove(draw.below(rows.len()));
        (draw.uniform(first_s, last_s + AFTER_S), row)
    };
    (0..config.kills).map(kill).collect()
}
