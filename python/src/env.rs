//! One environment.

use crate::frame::Frame;
use crate::policy::{self, Slot};
use crate::scenario::Scenario;
use crate::{closed, locked, raised};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex};
use wayside_core::engine::env::{self as engine, Turn};
use wayside_core::engine::records::SlotRecord;
use wayside_core::engine::world::World;
use wayside_core::rng::{Stream, Streams};

/// An environment of the engine in a frame, and the seeds of its episodes.
pub(crate) struct Framed {
    env: engine::Env<'static>,
    pub(crate) frame: Arc<Frame>,
    strict: bool,
    /// Of later episodes; `None` before the first reset.
    seeds: Option<Stream>,
    actions: Vec<u32>,
    masked: u32,
    pub(crate) rows: Vec<f32>,
    pub(crate) mask: Vec<bool>,
}

impl Framed {
    pub(crate) fn new(
        world: Arc<World>,
        frame: Arc<Frame>,
        slots: Option<usize>,
        masked: &str,
    ) -> PyResult<Self> {
        let strict = match masked {
            "error" => true,
            "first" => false,
            _ => {
                let message = format!("masked: must be first or error, got {masked}");
                return Err(PyValueError::new_err(message));
            }
        };
        let slots = slots.unwrap_or(world.scenario.time.slots);
        let layout = frame.layout.clone();
        let env = engine::Env::new(world, layout, slots, Streams::new(0), "env");
        Ok(Self {
            env: env.map_err(raised)?,
            frame,
            strict,
            seeds: None,
            actions: Vec::new(),
            masked: 0,
            rows: Vec::new(),
            mask: Vec::new(),
        })
    }

    pub(crate) fn is_seeded(&self) -> bool {
        self.seeds.is_some()
    }

    /// Starts an episode: of `seed`, after which the seeds of later ones follow; or the next of these.
    pub(crate) fn reset(&mut self, seed: Option<u64>) -> PyResult<()> {
        if let Some(seed) = seed {
            if i64::try_from(seed).is_err() {
                let message = format!("seed: must be below 2^63, got {seed}");
                return Err(PyValueError::new_err(message));
            }
            self.seeds = Some(Streams::new(seed).stream("env"));
        }
        let seed = match (seed, &mut self.seeds) {
            (Some(seed), _) => seed,
            // what NumPy's integers hold
            (None, Some(seeds)) => seeds.seed() >> 1,
            (None, None) => return Err(unseeded()),
        };
        self.masked = 0;
        self.env.reset(seed).map_err(raised)?;
        self.show()
    }

    /// Reads actions, which [`act`](Self::act) then takes.
    pub(crate) fn read(&mut self, actions: &[i64]) -> PyResult<()> {
        if !self.is_seeded() {
            return Err(unseeded());
        }
        self.masked = self.frame.take(
            self.env.slot(),
            self.env.observation(),
            &self.mask,
            actions,
            self.strict,
            &mut self.actions,
        )?;
        Ok(())
    }

    pub(crate) fn act(&mut self) -> PyResult<Turn> {
        let turn = self.env.act(&self.actions).map_err(raised)?;
        if turn.slot.is_none_or(|end| end.bootstrap) {
            self.show()?;
        }
        Ok(turn)
    }

    fn show(&mut self) -> PyResult<()> {
        let (slot, observation) = (self.env.slot(), self.env.observation());
        self.frame
            .show(slot, observation, &mut self.rows, &mut self.mask)
    }

    pub(crate) fn context(&self) -> &[f32] {
        &self.env.observation().context
    }

    pub(crate) fn position(&self) -> (u64, usize) {
        self.env.position()
    }

    pub(crate) fn masked(&self) -> u32 {
        self.masked
    }

    pub(crate) fn record(&self) -> &SlotRecord {
        self.env.record()
    }
}

fn unseeded() -> PyErr {
    PyRuntimeError::new_err("environment: reset it before the first step")
}

/// What `info` says of the slot decided last, by name.
pub(crate) fn figures(record: &SlotRecord) -> [(&'static str, f64); 9] {
    [
        ("objective", record.objective),
        ("delay_s", record.delay_s),
        ("energy_j", record.energy_j),
        ("tasks", record.tasks.into()),
        ("deadline_met", record.deadline_met.into()),
        ("offloaded", record.offloaded.into()),
        ("migrated", record.migrated.into()),
        ("lbm", record.lbm),
        ("tau", record.tau),
    ]
}

/// One environment; `wayside.env.OffloadingEnv` makes a Gymnasium environment of it.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Env {
    frame: Arc<Frame>,
    inner: Mutex<Option<Framed>>,
}

const WHAT: &str = "environment";

impl Env {
    fn with<T>(&self, what: impl FnOnce(&mut Framed) -> PyResult<T>) -> PyResult<T> {
        let mut inner = locked(&self.inner, WHAT)?;
        what(inner.as_mut().ok_or_else(|| closed(WHAT))?)
    }
}

#[pymethods]
impl Env {
    #[new]
    fn new(
        scenario: &Scenario,
        form: &str,
        slots: Option<usize>,
        vehicles: Option<usize>,
        masked: &str,
    ) -> PyResult<Self> {
        let world = scenario.world()?;
        let frame = Arc::new(Frame::new(&world, form, vehicles)?);
        let framed = Framed::new(world, Arc::clone(&frame), slots, masked)?;
        Ok(Self {
            frame,
            inner: Mutex::new(Some(framed)),
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

    /// Starts an episode with the traffic of `seed`, or with the next seed.
    fn reset(&self, seed: Option<u64>) -> PyResult<()> {
        self.with(|framed| framed.reset(seed))
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
            Ok((turn.reward, turn.slot.is_some(), truncated, framed.masked))
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
            for (name, value) in figures(framed.record()) {
                dict.set_item(name, value)?;
            }
            Ok(dict)
        })
    }

    /// The slot to be decided.
    fn slot(&self) -> PyResult<Slot> {
        self.with(|framed| Ok(Slot::new(framed.env.slot().clone())))
    }

    /// Placements decided last: a row `(entry, execution)` per task.
    fn placements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.with(|framed| {
            let placements = &framed.env.decision().placements;
            Ok(policy::rows(placements).into_pyarray(py))
        })
    }

    /// Frees the environment; every later call raises.
    fn close(&self) -> PyResult<()> {
        *locked(&self.inner, WHAT)? = None;
        Ok(())
    }
}
