//! Policies written in Python, and the slot as they see it.

use crate::raised;
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::sync::{Arc, Mutex};
use wayside_core::Scenario;
use wayside_core::engine::{PolicyFactory, SharedFactory};
use wayside_core::policy::Policy;
use wayside_core::rng::Streams;
use wayside_core::scenario::PolicyOptions;
use wayside_core::slot::{Decision, Placement};
pub(crate) use wayside_learn::trainer::builtin::registry;
use wayside_study::Control;

/// In place of an RSU: none.
const NONE: i64 = -1;
/// In place of the executing RSU: the cloud.
const CLOUD: i64 = -2;

/// Placements as rows `(entry, execution)`, one after the other.
pub(crate) fn rows(placements: &[Placement]) -> Vec<i64> {
    let row = |placement: &Placement| match *placement {
        Placement::Local => [NONE, NONE],
        Placement::Rsu { entry, execution } => [entry.into(), execution.into()],
        Placement::Cloud { entry } => [entry.into(), CLOUD],
    };
    placements.iter().flat_map(row).collect()
}

/// One slot: everything a policy may know, in columns. V vehicles, N tasks, M RSUs; rows are counted from 0. It is a
/// copy and stays as it is when the run goes on.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Slot(wayside_core::Slot);

impl Slot {
    pub(crate) fn new(slot: wayside_core::Slot) -> Self {
        Self(slot)
    }
}

fn columns<'py>(py: Python<'py>, columns: &[(&str, &[f64])]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, column) in columns {
        dict.set_item(name, column.to_vec().into_pyarray(py))?;
    }
    Ok(dict)
}

#[pymethods]
impl Slot {
    /// Time of the decision since the start of the run [s].
    #[getter]
    fn now_s(&self) -> f64 {
        self.0.now_s
    }

    /// Length of the slot [s].
    #[getter]
    fn slot_s(&self) -> f64 {
        self.0.slot_s
    }

    /// Weight of delay against energy in the objective, between 0 and 1.
    #[getter]
    fn omega(&self) -> f64 {
        self.0.omega
    }

    /// Bound tau of the load-balance metric (LBM), equation (10).
    #[getter]
    fn tau(&self) -> f64 {
        self.0.tau
    }

    /// Columns of the tasks, each of shape (N,): int64 `vehicle` (row); float64 `cycles`, `data_bits`, `deadline_s`, and
    /// `local_cost`, the cost of the task on its own vehicle.
    #[getter]
    fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tasks = &self.0.tasks;
        let local: Vec<f64> = (0..tasks.len()).map(|t| self.0.local_cost(t)).collect();
        let dict = columns(
            py,
            &[
                ("cycles", &tasks.cycles),
                ("data_bits", &tasks.data_bits),
                ("deadline_s", &tasks.deadline_s),
                ("local_cost", &local),
            ],
        )?;
        let vehicle: Vec<i64> = tasks.vehicle.iter().map(|&v| v.into()).collect();
        dict.set_item("vehicle", vehicle.into_pyarray(py))?;
        Ok(dict)
    }

    /// Columns of the vehicles, float64 of shape (V,): `x_m`, `y_m`, `tx_power_w`, `cpu_hz`, `energy_coeff` [J s^2/cycle^3], and
    /// `local_wait_s`, the time until the vehicle's own CPU is free.
    #[getter]
    fn vehicles<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let v = &self.0.vehicles;
        columns(
            py,
            &[
                ("x_m", &v.x_m),
                ("y_m", &v.y_m),
                ("tx_power_w", &v.tx_power_w),
                ("cpu_hz", &v.cpu_hz),
                ("energy_coeff", &v.energy_coeff),
                ("local_wait_s", &v.local_wait_s),
            ],
        )
    }

    /// Columns of the RSUs, float64 of shape (M,): `x_m`, `y_m`, `range_m`, `bandwidth_hz`, `cpu_hz`, `available_cpu_hz` (what earlier
    /// tasks do not hold), `energy_coeff` [J s^2/cycle^3].
    #[getter]
    fn rsus<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let r = &self.0.rsus;
        let available: Vec<f64> = (0..r.len()).map(|m| r.available_cpu_hz(m)).collect();
        columns(
            py,
            &[
                ("x_m", &r.x_m),
                ("y_m", &r.y_m),
                ("range_m", &r.range_m),
                ("bandwidth_hz", &r.bandwidth_hz),
                ("cpu_hz", &r.cpu_hz),
                ("available_cpu_hz", &available),
                ("energy_coeff", &r.energy_coeff),
            ],
        )
    }

    /// Names of the RSUs, by row.
    #[getter]
    fn rsu_ids(&self) -> Vec<String> {
        self.0.rsus.id.to_vec()
    }

    /// Radio links of the vehicles. Links `start[v]` to `start[v + 1]` (exclusive) are those of vehicle `v`, nearest RSU first:
    /// int64 `start` of shape (V + 1,), and for each link int64 `rsu` (row) and float64 `seconds_per_bit`, the upload time of a bit
    /// over the whole band.
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let coverage = &self.0.coverage;
        let column = |values: Vec<i64>| values.into_pyarray(py);
        let dict = PyDict::new(py);
        let start = coverage.start.iter().map(|&s| s.into()).collect();
        let rsu = coverage.links.iter().map(|link| link.rsu.into()).collect();
        let time = coverage.links.iter().map(|link| link.seconds_per_bit);
        dict.set_item("start", column(start))?;
        dict.set_item("rsu", column(rsu))?;
        let time: Vec<f64> = time.collect();
        dict.set_item("seconds_per_bit", time.into_pyarray(py))?;
        Ok(dict)
    }

    /// Pairs of RSUs with a route, one row each: int64 `from`, `to` (rows of RSUs), `hops`; float64 `seconds_per_bit` (migration
    /// time of a bit) and `wait_s`.
    #[getter]
    fn routes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (mut from, mut to, mut hops) = (Vec::new(), Vec::new(), Vec::new());
        let (mut time, mut wait) = (Vec::new(), Vec::new());
        for m in 0..self.0.rsus.len() as u32 {
            for target in self.0.routes.targets(m) {
                from.push(i64::from(m));
                to.push(i64::from(target.rsu));
                hops.push(i64::from(target.hops));
                time.push(target.seconds_per_bit);
                wait.push(target.wait_s);
            }
        }
        let dict = columns(py, &[("seconds_per_bit", &time), ("wait_s", &wait)])?;
        for (name, column) in [("from", from), ("to", to), ("hops", hops)] {
            dict.set_item(name, column.into_pyarray(py))?;
        }
        Ok(dict)
    }

    /// Links of the backhaul, as pairs of RSU rows, the smaller first.
    #[getter]
    fn links(&self) -> Vec<(u32, u32)> {
        let links = self.0.network.links().iter();
        links
            .filter(|l| l.from < l.to)
            .map(|l| (l.from, l.to))
            .collect()
    }
}

