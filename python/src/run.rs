//! Runs, decisions and bounds.

use crate::policy::{Entrant, Failure};
use crate::raised;
use crate::scenario::Scenario;
use crate::table::{self, Table};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use wayside_core::engine::records::Replication;
use wayside_core::engine::{BoundKind, Contender as _, Options};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::scenario::BUILTIN_SCENARIOS;
use wayside_study::Summary;
use wayside_study::decision;
use wayside_study::figures::Setting;
use wayside_study::output::{Folder, Manifest};
use wayside_study::run::Plan;

/// How often Python's signals are looked for.
const SIGNALS: Duration = Duration::from_millis(50);

/// What a run found.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Results {
    summary: Summary,
    replications: Vec<Replication>,
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
}

/// Names and summaries of the policies that come with Wayside.
#[pyfunction]
pub(crate) fn policies() -> Vec<(&'static str, &'static str)> {
    let infos = PolicyKind::ALL.map(|kind| kind.info());
    infos.map(|info| (info.name, info.summary)).to_vec()
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
        .map(|policy| Entrant::new(policy, &failure))
        .collect::<PyResult<_>>()?;
    let names: Vec<String> = entrants.iter().map(|e| e.name().to_owned()).collect();
    check(&names, &seeds, out.is_some(), tasks)?;
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
            Some(Folder::create(out, manifest, force).map_err(raised)?)
        }
        None => None,
    };
    let parts = match &folder {
        Some(folder) if tasks => Some(folder.task_parts().map_err(raised)?),
        _ => None,
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
    let finished = &AtomicBool::new(false);
    let (replications, interrupt) = thread::scope(|scope| {
        let (plan, waiter) = (&plan, thread::current());
        let worker = scope.spawn(move || {
            let result = wayside_study::run::run(plan, control);
            finished.store(true, Ordering::Release);
            waiter.unpark();
            result
        });
        let mut interrupt = None;
        while !finished.load(Ordering::Acquire) && !worker.is_finished() {
            py.detach(|| thread::park_timeout(SIGNALS));
            if let Err(e) = py.check_signals() {
                control.cancelled.store(true, Ordering::Relaxed);
                interrupt.get_or_insert(e);
            }
        }
        let result = py.detach(|| worker.join());
        (result, interrupt)
    });
    // an exception in Python's code comes first: it is why the rest was cancelled
    if let Some(error) = failure.take().or(interrupt) {
        return Err(error);
    }
    let replications = replications
        .map_err(|_| PyRuntimeError::new_err("run: a thread panicked"))?
        .map_err(raised)?;
    let summary = Summary::new(&scenario.name, &replications, timing);
    if let Some(folder) = folder {
        let write = || {
            let setting = Setting::new(&world, replications[0].seed)?;
            folder.write_results(&summary, &replications, &setting)?;
            if tasks {
                folder.write_tasks(&replications)?;
            }
            folder.finish(true)
        };
        write().map_err(raised)?;
    }
    Ok(Results {
        summary,
        replications,
    })
}

fn check(names: &[String], seeds: &[u64], out: bool, tasks: bool) -> PyResult<()> {
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
    if tasks && !out {
        return refused("tasks: must come with out, the folder that gets tasks.parquet".into());
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
    let entrant = Entrant::new(policy, &failure)?;
    let options = wayside_core::Scenario::builtin(BUILTIN_SCENARIOS[0].name, &[])
        .map_err(raised)?
        .policy;
    let policy = entrant.policy(&options, Streams::new(0))?;
    let report = py.detach(|| decision::decide(&named, (entrant.name(), policy), &options, kind));
    match failure.take() {
        Some(error) => Err(error),
        None => Ok(report.to_json()),
    }
}
