//! Runs, decisions and bounds.

use crate::figure::Figure;
use crate::interrupt::{followed, interruptible};
use crate::own::{Metrics, world_with};
use crate::policy::{Failure, factory, options, registry};
use crate::raised;
use crate::scenario::Scenario;
use crate::slot::Slot;
use crate::table::{self, Table};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::Arc;
use wayside_core::engine::BoundKind;
use wayside_study as study;
use wayside_study::decision;
use wayside_study::{Experiment, table as text};

/// The results of a run.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Results {
    of_run: study::experiment::Results,
    /// A table for every seed, where they were asked for.
    tasks: Option<Table>,
    metrics: Option<Metrics>,
}

#[pymethods]
impl Results {
    /// The summary, as JSON.
    fn summary_json(&self) -> PyResult<String> {
        let summary = serde_json::to_string(&self.of_run.summary);
        summary.map_err(|e| PyRuntimeError::new_err(e.to_string()))
    }

    /// The comparison: titles of its columns, and its lines.
    fn comparison(&self) -> (Vec<String>, Vec<Vec<String>>) {
        text::comparison(&self.of_run.summary)
    }

    /// All figures that there is data for: names and figures.
    fn figures(&self, py: Python<'_>) -> PyResult<Vec<(String, Figure)>> {
        let figures = py.detach(|| self.of_run.figures()).map_err(raised)?;
        Ok(figures
            .into_iter()
            .map(|f| (f.id.clone(), Figure(f)))
            .collect())
    }

    /// One row per seed, policy and slot.
    fn slots(&self) -> PyResult<Table> {
        table::slots(
            &self.of_run.replications,
            self.of_run.summary.timing.is_some(),
        )
    }

    /// Metrics of the caller's own: columns, one row per seed, policy and slot.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(metrics) = &self.metrics else {
            return Ok(None);
        };
        let summary = &self.of_run.summary;
        let names: Vec<String> = summary.policies.iter().map(|p| p.policy.clone()).collect();
        metrics.columns(py, &summary.seeds, &names).map(Some)
    }

    /// One row per seed, policy, slot and task, where they were asked for.
    fn tasks(&self) -> Option<Table> {
        self.tasks.clone()
    }
}

/// Names and summaries of the policies that come with Wayside.
#[pyfunction]
pub(crate) fn policies() -> Vec<(&'static str, &'static str)> {
    let registry = registry();
    let summary = |name| registry.infos().find(|info| info.name == name);
    let names = registry.names();
    names
        .filter_map(|name| Some((name, summary(name)?.summary)))
        .collect()
}

pub(crate) fn bound_kind(bound: Option<&str>) -> PyResult<BoundKind> {
    match bound {
        None => Ok(BoundKind::Off),
        Some("simple") => Ok(BoundKind::Simple),
        Some("split") => Ok(BoundKind::Split),
        Some("horizon") => Ok(BoundKind::Horizon),
        Some(other) => Err(PyValueError::new_err(format!(
            "bound: must be None, simple, split or horizon, got {other}"
        ))),
    }
}

/// Runs policies on the same traffic, one replication per seed, without the GIL.
#[pyfunction]
#[pyo3(signature = (scenario, policies, seeds, bound, threads, timing, out, tasks, force, progress=None, traffic=None, metrics=None))]
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
    progress: Option<Py<PyAny>>,
    traffic: Option<Bound<'_, PyAny>>,
    metrics: Option<Vec<(String, Py<PyAny>)>>,
) -> PyResult<Results> {
    let failure = Failure::default();
    let world = world_with(scenario.laid_out(py)?, traffic.as_ref(), &failure)?;
    let metrics = metrics.map(|functions| Metrics::new(functions, &failure));
    if metrics.is_some() && world.queues.is_some() {
        let message =
            "metrics: must be left out where tasks queue: what becomes of tasks is known later";
        return Err(PyValueError::new_err(message));
    }
    let mut experiment = Experiment::in_world(Arc::clone(&world))
        .policies(std::iter::empty::<String>())
        .seeds(seeds)
        .bound(bound_kind(bound)?)
        .threads(threads)
        .timing(timing)
        .keep_tasks(tasks)
        .write_tasks(tasks)
        .keep_partial(false)
        .control(Arc::clone(failure.control()));
    for policy in &policies {
        experiment = experiment.factory(factory(policy, Some(&world), &failure)?);
    }
    if let Some(metrics) = metrics.clone() {
        experiment = experiment.observe(move |seed| metrics.observer(seed));
    }
    if let Some(out) = out {
        experiment = experiment.out(out, force);
    }
    let control = Arc::clone(failure.control());
    let (counts, cancel) = (|| control.progress(), || _ = control.cancel());
    let results = followed(py, progress, counts, cancel, move || experiment.run());
    // An exception of a policy comes first: it is why the rest was cancelled.
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let mut of_run = results?.map_err(raised)?;
    let kept = std::mem::take(&mut of_run.tasks);
    Ok(Results {
        of_run,
        metrics,
        tasks: tasks.then(|| table::table(kept)).transpose()?,
    })
}

/// Decides one slot, given as JSON or as it is; the decision as JSON.
#[pyfunction]
pub(crate) fn decide(
    py: Python<'_>,
    file: &str,
    slot: &Bound<'_, PyAny>,
    policy: &Bound<'_, PyAny>,
    bound: Option<&str>,
) -> PyResult<String> {
    let failure = Failure::default();
    let (named, world) = match slot.cast::<Slot>() {
        Ok(slot) => (slot.get().named(), slot.get().world().cloned()),
        Err(_) => {
            let text: String = slot.extract()?;
            (
                wayside_core::Slot::from_json(file, &text).map_err(raised)?,
                None,
            )
        }
    };
    let kind = bound_kind(bound)?;
    let factory = factory(policy, world.as_ref(), &failure)?;
    let options = options(world.as_ref())?;
    let policy = factory.for_slot(&named.slot, &options);
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let policy = policy.map_err(raised)?;
    let file = file.to_owned();
    let decide = move || decision::decide(&file, &named, (factory.name(), policy), kind);
    let report = interruptible(py, || {}, decide);
    match failure.take() {
        Some(error) => Err(error),
        None => Ok(report?.map_err(raised)?.to_json()),
    }
}
