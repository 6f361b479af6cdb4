//! Certified lower bounds where tasks queue for links and cores (system 2).
//!
//! Two relaxations of the slot, solved exactly as flows of whole tasks; a bound is the larger one.
//!
//! TEN (`ten`), the time-expanded network, keeps the queues of links. Let s be the data of the smallest task,
//! tau = s / R of the fastest link, and r_m the earliest instant at which any task can be at server m.
//! Why no schedule, FIFO or not, costs less:
//!
//! 1. A task at server m at t is put in slot a = floor((t - r_m) / tau) of m. Waiting leads from slot to
//!    slot for free. Two tasks start on a link of rate R_l at least d = s / R_l apart, hence in different
//!    windows \[r_m + w d, r_m + (w + 1) d): one unit per window will do.
//! 2. A start at t in window w lies in a slot up to the last that the window meets, where the arc of the
//!    window leaves; the task arrives at the other end m' at t + d + propagation or later, where
//!    t >= max(r_m + w d, end of the link's backlog), hence not before the slot where the arc ends. Slots
//!    of m' count from r_m' <= r_m + d + propagation, so that whole slots, and nothing else, are lost to
//!    rounding. On equal links, idle at first, with one instant of upload nothing is lost on shortest ways.
//! 3. From slot a of m it starts on a core at r_m + a tau or later, and as i-th of a core that is free at
//!    A no earlier than max(A, r_m) plus the i - 1 smallest tasks (places of cores, no two tasks in one).
//! 4. After the last slot links have room for all. Larger tasks pay what they have more on top, at the
//!    fastest core.
//!
//! So every schedule is a flow that costs no more than it. Lateness of ends in the same network, 1 or 0,
//! bounds the tasks in time; there the latest deadline counts for all.
//!
//! ASG (`asg`), the assignment, drops the queues of links, but knows the size, the arrival and the
//! deadline of every task. It is used where tasks differ; where all are equal, TEN contains it. One of its two
//! countings is left out where more than 2000 tasks differ, for its memory grows with their square.
//!
//! Energy counts at its least: uploads and cycles, as far as they are certain, and no migration. The
//! bounds hold as long as no server or link fails. Costs are rounded down to 2^-36 s, and instants hold
//! to the rounding of `f64`.

mod asg;
mod flow;
mod places;
mod problem;
mod ten;

use crate::slot::Slot;
use crate::slot::queues::Queues;
use flow::Flow;
use places::Places;
use problem::{Goal, Problem, of_units};
use ten::Ten;

/// What a bound lets tasks do besides running on servers. What a policy may do must be offered here, or
/// the bound is not one for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Venues {
    /// Running on the vehicle. A task that no RSU covers may do so in any case.
    pub vehicle: bool,
    /// Running in the cloud, where the slot has one.
    pub cloud: bool,
}

impl Venues {
    /// All that the slot has.
    pub const ALL: Self = Self {
        vehicle: true,
        cloud: true,
    };
    /// Nothing else.
    pub const SERVERS: Self = Self {
        vehicle: false,
        cloud: false,
    };
}

/// Bounds on a slot, over its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueBounds {
    /// No policy's costs, omega delay + (1 - omega) energy, sum up to less.
    pub cost: f64,
    /// No policy's response times sum up to less \[s\].
    pub delay_s: f64,
    /// No policy has more tasks done by their deadlines.
    pub on_time: u32,
    /// Whether a part was left out because so many tasks differ: the bounds hold, but could be tighter.
    pub left_out: bool,
}

/// The parts of a bound on delay \[s\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelayBounds {
    /// The time-expanded network's.
    pub ten_s: f64,
    /// The assignment's.
    pub asg_s: f64,
}

/// Most arcs of a part of a network: some 300 MB. Beyond it the time-expanded network has fewer slots, and the last place
/// of a server takes any number of tasks: the bounds are looser, and as valid.
const MOST_ARCS: usize = 4_000_000;

