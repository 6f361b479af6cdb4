//! Loads of the RSUs while a slot is being decided, and what one more task would add.
//!
//! Tasks not yet decided count at their nearest RSU, so that every choice is one among the loads to be
//! expected rather than in an empty slot. Execution is priced by a closed form in place of P2: the tasks
//! at an RSU without a rule on their end get equal shares F = min(F0, free / K), which costs
//! omega C/F + (1 - omega) kappa F^2 C; exact where they are equal or CPU is plenty. Tasks with such a rule hold
//! the share it needs.

use super::features::{cut, over, share, squash};
use crate::alloc::curve::{CPU_FLOOR_HZ, Curve, Rate};
use crate::slot::{LEAST_FREE_SHARE, Slot};

/// One RSU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    curve: Curve,
    /// F0, what a task takes where CPU costs nothing \[Hz\].
    pub(super) free_demand_hz: f64,
    pub(super) capacity_hz: f64,
    pub(super) available_hz: f64,
    /// Tasks that enter here.
    pub(super) entering: f64,
    /// Sum of their a_nm.
    pub(super) upload: f64,
    /// Shares promised to decided tasks that must end in time \[Hz\].
    pub(super) held_hz: f64,
    /// Least shares of decided tasks that have a number of slots \[Hz\].
    pub(super) least_hz: f64,
    /// Tasks without such a promise, undecided ones included.
    pub(super) elastic: f64,
    /// Sum of their cycles.
    cycles: f64,
    /// Their execution cost.
    cost: f64,
    /// Share of one more of them \[Hz\], and what execution costs with it.
    next_hz: f64,
    next: Rate,
    /// Features of a row that takes such a share, once somebody has asked.
    line: Option<Line>,
}

/// Features 16 and 19 to 25 of a row, which say how an RSU stands.
pub(super) type Line = [f32; 8];

/// What executing one more task at a site means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Execution {
    /// Its share \[Hz\].
    pub(super) hz: f64,
    /// Its own cost.
    pub(super) own: f64,
    /// Cost it adds in all.
    pub(super) added: f64,
    /// Whether the share is a promise.
    pub(super) holds: bool,
}

impl Site {
    pub(super) fn idle(slot: &Slot, m: usize) -> Self {
        let curve = Curve::new(slot.omega, slot.rsus.energy_coeff[m]);
        Self {
            free_demand_hz: match curve {
                Curve::Tradeoff { free_hz, .. } => free_hz,
                Curve::DelayOnly { .. } => f64::INFINITY,
                Curve::EnergyOnly { .. } => CPU_FLOOR_HZ,
            },
            curve,
            capacity_hz: slot.rsus.cpu_hz[m],
            available_hz: slot.rsus.available_cpu_hz(m),
            entering: 0.0,
            upload: 0.0,
            held_hz: 0.0,
            least_hz: 0.0,
            elastic: 0.0,
            cycles: 0.0,
            cost: 0.0,
            next_hz: 0.0,
            next: Rate::default(),
            line: None,
        }
    }

    /// Cost of all uploads here and of all executions without a promise.
    pub(super) fn cost(&self) -> f64 {
        self.entering * self.upload + self.cost
    }

    /// CPU not promised \[Hz\].
    pub(super) fn unpromised_hz(&self) -> f64 {
        self.available_hz - self.held_hz
    }

    /// Share of each of `count` tasks out of `pool_hz`.
    fn share_hz(&self, count: f64, pool_hz: f64) -> f64 {
        let least_hz = LEAST_FREE_SHARE * self.capacity_hz;
        (pool_hz.max(least_hz) / count).min(self.free_demand_hz)
    }

    fn elastic_cost(&self, count: f64, cycles: f64, pool_hz: f64) -> f64 {
        if count > 0.0 {
            self.curve.cost(cycles, self.share_hz(count, pool_hz))
        } else {
            0.0
        }
    }

    /// What follows for one more task that takes any share: what its cycles cost, the cycles that are here already, and
    /// their cost.
    #[inline]
    pub(super) fn next(&self) -> (Rate, f64, f64) {
        (self.next, self.cycles, self.cost)
    }

    /// What one more task of `cycles` that takes any share adds.
    #[inline]
    pub(super) fn added(&self, cycles: f64) -> f64 {
        self.next.cost(self.cycles + cycles) - self.cost
    }

