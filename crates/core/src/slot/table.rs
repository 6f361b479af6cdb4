//! Constants of a slot's tasks for the search of placements, side by side in memory.

use super::{RadioLink, Slot, order};
use crate::parallel;
use std::cmp::Ordering;

/// Constants of all tasks of a slot, filled in an order of the caller's: neighbours in it share cache
/// lines, which is what large slots are bound by.
#[derive(Clone, Debug, Default)]
pub struct TaskTable {
    rows: Vec<TaskRow>,
    uploads: Vec<Upload>,
    /// Scratch of [`fill_canonical`](Self::fill_canonical): per place the next free row and upload.
    next: Vec<(u32, u32)>,
}

/// Constants of a task.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskRow {
    /// The task.
    pub task: u32,
    /// Cycles C_n.
    pub cycles: f64,
    /// Data D_n \[bit\].
    pub data_bits: f64,
    /// Cost of running it on its vehicle.
    pub local: f64,
    first: u32,
    end: u32,
}

/// An upload that a task could make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upload {
    /// Entry RSU.
    pub rsu: u32,
    /// a_nm as bytes, so that an upload takes 12 of them: passes over large tables wait for memory.
    alone: [u8; 8],
}

impl TaskTable {
    /// Fills the table with the tasks of `slot`, all of which `order` names once.
    pub fn fill(&mut self, slot: &Slot, order: &[u32]) {
        self.rows.clear();
        self.uploads.clear();
        for &task in order {
            let first = self.uploads.len();
            let n = task as usize;
            self.uploads
                .extend(slot.links(n).iter().map(|link| Upload::of(slot, n, link)));
            self.rows
                .push(TaskRow::of(slot, n, first, self.uploads.len()));
        }
    }

    /// Fills the table with the tasks of `slot` in [canonical order](super::order::Order::canonical): place
    /// by place, large before small.
    ///
    /// Vehicles are numbered as they come, all over the map. So the slot is read in its own order and only
    /// written by place: a write need not wait for its cache line, a read would.
    pub fn fill_canonical(&mut self, slot: &Slot) {
        self.count_places(slot);
        self.rows.resize(slot.tasks.len(), TaskRow::default());
        let uploads = self.next.last().map_or(0, |&(_, uploads)| uploads);
        self.uploads.resize(uploads as usize, Upload::default());
        for task in 0..slot.tasks.len() {
            let links = slot.links(task);
            let (row, upload) = &mut self.next[place(slot, task)];
            let (first, end) = (*upload as usize, *upload as usize + links.len());
            for (upload, link) in self.uploads[first..end].iter_mut().zip(links) {
                *upload = Upload::of(slot, task, link);
            }
            self.rows[*row as usize] = TaskRow::of(slot, task, first, end);
            (*row, *upload) = (*row + 1, end as u32);
        }
        // Every place's next row is now its end.
        sort_places(slot, &mut self.rows, 0, &self.next);
    }

    /// Puts in `next` where the rows and uploads of every place begin, and at last where they all end.
    fn count_places(&mut self, slot: &Slot) {
        self.next.clear();
        self.next.resize(slot.rsus.len() + 2, (0, 0));
        for task in 0..slot.tasks.len() {
            let (rows, uploads) = &mut self.next[place(slot, task) + 1];
            *rows += 1;
            *uploads += slot.links(task).len() as u32;
        }
        for m in 1..self.next.len() {
            let before = self.next[m - 1];
            self.next[m].0 += before.0;
            self.next[m].1 += before.1;
        }
    }

    /// All rows, in the order filled in.
    #[must_use]
    pub fn rows(&self) -> &[TaskRow] {
        &self.rows
    }

    /// A row by its number.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> &TaskRow {
        &self.rows[row]
    }

    /// The uploads of a row, nearest RSU first; one per radio link of the vehicle.
    #[must_use]
    #[inline]
    pub fn uploads(&self, row: &TaskRow) -> &[Upload] {
        &self.uploads[row.first as usize..row.end as usize]
    }
}

impl TaskRow {
    /// The row of `task`, whose uploads are those from `first` to before `end`.
    fn of(slot: &Slot, task: usize, first: usize, end: usize) -> Self {
        Self {
            task: task as u32,
            cycles: slot.tasks.cycles[task],
            data_bits: slot.tasks.data_bits[task],
            local: slot.local_cost(task),
            first: first as u32,
            end: end as u32,
        }
    }
}

impl Upload {
    fn of(slot: &Slot, task: usize, link: &RadioLink) -> Self {
        Self {
            rsu: link.rsu,
            alone: slot.upload_cost(task, link).to_ne_bytes(),
        }
    }

    /// a_nm, see [`Slot::upload_cost`].
    #[must_use]
    #[inline]
    pub fn alone(&self) -> f64 {
        f64::from_ne_bytes(self.alone)
    }
}

/// Sorts the rows of every place, of which the first begins at `begin` and each ends where `ends` says.
fn sort_places(slot: &Slot, rows: &mut [TaskRow], mut begin: u32, ends: &[(u32, u32)]) {
    if rows.len() >= parallel::LARGE / 4 && ends.len() > 1 && !parallel::is_alone() {
        let (near, far) = ends.split_at(ends.len() / 2);
        let middle = near[near.len() - 1].0;
        let (near_rows, far_rows) = rows.split_at_mut((middle - begin) as usize);
        rayon::join(
            || sort_places(slot, near_rows, begin, near),
            || sort_places(slot, far_rows, middle, far),
        );
        return;
    }
    let mut rest = rows;
    for &(end, _) in ends {
        let (place, after) = rest.split_at_mut((end - begin) as usize);
        place.sort_unstable_by(|a, b| larger(slot, a, b));
        (rest, begin) = (after, end);
    }
}

/// Where `task` is sorted: at its nearest RSU, after all of them where there is none.
fn place(slot: &Slot, task: usize) -> usize {
    (slot.nearest_rsu(task) as usize).min(slot.rsus.len())
}

/// By cycles, then data; position and number decide only between tasks of one size.
fn larger(slot: &Slot, a: &TaskRow, b: &TaskRow) -> Ordering {
    b.cycles
        .total_cmp(&a.cycles)
        .then(b.data_bits.total_cmp(&a.data_bits))
        .then_with(|| order::larger(slot, a.task, b.task))
}
