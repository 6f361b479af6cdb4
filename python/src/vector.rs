//! Several environments, stepped side by side without the GIL.

use crate::frame::Frame;
use crate::framed::{FIGURES, Framed, Options};
use crate::scenario::Scenario;
use crate::{closed, locked};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    /// Threads beside the calling one; none where there is one for all.
    helpers: Option<rayon::ThreadPool>,
    /// How long the last work on all of them took.
    took: Duration,
}

/// Waking another thread, and waiting for it, costs as much: work that takes less is done alone.
const WAKING: Duration = Duration::from_micros(40);

impl Fleet {
    /// Works on all members, by the calling thread and its helpers: each takes the next one that is left. Steps that decide one task
    /// take microseconds, and a hundred times as long where a slot ends. So where the last work was short the calling thread begins alone, and
    /// wakes its helpers once this one is long.
    fn each(&mut self, work: impl Fn(usize, &mut Member) -> PyResult<()> + Sync) -> PyResult<()> {
        let begun = Instant::now();
        let rest = Mutex::new(self.members.iter_mut().enumerate());
        let failed = Mutex::new(None);
        let take = |for_now: bool| {
            while !for_now || begun.elapsed() < WAKING {
                let next = rest.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((i, member)) = next else {
                    break;
                };
                if let Err(error) = work(i, member) {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert(error);
                }
            }
        };
        if self.took < WAKING {
            take(true);
        }
        let is_left = rest.lock().unwrap_or_else(PoisonError::into_inner).len() > 0;
        match &self.helpers {
            Some(helpers) if is_left => helpers.in_place_scope(|scope| {
                for _ in 0..helpers.current_num_threads() {
                    scope.spawn(|_| take(false));
                }
                take(false);
            }),
            _ => take(false),
        }
        self.took = begun.elapsed();
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)
    }
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
        plan_slots: Option<usize>,
    ) -> PyResult<Self> {
        if count == 0 {
            return Err(PyValueError::new_err("num_envs: must be > 0, got 0"));
        }
        let world = scenario.world()?;
        let frame = Arc::new(Frame::new(&world, form, vehicles, plan_slots)?);
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let helpers = match threads {
            0 => cores,
            threads => threads,
        };
        let helpers = helpers.min(count) - 1;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(helpers);
        let helpers = (helpers > 0).then(|| pool.build()).transpose();
        let helpers = helpers.map_err(|e| PyRuntimeError::new_err(format!("threads: {e}")))?;
        Ok(Self {
            frame,
            same_step,
            process: std::process::id(),
            inner: Mutex::new(Some(Fleet {
                members,
                helpers,
                took: Duration::ZERO,
            })),
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
            let count = fleet.members.len();
            for (what, length) in [("seed", seeds.len()), ("reset_mask", chosen.len())] {
                if length != count {
                    let message = format!("{what}: must hold {count}, got {length}");
                    return Err(PyValueError::new_err(message));
                }
            }
            py.detach(|| {
                fleet.each(|i, member| {
                    if !chosen[i] {
                        return Ok(());
                    }
                    member.over = false;
                    member.stepped = Stepped::default();
                    member.framed.reset(seeds[i], None)
                })
            })
        })
    }

    /// Takes the actions of all environments, one after the other. An episode that is over starts anew.
    fn step(&self, py: Python<'_>, actions: PyReadonlyArray1<'_, i64>) -> PyResult<()> {
        let actions = actions.as_slice()?;
        let heads = self.frame.nvec.len();
        self.with(|fleet| {
            let members = &mut fleet.members;
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
            py.detach(|| fleet.each(|_, member| member.step(self.same_step)))
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
