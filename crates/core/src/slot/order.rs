//! Orders of a slot's tasks that do not depend on how they are numbered.

use super::Slot;

/// An order of all tasks, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Order {
    tasks: Vec<u32>,
    /// Nearest RSU and task in one number: sorting these touches no other memory.
    keys: Vec<u64>,
}

impl Order {
    /// The tasks in order.
    #[must_use]
    pub fn tasks(&self) -> &[u32] {
        &self.tasks
    }

    /// Place by place: neighbours share routes, prices and cache lines. Ties by number.
    pub fn by_place(&mut self, slot: &Slot) {
        self.keys.clear();
        self.keys.extend(
            (0..slot.tasks.len()).map(|task| u64::from(slot.nearest_rsu(task)) << 32 | task as u64),
        );
        self.keys.sort_unstable();
        self.tasks.clear();
        self.tasks.extend(self.keys.iter().map(|&key| key as u32));
    }

    /// Place by place and large before small: the order in which tasks are improved.
    pub fn canonical(&mut self, slot: &Slot) {
        self.by_place(slot);
        let place = |key: &u64| key >> 32;
        let mut begin = 0;
        for here in self.keys.chunk_by(|a, b| place(a) == place(b)) {
            self.tasks[begin..begin + here.len()].sort_unstable_by(|&a, &b| larger(slot, a, b));
            begin += here.len();
        }
    }

    /// Large before small wherever they are; ties as in the canonical order.
    pub fn by_size(&mut self, slot: &Slot) {
        self.by_place(slot);
        self.tasks.sort_unstable_by(|&a, &b| larger(slot, a, b));
    }
}

/// By cycles, then data, then position, and only at last by number.
fn larger(slot: &Slot, a: u32, b: u32) -> std::cmp::Ordering {
    let (i, j) = (a as usize, b as usize);
    let tasks = &slot.tasks;
    let at = |column: &[f64], task: usize| column[tasks.vehicle[task] as usize];
    tasks.cycles[j]
        .total_cmp(&tasks.cycles[i])
        .then(tasks.data_bits[j].total_cmp(&tasks.data_bits[i]))
        .then(at(&slot.vehicles.x_m, i).total_cmp(&at(&slot.vehicles.x_m, j)))
        .then(at(&slot.vehicles.y_m, i).total_cmp(&at(&slot.vehicles.y_m, j)))
        .then(a.cmp(&b))
}
