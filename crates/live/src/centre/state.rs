//! The state as clients see it.

use super::Centre;
use super::records::{Present, Reported};
use super::task_id;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wayside_core::backhaul::Edge;
use wayside_core::model::load;
use wayside_study::decision::Mode;

/// A snapshot of the centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// The instant, in seconds from 1970 on.
    pub time_s: f64,
    /// Name of the scenario.
    pub scenario: String,
    /// Tasks that wait for a decision.
    pub waiting: usize,
    /// LBM (9) of the CPU held; null where tasks queue for cores.
    pub lbm: Option<f64>,
    /// Vehicles that are present.
    pub vehicles: Vec<VehicleState>,
    /// The RSUs.
    pub rsus: Vec<RsuState>,
    /// The links of the backhaul.
    pub links: Vec<LinkState>,
    /// Tasks without an outcome, in the order of their ids.
    pub tasks: Vec<TaskState>,
}

/// A vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VehicleState {
    /// Its id.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Speed \[m/s\], where known.
    pub speed_mps: Option<f64>,
    /// When it is gone, if it says nothing, in seconds from 1970 on.
    pub gone_s: f64,
}

/// An RSU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RsuState {
    /// Its id.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Its CPU \[Hz\].
    pub cpu_hz: f64,
    /// CPU that tasks hold, as the centre reckons \[Hz\].
    pub held_cpu_hz: f64,
    /// The share of its CPU that tasks hold.
    pub load: f64,
    /// CPU that its agent reports as free \[Hz\].
    pub free_cpu_hz: Option<f64>,
    /// Tasks that its agent reports as waiting.
    pub queue: Option<f64>,
    /// When its agent reported, in seconds from 1970 on.
    pub reported_s: Option<f64>,
}

/// A link of the backhaul, the same in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LinkState {
    /// Id of the RSU at one end.
    pub a: String,
    /// Id of the RSU at the other end.
    pub b: String,
    /// Rate \[bit/s\].
    pub rate_bps: f64,
}

/// A task without an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskState {
    /// Its id.
    pub id: String,
    /// Id of its vehicle.
    pub vehicle: String,
    /// Where it runs.
    pub mode: Mode,
    /// The RSU that executes it, where one does.
    pub execution: Option<String>,
    /// CPU that it gets \[Hz\].
    pub cpu_hz: f64,
    /// Its predicted end, in seconds from 1970 on.
    pub end_s: f64,
    /// When its lease ends, in seconds from 1970 on.
    pub lease_end_s: f64,
}

impl Centre {
    /// A snapshot.
    pub(crate) fn state(&self, now_s: f64) -> State {
        let world = &self.site.world;
        let rsus: Vec<_> = (0..world.rsus.len())
            .map(|row| self.rsu_state(now_s, row))
            .collect();
        let shared = world.queues.is_none();
        let vehicle = |(id, Present { vehicle, gone_s }): (&String, &Present)| VehicleState {
            id: id.clone(),
            x_m: vehicle.x_m,
            y_m: vehicle.y_m,
            speed_mps: vehicle.traits.speed_mps,
            gone_s: *gone_s,
        };
        let id = |row: u32| world.rsus.id[row as usize].clone();
        let link = |edge: &Edge| LinkState {
            a: id(edge.a),
            b: id(edge.b),
            rate_bps: edge.rate_bps,
        };
        let tasks = self.open.iter().map(|(&number, open)| TaskState {
            id: task_id(number),
            vehicle: open.task.vehicle.clone(),
            mode: open.placement.mode,
            execution: open.placement.execution.clone(),
            cpu_hz: open.placement.cpu_hz,
            end_s: open.end_s,
            lease_end_s: open.lease_end_s,
        });
        State {
            time_s: now_s,
            scenario: world.scenario.name.clone(),
            waiting: self.waiting_tasks,
            lbm: shared.then(|| load::lbm(rsus.iter().map(|rsu| rsu.load))),
            vehicles: self.vehicles.iter().map(vehicle).collect(),
            rsus,
            links: world.links.iter().map(link).collect(),
            tasks: tasks.collect(),
        }
    }

    fn rsu_state(&self, now_s: f64, row: usize) -> RsuState {
        let rsus = &self.site.world.rsus;
        let held_cpu_hz = self.servers.held_hz(&self.site, row, now_s);
        let reported: Option<&Reported> = self.reports.get(&rsus.id[row]);
        RsuState {
            id: rsus.id[row].clone(),
            x_m: rsus.x_m[row],
            y_m: rsus.y_m[row],
            cpu_hz: rsus.cpu_hz[row],
            held_cpu_hz,
            load: held_cpu_hz / rsus.cpu_hz[row],
            free_cpu_hz: reported.and_then(|r| r.report.free_cpu_hz),
            queue: reported.and_then(|r| r.report.queue),
            reported_s: reported.map(|r| r.at_s),
        }
    }

    /// Vehicles, tasks without an outcome, tasks that wait: their numbers.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.vehicles.len(), self.open.len(), self.waiting_tasks]
    }
}
