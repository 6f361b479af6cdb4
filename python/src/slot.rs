//! The slot as policies written in Python see it.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::outlook::view::View;
use wayside_core::slot::sessions::{Down, SessionState};
use wayside_core::slot::{NamedSlot, Placement};

/// In place of an RSU: none.
pub(crate) const NONE: i64 = -1;
/// In place of the executing RSU: the cloud.
pub(crate) const CLOUD: i64 = -2;

/// Placements as rows `(entry, execution)`, one after the other.
pub(crate) fn rows(placements: &[Placement]) -> Vec<i64> {
    let row = |placement: &Placement| match *placement {
        Placement::Local => [NONE, NONE],
        Placement::Rsu { entry, execution } => [entry.into(), execution.into()],
        Placement::Cloud { entry } => [entry.into(), CLOUD],
    };
    placements.iter().flat_map(row).collect()
}

fn integers(py: Python<'_>, values: impl Iterator<Item = u32>) -> Bound<'_, PyArray1<i64>> {
    values.map(i64::from).collect::<Vec<_>>().into_pyarray(py)
}

/// One slot: everything a policy may know, in columns. V vehicles, N tasks, M RSUs; rows are counted from 0. It is a
/// copy and stays as it is when the run goes on.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Slot {
    slot: wayside_core::Slot,
    origin: Origin,
}

/// Where a slot comes from, if from a run or an environment.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    pub(crate) world: Option<Arc<World>>,
    pub(crate) seed: Option<u64>,
}

impl Slot {
    pub(crate) fn new(slot: wayside_core::Slot, origin: Origin) -> Self {
        Self { slot, origin }
    }

    pub(crate) fn slot(&self) -> &wayside_core::Slot {
        &self.slot
    }

    pub(crate) fn world(&self) -> Option<&Arc<World>> {
        self.origin.world.as_ref()
    }

    /// The slot with names for its rows, as a file has them.
    pub(crate) fn named(&self) -> NamedSlot {
        let ids = |count: usize| (0..count).map(|row| row.to_string()).collect();
        NamedSlot {
            task_ids: ids(self.slot.tasks.len()),
            vehicle_ids: ids(self.slot.vehicles.len()),
            slot: self.slot.clone(),
        }
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
        self.slot.now_s
    }

    /// Length of the slot [s].
    #[getter]
    fn slot_s(&self) -> f64 {
        self.slot.slot_s
    }

    /// Weight of delay against energy in the objective, between 0 and 1.
    #[getter]
    fn omega(&self) -> f64 {
        self.slot.omega
    }

    /// Bound tau of the load-balance metric (LBM), equation (10).
    #[getter]
    fn tau(&self) -> f64 {
        self.slot.tau
    }

    /// Seed of the run or episode; None for a slot from elsewhere.
    #[getter]
    fn seed(&self) -> Option<u64> {
        self.origin.seed
    }

    /// Time to the cloud and back [s]; None where there is no cloud.
    #[getter]
    fn cloud_round_trip_s(&self) -> Option<f64> {
        self.slot.cloud_round_trip_s
    }

