//! Runs, decisions and bounds.

use crate::interrupt::interruptible;
use crate::policy::{self, Entrant, Failure};
use crate::raised;
use crate::scenario::Scenario;
use crate::table::{self, Table};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use wayside_core::engine::records::Replication;
use wayside_core::engine::{BoundKind, Options, PolicyFactory as _};
use wayside_core::scenario::BUILTIN_SCENARIOS;
use wayside_study::ScenarioFacts;
use wayside_study::Summary;
use wayside_study::decision;
use wayside_study::output::{Manifest, RunFolder};
use wayside_study::run::Plan;

/// What a run found.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Results {
    summary: Summary,
    replications: Vec<Replication>,
    /// A table for every seed, where they were asked for.
    tasks: Option<Table>,
}

#[pymethods]
impl Results {
    /// The summary, as JSON.
    fn summary_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.summary).map_err(|e| PyRuntimeError::new_err(e.to_string()))
    }

    /// One row per seed, policy and slot.
    fn slots(&self) -> PyResult<Table> {
        table::slots(&self.replications, self.summary.timing.is_some())
    }

    /// One row per seed, policy, slot and task, where they were asked for.
    fn tasks(&self) -> Option<Table> {
        self.tasks.clone()
    }
}

/// Names and summaries of the policies that come with Wayside.
#[pyfunction]
pub(crate) fn policies() -> Vec<(&'static str, &'static str)> {
    policy::known()
}

fn bound_kind(bound: Option<&str>) -> PyResult<BoundKind> {
    match bound {
        None => Ok(BoundKind::Off),
        Some("simple") => Ok(BoundKind::Simple),
        Some("split") => Ok(BoundKind::Split),
        Some(other) => Err(PyValueError::new_err(format!(
            "bound: must be None, simple or split, got {other}"
        ))),
    }
}

/// Runs policies on the same traffic, one replication per seed, without the GIL.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn run(
    py: Python<'_>,
    scenario: &Scenario,
    policies: Vec<Bound<'_, PyAny>>,
    seeds: Vec<u64>,
    bound: Option<&str>,
    threads: usize,
    timing: bool,
    out: Option<PathBuf>,
    tasks: bool,
    force: bool,
) -> PyResult<Results> {
    let failure = Failure::default();
    let entrants: Vec<Entrant> = policies
        .iter()
        .map(|policy| Entrant::new(policy, Some(scenario.scenario()), &failure))
        .collect::<PyResult<_>>()?;
    let names: Vec<String> = entrants.iter().map(|e| e.name().to_owned()).collect();
    check(&names, &seeds)?;
    let world = scenario.world()?;
    let scenario = scenario.scenario();
    let slots = scenario.time.slots;
    let options = Options {
        slots,
        bound: bound_kind(bound)?,
    };
    let folder = match &out {
        Some(out) => {
            let text = scenario.to_toml();
            let manifest = Manifest::now(&scenario.name, &text, &seeds, slots, &names);
            Some(RunFolder::create(out, manifest, force).map_err(raised)?)
        }
        None => None,
    };
    let without_folder = match tasks && folder.is_none() {
        true => Some(tempfile::tempdir()?),
        false => None,
    };
    let parts = match (&folder, &without_folder) {
        (Some(folder), _) if tasks => Some(folder.task_parts().map_err(raised)?),
        (_, parts) => parts.as_ref().map(|parts| parts.path().to_owned()),
    };
    let plan = Plan {
        world: &world,
        policies: &entrants,
        seeds: &seeds,
        options,
        threads,
        dump_slots: None,
        tasks: parts.as_deref(),
    };
    let control = failure.control();
    let (replications, interrupt) = interruptible(py, &control.cancelled, || {
        wayside_study::run::run(&plan, control)
    });
    // an exception in Python's code comes first: it is why the rest was cancelled
    if let Some(error) = failure.take().or(interrupt) {
        return Err(error);
    }
    let replications = replications?.map_err(raised)?;
    let tasks_of = |parts: &Path| table::tasks(parts, &seeds);
    let tasks = parts.as_deref().map(tasks_of).transpose()?;
    let summary = Summary::new(&scenario.name, &replications, timing);
    if let Some(folder) = folder {
        let write = || {
            let facts = ScenarioFacts::new(&world, replications[0].seed)?;
            folder.write_results(&summary, &replications, &facts)?;
            if tasks.is_some() {
                folder.write_tasks(&replications)?;
            }
            folder.finish(true)
        };
        write().map_err(raised)?;
    }
    Ok(Results {
        summary,
        replications,
        tasks,
    })
}

fn check(names: &[String], seeds: &[u64]) -> PyResult<()> {
    let refused = |message: String| Err(PyValueError::new_err(message));
    if names.is_empty() {
        return refused("policies: must name at least one".into());
    }
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            return refused(format!("policies: {name} is there twice"));
        }
    }
    if seeds.is_empty() {
        return refused("seeds: must hold at least one".into());
    }
    for (i, seed) in seeds.iter().enumerate() {
        if seeds[..i].contains(seed) {
            return refused(format!("seeds: {seed} is there twice"));
        }
    }
    Ok(())
}

/// Decides one slot, given as JSON; the decision as JSON.
#[pyfunction]
pub(crate) fn decide(
    py: Python<'_>,
    file: &str,
    slot: &str,
    policy: &Bound<'_, PyAny>,
    bound: Option<&str>,
) -> PyResult<String> {
    let failure = Failure::default();
    let named = wayside_core::Slot::from_json(file, slot).map_err(raised)?;
    let kind = bound_kind(bound)?;
    let entrant = Entrant::new(policy, None, &failure)?;
    let options = wayside_core::Scenario::builtin(BUILTIN_SCENARIOS[0].name, &[])
        .map_err(raised)?
        .policy;
    let policy = entrant.for_slot(&named.slot, &options)?;
    let report = py.detach(|| decision::decide(&named, (entrant.name(), policy), kind));
    match failure.take() {
        Some(error) => Err(error),
        None => Ok(report.to_json()),
    }
}
