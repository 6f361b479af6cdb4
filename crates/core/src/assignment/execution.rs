//! What happens at one RSU: tasks that enter there, tasks executed there.

use super::crowd::{CROWD, Crowd};
use crate::alloc::curve::Curve;
use crate::alloc::server::{Rows, Server};

/// Tasks entering at an RSU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) count: f64,
    /// Sum of a_nm.
    pub(super) upload: f64,
}

impl Entry {
    pub(super) fn cost(&self) -> f64 {
        self.count * self.upload
    }

    pub(super) fn with(&self, upload: f64) -> Self {
        Self {
            count: self.count + 1.0,
            upload: self.upload + upload,
        }
    }
}

/// Tasks executed at an RSU.
#[derive(Clone, Debug, Default)]
pub(super) struct Execution {
    pub(super) server: Server,
    pub(super) tasks: Vec<u32>,
    pub(super) cycles: Vec<f64>,
    pub(super) minimum_hz: Vec<f64>,
    /// Optimal value of P2 here.
    pub(super) cost: f64,
    /// Whether tasks have minimum shares.
    pub(super) fitted: bool,
    /// Where there are many: what a task more or less costs, without solving P2 again.
    crowd: Option<Crowd>,
}

impl Execution {
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            cycles: &self.cycles,
            minimum_hz: &self.minimum_hz,
            later_price: &[],
        }
    }

    /// Without any task.
    pub(super) fn clear(&mut self, server: Server, fitted: bool) {
        self.server = server;
        self.tasks.clear();
        self.cycles.clear();
        self.minimum_hz.clear();
        self.cost = 0.0;
        self.fitted = fitted;
        self.crowd = None;
    }

    pub(super) fn push(&mut self, task: u32, cycles: f64, minimum_hz: f64) {
        self.tasks.push(task);
        self.cycles.push(cycles);
        self.minimum_hz.push(minimum_hz);
        let crowd = self.crowd;
        self.crowd = crowd.map(|crowd| crowd.with(&self.server, cycles, minimum_hz));
    }

    pub(super) fn remove(&mut self, task: u32) {
        let at = self
            .tasks
            .iter()
            .position(|&t| t == task)
            .expect("the task is executed here");
        if let Some(crowd) = self.crowd {
            self.tasks.swap_remove(at);
            let minimum_hz = self.minimum_hz.swap_remove(at);
            let cycles = self.cycles.swap_remove(at);
            self.crowd = Some(crowd.without(&self.server, cycles, minimum_hz));
        } else {
            // Order is kept: sums must not depend on the history of moves.
            self.tasks.remove(at);
            self.minimum_hz.remove(at);
            self.cycles.remove(at);
        }
    }

    /// Solves P2 here: (cost, price).
    fn optimum(&self) -> (f64, f64) {
        match &self.crowd {
            Some(crowd) => crowd.optimum(&self.server),
            None => self.solve(),
        }
    }

    /// The same to the last digit, also in a crowd. Without scarcity the cost is linear in the cycles.
    fn solve(&self) -> (f64, f64) {
        if let Curve::Tradeoff { free_hz, .. } = self.server.curve
            && !self.fitted
        {
            let demand = free_hz * self.cycles.len() as f64;
            if demand <= self.server.available_hz() {
                let total = self.cycles.iter().sum::<f64>();
                return (self.server.curve.free_cost_per_cycle() * total, 0.0);
            }
        }
        self.server.optimum(self.rows())
    }

    pub(super) fn settle(&mut self) {
        (self.cost, self.server.price) = self.optimum();
    }

    /// Solves P2 exactly, and decides whether that is to be done again at the next move. Costs found before and after
    /// do not compare.
    pub(super) fn settle_exactly(&mut self) {
        (self.cost, self.server.price) = self.solve();
        self.crowd = Crowd::new(&self.server, self.rows(), self.server.price);
    }

    /// After a move: what was found when the tasks were others is too old at some time.
    pub(super) fn refresh(&mut self) {
        let settled = match &self.crowd {
            Some(crowd) => !crowd.is_stale(),
            None => self.cycles.len() < CROWD || !self.server.curve.is_priced_exactly(),
        };
        if !settled {
            self.settle_exactly();
        }
    }

    /// Optimal value of P2 to the last digit.
    pub(super) fn exact_cost(&self) -> f64 {
        match self.crowd {
            Some(_) => self.solve().0,
            None => self.cost,
        }
    }

    /// Lower bound of what one more task adds: its cost at the present price, by weak duality.
    pub(super) fn priced(&self, cycles: f64, minimum_hz: f64) -> f64 {
        let available_hz = self.server.available_hz();
        if available_hz <= 0.0 || minimum_hz > available_hz {
            return f64::INFINITY;
        }
        self.server
            .curve
            .priced_cost(self.server.price, cycles, minimum_hz, available_hz)
            .0
    }

    /// [`optimum`](Self::optimum) with one more task.
    pub(super) fn optimum_with(&mut self, task: u32, cycles: f64, minimum_hz: f64) -> (f64, f64) {
        if let Some(crowd) = self.crowd {
            return crowd
                .with(&self.server, cycles, minimum_hz)
                .optimum(&self.server);
        }
        self.push(task, cycles, minimum_hz);
        let optimum = self.solve();
        self.tasks.pop();
        self.minimum_hz.pop();
        self.cycles.pop();
        optimum
    }

    /// Whether one more task still gets its free demand.
    pub(super) fn has_room(&self) -> bool {
        match self.server.curve {
            Curve::Tradeoff { free_hz, .. } if !self.fitted => {
                free_hz * (self.cycles.len() + 1) as f64 <= self.server.available_hz()
            }
            _ => false,
        }
    }
}
