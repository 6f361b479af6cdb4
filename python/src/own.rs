//! Models of the caller's own, written in Python: where vehicles are, which tasks arise, what radio links carry; and own metrics.

use crate::feedback;
use crate::policy::{Failure, made};
use crate::slot::{Origin, Slot};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use wayside_core::Error;
use wayside_core::engine::Observer;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::own::OwnTraffic;
use wayside_core::engine::world::World;
use wayside_core::mobility::{MobilitySource, Positions, VehicleKey};
use wayside_core::policy::Known;
use wayside_core::rng::Streams;
use wayside_core::slot::Tasks;

/// What an object of the caller's may say, by the names of its methods.
const METHODS: [&str; 3] = ["positions", "gains_db", "tasks"];

/// `world` with the models of `object`, where there is one.
pub(crate) fn world_with(
    world: Arc<World>,
    object: Option<&Bound<'_, PyAny>>,
    failure: &Failure,
) -> PyResult<Arc<World>> {
    let Some(object) = object else {
        return Ok(world);
    };
    let has = |name: &str| object.hasattr(name);
    let [positions, gains, tasks] = [has(METHODS[0])?, has(METHODS[1])?, has(METHODS[2])?];
    if !(positions || gains || tasks) {
        let message = format!(
            "traffic: must have a method {}, got {}",
            METHODS.join(", "),
            object.get_type().name()?
        );
        return Err(PyTypeError::new_err(message));
    }
    if tasks && world.sessions.is_some() {
        let message = "traffic: tasks: must be left out for sessions, whose batches they are";
        return Err(PyValueError::new_err(message));
    }
    let maker = Maker {
        object: Arc::new(object.clone().unbind()),
        failure: failure.clone(),
        gains,
        tasks,
    };
    let mut own = World::clone(&world);
    if positions {
        let maker = maker.clone();
        own = own.with_mobility(move |streams| maker.make(streams, true));
    }
    if gains || tasks {
        own = own.with_traffic(move |streams| maker.make(streams, false));
    }
    Ok(Arc::new(own))
}

/// Makes the object of a seed.
#[derive(Clone)]
struct Maker {
    object: Arc<Py<PyAny>>,
    failure: Failure,
    gains: bool,
    tasks: bool,
}

thread_local! {
    /// The object that was made last on this thread, for its tasks and gains: its vehicles, which are asked for next, are the same one's.
    static LAST: RefCell<Option<(u64, usize, Py<PyAny>)>> = const { RefCell::new(None) };
}

impl Maker {
    fn make(&self, streams: Streams, is_mobility: bool) -> Model {
        let key = (streams.seed(), Arc::as_ptr(&self.object) as usize);
        let shared = LAST.with_borrow_mut(Option::take);
        let shared = shared.filter(|(seed, of, _)| is_mobility && (*seed, *of) == key);
        let object = match shared {
            Some((_, _, object)) => Some(object),
            None => match Python::attach(|py| self.own(py, key.0)) {
                Ok(object) => Some(object),
                Err(error) => {
                    self.failure.set(error);
                    None
                }
            },
        };
        if let (Some(object), false) = (&object, is_mobility) {
            let object = Python::attach(|py| object.clone_ref(py));
            LAST.set(Some((key.0, key.1, object)));
        }
        Model {
            object,
            failure: self.failure.clone(),
            seed: key.0,
            gains: self.gains,
            tasks: self.tasks,
        }
    }

    /// An instance of a class, or a copy of an object, which know their seed if they ask for it.
    fn own(&self, py: Python<'_>, seed: u64) -> PyResult<Py<PyAny>> {
        let object = self.object.bind(py);
        let own = match object.cast::<PyType>() {
            Ok(class) => made(class, seed)?,
            Err(_) => py.import("copy")?.call_method1("deepcopy", (object,))?,
        };
        if own.hasattr("reset")? {
            own.call_method1("reset", (seed,))?;
        }
        Ok(own.unbind())
    }
}

/// The models of one seed.
struct Model {
    /// `None` where it could not be made.
    object: Option<Py<PyAny>>,
    failure: Failure,
    seed: u64,
    gains: bool,
    tasks: bool,
}

impl Model {
    /// What `ask` finds; an exception becomes the failure of the run.
    fn ask<T>(
        &self,
        method: &str,
        ask: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<T>,
    ) -> wayside_core::Result<T> {
        let failed = |message: String| Error::invalid("traffic", None, method, message);
        let Some(object) = &self.object else {
            return Err(failed("could not be made".to_owned()));
        };
        Python::attach(|py| ask(py, object.bind(py))).map_err(|error| {
            let message = error.to_string();
            self.failure.set(error);
            failed(message)
        })
    }

