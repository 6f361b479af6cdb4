//! One environment.

use crate::answer;
use crate::frame::Frame;
use crate::framed::{FIGURES, Framed, Options, unseeded};
use crate::own::world_with;
use crate::policy::Failure;
use crate::scenario::Scenario;
use crate::slot::{self, Slot};
use crate::{closed, locked};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex};
use wayside_core::slot::{Decision, Placement};

/// One environment; `wayside.env.OffloadingEnv` makes a Gymnasium environment of it.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Env {
    frame: Arc<Frame>,
    inner: Mutex<Option<Framed>>,
    /// Exceptions of models of the caller's own, and whether there are any.
    failure: Failure,
    is_own: bool,
}

/// A column of whole numbers.
type Integers<'py> = Bound<'py, PyArray1<i64>>;

const WHAT: &str = "environment";

impl Env {
    fn with<T>(&self, what: impl FnOnce(&mut Framed) -> PyResult<T>) -> PyResult<T> {
        let mut inner = locked(&self.inner, WHAT)?;
        let found = what(inner.as_mut().ok_or_else(|| closed(WHAT))?);
        match self.failure.take() {
            Some(error) => Err(error),
            None => found,
        }
    }
}

#[pymethods]
impl Env {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (scenario, form, slots, vehicles, masked, bound, traffic=None, plan_slots=None))]
    fn new(
        scenario: &Scenario,
        form: &str,
        slots: Option<usize>,
        vehicles: Option<usize>,
        masked: String,
        bound: Option<String>,
        traffic: Option<Bound<'_, PyAny>>,
        plan_slots: Option<usize>,
    ) -> PyResult<Self> {
        let failure = Failure::default();
        let world = world_with(scenario.world()?, traffic.as_ref(), &failure)?;
        let frame = Arc::new(Frame::new(&world, form, vehicles, plan_slots)?);
        let options = Options {
            slots,
            masked,
            bound,
        };
        let framed = Framed::new(world, Arc::clone(&frame), &options);
        if let Some(error) = failure.take() {
            return Err(error);
        }
        Ok(Self {
            frame,
            inner: Mutex::new(Some(framed?)),
            failure,
            is_own: traffic.is_some(),
        })
    }

    /// Rows of an observation, and features of each.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.frame.rows, self.frame.width)
    }

    /// Number of actions of every head.
    #[getter]
    fn nvec(&self) -> Vec<usize> {
        self.frame.nvec.clone()
    }

    /// Places for tasks: of a slot where a step is one, else 1.
    #[getter]
    fn places(&self) -> usize {
        self.frame.places_of_tasks()
    }

    /// Numbers of a plan; 0 where actions are choices.
    #[getter]
    fn planned(&self) -> usize {
        self.frame.planned()
    }

    /// Whether CPU is shared, tasks queue, or work runs in sessions.
    #[getter]
    fn execution(&self) -> &'static str {
        self.frame.execution()
    }

    /// Names of the features of a row.
    #[getter]
    fn feature_names(&self) -> Vec<String> {
        self.frame.feature_names()
    }

    /// Starts an episode with the traffic of `seed`, or with the next seed, perhaps in another scenario.
    fn reset(&self, seed: Option<u64>, scenario: Option<&Scenario>) -> PyResult<()> {
        if scenario.is_some() && self.is_own {
            let message = "options: must be left out with traffic of your own";
            return Err(PyValueError::new_err(message));
        }
        let world = scenario.map(Scenario::world).transpose()?;
        self.with(|framed| framed.reset(seed, world))
    }

    /// Where it stands, as JSON.
    fn state(&self) -> PyResult<String> {
        self.with(|framed| framed.state())
    }

    /// Goes back to where `state` was asked for.
    fn restore(&self, state: &str) -> PyResult<()> {
        self.with(|framed| framed.restore(state))
    }

    /// Takes a plan: as `step`.
    fn plan(
        &self,
        py: Python<'_>,
        action: PyReadonlyArray1<'_, f32>,
    ) -> PyResult<(f64, bool, bool, u32)> {
        let action = action.as_slice()?;
        self.with(|framed| {
            let turn = py.detach(|| framed.plan(action))?;
            let truncated = turn.slot.is_some_and(|end| end.truncated);
            Ok((turn.reward, turn.slot.is_some(), truncated, 0))
        })
    }

    /// Takes actions: reward, whether the slot ended, whether the episode did, actions that were masked.
    fn step(
        &self,
        py: Python<'_>,
        actions: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<(f64, bool, bool, u32)> {
        let actions = actions.as_slice()?;
        self.with(|framed| {
            framed.read(actions)?;
            let turn = py.detach(|| framed.act())?;
            let truncated = turn.slot.is_some_and(|end| end.truncated);
            Ok((turn.reward, turn.slot.is_some(), truncated, framed.masked()))
        })
    }

    /// The same, with CPU divided among the tasks of each RSU in proportion to `shares`, one per place.
    fn step_sharing(
        &self,
        py: Python<'_>,
        actions: PyReadonlyArray1<'_, i64>,
        shares: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<(f64, bool, bool, u32)> {
        let (actions, shares) = (actions.as_slice()?, shares.as_slice()?);
        self.with(|framed| {
            framed.read(actions)?;
            let turn = py.detach(|| framed.act_sharing(shares))?;
            let truncated = turn.slot.is_some_and(|end| end.truncated);
            Ok((turn.reward, turn.slot.is_some(), truncated, framed.masked()))
        })
    }

    /// The observation, row by row.
    fn observation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.with(|framed| Ok(PyArray1::from_slice(py, &framed.rows)))
    }

    /// Which actions are legal, head by head.
    fn mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.with(|framed| Ok(PyArray1::from_slice(py, &framed.mask)))
    }

    /// Features of the slot as a whole.
    fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.with(|framed| Ok(framed.context().to_vec().into_pyarray(py)))
    }

    /// Seed of the episode, and number of the slot in it.
    #[getter]
    fn position(&self) -> PyResult<(u64, usize)> {
        self.with(|framed| Ok(framed.position()))
    }

    /// Figures of the slot decided last.
    fn figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|framed| {
            let dict = PyDict::new(py);
            for (name, value) in FIGURES.into_iter().zip(*framed.figures()) {
                dict.set_item(name, value)?;
            }
            Ok(dict)
        })
    }

    /// The slot to be decided.
    fn slot(&self) -> PyResult<Slot> {
        self.with(|framed| Ok(framed.slot()))
    }

    /// The action by which `policy` would act now, and how many of its placements the form cannot say.
    fn expert<'py>(
        &self,
        py: Python<'py>,
        policy: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArray1<i64>>, usize)> {
        self.with(|framed| {
            if !framed.is_seeded() {
                return Err(unseeded());
            }
            let (actions, missed) = framed.expert(policy)?;
            Ok((actions.into_pyarray(py), missed))
        })
    }

    /// The action that puts the tasks where `answer` says, and how many placements the form cannot say.
    fn express<'py>(
        &self,
        py: Python<'py>,
        answer: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArray1<i64>>, usize)> {
        self.with(|framed| {
            let mut decision = Decision::default();
            let slot = framed.engine.slot();
            answer::read(answer, slot, &mut decision)?;
            let (actions, missed) = framed.engine.express(&decision)?;
            let actions = framed.frame.place(slot, &framed.mask, &actions)?;
            Ok((actions.into_pyarray(py), missed))
        })
    }

    /// Tasks that actions decide, and a row `(entry, execution)` for each.
    fn preview<'py>(
        &self,
        py: Python<'py>,
        actions: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<(Integers<'py>, Integers<'py>)> {
        let actions = actions.as_slice()?;
        self.with(|framed| {
            framed.read(actions)?;
            let decided = framed.engine.preview(&framed.actions)?;
            let tasks: Vec<i64> = decided.iter().map(|(task, _)| *task as i64).collect();
            let placements: Vec<Placement> = decided.iter().map(|(_, p)| *p).collect();
            let rows = slot::rows(&placements).into_pyarray(py);
            Ok((tasks.into_pyarray(py), rows))
        })
    }

    /// Placements decided last: a row `(entry, execution)` per task.
    fn placements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.with(|framed| {
            let placements = framed.engine.placements();
            Ok(slot::rows(placements).into_pyarray(py))
        })
    }

    /// Frees the environment; every later call raises.
    fn close(&self) -> PyResult<()> {
        *locked(&self.inner, WHAT)? = None;
        Ok(())
    }
}