/// The first exception of Python code in a run.
#[derive(Clone, Default)]
pub(crate) struct Failure {
    first: Arc<Mutex<Option<PyErr>>>,
    control: Arc<Control>,
}

impl Failure {
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    fn set(&self, error: PyErr) {
        self.control.cancel();
        if let Ok(mut first) = self.first.lock() {
            first.get_or_insert(error);
        }
    }

    /// The first exception.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.first.lock().ok()?.take()
    }
}

/// What Python names: a policy by its name, the file of a trained one, or an object of its own.
pub(crate) fn factory(
    policy: &Bound<'_, PyAny>,
    scenario: Option<&Scenario>,
    failure: &Failure,
) -> PyResult<SharedFactory> {
    if let Ok(name) = policy.extract::<String>() {
        return registry().resolve(&name, scenario).map_err(raised);
    }
    if !policy.hasattr("decide")? {
        let message = format!(
            "policy: must be a name, or have a method decide(self, slot), got {}",
            policy.get_type().name()?
        );
        return Err(PyTypeError::new_err(message));
    }
    let class = match policy.cast::<PyType>() {
        Ok(class) => class.clone(),
        Err(_) => policy.get_type(),
    };
    let name = match policy.getattr_opt("name")? {
        Some(name) => name.extract()?,
        None => class.name()?.to_string(),
    };
    Ok(Arc::new(PythonFactory {
        name,
        object: policy.clone().unbind(),
        failure: failure.clone(),
    }))
}

/// A class, or an object of which every seed gets a copy.
struct PythonFactory {
    name: String,
    object: Py<PyAny>,
    failure: Failure,
}

impl PolicyFactory for PythonFactory {
    fn name(&self) -> &str {
        &self.name
    }

    fn policy(&self, _: &PolicyOptions, _: Streams) -> wayside_core::Result<Box<dyn Policy>> {
        own(&self.object, &self.failure).map_err(|e| {
            let text = e.to_string();
            self.failure.set(e);
            wayside_core::Error::invalid("policy", None, &self.name, text)
        })
    }
}

/// The policy of one seed: an instance, or a copy of the object.
fn own(object: &Py<PyAny>, failure: &Failure) -> PyResult<Box<dyn Policy>> {
    Python::attach(|py| {
        let object = object.bind(py);
        let own = if object.cast::<PyType>().is_ok() {
            object.call0()?
        } else {
            py.import("copy")?.call_method1("deepcopy", (object,))?
        };
        Ok(Box::new(PythonPolicy {
            object: own.unbind(),
            failure: failure.clone(),
        }) as Box<dyn Policy>)
    })
}

/// An object with `decide(slot)`.
struct PythonPolicy {
    object: Py<PyAny>,
    failure: Failure,
}

impl PythonPolicy {
    fn ask(&self, py: Python<'_>, slot: &wayside_core::Slot, to: &mut Decision) -> PyResult<()> {
        let seen = Bound::new(py, Slot(slot.clone()))?;
        let answer = self.object.bind(py).call_method1("decide", (seen,))?;
        let array = py.import("numpy")?.call_method1("asarray", (&answer,))?;
        let tasks = slot.tasks.len();
        let refused = |got: String| {
            let expected = format!("must be {tasks} rows (entry, execution) of integers");
            PyValueError::new_err(format!("decide: {expected}, got {got}"))
        };
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        let shape: Vec<usize> = array.getattr("shape")?.extract()?;
        if shape != [tasks, 2] || !(kind == "i" || tasks == 0) {
            let dtype = array.getattr("dtype")?.str()?.to_string();
            return Err(refused(format!("{dtype} of shape {shape:?}")));
        }
        let array = array.call_method1("astype", ("int64",))?;
        let array: PyReadonlyArray2<'_, i64> = array.extract()?;
        let rsus = slot.rsus.len();
        to.placements.clear();
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
        to.check(slot).map_err(raised)
    }
}

impl Policy for PythonPolicy {
    fn decide(&mut self, slot: &wayside_core::Slot, decision: &mut Decision) {
        decision.minimum_hz.clear();
        decision.paths.clear();
        // An exception stops the run before the next slot; until then everything stays on its vehicle.
        let failed = Python::attach(|py| self.ask(py, slot, decision).err());
        if let Some(error) = failed {
            self.failure.set(error);
            decision.placements.clear();
            decision
                .placements
                .resize(slot.tasks.len(), Placement::Local);
        }
    }
}
