//! What a policy written in Python answers.

use crate::raised;
use crate::slot::{CLOUD, NONE};
use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wayside_core::Slot;
use wayside_core::slot::{Decision, Placement};

const KEYS: [&str; 4] = ["placements", "paths", "cpu_hz", "minimum_hz"];

/// Reads an answer: rows `(entry, execution)`, or a dictionary with them and more.
pub(crate) fn read(answer: &Bound<'_, PyAny>, slot: &Slot, to: &mut Decision) -> PyResult<()> {
    to.clear();
    let Ok(parts) = answer.cast::<PyDict>() else {
        placements(answer, slot, to)?;
        return to.check(slot).map_err(raised);
    };
    for key in parts.keys() {
        let key = key.str()?.to_string();
        if !KEYS.contains(&key.as_str()) {
            let message = format!("decide: {key:?}: must be one of {}", KEYS.join(", "));
            return Err(PyValueError::new_err(message));
        }
    }
    let part = |key: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        Ok(parts.get_item(key)?.filter(|value| !value.is_none()))
    };
    match part("placements")? {
        Some(rows) => placements(&rows, slot, to)?,
        None => return Err(PyValueError::new_err("decide: placements: must be there")),
    }
    if let Some(shares) = part("cpu_hz")? {
        to.shares_hz = numbers(&shares, slot, "cpu_hz")?;
    }
    if let Some(least) = part("minimum_hz")? {
        to.minimum_hz = numbers(&least, slot, "minimum_hz")?;
    }
    to.check(slot).map_err(named)?;
    if let Some(chosen) = part("paths")? {
        paths(&chosen, slot, to)?;
        to.check(slot).map_err(named)?;
    }
    Ok(())
}

/// The error, with the name that Python has for shares.
fn named(error: wayside_core::Error) -> PyErr {
    match error {
        wayside_core::Error::Invalid(problems) => {
            PyValueError::new_err(problems.to_string().replace("shares_hz", "cpu_hz"))
        }
        error => raised(error),
    }
}

fn placements(answer: &Bound<'_, PyAny>, slot: &Slot, to: &mut Decision) -> PyResult<()> {
    let array = answer
        .py()
        .import("numpy")?
        .call_method1("asarray", (answer,))?;
    let tasks = slot.tasks.len();
    let refused = |got: String| {
        let expected = format!("must be {tasks} rows (entry, execution) of integers");
        PyValueError::new_err(format!("decide: {expected}, got {got}"))
    };
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    let fits = shape == [tasks, 2] || (tasks == 0 && shape == [0]);
    if !fits || !(kind == "i" || tasks == 0) {
        let dtype = array.getattr("dtype")?.str()?.to_string();
        return Err(refused(format!("{dtype} of shape {shape:?}")));
    }
    if tasks == 0 {
        return Ok(());
    }
    let array = array.call_method1("astype", ("int64",))?;
    let array: PyReadonlyArray2<'_, i64> = array.extract()?;
    let rsus = slot.rsus.len();
    for (task, row) in array.as_array().rows().into_iter().enumerate() {
        let rsu = |rsu: i64| u32::try_from(rsu).ok().filter(|&m| (m as usize) < rsus);
        to.placements.push(match (row[0], row[1]) {
            (NONE, NONE) => Placement::Local,
            (entry, CLOUD) if rsu(entry).is_some() && slot.cloud_round_trip_s.is_some() => {
                Placement::Cloud {
                    entry: entry as u32,
                }
            }
            (entry, execution) => match (rsu(entry), rsu(execution)) {
                (Some(entry), Some(execution)) => Placement::Rsu { entry, execution },
                _ => {
                    return Err(PyValueError::new_err(format!(
                        "decide: [{task}]: must be rows of RSUs, (-1, -1) for the vehicle or (entry, -2) \
                         for a cloud that is there, got ({entry}, {execution})"
                    )));
                }
            },
        });
    }
    Ok(())
}

/// A number per task.
fn numbers(values: &Bound<'_, PyAny>, slot: &Slot, what: &str) -> PyResult<Vec<f64>> {
    let numpy = values.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (values, "float64"))?;
    let array: PyReadonlyArray1<'_, f64> = array.extract().map_err(|_| {
        let message = format!("decide: {what}: must be {} numbers [Hz]", slot.tasks.len());
        PyValueError::new_err(message)
    })?;
    Ok(array.as_array().to_vec())
}

/// A path per task: rows of RSUs from entry to execution; None for the shortest route.
fn paths(chosen: &Bound<'_, PyAny>, slot: &Slot, to: &mut Decision) -> PyResult<()> {
    let tasks = slot.tasks.len();
    if chosen.len()? != tasks {
        let message = format!(
            "decide: paths: must hold {tasks}, one per task, got {}",
            chosen.len()?
        );
        return Err(PyValueError::new_err(message));
    }
    let (mut route, mut links) = (Vec::new(), Vec::new());
    let mut found = wayside_core::slot::Paths::default();
    for (task, path) in chosen.try_iter()?.enumerate() {
        let path = path?;
        let Some((entry, execution)) = to.placements[task]
            .entry()
            .zip(to.placements[task].execution())
        else {
            found.push(&[]);
            continue;
        };
        if path.is_none() {
            found.push(to.path(slot, task, &mut route));
            continue;
        }
        let stops: Vec<u32> = path.extract()?;
        let refused = |message: String| {
            let message = format!("decide: paths[{task}]: must {message}, got {stops:?}");
            Err(PyValueError::new_err(message))
        };
        if stops.first() != Some(&entry) || stops.last() != Some(&execution) {
            return refused(format!("lead from RSU {entry} to RSU {execution}"));
        }
        links.clear();
        for pair in stops.windows(2) {
            let known = pair.iter().all(|m| (*m as usize) < slot.rsus.len());
            match known.then(|| slot.network.find(pair[0], pair[1])).flatten() {
                Some(link) => links.push(link),
                None => return refused("follow links of slot.network".into()),
            }
        }
        found.push(&links);
    }
    to.paths = found;
    Ok(())
}

/// A decision in the form in which it is read.
pub(crate) fn write<'py>(
    py: Python<'py>,
    slot: &Slot,
    decision: &Decision,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let tasks = decision.placements.len();
    let rows = crate::slot::rows(&decision.placements).into_pyarray(py);
    dict.set_item("placements", rows.reshape([tasks, 2])?)?;
    let columns = [
        ("minimum_hz", &decision.minimum_hz),
        ("cpu_hz", &decision.shares_hz),
    ];
    for (name, column) in columns {
        if !column.is_empty() {
            dict.set_item(name, column.clone().into_pyarray(py))?;
        }
    }
    if !decision.paths.is_empty() && slot.queues.is_some() {
        let mut paths = Vec::with_capacity(tasks);
        for (task, placement) in decision.placements.iter().enumerate() {
            let stops = |entry: u32| {
                let links = decision.paths.of(task).iter();
                let to = links.map(|&row| slot.network.links()[row as usize].to);
                std::iter::once(entry).chain(to).collect::<Vec<_>>()
            };
            let entry = placement.execution().and(placement.entry());
            paths.push(entry.map(stops));
        }
        dict.set_item("paths", paths)?;
    }
    Ok(dict)
}
