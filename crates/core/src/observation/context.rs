//! What is true of the whole slot: the critic's view, and part of every row.

use super::Scales;
use super::features::{cut, share, squash};
use crate::slot::Slot;

/// Features that stand still while a slot is decided.
pub(super) const STILL: usize = 12;

/// What to expect of every RSU, and of the slot as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    /// Per RSU the tasks nearest to it.
    pub(super) tasks: Vec<u32>,
    /// Per RSU: demand of these tasks, share of CPU free, share held beyond this slot.
    pub(super) rsus: Vec<[f32; 3]>,
    pub(super) still: [f32; STILL],
}

impl Crowd {
    pub(super) fn fill(&mut self, slot: &Slot, scales: &Scales) {
        let rsus = &slot.rsus;
        self.tasks.clear();
        self.tasks.resize(rsus.len(), 0);
        let mut uncovered = 0;
        for task in 0..slot.tasks.len() {
            match slot.links(task).first() {
                Some(link) => self.tasks[link.rsu as usize] += 1,
                None => uncovered += 1,
            }
        }
        // The share that ends a mean task within the mean deadline: what a task roughly wants.
        let wanted_hz = scales.cycles / scales.deadline_s.min(slot.slot_s);
        self.rsus.clear();
        let (mut capacity, mut free, mut next, mut least) = (0.0, 0.0, 0.0, 1.0f64);
        let mut most = 0.0f64;
        for m in 0..rsus.len() {
            let (cpu_hz, free_hz) = (rsus.cpu_hz[m], rsus.available_cpu_hz(m));
            let beyond_hz = rsus.reserved_cpu_hz[m] - rsus.releasing_cpu_hz[m];
            let demand = f64::from(self.tasks[m]) * wanted_hz / cpu_hz;
            self.rsus.push([
                squash(demand),
                share(free_hz / cpu_hz),
                share(beyond_hz / cpu_hz),
            ]);
            capacity += cpu_hz;
            free += free_hz;
            next += cpu_hz - beyond_hz;
            least = least.min(free_hz / cpu_hz);
            most = most.max(demand);
        }
        let tasks = slot.tasks.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / (values.len() as f64).max(1.0);
        let waiting = slot.vehicles.local_wait_s.iter();
        let waiting = waiting.filter(|wait_s| **wait_s > 0.0).count() as f64;
        self.still = [
            squash(tasks / (10.0 * rsus.len() as f64)),
            cut(mean(&slot.tasks.cycles) / scales.cycles - 1.0),
            cut(mean(&slot.tasks.data_bits) / scales.data_bits - 1.0),
            share(free / capacity),
            share(next / capacity),
            share(least),
            squash(tasks * wanted_hz / capacity),
            squash(most),
            squash(mean(&slot.vehicles.local_wait_s) / slot.slot_s),
            share(waiting / (slot.vehicles.len() as f64).max(1.0)),
            share(f64::from(uncovered) / tasks.max(1.0)),
            squash(slot.slot_s / scales.deadline_s),
        ];
    }
}
