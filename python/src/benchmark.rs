//! The score card of the open benchmark.

use crate::figure::Figure;
use crate::interrupt::followed;
use crate::policy::{Failure, factory, registry};
use crate::raised;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use wayside_core::Error;
use wayside_study::benchmark::{Benchmark, Progress};

/// The name of a policy, where it is not one that the library looks up.
fn own_name(policy: &Bound<'_, PyAny>) -> PyResult<String> {
    let name = match policy.getattr_opt("name")? {
        Some(name) => return name.extract(),
        None => policy.getattr_opt("__name__")?,
    };
    match name {
        Some(name) => name.extract(),
        None => Ok(policy.get_type().name()?.to_string()),
    }
}

/// Adds a policy of Python's to `benchmark`; where it cannot be made for a task, it does not play it.
fn add(benchmark: Benchmark, policy: &Bound<'_, PyAny>, failure: &Failure) -> PyResult<Benchmark> {
    if let Ok(name) = policy.extract::<String>() {
        return Ok(benchmark.policies([name]));
    }
    if !policy.hasattr("form")? {
        return Ok(benchmark.factory(factory(policy, None, failure)?));
    }
    let (object, failure) = (policy.clone().unbind(), failure.clone());
    Ok(benchmark.made(&own_name(policy)?, move |world| {
        Python::attach(|py| {
            let made = factory(object.bind(py), Some(world), &failure);
            made.map_err(|e| Error::invalid("policy", None, "", e.value(py).to_string()))
        })
    }))
}

/// Plays policies on the benchmark, without the GIL; the score card as JSON, as text and as a figure.
#[pyfunction]
#[pyo3(signature = (policies, tasks, quick, tuning, threads, timing, out, record, force, progress=None))]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn benchmark(
    py: Python<'_>,
    policies: Vec<Bound<'_, PyAny>>,
    tasks: Vec<String>,
    quick: bool,
    tuning: bool,
    threads: usize,
    timing: bool,
    out: Option<PathBuf>,
    record: bool,
    force: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, String, Option<Figure>)> {
    let failure = Failure::default();
    let control = Arc::clone(failure.control());
    let watched = Arc::new(Progress::new(Arc::clone(&control)));
    let mut benchmark = Benchmark::new()
        .registry(registry())
        .tasks(tasks)
        .quick(quick)
        .tuning(tuning)
        .threads(threads)
        .timing(timing)
        .record(record)
        .progress(Arc::clone(&watched));
    for policy in &policies {
        benchmark = add(benchmark, policy, &failure)?;
    }
    if let Some(out) = out {
        benchmark = benchmark.out(out, force);
    }
    let (counts, cancel) = (|| watched.slots(), || _ = control.cancel());
    let card = followed(py, progress, counts, cancel, move || benchmark.run());
    // An exception of a policy comes first: it is why the rest was cancelled.
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let card = card?.map_err(raised)?;
    Ok((card.json(), card.text(), card.figure().map(Figure)))
}
