//! CPU allocation P2 (17), solved exactly, with a certificate.
//!
//! Given the placements, P2 minimises sum (omega C/F + (1 - omega) kappa F^2 C) over the CPU shares F
//! subject to the capacity (16d) of every RSU and, where enforced, the load-balance constraint (16e).
//!
//! Without (16e) every RSU stands alone: one price mu for its CPU, one equation sum F(mu) = F_m
//! ([`server`]). With (16e), sum (L - Lbar)^2 = min over c of sum (L - c)^2 turns the coupling into two
//! scalars: given the multiplier nu and c every RSU solves one convex decreasing equation; c is the mean
//! of the loads; nu brings the LBM to tau (`balance`). Three nested safeguarded Newton iterations.
//!
//! Note that (16e) makes lightly loaded RSUs over-allocate: their price turns negative, and they spend energy only to
//! raise their load. `policy::repair` moves tasks instead.
//!
//! CPU held from earlier slots, or minimum shares, may leave no allocation that meets (16e). Then its bound is
//! raised to [`LEAST_VIOLATION`] times the least LBM that allocations come near, and P2 solved with that. The
//! least itself may be reached by shares of zero only, which cost without end.

mod balance;
pub mod curve;
pub mod server;

use crate::model::load;
use crate::slot::{Placement, Slot};
use server::{Server, Tasks};

/// How a solve ended. An outcome, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Optimal to rounding.
    #[default]
    Solved,
    /// No allocation meets (16e): CPU held from earlier slots, or minimum shares, are too uneven. The allocation
    /// returned is the cheapest whose LBM is at most [`LEAST_VIOLATION`] times the least that there is.
    Unbalanced,
}

/// Where (16e) cannot be met: the LBM allowed, in multiples of the least that allocations come near.
pub const LEAST_VIOLATION: f64 = 1.01;

/// What proves an allocation optimal: the optimality conditions, evaluated on the result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Certificate {
    /// How the solve ended.
    pub status: Status,
    /// Largest relative violation of the KKT conditions: stationarity per task, capacity, (16e).
    pub kkt_residual: f64,
    /// Primal less dual value over the primal value, from the complementary slackness terms.
    pub duality_gap: f64,
    /// Optimal value of P2, a sum over the tasks at RSUs.
    pub cost: f64,
    /// LBM (9) of the allocation.
    pub lbm: f64,
    /// RSUs where minimum shares exceed the capacity; there they are ignored.
    pub minimums_dropped: u32,
}

/// Solves P2 for slot after slot, keeping its memory.
///
/// ```
/// use wayside_core::alloc::Allocator;
/// use wayside_core::Slot;
///
/// let slot = r#"{"slot_s": 1, "objective": {"omega": 0.5}, "migration_power_w": 1,
///   "channel": {"noise_dbm": -104, "pathloss_db_at_1km": 128.1, "pathloss_db_per_decade": 37.6, "antenna_height_m": 10},
///   "rsus": [{"id": "a", "x_m": 0, "y_m": 0, "range_m": 200, "bandwidth_hz": 1e8, "cpu_hz": 1e10, "energy_coeff": 1e-28}],
///   "vehicles": [{"id": "v", "x_m": 9, "y_m": 0, "tx_power_w": 0.2, "cpu_hz": 1e9, "energy_coeff": 1e-27}],
///   "tasks": [{"id": "1", "vehicle": "v", "cycles": 1e9, "data_bits": 1e6, "deadline_s": 1}]}"#;
/// let slot = Slot::from_json("example", slot)?.slot;
/// let mut cpu_hz = Vec::new();
/// let certificate = Allocator::default().solve(&slot, &[slot.nearest(0)], &[], &mut cpu_hz);
/// assert!(cpu_hz[0] > 0.0 && cpu_hz[0] <= 1e10);
/// assert!(certificate.kkt_residual < 1e-9);
/// # Ok::<(), wayside_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Allocator {
    /// One per RSU.
    servers: Vec<Server>,
    /// Tasks grouped by execution RSU.
    tasks: Tasks,
    /// Task of each grouped row.
    order: Vec<u32>,
    /// Loads before (16e) was imposed.
    unbalanced: Vec<f64>,
    /// Whether (16e) bound in the last solve.
    balance_binds: bool,
}