    /// One more task of `cycles` that needs a share of `least_hz` (0: any).
    #[inline]
    pub(super) fn execution(&self, cycles: f64, least_hz: f64) -> Execution {
        if least_hz <= self.next_hz {
            return Execution {
                hz: self.next_hz,
                own: self.next.cost(cycles),
                added: self.added(cycles),
                holds: false,
            };
        }
        let pool_hz = self.unpromised_hz();
        let own = self.curve.cost(cycles, least_hz);
        let others = self.elastic_cost(self.elastic, self.cycles, pool_hz - least_hz);
        Execution {
            hz: least_hz,
            own,
            added: own + others - self.cost,
            holds: true,
        }
    }

    /// The share that a task takes where nobody else is and it pays `later_price` per Hz \[Hz\].
    #[inline]
    pub(super) fn wanted_hz(&self, cycles: f64, later_price: f64) -> f64 {
        self.curve.demand(later_price, cycles).0
    }

    /// [`execution`](Self::execution) of a task that pays `later_price` per Hz besides: it takes no more than it wants at
    /// that price, and where that is less than others get it counts as a promise.
    #[inline]
    pub(super) fn execution_at(&self, cycles: f64, least_hz: f64, later_price: f64) -> Execution {
        let wanted_hz = self.wanted_hz(cycles, later_price);
        if wanted_hz >= self.next_hz {
            return self.execution(cycles, least_hz);
        }
        let hz = wanted_hz.max(least_hz);
        let others = self.elastic_cost(self.elastic, self.cycles, self.unpromised_hz() - hz);
        let own = self.curve.cost(cycles, hz);
        Execution {
            hz,
            own,
            added: own + others - self.cost,
            holds: true,
        }
    }

    /// Features of a row that takes `execution` here, at RSU `m`.
    #[inline]
    pub(super) fn line(&mut self, slot: &Slot, m: usize, execution: &Execution) -> Line {
        if execution.holds {
            return self.new_line(slot, m, execution.hz);
        }
        match self.line {
            Some(line) => line,
            None => *self.line.insert(self.new_line(slot, m, execution.hz)),
        }
    }

    fn new_line(&self, slot: &Slot, m: usize, hz: f64) -> Line {
        let left_hz = self.unpromised_hz() - hz;
        let (reserved_hz, releasing_hz) =
            (slot.rsus.reserved_cpu_hz[m], slot.rsus.releasing_cpu_hz[m]);
        let mut divisors = [self.capacity_hz; 8];
        divisors[5] = hz;
        let [
            takes,
            available,
            held,
            elastic,
            left,
            left_shares,
            beyond,
            by_then,
        ] = over(
            [
                10.0 * hz,
                self.available_hz,
                self.held_hz,
                self.elastic * self.free_demand_hz,
                left_hz,
                left_hz,
                reserved_hz - releasing_hz,
                releasing_hz,
            ],
            divisors,
        );
        [
            squash(takes),
            share(available),
            share(held),
            squash(elastic),
            cut(left),
            squash(left_shares),
            share(beyond),
            share(by_then),
        ]
    }

    pub(super) fn enter(&mut self, upload: f64) {
        self.entering += 1.0;
        self.upload += upload;
    }

    pub(super) fn leave(&mut self, upload: f64) {
        self.entering -= 1.0;
        // An empty RSU is exactly empty, whatever rounding the moves before left.
        self.upload = if self.entering > 0.0 {
            self.upload - upload
        } else {
            0.0
        };
    }

    /// Takes a task in; [`settle`](Self::settle) it before anything is asked.
    pub(super) fn execute(&mut self, cycles: f64) {
        self.elastic += 1.0;
        self.cycles += cycles;
    }

    /// The same of a task with a promise.
    pub(super) fn hold(&mut self, hz: f64) {
        self.held_hz += hz;
    }

    /// Takes back a promise; settle it, too. What rounding leaves of the last one is below any share.
    pub(super) fn release(&mut self, hz: f64) {
        self.held_hz = (self.held_hz - hz).max(0.0);
    }

    /// Takes a task out; settle it, too.
    pub(super) fn drop(&mut self, cycles: f64) {
        self.elastic -= 1.0;
        self.cycles = if self.elastic > 0.0 {
            self.cycles - cycles
        } else {
            0.0
        };
    }

    /// Finds what follows from the tasks that execute here.
    pub(super) fn settle(&mut self) {
        let pool_hz = self.unpromised_hz();
        self.cost = self.elastic_cost(self.elastic, self.cycles, pool_hz);
        self.next_hz = self.share_hz(self.elastic + 1.0, pool_hz);
        self.next = self.curve.at(self.next_hz);
        self.line = None;
    }
}
