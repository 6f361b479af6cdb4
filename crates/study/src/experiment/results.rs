//! The results of an experiment.

use crate::facts::ScenarioFacts;
use crate::read::Values;
use crate::summary::{PolicySummary, Summary};
use crate::track::Track;
use crate::{figures, table};
use std::sync::Arc;
use wayside_core::Result;
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_plot::Figure;

/// The columns of a table, by name.
pub type Columns = Vec<(String, Values)>;

/// The results of an experiment: the record of every slot, and their summary.
pub struct Results {
    /// The scenario, laid out.
    pub world: Arc<World>,
    /// Means and intervals over the seeds, by policy.
    pub summary: Summary,
    /// The record of every slot, by seed and policy; only of seeds that were finished.
    pub replications: Vec<Replication>,
    /// The columns of `tasks.parquet`, by seed, where [`Experiment::keep_tasks`](super::Experiment::keep_tasks) asked for them.
    pub tasks: Vec<Columns>,
    /// A session of the first seed under every policy, where work runs in sessions: the one that enters by the most RSUs.
    pub tracks: Vec<Track>,
    /// Number of seeds asked for.
    pub seeds: usize,
}

impl Results {
    /// Whether every seed was run to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.replications.len() == self.seeds
    }

    /// The summary of one policy.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&PolicySummary> {
        self.summary.policies.iter().find(|p| p.policy == name)
    }

    /// The mean gap of a policy to the certified lower bound: 0.01 is 1 %. `None` without a bound.
    #[must_use]
    pub fn gap(&self, policy: &str) -> Option<f64> {
        Some(self.policy(policy)?.gap?.mean)
    }

    /// The comparison as a table of text, with a line below that names the best policy.
    #[must_use]
    pub fn table(&self) -> String {
        let runs = self.replications.iter().filter_map(|r| r.policies.first());
        let tasks: u64 = runs.map(|run| run.delay.len()).sum();
        let caption = table::caption(&self.summary);
        let table = table::text(&self.summary);
        let mut text = format!("{caption}, {tasks} tasks\n\n{table}\n");
        if let Some(verdict) = table::verdict(&self.summary) {
            text += &verdict;
            text.push('\n');
        }
        text
    }

    /// All figures: the comparison, gaps, time series, loads, delays; none without a finished seed.
    ///
    /// # Errors
    /// A trace that can no longer be read.
    pub fn figures(&self) -> Result<Vec<Figure>> {
        if self.replications.is_empty() {
            return Ok(Vec::new());
        }
        let facts = self.facts()?;
        Ok(figures::of_run(&self.summary, &self.replications, &facts))
    }

    /// The figure called `id`, such as `comparison`, `gap` or `delay`, where there is data for it.
    ///
    /// # Errors
    /// As [`figures`](Self::figures).
    pub fn figure(&self, id: &str) -> Result<Option<Figure>> {
        Ok(self.figures()?.into_iter().find(|f| f.id == id))
    }

    pub(super) fn facts(&self) -> Result<ScenarioFacts> {
        let mut facts = ScenarioFacts::new(&self.world, self.replications[0].seed)?;
        let cost = |track: &Track| {
            self.summary.policies[track.policy]
                .objective
                .map(|j| j.mean)
        };
        let known = self
            .tracks
            .iter()
            .filter_map(|track| Some((cost(track)?, track)));
        let best = known.min_by(|a, b| a.0.total_cmp(&b.0));
        facts.track = best.map(|(_, track)| {
            let name = self.summary.policies[track.policy].policy.clone();
            (name, track.clone())
        });
        Ok(facts)
    }
}