impl Allocator {
    /// Allocates CPU to every task placed on an RSU; tasks elsewhere get 0 \[Hz\].
    ///
    /// `minimum_hz` is empty, or the least share of every task (`slot-fit`). `cpu_hz` is resized to the
    /// number of tasks. After a first call of the same size nothing is allocated.
    pub fn solve(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        minimum_hz: &[f64],
        cpu_hz: &mut Vec<f64>,
    ) -> Certificate {
        self.solve_priced(slot, placements, minimum_hz, &[], cpu_hz)
    }

    /// [`solve`](Self::solve) where tasks pay for the CPU that they hold in later slots: P2 with `later_price` F_n
    /// added to the cost of every task n. Empty where nothing is held.
    pub fn solve_priced(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        minimum_hz: &[f64],
        later_price: &[f64],
        cpu_hz: &mut Vec<f64>,
    ) -> Certificate {
        self.group(slot, placements, minimum_hz, later_price);
        let Self { servers, tasks, .. } = self;
        let mut minimums_dropped = 0;
        for server in &mut *servers {
            minimums_dropped += u32::from(server.drop_infeasible_minimums(tasks));
            server.fill(tasks);
        }

        let (mut status, mut bound, mut balanced) = (Status::Solved, slot.tau, None);
        if slot.enforce_balance {
            self.unbalanced.clear();
            self.unbalanced.extend(servers.iter().map(Server::load));
            let lbm = load::lbm(self.unbalanced.iter().copied());
            if lbm > bound {
                (status, bound) = balance::reachable(servers, tasks, bound);
                balanced = (lbm > bound).then(|| balance::solve(servers, tasks, bound));
            }
        }
        self.balance_binds = balanced.is_some();

        cpu_hz.clear();
        cpu_hz.resize(placements.len(), 0.0);
        for (&task, &hz) in self.order.iter().zip(&self.tasks.hz) {
            cpu_hz[task as usize] = hz;
        }
        self.certificate(status, balanced, bound, minimums_dropped)
    }

    /// Takes over shares that somebody else has chosen, in place of a solution: the certificate says how far from the
    /// optimum they are.
    pub fn adopt(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        shares_hz: &[f64],
        cpu_hz: &mut Vec<f64>,
    ) -> Certificate {
        self.group(slot, placements, &[], &[]);
        for (hz, &task) in self.tasks.hz.iter_mut().zip(&self.order) {
            *hz = shares_hz[task as usize];
        }
        for server in &mut self.servers {
            server.granted_hz = self.tasks.hz[server.start..server.end].iter().sum();
        }
        self.balance_binds = false;
        cpu_hz.clear();
        cpu_hz.resize(placements.len(), 0.0);
        for (&task, &hz) in self.order.iter().zip(&self.tasks.hz) {
            cpu_hz[task as usize] = hz;
        }
        let excess = load::excess(load::lbm(self.loads()), slot.tau);
        let status = if slot.enforce_balance && excess > 0.0 {
            Status::Unbalanced
        } else {
            Status::Solved
        };
        self.certificate(status, None, slot.tau, 0)
    }

    /// Whether (16e) bound in the last solve.
    #[must_use]
    pub fn balance_binds(&self) -> bool {
        self.balance_binds
    }

