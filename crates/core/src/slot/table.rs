//! What placing a slot's tasks needs to know of each, side by side in memory.

use super::Slot;

/// Constants of all tasks of a slot, filled in an order of the caller's: neighbours in it share cache
/// lines, which is what large slots are bound by.
#[derive(Clone, Debug, Default)]
pub struct TaskTable {
    rows: Vec<TaskRow>,
    uploads: Vec<Upload>,
    /// Row of every task.
    place: Vec<u32>,
}

/// Constants of a task.
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy, Debug)]
pub struct Upload {
    /// Entry RSU.
    pub rsu: u32,
    /// a_nm, see [`Slot::upload_cost`].
    pub alone: f64,
}

impl TaskTable {
    /// Fills the table with the tasks of `slot`, all of which `order` names once.
    pub fn fill(&mut self, slot: &Slot, order: &[u32]) {
        self.rows.clear();
        self.uploads.clear();
        self.place.clear();
        self.place.resize(order.len(), 0);
        for &task in order {
            let n = task as usize;
            let first = self.uploads.len() as u32;
            let upload = |link: &super::RadioLink| Upload {
                rsu: link.rsu,
                alone: slot.upload_cost(n, link),
            };
            self.uploads.extend(slot.links(n).iter().map(upload));
            self.place[n] = self.rows.len() as u32;
            self.rows.push(TaskRow {
                task,
                cycles: slot.tasks.cycles[n],
                data_bits: slot.tasks.data_bits[n],
                local: slot.local_cost(n),
                first,
                end: self.uploads.len() as u32,
            });
        }
    }

    /// Takes over what `other` holds, keeping its own memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.rows.clone_from(&other.rows);
        self.uploads.clone_from(&other.uploads);
        self.place.clone_from(&other.place);
    }

    /// All rows, in the order given.
    #[must_use]
    pub fn rows(&self) -> &[TaskRow] {
        &self.rows
    }

    /// The row of `task`.
    #[must_use]
    #[inline]
    pub fn row(&self, task: usize) -> &TaskRow {
        &self.rows[self.place[task] as usize]
    }

    /// The uploads of a row, nearest RSU first; one per radio link of the vehicle.
    #[must_use]
    #[inline]
    pub fn uploads(&self, row: &TaskRow) -> &[Upload] {
        &self.uploads[row.first as usize..row.end as usize]
    }
}
