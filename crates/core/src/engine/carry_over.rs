//! The state that a policy's decisions leave to later slots under `carry_over`.

use serde::{Deserialize, Serialize};

use super::decider::CostEvaluator;
use crate::slot::{Placement, Slot};

/// CPU held at RSUs and queues on vehicles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CarryOver {
    carry_over: bool,
    /// Tasks that hold CPU of RSUs.
    running: Vec<Running>,
    /// When the CPU of every vehicle is free \[s\].
    free_at_s: Vec<f64>,
    /// The same of the slot before, by its rows: of no use after [`load`](Self::load).
    #[serde(skip)]
    before: Vec<f64>,
}

/// A task that holds its CPU until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Running {
    rsu: u32,
    cpu_hz: f64,
    end_s: f64,
}

impl CarryOver {
    /// Empty. It stays empty without `carry_over`.
    pub(super) fn new(carry_over: bool) -> Self {
        Self {
            carry_over,
            ..Self::default()
        }
    }

    /// Becomes empty again and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.running.clear();
        self.free_at_s.clear();
        self.before.clear();
    }

    /// Goes on to the slot that starts at `now_s`, and shows the policy what earlier decisions still hold.
    pub(super) fn load(&mut self, now_s: f64, slot: &mut Slot, previous_row: &[Option<u32>]) {
        if self.carry_over {
            self.running.retain(|task| task.end_s > now_s);
            std::mem::swap(&mut self.before, &mut self.free_at_s);
            self.free_at_s.clear();
            self.free_at_s.extend(
                previous_row
                    .iter()
                    .map(|from| from.map_or(0.0, |v| self.before[v as usize])),
            );
        }
        self.show(now_s, slot);
    }

    /// Writes CPU held and local queues into `slot`.
    pub(super) fn show(&self, now_s: f64, slot: &mut Slot) {
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.rsus.releasing_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.fill(0.0);
        if !self.carry_over {
            return;
        }
        let next_s = now_s + slot.slot_s;
        for task in &self.running {
            slot.rsus.reserved_cpu_hz[task.rsu as usize] += task.cpu_hz;
            if task.end_s <= next_s {
                slot.rsus.releasing_cpu_hz[task.rsu as usize] += task.cpu_hz;
            }
        }
        for (wait_s, free_at_s) in slot.vehicles.local_wait_s.iter_mut().zip(&self.free_at_s) {
            *wait_s = (free_at_s - now_s).max(0.0);
        }
    }

    /// Whether this could be the state of a lane that has come to `slot` as `other` has.
    pub(super) fn suits(&self, other: &Self, slot: &Slot) -> bool {
        self.carry_over == other.carry_over
            && self.free_at_s.len()
                == if self.carry_over {
                    slot.vehicles.len()
                } else {
                    0
                }
            && self
                .running
                .iter()
                .all(|task| (task.rsu as usize) < slot.rsus.len())
    }

    /// Keeps what outlasts the slot.
    pub(super) fn save(
        &mut self,
        now_s: f64,
        slot: &Slot,
        placements: &[Placement],
        costs: &CostEvaluator,
    ) {
        if !self.carry_over {
            return;
        }
        for (task, outcome) in costs.outcomes().iter().enumerate() {
            let end_s = now_s + outcome.ready_s();
            match placements[task] {
                Placement::Local => {
                    let free_at_s = &mut self.free_at_s[slot.tasks.vehicle[task] as usize];
                    *free_at_s = free_at_s.max(end_s);
                }
                Placement::Rsu { execution, .. } => {
                    let interrupted_s = costs.interrupted_s(task);
                    if interrupted_s.is_finite() {
                        // its turn on the vehicle is kept from now on
                        let free_at_s = &mut self.free_at_s[slot.tasks.vehicle[task] as usize];
                        *free_at_s = free_at_s.max(end_s);
                    }
                    self.running.push(Running {
                        rsu: execution,
                        cpu_hz: costs.cpu_hz()[task],
                        end_s: end_s.min(interrupted_s),
                    });
                }
                Placement::Cloud { .. } => {}
            }
        }
    }
}