    fn seen<'py>(&self, py: Python<'py>, slot: &wayside_core::Slot) -> PyResult<Bound<'py, Slot>> {
        let origin = Origin {
            world: None,
            seed: Some(self.seed),
        };
        Bound::new(py, Slot::new(slot.clone(), origin))
    }
}

impl MobilitySource for Model {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> wayside_core::Result<()> {
        out.clear();
        self.ask("positions", |_, object| {
            let said = object.call_method1("positions", (time_s,))?;
            let (x_m, y_m) = (column::<f64>(&said, "x_m")?, column::<f64>(&said, "y_m")?);
            let ids = match has_column(&said, "id")? {
                true => column::<i64>(&said, "id")?,
                false => (0..x_m.len() as i64).collect(),
            };
            if (ids.len(), y_m.len()) != (x_m.len(), x_m.len()) {
                return Err(wrong("positions", "columns must be equally long"));
            }
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            let is_twice = sorted.windows(2).any(|pair| pair[0] == pair[1]);
            if is_twice || sorted.first().is_some_and(|id| *id < 0) {
                return Err(wrong(
                    "positions",
                    "id: must be >= 0, and every one there once",
                ));
            }
            if !x_m.iter().chain(&y_m).all(|x| x.is_finite()) {
                return Err(wrong("positions", "x_m and y_m must be numbers"));
            }
            for ((id, x_m), y_m) in ids.into_iter().zip(x_m).zip(y_m) {
                out.push(VehicleKey(id.cast_unsigned()), x_m, y_m);
            }
            Ok(())
        })
    }
}

impl OwnTraffic for Model {
    fn gains_db(
        &mut self,
        slot: &wayside_core::Slot,
        out: &mut Vec<f64>,
    ) -> wayside_core::Result<()> {
        *out = self.ask("gains_db", |py, object| {
            let said = object.call_method1("gains_db", (self.seen(py, slot)?,))?;
            array::<f64>(&said)
        })?;
        Ok(())
    }

    fn has_gains(&self) -> bool {
        self.gains
    }

    fn tasks(&mut self, slot: &wayside_core::Slot, out: &mut Tasks) -> wayside_core::Result<bool> {
        if !self.tasks {
            return Ok(false);
        }
        *out = self.ask("tasks", |py, object| {
            let said = object.call_method1("tasks", (self.seen(py, slot)?,))?;
            let vehicle = column::<i64>(&said, "vehicle")?;
            // one that is no row at all is named as one beyond all of them
            let row = |v: i64| u32::try_from(v).unwrap_or(u32::MAX);
            Ok(Tasks {
                vehicle: vehicle.into_iter().map(row).collect(),
                cycles: column(&said, "cycles")?,
                data_bits: column(&said, "data_bits")?,
                deadline_s: column(&said, "deadline_s")?,
            })
        })?;
        Ok(true)
    }
}

fn wrong(what: &str, message: &str) -> PyErr {
    PyValueError::new_err(format!("traffic: {what}: {message}"))
}

/// Whether a mapping or a table has a column.
fn has_column(of: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    for names in ["column_names", "keys", "columns"] {
        if let Some(names) = of.getattr_opt(names)? {
            let names = if names.is_callable() {
                names.call0()?
            } else {
                names
            };
            return names.contains(name);
        }
    }
    Ok(false)
}

