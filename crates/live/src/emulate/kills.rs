//! Agents, and the centre, that are killed at random moments, as a power cut would end them.

use super::EmulateConfig;
use super::centre::Left;
use super::traffic::Task;
use crate::net::DecidedBy;
use crate::rsu::RsuReport;
use serde::Serialize;
use wayside_core::rng::Streams;

/// How long after the last task of a run processes may be killed \[s\].
const AFTER_S: f64 = 0.3;

/// What became of runs whose processes were killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kills {
    /// Agents killed, in all runs.
    pub agents: usize,
    /// Tasks that the others planned anew.
    pub replanned: u64,
    /// Tasks that the others still held at the end, though nobody waited for them any more: none, or it is a bug.
    pub held: usize,
    /// Of the centre, where one decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centre: Option<CentreKills>,
}

/// What became of a centre that was killed, and started again from its journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CentreKills {
    /// How often, in all runs, while vehicles had tasks.
    pub kills: usize,
    /// Runs after which it was killed once more, with tasks that had no outcome, and these tasks.
    pub compared: [usize; 2],
    /// Runs after which it read another state from its journal than it had: none, or it is a bug.
    pub different: usize,
    /// Tasks that were still there, and RSUs whose CPU was still held, after all leases had ended: none, or it is a bug.
    pub leaked: usize,
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// The agent of the RSU in this row.
    Agent(usize),
    /// The centre.
    Centre,
}

impl Kills {
    /// Adds a run: its agents, and the centre with how often that was killed.
    pub(super) fn add(&mut self, reports: &[Option<RsuReport>], centre: Option<(usize, Left)>) {
        self.agents += reports.iter().filter(|report| report.is_none()).count();
        for report in reports.iter().flatten() {
            self.replanned += report.counts.replanned;
            self.held += report.open;
        }
        if let Some((kills, left)) = centre {
            let all = self.centre.get_or_insert_default();
            all.kills += kills;
            all.compared[0] += 1;
            all.compared[1] += left.compared;
            all.different += usize::from(!left.agrees);
            all.leaked += left.leaked;
        }
    }
}

/// How many of `kills` are of agents; where a centre decides every second one is of the centre.
#[must_use]
pub fn agents_killed(kills: usize, by: DecidedBy) -> usize {
    match by {
        DecidedBy::Agents => kills,
        DecidedBy::Centre => kills / 2,
    }
}

/// When who is killed in a run \[s\].
pub(super) fn plan(config: &EmulateConfig, seed: u64, tasks: &[Task]) -> Vec<(f64, Victim)> {
    let mut draw = Streams::new(seed).stream("emulate.kills");
    let mut rows: Vec<usize> = (0..config.world.rsus.len()).collect();
    let ends = tasks.first().zip(tasks.last());
    let (first_s, last_s) = ends.map_or((0.0, 0.0), |(first, last)| (first.at_s, last.at_s));
    let agents = agents_killed(config.kills, config.by);
    let kill = |k| {
        let victim = match k < agents {
            true => Victim::Agent(rows.swap_remove(draw.below(rows.len()))),
            false => Victim::Centre,
        };
        (draw.uniform(first_s, last_s + AFTER_S), victim)
    };
    (0..config.kills).map(kill).collect()
}
