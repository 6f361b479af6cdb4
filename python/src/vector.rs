//! Several environments, stepped side by side without the GIL.

use crate::frame::Frame;
use crate::framed::{FIGURES, Framed, Options};
use crate::scenario::Scenario;
use crate::{closed, locked};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// The result of a step of one environment.
#[derive(Clone, Debug, Default)]
struct Stepped {
    reward: f64,
    truncated: bool,
    slot_ended: bool,
    /// Reset in place of a step.
    reset: bool,
    /// The last observation of the episode, where another has begun at once.
    last: Option<Vec<f32>>,
}

struct Member {
    framed: Framed,
    /// Whether the next step resets.
    over: bool,
    stepped: Stepped,
}

impl Member {
    fn step(&mut self, same_step: bool) -> PyResult<()> {
        if self.over {
            self.framed.reset(None, None)?;
            self.over = false;
            self.stepped = Stepped {
                reset: true,
                ..Stepped::default()
            };
            return Ok(());
        }
        let turn = self.framed.act()?;
        let truncated = turn.slot.is_some_and(|end| end.truncated);
        self.stepped = Stepped {
            reward: turn.reward,
            truncated,
            slot_ended: turn.slot.is_some(),
            ..Stepped::default()
        };
        if truncated && same_step {
            self.stepped.last = Some(self.framed.rows.clone());
            self.framed.reset(None, None)?;
        } else {
            self.over = truncated;
        }
        Ok(())
    }
}

struct Fleet {
    members: Vec<Member>,
    pool: rayon::ThreadPool,
}

/// `count` environments; `wayside.vector.OffloadingVectorEnv` makes a Gymnasium vector environment of them.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct VectorEnv {
    frame: Arc<Frame>,
    same_step: bool,
    /// The process that has the threads.
    process: u32,
    inner: Mutex<Option<Fleet>>,
}

const WHAT: &str = "vector environment";

impl VectorEnv {
    fn with<T>(&self, what: impl FnOnce(&mut Fleet) -> PyResult<T>) -> PyResult<T> {
        if std::process::id() != self.process {
            let message = "vector environment: made before a fork, which leaves its threads behind; \
                           make a new one in this process";
            return Err(PyRuntimeError::new_err(message));
        }
        let mut inner = locked(&self.inner, WHAT)?;
        what(inner.as_mut().ok_or_else(|| closed(WHAT))?)
    }
}

fn gather<'py, T: numpy::Element + Copy>(
    py: Python<'py>,
    fleet: &Fleet,
    of: impl Fn(&Framed) -> &[T],
) -> Bound<'py, PyArray1<T>> {
    let parts: Vec<&[T]> = fleet.members.iter().map(|m| of(&m.framed)).collect();
    parts.concat().into_pyarray(py)
}

