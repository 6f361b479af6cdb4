//! What a policy's decisions leave behind for the next slots under `carry_over`.

use super::decider::Settler;
use crate::decision::Placement;
use crate::slot::Slot;

/// CPU held at RSUs and queues on vehicles.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    carry_over: bool,
    /// Tasks that hold CPU of RSUs.
    running: Vec<Running>,
    /// When the CPU of every vehicle is free \[s\].
    free_at_s: Vec<f64>,
    /// The same of the slot before, by its rows.
    before: Vec<f64>,
}

/// A task that holds its CPU until it ends.
#[derive(Clone, Copy, Debug)]
struct Running {
    rsu: u32,
    cpu_hz: f64,
    end_s: f64,
}

impl Carried {
    /// Nothing yet; and nothing ever without `carry_over`.
    pub(super) fn new(carry_over: bool) -> Self {
        Self {
            carry_over,
            ..Self::default()
        }
    }

    /// Shows the policy what earlier decisions still hold.
    pub(super) fn load(&mut self, now_s: f64, slot: &mut Slot, came_from: &[Option<u32>]) {
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.fill(0.0);
        if !self.carry_over {
            return;
        }
        self.running.retain(|task| task.end_s > now_s);
        for task in &self.running {
            slot.rsus.reserved_cpu_hz[task.rsu as usize] += task.cpu_hz;
        }
        std::mem::swap(&mut self.before, &mut self.free_at_s);
        self.free_at_s.clear();
        self.free_at_s.extend(
            came_from
                .iter()
                .map(|from| from.map_or(0.0, |v| self.before[v as usize])),
        );
        for (wait_s, free_at_s) in slot.vehicles.local_wait_s.iter_mut().zip(&self.free_at_s) {
            *wait_s = (free_at_s - now_s).max(0.0);
        }
    }

    /// Keeps what outlasts the slot.
    pub(super) fn save(
        &mut self,
        now_s: f64,
        slot: &Slot,
        placements: &[Placement],
        settled: &Settler,
    ) {
        if !self.carry_over {
            return;
        }
        for (task, outcome) in settled.outcomes().iter().enumerate() {
            let end_s = now_s + outcome.delay_s();
            match placements[task] {
                Placement::Local => {
                    let free_at_s = &mut self.free_at_s[slot.tasks.vehicle[task] as usize];
                    *free_at_s = free_at_s.max(end_s);
                }
                Placement::Rsu { execution, .. } => {
                    self.running.push(Running {
                        rsu: execution,
                        cpu_hz: settled.cpu_hz()[task],
                        end_s,
                    });
                }
                Placement::Cloud { .. } => {}
            }
        }
    }
}
