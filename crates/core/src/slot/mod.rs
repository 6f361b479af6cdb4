//! The slot: everything a policy may know when it decides, laid out for speed.
//!
//! Structure of arrays, dense ids. The engine fills one and reuses its memory; `decide` reads the same
//! from JSON; learned policies observe it. Nothing here says what a policy should do.

mod costs;
mod decision;
mod json;
pub mod order;
pub mod queues;
pub mod sessions;
pub mod table;

pub use decision::{Decision, Paths, Placement};
pub use json::{NamedSlot, schema};

use crate::backhaul::Routes;
use crate::backhaul::network::Network;
use queues::Queues;
use sessions::Sessions;
use std::sync::Arc;

/// One slot's problem.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The instant of the decision, from the start of the run \[s\].
    pub now_s: f64,
    /// Length of the slot \[s\].
    pub slot_s: f64,
    /// Whether tasks that outlast the slot hold their CPU in later ones.
    pub carry_over: bool,
    /// Weight of delay against energy, omega in (15).
    pub omega: f64,
    /// Whether (16e) binds the CPU allocation.
    pub enforce_balance: bool,
    /// Bound of the LBM in this slot, tau = max(delta + phi(t), tau_min) of (10).
    pub tau: f64,
    /// Power p_optical of a fibre interface in (3) \[W\].
    pub migration_power_w: f64,
    /// The RSUs.
    pub rsus: Rsus,
    /// Shortest paths of the backhaul.
    pub routes: Arc<Routes>,
    /// The backhaul's links.
    pub network: Arc<Network>,
    /// Cores and queues, where execution is queued for; `None` where CPU is shared.
    pub queues: Option<Queues>,
    /// Sessions that run, whose batches are the tasks; `None` where every task stands alone.
    pub sessions: Option<Sessions>,
    /// Time to the cloud and back \[s\], where there is one.
    pub cloud_round_trip_s: Option<f64>,
    /// The vehicles present.
    pub vehicles: Vehicles,
    /// Who covers whom.
    pub coverage: Coverage,
    /// The tasks to place.
    pub tasks: Tasks,
}

impl Slot {
    /// Takes over all that changes from slot to slot of a run without queues or sessions, keeping its memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.now_s = other.now_s;
        self.tau = other.tau;
        let copied = [
            (&mut self.rsus.reserved_cpu_hz, &other.rsus.reserved_cpu_hz),
            (
                &mut self.rsus.releasing_cpu_hz,
                &other.rsus.releasing_cpu_hz,
            ),
            (&mut self.tasks.cycles, &other.tasks.cycles),
            (&mut self.tasks.data_bits, &other.tasks.data_bits),
            (&mut self.tasks.deadline_s, &other.tasks.deadline_s),
        ];
        for (column, from) in copied {
            column.clone_from(from);
        }
        self.vehicles.copy_from(&other.vehicles);
        self.coverage.start.clone_from(&other.coverage.start);
        self.coverage.links.clone_from(&other.coverage.links);
        self.tasks.vehicle.clone_from(&other.tasks.vehicle);
    }
}

/// Free share of an RSU's CPU below which it accepts no task.
pub const LEAST_FREE_SHARE: f64 = 1e-3;

/// Columns of the RSUs; a row is an RSU in everything else.
#[derive(Clone, Debug, Default)]
pub struct Rsus {
    /// Names.
    pub id: Arc<[String]>,
    /// Position \[m\].
    pub x_m: Vec<f64>,
    /// Position \[m\].
    pub y_m: Vec<f64>,
    /// Radio range R_m \[m\].
    pub range_m: Vec<f64>,
    /// Bandwidth B_m \[Hz\].
    pub bandwidth_hz: Vec<f64>,
    /// CPU F_m \[Hz\].
    pub cpu_hz: Vec<f64>,
    /// kappa_m \[J s^2/cycle^3\].
    pub energy_coeff: Vec<f64>,
    /// CPU held by tasks of earlier slots \[Hz\].
    pub reserved_cpu_hz: Vec<f64>,
    /// Of that, what is free again when the next slot starts \[Hz\].
    pub releasing_cpu_hz: Vec<f64>,
    /// Whether the server works, where tasks share CPU and parts fail; otherwise empty. A server that does not has no coverage and
    /// no routes in the slot.
    pub up: Vec<bool>,
}

