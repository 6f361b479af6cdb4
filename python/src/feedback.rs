//! What became of tasks, as policies written in Python are told.

use crate::slot::rows;
use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wayside_core::evaluate::Outcome;
use wayside_core::policy::Known;

/// A part of an outcome, by name.
type Part = (&'static str, fn(&Outcome) -> f64);

const PARTS: [Part; 7] = [
    ("delay_s", Outcome::delay_s),
    ("energy_j", Outcome::energy_j),
    ("upload_s", |o| o.upload_s),
    ("migration_s", |o| o.migration_s),
    ("propagation_s", |o| o.propagation_s),
    ("wait_s", |o| o.wait_s),
    ("compute_s", |o| o.compute_s),
];

/// Columns of the tasks: NaN for the numbers of those that were lost.
pub(crate) fn columns<'py>(py: Python<'py>, known: &[Known]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let integers =
        |of: fn(&Known) -> u32| -> Vec<i64> { known.iter().map(|task| of(task).into()).collect() };
    dict.set_item("slot", integers(|k| k.slot).into_pyarray(py))?;
    dict.set_item("task", integers(|k| k.task).into_pyarray(py))?;
    let placements: Vec<_> = known.iter().map(|k| k.placement).collect();
    let placements = rows(&placements).into_pyarray(py);
    dict.set_item("placements", placements.reshape([known.len(), 2])?)?;
    let number = |of: &dyn Fn(&Known) -> Option<f64>| -> Vec<f64> {
        known.iter().map(|k| of(k).unwrap_or(f64::NAN)).collect()
    };
    for (name, of) in PARTS {
        let column = number(&|k| k.outcome.as_ref().map(of));
        dict.set_item(name, column.into_pyarray(py))?;
    }
    let cost = number(&|k| k.outcome.map(|outcome| outcome.cost(k.omega)));
    dict.set_item("cost", cost.into_pyarray(py))?;
    dict.set_item("cpu_hz", number(&|k| Some(k.cpu_hz)).into_pyarray(py))?;
    dict.set_item(
        "deadline_s",
        number(&|k| Some(k.deadline_s)).into_pyarray(py),
    )?;
    let on_time = |k: &Known| k.outcome.is_some_and(|o| o.delay_s() <= k.deadline_s);
    let on_time: Vec<bool> = known.iter().map(on_time).collect();
    dict.set_item("on_time", on_time.into_pyarray(py))?;
    let lost: Vec<bool> = known.iter().map(|k| k.outcome.is_none()).collect();
    dict.set_item("lost", lost.into_pyarray(py))?;
    Ok(dict)
}
