//! Orders of a slot's tasks that do not depend on how they are numbered.

use super::Slot;

/// An order of all tasks, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Order {
    tasks: Vec<u32>,
    places: Places,
    /// Per task its place.
    place: Vec<u32>,
    /// The tasks at place p are `tasks[end[p - 1]..end[p]]`.
    end: Vec<u32>,
}

/// The order in which RSUs are visited: tile by tile of the map, so that what is near stays in the cache
/// however large the map is; within a tile by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Per RSU its place.
    of: Vec<u32>,
    /// Tile of every RSU, and the next free place of every tile.
    tile: Vec<u32>,
    next: Vec<u32>,
}

/// About as many RSUs in a tile: with the routes of all and their tasks they take half a megabyte.
const TILE: usize = 128;

impl Places {
    /// Finds the places of the RSUs of `slot`.
    pub(super) fn lay_out(&mut self, slot: &Slot) {
        let rsus = &slot.rsus;
        let side = (rsus.len() as f64 / TILE as f64).sqrt().ceil().max(1.0);
        let (columns, rows) = (Strips::new(&rsus.x_m, side), Strips::new(&rsus.y_m, side));
        let tile = |(&x, &y)| (rows.of(y) * side + columns.of(x)) as u32;
        self.tile.clear();
        self.tile.extend(rsus.x_m.iter().zip(&rsus.y_m).map(tile));
        self.next.clear();
        self.next.resize((side * side) as usize + 1, 0);
        for &tile in &self.tile {
            self.next[tile as usize + 1] += 1;
        }
        for t in 1..self.next.len() {
            self.next[t] += self.next[t - 1];
        }
        self.of.clear();
        self.of.extend(self.tile.iter().map(|&tile| {
            let place = self.next[tile as usize];
            self.next[tile as usize] += 1;
            place
        }));
    }

    /// The place of `task`: that of its nearest RSU, behind all of them where there is none.
    pub(super) fn of(&self, slot: &Slot, task: usize) -> usize {
        let nearest = slot.nearest_rsu(task) as usize;
        self.of.get(nearest).map_or(self.of.len(), |&p| p as usize)
    }
}

/// An axis of the map cut into strips of equal width.
struct Strips {
    begin_m: f64,
    per_m: f64,
    last: f64,
}

impl Strips {
    fn new(at_m: &[f64], count: f64) -> Self {
        let begin_m = at_m.iter().copied().fold(f64::INFINITY, f64::min);
        let end_m = at_m.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self {
            begin_m,
            per_m: count / (end_m - begin_m).max(1.0),
            last: count - 1.0,
        }
    }

    fn of(&self, at_m: f64) -> f64 {
        ((at_m - self.begin_m) * self.per_m)
            .floor()
            .clamp(0.0, self.last)
    }
}

impl Order {
    /// The tasks in order.
    #[must_use]
    pub fn tasks(&self) -> &[u32] {
        &self.tasks
    }

    /// Place by place: neighbours share routes, prices and cache lines. Ties by number. Sorted by
    /// counting, in time linear in tasks and RSUs.
    pub fn by_place(&mut self, slot: &Slot) {
        self.places.lay_out(slot);
        self.place.clear();
        self.place
            .extend((0..slot.tasks.len()).map(|task| self.places.of(slot, task) as u32));
        self.end.clear();
        self.end.resize(slot.rsus.len() + 2, 0);
        for &place in &self.place {
            self.end[place as usize + 1] += 1;
        }
        for m in 1..self.end.len() {
            self.end[m] += self.end[m - 1];
        }
        self.tasks.clear();
        self.tasks.resize(self.place.len(), 0);
        // Every place's begin moves on to its end.
        for (task, &place) in self.place.iter().enumerate() {
            let at = &mut self.end[place as usize];
            self.tasks[*at as usize] = task as u32;
            *at += 1;
        }
    }

    /// Place by place and large before small: the order in which tasks are improved.
    pub fn canonical(&mut self, slot: &Slot) {
        self.by_place(slot);
        let mut begin = 0;
        for &end in &self.end {
            self.tasks[begin..end as usize].sort_unstable_by(|&a, &b| larger(slot, a, b));
            begin = end as usize;
        }
    }

    /// Large before small wherever they are; ties as in the canonical order.
    pub fn by_size(&mut self, slot: &Slot) {
        self.by_place(slot);
        self.tasks.sort_unstable_by(|&a, &b| larger(slot, a, b));
    }
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