/// The column of a mapping, or of a table of Arrow, Polars or pandas.
fn column<T: Number>(of: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<T>> {
    match of.get_item(name) {
        Ok(column) => array(&column),
        Err(_) => Err(wrong(name, "must be a column, there is none")),
    }
}

/// A number that NumPy's arrays hold.
trait Number: numpy::Element + Copy {
    const KINDS: &'static str;
    const NAME: &'static str;
}

impl Number for f64 {
    const KINDS: &'static str = "iuf";
    const NAME: &'static str = "float64";
}

impl Number for i64 {
    const KINDS: &'static str = "iu";
    const NAME: &'static str = "int64";
}

/// Any array of such numbers, row by row.
fn array<T: Number>(of: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
    let array = of.py().import("numpy")?.call_method1("asarray", (of,))?;
    let size: usize = array.getattr("size")?.extract()?;
    let dtype = array.getattr("dtype")?;
    let kind: String = dtype.getattr("kind")?.extract()?;
    if size > 0 && !T::KINDS.contains(&kind) {
        let message = format!("traffic: must hold {} numbers, got {dtype}", T::NAME);
        return Err(PyTypeError::new_err(message));
    }
    let flat = array
        .call_method0("ravel")?
        .call_method1("astype", (T::NAME,))?;
    let flat: PyReadonlyArray1<'_, T> = flat.extract()?;
    Ok(flat.as_array().to_vec())
}

/// A value of every metric, for a seed, a policy and a slot.
struct Measured {
    seed: u64,
    policy: usize,
    slot: usize,
    values: Vec<f64>,
}

/// Metrics of the caller's own, measured in every slot.
#[derive(Clone)]
pub(crate) struct Metrics {
    functions: Arc<Vec<(String, Py<PyAny>)>>,
    measured: Arc<Mutex<Vec<Measured>>>,
    failure: Failure,
}

impl Metrics {
    /// Functions by name.
    pub(crate) fn new(functions: Vec<(String, Py<PyAny>)>, failure: &Failure) -> Self {
        Self {
            functions: Arc::new(functions),
            measured: Arc::default(),
            failure: failure.clone(),
        }
    }

    /// What follows the run of `seed`.
    pub(crate) fn observer(&self, seed: u64) -> OfSeed {
        OfSeed {
            metrics: self.clone(),
            seed,
        }
    }

    /// The columns: seed, policy and slot, in the order of the slots' table, and every metric.
    pub(crate) fn columns<'py>(
        &self,
        py: Python<'py>,
        seeds: &[u64],
        policies: &[String],
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut rows = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |seed: u64| seeds.iter().position(|s| *s == seed);
        rows.sort_by_key(|row| (place(row.seed), row.policy, row.slot));
        let dict = PyDict::new(py);
        let seeds: Vec<i64> = rows.iter().map(|row| row.seed.cast_signed()).collect();
        dict.set_item("seed", seeds.into_pyarray(py))?;
        let names: Vec<&str> = rows
            .iter()
            .map(|row| policies[row.policy].as_str())
            .collect();
        let numpy = py.import("numpy")?;
        dict.set_item("policy", numpy.call_method1("array", (names, "object"))?)?;
        let slots: Vec<i64> = rows.iter().map(|row| row.slot as i64).collect();
        dict.set_item("slot", slots.into_pyarray(py))?;
        for (i, (name, _)) in self.functions.iter().enumerate() {
            let values: Vec<f64> = rows.iter().map(|row| row.values[i]).collect();
            dict.set_item(name, values.into_pyarray(py))?;
        }
        Ok(dict)
    }
}

/// The metrics of one seed.
pub(crate) struct OfSeed {
    metrics: Metrics,
    seed: u64,
}

impl OfSeed {
    fn measure(
        &self,
        py: Python<'_>,
        t: usize,
        slot: &wayside_core::Slot,
        decider: &Decider,
    ) -> PyResult<Vec<f64>> {
        let known: Vec<Known> = known(t, slot, decider);
        let outcome = feedback::columns(py, &known)?;
        let origin = Origin {
            world: None,
            seed: Some(self.seed),
        };
        let slot = Bound::new(py, Slot::new(slot.clone(), origin))?;
        let functions = self.metrics.functions.iter();
        let values = functions.map(|(name, function)| {
            let value = function.call1(py, (&slot, &outcome))?;
            value.extract::<f64>(py).map_err(|_| {
                PyTypeError::new_err(format!(
                    "metrics: {name}: must return a number, got {value}"
                ))
            })
        });
        values.collect()
    }
}

/// What became of the tasks of a slot.
fn known(t: usize, slot: &wayside_core::Slot, decider: &Decider) -> Vec<Known> {
    let outcomes = decider.outcomes().iter().enumerate();
    let known = outcomes.map(|(task, outcome)| {
        let back = decider.returns().get(task);
        Known {
            slot: t as u32,
            task: task as u32,
            placement: decider.placements()[task],
            cpu_hz: decider.cpu_hz()[task],
            deadline_s: slot.tasks.deadline_s[task],
            omega: slot.omega,
            outcome: back.is_none_or(|r| r.fate.is_there()).then_some(*outcome),
        }
    });
    known.collect()
}

impl Observer for OfSeed {
    fn slot(&mut self, _: usize, _: &wayside_core::Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn decided(&mut self, t: usize, policy: usize, slot: &wayside_core::Slot, decider: &Decider) {
        match Python::attach(|py| self.measure(py, t, slot, decider)) {
            Ok(values) => {
                let row = Measured {
                    seed: self.seed,
                    policy,
                    slot: t,
                    values,
                };
                let measured = &self.metrics.measured;
                let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
                measured.push(row);
            }
            Err(error) => self.metrics.failure.set(error),
        }
    }
}
