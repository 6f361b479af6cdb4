//! Orders of a slot's tasks that do not depend on how they are numbered.

use super::Slot;
use crate::ragged::Ragged;

/// An order of all tasks, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The tasks in order, place by place unless they are sorted by size.
    tasks: Ragged<u32>,
    /// Per task its nearest RSU; the number of RSUs where there is none.
    place: Vec<u32>,
    /// What decides between most tasks, beside each: scratch of [`by_size`](Self::by_size).
    sized: Vec<(i64, u32)>,
}

impl Order {
    /// The tasks in order.
    #[must_use]
    pub fn tasks(&self) -> &[u32] {
        self.tasks.values()
    }

    /// Place by place: neighbours share routes, prices and cache lines. Ties by number. The
    /// time is linear in tasks and RSUs.
    pub fn by_place(&mut self, slot: &Slot) {
        let rsus = slot.rsus.len() as u32;
        self.place.clear();
        self.place
            .extend((0..slot.tasks.len()).map(|task| slot.nearest_rsu(task).min(rsus)));
        let places = self.place.iter().map(|&place| place as usize);
        self.tasks.group(slot.rsus.len() + 1, places.zip(0..));
    }

    /// Place by place and large before small: the order in which tasks are improved.
    pub fn canonical(&mut self, slot: &Slot) {
        self.by_place(slot);
        for place in 0..self.tasks.len() {
            let tasks = self.tasks.range(place);
            self.tasks.values_mut()[tasks].sort_unstable_by(|&a, &b| larger(slot, a, b));
        }
    }

    /// Large before small wherever they are; ties as in the canonical order.
    pub fn by_size(&mut self, slot: &Slot) {
        let cycles = slot.tasks.cycles.iter();
        self.sized.clear();
        self.sized.extend(
            cycles
                .zip(0..)
                .map(|(&cycles, task)| (!ordered(cycles), task)),
        );
        self.sized
            .sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| larger(slot, a.1, b.1)));
        self.tasks.clear();
        self.tasks
            .push_row(self.sized.iter().map(|&(_, task)| task));
    }
}

/// A whole number in the order of [`f64::total_cmp`].
#[inline]
pub(crate) fn ordered(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// By cycles, then data, then position, and only at last by number.
pub(super) fn larger(slot: &Slot, a: u32, b: u32) -> std::cmp::Ordering {
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

#[cfg(test)]
mod tests {
    use super::ordered;

    #[test]
    fn oracle_whole_numbers_are_ordered_as_total_cmp() {
        let numbers = [
            f64::NEG_INFINITY,
            -2.5,
            -1e-300,
            -0.0,
            0.0,
            1e-300,
            3e8,
            3.000_000_1e8,
            f64::INFINITY,
            f64::NAN,
        ];
        for a in numbers {
            for b in numbers {
                assert_eq!(ordered(a).cmp(&ordered(b)), a.total_cmp(&b), "{a} {b}");
            }
        }
    }
}