#[pymethods]
impl VectorEnv {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn new(
        scenario: &Scenario,
        form: &str,
        slots: Option<usize>,
        vehicles: Option<usize>,
        masked: String,
        bound: Option<String>,
        count: usize,
        threads: usize,
        same_step: bool,
    ) -> PyResult<Self> {
        if count == 0 {
            return Err(PyValueError::new_err("num_envs: must be > 0, got 0"));
        }
        let world = scenario.world()?;
        let frame = Arc::new(Frame::new(&world, form, vehicles)?);
        if frame.planned() > 0 {
            let message =
                "form: must not be plan in a vector environment; Gymnasium's make several of it";
            return Err(PyValueError::new_err(message));
        }
        let options = Options {
            slots,
            masked,
            bound,
        };
        let member = |_| {
            let framed = Framed::new(Arc::clone(&world), Arc::clone(&frame), &options)?;
            Ok(Member {
                framed,
                over: false,
                stepped: Stepped::default(),
            })
        };
        let members = (0..count).map(member).collect::<PyResult<_>>()?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| PyRuntimeError::new_err(format!("threads: {e}")))?;
        Ok(Self {
            frame,
            same_step,
            process: std::process::id(),
            inner: Mutex::new(Some(Fleet { members, pool })),
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

    /// Whether CPU is shared, tasks queue, or work runs in sessions.
    #[getter]
    fn execution(&self) -> &'static str {
        self.frame.execution()
    }

    /// Whether every environment has been given a seed.
    #[getter]
    fn seeded(&self) -> PyResult<bool> {
        self.with(|fleet| Ok(fleet.members.iter().all(|m| m.framed.is_seeded())))
    }

    /// Starts episodes where `chosen`: with the seeds, or the next ones where there is none.
    fn reset(&self, py: Python<'_>, seeds: Vec<Option<u64>>, chosen: Vec<bool>) -> PyResult<()> {
        self.with(|fleet| {
            let Fleet { members, pool } = fleet;
            for (what, length) in [("seed", seeds.len()), ("reset_mask", chosen.len())] {
                if length != members.len() {
                    let message = format!("{what}: must hold {}, got {length}", members.len());
                    return Err(PyValueError::new_err(message));
                }
            }
            py.detach(|| {
                pool.install(|| {
                    let all = members.par_iter_mut().zip(seeds).zip(chosen);
                    let chosen = all.filter(|&(_, chosen)| chosen);
                    chosen.try_for_each(|((member, seed), _)| {
                        member.over = false;
                        member.stepped = Stepped::default();
                        member.framed.reset(seed, None)
                    })
                })
            })
        })
    }

    /// Takes the actions of all environments, one after the other. An episode that is over starts anew.
    fn step(&self, py: Python<'_>, actions: PyReadonlyArray1<'_, i64>) -> PyResult<()> {
        let actions = actions.as_slice()?;
        let heads = self.frame.nvec.len();
        self.with(|fleet| {
            let Fleet { members, pool } = fleet;
            if actions.len() != heads * members.len() {
                let message = format!(
                    "actions: must hold {} times {heads} numbers, got {}",
                    members.len(),
                    actions.len()
                );
                return Err(PyValueError::new_err(message));
            }
            // all are read before one is taken
            for (i, (member, actions)) in members.iter_mut().zip(actions.chunks(heads)).enumerate()
            {
                if !member.over {
                    member.framed.read(actions).map_err(|e| {
                        let message = format!("environment {i}: {}", e.value(py));
                        PyErr::from_type(e.get_type(py), message)
                    })?;
                }
            }
            py.detach(|| {
                pool.install(|| {
                    let step = |member: &mut Member| member.step(self.same_step);
                    members.par_iter_mut().try_for_each(step)
                })
            })
        })
    }

    /// All observations, one after the other.
    fn observation<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.with(|fleet| Ok(gather(py, fleet, |framed| &framed.rows)))
    }

    /// All masks, one after the other.
    fn mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.with(|fleet| Ok(gather(py, fleet, |framed| &framed.mask)))
    }

    /// Features of the slots as a whole, one after the other.
    fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.with(|fleet| Ok(gather(py, fleet, Framed::context)))
    }

    /// The results of the last step, as columns: `reward`, `truncated`, `slot_ended`, `reset`, `masked`, `seed`, `slot`
    /// and the figures of the slots.
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|fleet| {
            let members = &fleet.members;
            let dict = PyDict::new(py);
            let flags = |of: fn(&Member) -> bool| {
                let column: Vec<bool> = members.iter().map(of).collect();
                column.into_pyarray(py)
            };
            let reward: Vec<f64> = members.iter().map(|m| m.stepped.reward).collect();
            dict.set_item("reward", reward.into_pyarray(py))?;
            dict.set_item("truncated", flags(|m| m.stepped.truncated))?;
            dict.set_item("slot_ended", flags(|m| m.stepped.slot_ended))?;
            dict.set_item("reset", flags(|m| m.stepped.reset))?;
            let masked: Vec<i64> = members.iter().map(|m| m.framed.masked().into()).collect();
            dict.set_item("masked", masked.into_pyarray(py))?;
            let seed: Vec<i64> = members
                .iter()
                .map(|m| m.framed.position().0.cast_signed())
                .collect();
            dict.set_item("seed", seed.into_pyarray(py))?;
            let slot: Vec<i64> = members
                .iter()
                .map(|m| m.framed.position().1 as i64)
                .collect();
            dict.set_item("slot", slot.into_pyarray(py))?;
            let records: Vec<_> = members.iter().map(|m| *m.framed.figures()).collect();
            for (i, name) in FIGURES.iter().enumerate() {
                let column: Vec<f64> = records.iter().map(|figures| figures[i]).collect();
                dict.set_item(name, column.into_pyarray(py))?;
            }
            Ok(dict)
        })
    }

    /// The last observation of every episode that ended in the last step, where another began at once.
    fn last_observations<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<Option<Bound<'py, PyArray1<f32>>>>> {
        self.with(|fleet| {
            let last = fleet.members.iter().map(|m| m.stepped.last.as_ref());
            Ok(last
                .map(|rows| Some(PyArray1::from_slice(py, rows?)))
                .collect())
        })
    }

    /// Frees the environments and their threads; every later call raises.
    fn close(&self) -> PyResult<()> {
        let fleet = locked(&self.inner, WHAT)?.take();
        if std::process::id() != self.process {
            // after a fork its threads do not exist in this process, so do not wait for them
            std::mem::forget(fleet);
        }
        Ok(())
    }
}
