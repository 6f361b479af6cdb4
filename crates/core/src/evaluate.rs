//! What a decision costs: delay and energy of every task, part by part.

use crate::model::{compute, objective, transfer};
use crate::parallel;
use crate::queueing::Travel;
use crate::slot::{Placement, Slot};

/// Delay and energy of one task, parts kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Upload delay (6) \[s\].
    pub upload_s: f64,
    /// Migration delay (2): transmission over the links of the path \[s\].
    pub migration_s: f64,
    /// Time of flight over the path, or to the cloud and back \[s\].
    pub propagation_s: f64,
    /// Time queued: on the vehicle's CPU, or on backhaul links \[s\].
    pub wait_s: f64,
    /// Execution delay (4), (7) \[s\].
    pub compute_s: f64,
    /// Upload energy e_tra \[J\].
    pub upload_j: f64,
    /// Migration energy (3) \[J\].
    pub migration_j: f64,
    /// Execution energy (5), e_edge \[J\].
    pub compute_j: f64,
    /// What the return of the result adds to the delay, where results are returned \[s\].
    pub return_s: f64,
    /// Energy of that return \[J\].
    pub return_j: f64,
    /// Hops between entry and execution RSU.
    pub hops: u32,
}

impl Outcome {
    /// Delay until the task is computed \[s\].
    #[must_use]
    #[inline]
    pub fn ready_s(&self) -> f64 {
        self.upload_s + self.migration_s + self.propagation_s + self.wait_s + self.compute_s
    }

    /// Whole delay \[s\].
    #[must_use]
    #[inline]
    pub fn delay_s(&self) -> f64 {
        self.ready_s() + self.return_s
    }

    /// Whole energy \[J\].
    #[must_use]
    #[inline]
    pub fn energy_j(&self) -> f64 {
        self.upload_j + self.migration_j + self.compute_j + self.return_j
    }

    /// Its share of J (15).
    #[must_use]
    #[inline]
    pub fn cost(&self, omega: f64) -> f64 {
        objective(omega, self.delay_s(), self.energy_j())
    }
}

/// Evaluates decisions, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Evaluator {
    entering: Vec<f64>,
}

impl Evaluator {
    /// The outcome of every task under `placements` with CPU shares `cpu_hz`.
    ///
    /// # Panics
    /// If a placement enters by an RSU that does not cover the vehicle, or has no route: a bug of the
    /// policy, which the engine rules out before.
    pub fn outcomes(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        cpu_hz: &[f64],
        out: &mut Vec<Outcome>,
    ) {
        self.entering.clear();
        self.entering.resize(slot.rsus.len(), 0.0);
        for placement in placements {
            if let Some(entry) = placement.entry() {
                self.entering[entry as usize] += 1.0;
            }
        }
        let entering = self.entering.as_slice();
        parallel::fill(out, placements.len(), |task| match placements[task] {
            Placement::Local => local(slot, task),
            Placement::Rsu { entry, execution } => {
                let entering = entering[entry as usize];
                offloaded(slot, task, entry, execution, entering, cpu_hz[task])
            }
            Placement::Cloud { entry } => clouded(slot, task, entry, entering[entry as usize]),
        });
    }
}

/// The outcome of a task that has only been uploaded to `entry`, with the band to itself.
pub(crate) fn uploaded_alone(slot: &Slot, task: usize, entry: u32) -> Outcome {
    uploaded(slot, task, entry, 1.0)
}

/// The outcome of a task that goes to the cloud, with the band to itself.
pub(crate) fn clouded_alone(slot: &Slot, task: usize, entry: u32) -> Outcome {
    clouded(slot, task, entry, 1.0)
}

/// The outcome of an uploaded task that travelled to a core of speed `core_hz` with `energy_coeff`.
///
/// Energies are those of system 1: (3) for its transmissions, e_edge = kappa C f^2 on the core.
pub(crate) fn travelled(
    uploaded: Outcome,
    travel: &Travel,
    migration_power_w: f64,
    cycles: f64,
    core_hz: f64,
    energy_coeff: f64,
) -> Outcome {
    Outcome {
        migration_s: travel.transmission_s,
        propagation_s: travel.propagation_s,
        wait_s: travel.wait_s,
        compute_s: travel.compute_s,
        migration_j: transfer::migration_energy_j(
            travel.hops,
            migration_power_w,
            travel.transmission_s,
        ),
        compute_j: compute::energy_j(energy_coeff, cycles, core_hz),
        hops: travel.hops,
        ..uploaded
    }
}

