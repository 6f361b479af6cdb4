//! Where prices start: the tasks nearest to each RSU, all served there.

use super::prices::{Prices, Site};
use crate::slot::table::{TaskRow, TaskTable};

/// The tasks nearest to an RSU.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    count: f64,
    cycles: f64,
    local: f64,
    /// Sums of a_nm and of its root.
    upload: f64,
    root_upload: f64,
}

impl Crowd {
    fn join(&mut self, row: &TaskRow, alone: f64) {
        self.count += 1.0;
        self.cycles += row.cycles;
        self.local += row.local;
        self.upload += alone;
        self.root_upload += alone.sqrt();
    }
}

/// The tasks of a slot by their nearest RSU.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowds {
    crowds: Vec<Crowd>,
    /// Local cost of the tasks that no RSU covers.
    uncovered_local: f64,
}

impl Crowds {
    /// Groups the tasks of `table`.
    pub(super) fn gather(&mut self, table: &TaskTable, rsus: usize) {
        self.crowds.clear();
        self.crowds.resize(rsus, Crowd::default());
        self.uncovered_local = 0.0;
        for row in table.rows() {
            match table.uploads(row).first() {
                Some(nearest) => self.crowds[nearest.rsu as usize].join(row, nearest.alone()),
                None => self.uncovered_local += row.local,
            }
        }
    }

    /// Prices under which every task's nearest RSU is shared as it would be.
    pub(super) fn price(&self, sites: &[Site], prices: &mut Prices) {
        prices.band.clear();
        prices.cpu.clear();
        for (crowd, site) in self.crowds.iter().zip(sites) {
            prices.band.push(crowd.root_upload * crowd.root_upload);
            prices.cpu.push(site.crowded(crowd.count, crowd.cycles));
        }
    }

    /// Cost of all tasks where those nearest to an RSU all share it or all stay on their vehicles.
    pub(super) fn cost(&self, sites: &[Site]) -> f64 {
        let crowds = self.crowds.iter().zip(sites);
        let total = crowds.map(|(crowd, site)| {
            let share_hz = site.available_hz / crowd.count;
            let shared = crowd.count * crowd.upload + site.curve.cost(crowd.cycles, share_hz);
            if crowd.count == 0.0 {
                0.0
            } else if shared < crowd.local {
                shared
            } else {
                crowd.local
            }
        });
        self.uncovered_local + total.sum::<f64>()
    }
}
