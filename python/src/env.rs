//! One environment.

use crate::answer;
use crate::frame::Frame;
use crate::policy::{Failure, factory};
use crate::scenario::Scenario;
use crate::slot::{self, Origin, Slot};
use crate::{closed, locked, raised};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex};
use wayside_core::engine::env::{self as engine, Turn};
use wayside_core::engine::records::SlotRecord;
use wayside_core::engine::world::World;
use wayside_core::policy::Policy;
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Decision, Placement};

/// An environment of the engine in a frame, and the seeds of its episodes.
pub(crate) struct Framed {
    env: engine::Env<'static>,
    world: Arc<World>,
    /// Policies that were asked in this episode.
    experts: Vec<Expert>,
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
        let env = engine::Env::new(Arc::clone(&world), layout, slots, Streams::new(0), "env");
        Ok(Self {
            env: env.map_err(raised)?,
            world,
            experts: Vec::new(),
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
        self.experts.clear();
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

    fn slot(&self) -> Slot {
        let origin = Origin {
            world: Some(Arc::clone(&self.world)),
            seed: Some(self.env.position().0),
        };
        Slot::new(self.env.slot().clone(), origin)
    }

    /// The action by which `policy` would act now, and how many placements it cannot say. In an episode a policy decides every
    /// slot at most once, and the same one goes on.
    fn expert(&mut self, policy: &Bound<'_, PyAny>) -> PyResult<(Vec<i64>, usize)> {
        let (seed, t) = self.env.position();
        let key = match policy.extract::<String>() {
            Ok(name) => name,
            Err(_) => format!("{:p}", policy.as_ptr()),
        };
        let known = self.experts.iter().position(|expert| expert.key == key);
        let at = match known {
            Some(at) => at,
            None => {
                let failure = Failure::default();
                let factory = factory(policy, Some(&self.world), &failure)?;
                let made = factory.for_run(&self.world, Streams::new(seed));
                if let Some(error) = failure.take() {
                    return Err(error);
                }
                self.experts.push(Expert {
                    key,
                    policy: made.map_err(raised)?,
                    failure,
                    decided: None,
                    decision: Decision::default(),
                    _object: policy.clone().unbind(),
                });
                self.experts.len() - 1
            }
        };
        let (slot, expert) = (self.env.slot(), &mut self.experts[at]);
        if expert.decided != Some(t) {
            expert.decision.clear();
            expert.policy.decide(slot, &mut expert.decision);
            if let Some(error) = expert.failure.take() {
                return Err(error);
            }
            expert.decided = Some(t);
        }
        let mut actions = Vec::new();
        let missed = self.env.express(&expert.decision, &mut actions);
        Ok((self.frame.place(slot, &self.mask, &actions)?, missed))
    }
}

/// A policy that is asked what it would do.
struct Expert {
    key: String,
    policy: Box<dyn Policy>,
    failure: Failure,
    /// The slot that it decided last.
    decided: Option<usize>,
    decision: Decision,
    /// Keeps the object, so that its address stays its own.
    _object: Py<PyAny>,
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
            let slot = framed.env.slot();
            answer::read(answer, slot, &mut decision)?;
            let mut actions = Vec::new();
            let missed = framed.env.express(&decision, &mut actions);
            let actions = framed.frame.place(slot, &framed.mask, &actions)?;
            Ok((actions.into_pyarray(py), missed))
        })
    }

    /// Tasks that actions decide, and a row `(entry, execution)` for each.
    fn preview<'py>(
        &self,
        py: Python<'py>,
        actions: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>)> {
        let actions = actions.as_slice()?;
        self.with(|framed| {
            framed.read(actions)?;
            let decided = framed.env.preview(&framed.actions);
            let tasks: Vec<i64> = decided.iter().map(|(task, _)| *task as i64).collect();
            let placements: Vec<Placement> = decided.iter().map(|(_, p)| *p).collect();
            let rows = slot::rows(&placements).into_pyarray(py);
            Ok((tasks.into_pyarray(py), rows))
        })
    }

    /// Placements decided last: a row `(entry, execution)` per task.
    fn placements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        self.with(|framed| {
            let placements = &framed.env.decision().placements;
            Ok(slot::rows(placements).into_pyarray(py))
        })
    }

    /// Frees the environment; every later call raises.
    fn close(&self) -> PyResult<()> {
        *locked(&self.inner, WHAT)? = None;
        Ok(())
    }
}