/// The outcome of a batch that a session's host serves: uploaded in `upload_s` and delayed by `wait_s`.
pub(crate) fn served(
    slot: &Slot,
    task: usize,
    (entry, host): (u32, u32),
    (upload_s, wait_s): (f64, f64),
    cpu_hz: f64,
) -> Outcome {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let uploaded = Outcome {
        upload_s,
        upload_j: transfer::upload_energy_j(slot.vehicles.tx_power_w[vehicle], upload_s),
        ..Outcome::default()
    };
    let mut outcome = executed(slot, task, (entry, host), uploaded, cpu_hz);
    outcome.wait_s += wait_s;
    outcome
}

pub(crate) fn local(slot: &Slot, task: usize) -> Outcome {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let (cycles, cpu_hz) = (slot.tasks.cycles[task], slot.vehicles.cpu_hz[vehicle]);
    Outcome {
        wait_s: slot.vehicles.local_wait_s[vehicle],
        compute_s: compute::delay_s(cycles, cpu_hz),
        compute_j: compute::energy_j(slot.vehicles.energy_coeff[vehicle], cycles, cpu_hz),
        ..Outcome::default()
    }
}

/// The outcome of a task whose server fails `after_s` after the task arose: it runs on its vehicle then, once that is free of what
/// it has now. What it took until then is lost, and paid.
pub(crate) fn interrupted(slot: &Slot, task: usize, outcome: &Outcome, after_s: f64) -> Outcome {
    let at_home = local(slot, task);
    let upload_s = outcome.upload_s.min(after_s);
    let migration_s = outcome.migration_s.min(after_s - upload_s);
    let begun_s = outcome.ready_s() - outcome.compute_s;
    let share = ((after_s - begun_s).max(0.0) / outcome.compute_s).min(1.0);
    let ready_s = after_s.max(at_home.wait_s);
    Outcome {
        upload_s,
        migration_s,
        wait_s: ready_s - upload_s - migration_s,
        compute_s: at_home.compute_s,
        compute_j: at_home.compute_j + share * outcome.compute_j,
        ..*outcome
    }
}

/// The upload of `task` to the RSU `entry`, shared with `entering - 1` other tasks.
fn uploaded(slot: &Slot, task: usize, entry: u32, entering: f64) -> Outcome {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let link = slot
        .coverage
        .of(vehicle)
        .iter()
        .find(|link| link.rsu == entry)
        .expect("the entry RSU covers the vehicle");
    let upload_s = transfer::upload_s(slot.tasks.data_bits[task], link.seconds_per_bit, entering);
    Outcome {
        upload_s,
        upload_j: transfer::upload_energy_j(slot.vehicles.tx_power_w[vehicle], upload_s),
        ..Outcome::default()
    }
}

/// The cloud's own time and energy are not part of the model, only the way there and back.
fn clouded(slot: &Slot, task: usize, entry: u32, entering: f64) -> Outcome {
    let round_trip_s = slot.cloud_round_trip_s.expect("the scenario has a cloud");
    Outcome {
        propagation_s: round_trip_s,
        ..uploaded(slot, task, entry, entering)
    }
}

fn offloaded(
    slot: &Slot,
    task: usize,
    entry: u32,
    execution: u32,
    entering: f64,
    cpu_hz: f64,
) -> Outcome {
    let uploaded = uploaded(slot, task, entry, entering);
    executed(slot, task, (entry, execution), uploaded, cpu_hz)
}

/// Adds the way over the backhaul and the execution to the outcome of the upload.
fn executed(
    slot: &Slot,
    task: usize,
    (entry, execution): (u32, u32),
    uploaded: Outcome,
    cpu_hz: f64,
) -> Outcome {
    let (cycles, data_bits) = (slot.tasks.cycles[task], slot.tasks.data_bits[task]);
    let mut outcome = Outcome {
        compute_s: compute::delay_s(cycles, cpu_hz),
        compute_j: compute::energy_j(slot.rsus.energy_coeff[execution as usize], cycles, cpu_hz),
        ..uploaded
    };
    if entry != execution {
        let target = slot
            .routes
            .find(entry, execution)
            .expect("a route leads from the entry to the execution RSU");
        outcome.hops = target.hops;
        outcome.wait_s = target.wait_s;
        outcome.migration_s = transfer::migration_s(data_bits, target.seconds_per_bit);
        outcome.migration_j =
            transfer::migration_energy_j(target.hops, slot.migration_power_w, outcome.migration_s);
    }
    outcome
}