/// Most pairs of a task that differs from others and a place offered to it, in the counting from the last: some 200 MB.
/// It is left out where there are more, from 2000 different tasks on. The bound is then the larger of the others,
/// whose memory grows with the tasks and not with their square.
const MOST_OFFERS: usize = 4_000_000;

/// Computes bounds of slot after slot, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct QueueBound {
    problem: Problem,
    places: Places,
    ten: Ten,
    flow: Flow,
}

impl QueueBound {
    /// The bounds of `slot`, with cores and links busy as `queues.present` says.
    pub fn solve(&mut self, slot: &Slot, queues: &Queues, venues: Venues) -> QueueBounds {
        self.problem.prepare(slot, queues, venues);
        let delay_s = self.least(slot, 1.0);
        let cost = if slot.omega < 1.0 {
            self.least(slot, slot.omega)
        } else {
            delay_s
        };
        QueueBounds {
            cost,
            delay_s,
            on_time: self.most_on_time(slot),
            left_out: self.leaves_out(MOST_OFFERS),
        }
    }

    /// Both bounds on the sum of the response times of `slot`.
    pub fn delays(&mut self, slot: &Slot, queues: &Queues, venues: Venues) -> DelayBounds {
        self.problem.prepare(slot, queues, venues);
        let goal = Goal::Cost { omega: 1.0 };
        DelayBounds {
            ten_s: sum_of(self.ten(slot, goal)),
            asg_s: sum_of(self.asg(goal)),
        }
    }

    fn least(&mut self, slot: &Slot, omega: f64) -> f64 {
        let goal = Goal::Cost { omega };
        let ten = self.ten(slot, goal);
        sum_of(if self.differ() {
            ten.and_then(|ten| Some(ten.max(self.asg(goal)?)))
        } else {
            ten
        })
    }

    fn most_on_time(&mut self, slot: &Slot) -> u32 {
        let mut late = self.ten(slot, Goal::Late);
        if self.differ() {
            late = late.max(self.asg_from_first(Goal::Late));
        }
        let late = late.expect("every task may be late");
        (self.problem.tasks() as i64 - late) as u32
    }

    /// Whether tasks differ, so that the assignment says more, and it has not too many arcs.
    fn differ(&self) -> bool {
        self.problem.jobs.len() > 1 && !self.is_large()
    }

    /// Whether the assignment has too many arcs.
    fn is_large(&self) -> bool {
        let (jobs, servers) = (self.problem.jobs.len(), self.problem.servers.len());
        jobs.saturating_mul(servers) > MOST_ARCS
    }

    /// Whether a part that would say more is left out for its size.
    fn leaves_out(&self, most_offers: usize) -> bool {
        self.problem.jobs.len() > 1 && (self.is_large() || self.offers() > most_offers)
    }

    /// Pairs of a different task and a place, in the counting from the last.
    fn offers(&self) -> usize {
        self.problem.jobs.len().saturating_mul(self.problem.tasks())
    }

    fn ten(&mut self, slot: &Slot, goal: Goal) -> Option<i64> {
        let Self {
            problem,
            places,
            ten,
            flow,
        } = self;
        ten.solve(problem, &slot.network, goal, places, flow)
    }

    fn asg(&mut self, goal: Goal) -> Option<i64> {
        self.asg_within(goal, MOST_OFFERS)
    }

    fn asg_within(&mut self, goal: Goal, most_offers: usize) -> Option<i64> {
        if self.offers() > most_offers {
            return self.asg_from_first(goal);
        }
        asg::build_from_last(&self.problem, goal, &mut self.flow);
        let from_last = self.flow.solve()?;
        Some(from_last.max(self.asg_from_first(goal)?))
    }

    fn asg_from_first(&mut self, goal: Goal) -> Option<i64> {
        asg::build_from_first(&self.problem, goal, &mut self.places, &mut self.flow);
        self.flow.solve()
    }
}

/// A sum of costs \[s or J\]; infinite where tasks have nowhere to run.
fn sum_of(units: Option<i64>) -> f64 {
    units.map_or(f64::INFINITY, of_units)
}

#[cfg(test)]
mod tests;
