//! What a journal says of the scenario that it was written in, and whether what is held fits another one.

use super::records::{Open, Reported};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wayside_core::engine::world::World;
use wayside_core::{Error, Problem, Problems};

/// The parts of a scenario that open tasks and reports of RSUs depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Surroundings {
    scenario: String,
    /// Whether tasks queue for cores; else they share CPU.
    queues: bool,
    /// Where RSUs stand \[m\].
    rsus: BTreeMap<String, [f64; 2]>,
}

/// How far an RSU may stand from where it stood: a table may have been rounded \[m\].
const SAME_PLACE_M: f64 = 1.0;

impl Surroundings {
    pub(super) fn of(world: &World) -> Self {
        let rsus = &world.rsus;
        let places = rsus.x_m.iter().zip(&rsus.y_m).map(|(&x, &y)| [x, y]);
        Self {
            scenario: world.scenario.name.clone(),
            queues: world.queues.is_some(),
            rsus: rsus.id.iter().cloned().zip(places).collect(),
        }
    }

    /// Whether what is held here may be held `there`. A scenario may be edited in any way, and lose RSUs too, but tasks cannot go
    /// on where servers are of another kind, where their RSUs stand elsewhere, or where none of their RSUs is left.
    ///
    /// # Errors
    /// All that differs, and what to do about it.
    pub(super) fn check<'a>(
        &self,
        there: &Self,
        open: impl Iterator<Item = &'a Open> + Clone,
        reports: impl Iterator<Item = (&'a String, &'a Reported)>,
    ) -> wayside_core::Result<()> {
        let named = open.clone().flat_map(|open| {
            let at = &open.placement;
            let ends = at.entry.iter().chain(&at.execution);
            ends.chain(&at.path)
        });
        let used: BTreeSet<&String> = named.chain(reports.map(|(id, _)| id)).collect();
        let mut differing = Vec::new();
        let tasks = open.count();
        if tasks > 0 && self.queues != there.queues {
            let kind = |queues| {
                if queues {
                    "queue for cores"
                } else {
                    "share CPU"
                }
            };
            let (now, before) = (kind(there.queues), kind(self.queues));
            let message =
                format!("tasks {now}, but where the {tasks} open ones were placed they {before}");
            differing.push(("execution.kind".to_owned(), message));
        }
        let mut found = 0;
        for &id in &used {
            let (Some([x, y]), before) = (there.rsus.get(id), self.rsus.get(id)) else {
                continue;
            };
            found += 1;
            let Some([x0, y0]) = before else { continue };
            if (x - x0).hypot(y - y0) > SAME_PLACE_M {
                let message = format!(
                    "stands at ({x}, {y}) m, but ({x0}, {y0}) m where tasks or reports name it"
                );
                differing.push((format!("rsu {id}"), message));
            }
        }
        if found == 0 && !used.is_empty() {
            let ids: Vec<_> = used.iter().map(|id| id.as_str()).collect();
            let message = format!(
                "has none of those that tasks or reports name: {}",
                ids.join(", ")
            );
            differing.push(("rsu".to_owned(), message));
        }
        self.refuse(there, differing)
    }

    fn refuse(&self, there: &Self, differing: Vec<(String, String)>) -> wayside_core::Result<()> {
        if differing.is_empty() {
            return Ok(());
        }
        let (was, is) = (&self.scenario, &there.scenario);
        let advice = format!(
            "the state is that of scenario {was:?}, which does not fit scenario {is:?}: serve {was:?} until its tasks have ended, or name another folder (--state)"
        );
        let advice = (String::new(), advice);
        let mut problems = Problems::default();
        for (path, message) in differing.into_iter().chain([advice]) {
            problems.push(Problem {
                file: "scenario".into(),
                line: None,
                path,
                message,
            });
        }
        Err(Error::Invalid(problems))
    }
}