impl Rsus {
    /// Number M of RSUs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x_m.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x_m.is_empty()
    }

    /// Whether the server of RSU `m` works.
    #[must_use]
    pub fn is_up(&self, m: usize) -> bool {
        self.up.get(m).is_none_or(|up| *up)
    }

    /// CPU of RSU `m` that may be granted in this slot \[Hz\], never negative.
    ///
    /// Less than [`LEAST_FREE_SHARE`] of its capacity counts as none: a task granted next to nothing
    /// would run for hours and hold it, and rounding leaves such remainders.
    #[must_use]
    pub fn available_cpu_hz(&self, m: usize) -> f64 {
        let free_hz = self.cpu_hz[m] - self.reserved_cpu_hz[m];
        if free_hz < LEAST_FREE_SHARE * self.cpu_hz[m] {
            0.0
        } else {
            free_hz
        }
    }
}

/// Columns of the vehicles present.
#[derive(Clone, Debug, Default)]
pub struct Vehicles {
    /// Number of every vehicle in its run, which stays the same from slot to slot; empty in a slot from elsewhere.
    pub key: Vec<u64>,
    /// Position \[m\].
    pub x_m: Vec<f64>,
    /// Position \[m\].
    pub y_m: Vec<f64>,
    /// Transmit power p_n \[W\].
    pub tx_power_w: Vec<f64>,
    /// CPU f_n \[Hz\].
    pub cpu_hz: Vec<f64>,
    /// kappa_n \[J s^2/cycle^3\].
    pub energy_coeff: Vec<f64>,
    /// Time until the vehicle's own CPU is free of earlier tasks \[s\].
    pub local_wait_s: Vec<f64>,
}

impl Vehicles {
    /// Takes over all of them, keeping its memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let copied = [
            (&mut self.x_m, &other.x_m),
            (&mut self.y_m, &other.y_m),
            (&mut self.tx_power_w, &other.tx_power_w),
            (&mut self.cpu_hz, &other.cpu_hz),
            (&mut self.energy_coeff, &other.energy_coeff),
            (&mut self.local_wait_s, &other.local_wait_s),
        ];
        for (column, from) in copied {
            column.clone_from(from);
        }
        self.key.clone_from(&other.key);
    }

    /// Number of vehicles present.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x_m.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x_m.is_empty()
    }
}

/// For every vehicle the RSUs that cover it, nearest first.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// `links[start[v]..start[v + 1]]` are the links of vehicle `v`.
    pub start: Vec<u32>,
    /// All links.
    pub links: Vec<RadioLink>,
}

/// A vehicle in range of an RSU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RadioLink {
    /// The RSU's row.
    pub rsu: u32,
    /// Upload time of one bit over the RSU's whole band, 1 / (B_m log2(1 + SNR)) \[s/bit\].
    pub seconds_per_bit: f64,
}

impl Coverage {
    /// The links of vehicle `v`, nearest RSU first.
    #[must_use]
    pub fn of(&self, v: usize) -> &[RadioLink] {
        &self.links[self.start[v] as usize..self.start[v + 1] as usize]
    }

    /// Removes the links with RSUs that `keeps` does not let stay.
    pub(crate) fn retain(&mut self, keeps: impl Fn(u32) -> bool) {
        let (mut from, mut kept) = (0, 0);
        for end in self.start.iter_mut().skip(1) {
            let to = std::mem::replace(end, 0) as usize;
            for link in from..to {
                if keeps(self.links[link].rsu) {
                    self.links[kept] = self.links[link];
                    kept += 1;
                }
            }
            from = to;
            *end = kept as u32;
        }
        self.links.truncate(kept);
    }
}

/// Columns of the tasks.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    /// Row of the task's vehicle.
    pub vehicle: Vec<u32>,
    /// Cycles C_n.
    pub cycles: Vec<f64>,
    /// Data D_n \[bit\].
    pub data_bits: Vec<f64>,
    /// Deadline T_n^max \[s\].
    pub deadline_s: Vec<f64>,
}

impl Tasks {
    /// Number of tasks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vehicle.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vehicle.is_empty()
    }

    /// Removes all and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.vehicle.clear();
        self.cycles.clear();
        self.data_bits.clear();
        self.deadline_s.clear();
    }
}