    /// Loads that the last solve would have had without (16e), where it was enforced.
    pub fn unbalanced_loads(&self) -> impl Iterator<Item = f64> + '_ {
        self.unbalanced.iter().copied()
    }

    /// Load L_m (8) of every RSU after the last solve, CPU held from earlier slots included.
    pub fn loads(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.servers.iter().map(Server::load)
    }

    /// Counting sort of the tasks by execution RSU, stable in the task order.
    fn group(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        minimum_hz: &[f64],
        later_price: &[f64],
    ) {
        let Self {
            servers,
            tasks,
            order,
            ..
        } = self;
        servers.clear();
        servers.extend((0..slot.rsus.len()).map(|m| Server::idle(slot, m)));
        for placement in placements {
            if let Placement::Rsu { execution, .. } = *placement {
                servers[execution as usize].end += 1;
            }
        }
        let mut placed = 0;
        for server in &mut *servers {
            let count = server.end;
            server.start = placed;
            server.end = placed;
            placed += count;
        }
        tasks.resize(placed);
        tasks.later_price.clear();
        if !later_price.is_empty() {
            tasks.later_price.resize(placed, 0.0);
        }
        order.clear();
        order.resize(placed, 0);
        for (task, placement) in placements.iter().enumerate() {
            if let Placement::Rsu { execution, .. } = *placement {
                let row = servers[execution as usize].end;
                servers[execution as usize].end += 1;
                {
                    order[row] = task as u32;
                }
                tasks.cycles[row] = slot.tasks.cycles[task];
                tasks.minimum_hz[row] = minimum_hz.get(task).copied().unwrap_or(0.0);
                if let Some(price) = tasks.later_price.get_mut(row) {
                    *price = later_price[task];
                }
            }
        }
    }

    fn certificate(
        &self,
        status: Status,
        balanced: Option<balance::Balanced>,
        tau: f64,
        minimums_dropped: u32,
    ) -> Certificate {
        let (nu, center) = balanced.map_or((0.0, 0.0), |b| (b.nu, b.center));
        let lbm = load::lbm(self.loads());
        let (mut residual, mut slack, mut cost) = (0.0f64, 0.0f64, 0.0f64);
        for server in &self.servers {
            // The price of a Hz here: what capacity and balance add to the cost of each further Hz.
            let balance_price = 2.0 * nu * (server.load() - center) / server.cpu_hz;
            let capacity_price = server.price - balance_price;
            let free_hz = server.available_hz() - server.granted_hz;
            if server.is_empty() {
                continue;
            }
            residual = residual.max(-free_hz / server.cpu_hz);
            let (mut marginal_scale, mut worst) = (0.0f64, 0.0f64);
            for row in server.start..server.end {
                let (cycles, hz) = (self.tasks.cycles[row], self.tasks.hz[row]);
                cost += server.curve.cost(cycles, hz);
                let marginal = server.curve.marginal_cost(cycles, hz);
                let later_price = self.tasks.later_price.get(row).copied().unwrap_or(0.0);
                let price = server.price + later_price;
                let scale = server.curve.marginal_scale(cycles, hz) + price.abs();
                marginal_scale = marginal_scale.max(scale);
                let gradient = marginal + price;
                // At its minimum share a task would rather have less: gradient >= 0 is optimal there.
                let at_minimum = hz <= self.tasks.least_hz(row, &server.curve) * (1.0 + 1e-12);
                let violation = if at_minimum {
                    (-gradient).max(0.0)
                } else {
                    gradient.abs()
                };
                worst = worst.max(violation / scale);
            }
            residual = residual.max(worst).max(-capacity_price / marginal_scale);
            slack += (capacity_price * free_hz).max(0.0);
        }
        if nu > 0.0 {
            residual = residual.max((lbm / tau - 1.0).abs());
            let count = self.servers.len() as f64;
            slack += nu * count * (tau * tau - lbm * lbm).abs();
        }
        Certificate {
            status,
            kkt_residual: residual,
            duality_gap: if cost > 0.0 { slack / cost } else { slack },
            cost,
            lbm,
            minimums_dropped,
        }
    }
}