    /// Directed links of the backhaul, L of them: int64 `from`, `to` (rows of RSUs); float64 `rate_bps`, `propagation_s`.
    #[getter]
    fn network<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let links = self.slot.network.links();
        let rate: Vec<f64> = links.iter().map(|link| link.rate_bps).collect();
        let flight: Vec<f64> = links.iter().map(|link| link.propagation_s).collect();
        let dict = columns(py, &[("rate_bps", &rate), ("propagation_s", &flight)])?;
        dict.set_item("from", integers(py, links.iter().map(|link| link.from)))?;
        dict.set_item("to", integers(py, links.iter().map(|link| link.to)))?;
        Ok(dict)
    }

    /// Cores and queues as they are; None where CPU is shared.
    #[getter]
    fn queues<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(queues) = &self.slot.queues else {
            return Ok(None);
        };
        let state = &queues.present;
        let wait = |at: &f64| (at - state.time_s).max(0.0);
        let cores: Vec<f64> = state.core_free_s.iter().map(wait).collect();
        let links: Vec<f64> = state.link_free_s.iter().map(wait).collect();
        let rsus = 0..self.slot.rsus.len() as u32;
        let of = |m: u32| &cores[queues.cores(m)];
        let first = |m: u32| of(m).iter().copied().fold(f64::INFINITY, f64::min);
        let wait: Vec<f64> = rsus.clone().map(first).collect();
        let busy = |m: u32| of(m).iter().filter(|wait| **wait > 0.0).count() as u32;
        let dict = columns(
            py,
            &[
                ("core_hz", &queues.core_hz),
                ("core_wait_s", &cores),
                ("wait_s", &wait),
                ("link_wait_s", &links),
            ],
        )?;
        let start = queues.core_start.iter().copied();
        dict.set_item("core_start", integers(py, start))?;
        dict.set_item("busy", integers(py, rsus.clone().map(busy)))?;
        let waiting = state.waiting.iter().copied();
        dict.set_item("waiting", integers(py, waiting))?;
        let up = rsus.map(|m| state.up.get(m as usize).is_none_or(|up| *up));
        let up: Vec<bool> = up.collect();
        dict.set_item("up", up.into_pyarray(py))?;
        Ok(Some(dict))
    }

    /// What the server of RSU `entry` may know of itself and of others, by the information that has reached it.
    fn seen_from<'py>(&self, py: Python<'py>, entry: u32) -> PyResult<Bound<'py, PyDict>> {
        let mut view = View::default();
        view.observe(&self.slot, u32::MAX);
        let found = view.sources.iter().position(|s| s.entry == entry);
        let Some(source) = found else {
            let message = format!(
                "entry: must be an RSU that is the nearest of some task's vehicle, got {entry}"
            );
            return Err(PyValueError::new_err(message));
        };
        let source = source as u32;
        let servers = view.own(source)..view.candidates(source).end;
        let seen = &view.servers[servers.clone()];
        let first = |server| {
            view.cores(server)
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min)
        };
        let idle = |server| {
            view.cores(server)
                .iter()
                .filter(|free| **free <= 0.0)
                .count() as u32
        };
        let wait: Vec<f64> = servers.clone().map(first).collect();
        let hz: Vec<f64> = seen.iter().map(|server| server.core_hz).collect();
        let time: Vec<f64> = seen.iter().map(|server| server.seconds_per_bit).collect();
        let links = self.slot.network.links().iter();
        let backlog = links.zip(view.backlog_bits(source));
        let backlog: Vec<f64> = backlog
            .map(|(link, bits)| link.transmission_s(*bits))
            .collect();
        let dict = columns(
            py,
            &[
                ("wait_s", &wait),
                ("core_hz", &hz),
                ("seconds_per_bit", &time),
                ("link_wait_s", &backlog),
            ],
        )?;
        dict.set_item("rsu", integers(py, seen.iter().map(|server| server.rsu)))?;
        dict.set_item("hops", integers(py, seen.iter().map(|server| server.hops)))?;
        dict.set_item("idle", integers(py, servers.clone().map(idle)))?;
        let cores = servers.map(|server| view.cores(server).len() as u32);
        dict.set_item("cores", integers(py, cores))?;
        Ok(dict)
    }

    /// Sessions that run, row by row the tasks, which are their batches; None where every task stands alone.
    #[getter]
    fn sessions<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(sessions) = &self.slot.sessions else {
            return Ok(None);
        };
        let row = |m: Option<u32>| m.map_or(NONE, i64::from);
        let state = || sessions.state.iter();
        let down = |s: &SessionState| {
            let of = |down: Down| f64::from(down.away) * self.slot.slot_s + down.wait_s;
            s.down.map_or(0.0, of)
        };
        let down: Vec<f64> = state().map(down).collect();
        let dict = columns(
            py,
            &[
                ("upload_s", &sessions.upload_s),
                ("interruption_s", &sessions.interruption_s),
                ("down_s", &down),
            ],
        )?;
        let id: Vec<i64> = sessions.id.iter().map(|id| *id as i64).collect();
        dict.set_item("id", id.into_pyarray(py))?;
        dict.set_item("left", integers(py, sessions.left.iter().copied()))?;
        let host: Vec<i64> = state().map(|s| row(s.host)).collect();
        dict.set_item("host", host.into_pyarray(py))?;
        let to: Vec<i64> = state().map(|s| row(s.moving.map(|(to, _)| to))).collect();
        dict.set_item("moving_to", to.into_pyarray(py))?;
        let slots = state().map(|s| s.moving.map_or(0, |(_, slots)| slots));
        dict.set_item("moving_slots", integers(py, slots))?;
        let speed = sessions.velocity_mps.iter().flatten().copied();
        let speed = PyArray1::from_iter(py, speed).reshape([sessions.id.len(), 2])?;
        dict.set_item("velocity_mps", speed)?;
        Ok(Some(dict))
    }

    /// Columns of the tasks, each of shape (N,): int64 `vehicle` (row); float64 `cycles`, `data_bits`, `deadline_s`, and
    /// `local_cost`, the cost of the task on its own vehicle.
    #[getter]
    fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tasks = &self.slot.tasks;
        let local: Vec<f64> = (0..tasks.len()).map(|t| self.slot.local_cost(t)).collect();
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
        let v = &self.slot.vehicles;
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
        let r = &self.slot.rsus;
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
        self.slot.rsus.id.to_vec()
    }

    /// Radio links of the vehicles. Links `start[v]` to `start[v + 1]` (exclusive) are those of vehicle `v`, nearest RSU first:
    /// int64 `start` of shape (V + 1,), and for each link int64 `rsu` (row) and float64 `seconds_per_bit`, the upload time of a bit
    /// over the whole band.
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let coverage = &self.slot.coverage;
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
        for m in 0..self.slot.rsus.len() as u32 {
            for target in self.slot.routes.targets(m) {
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
        let links = self.slot.network.links().iter();
        links
            .filter(|l| l.from < l.to)
            .map(|l| (l.from, l.to))
            .collect()
    }
}
