//! Deadlines, which the objective J (15) ignores: moves late tasks to where they end in time.
//!
//! Every move is priced on all tasks, under the exact P2, and (16e) where that is enforced. It is kept if it makes the slot
//! cheaper, with a weight for each late task, or, where lateness is forbidden, if fewer tasks are late. P2 itself is
//! unchanged: no task gets more CPU because it is urgent.

use super::Policy;
use crate::alloc::Allocator;
use crate::evaluate::{Evaluator, Outcome};
use crate::model::load;
use crate::scenario::{Deadline, DeadlineRule};
use crate::slot::{Decision, Placement, Slot};

/// A policy that also looks at deadlines. It must leave minimum shares alone.
#[derive(Debug)]
pub struct Punctual<P> {
    policy: P,
    deadline: Deadline,
    allocator: Allocator,
    evaluator: Evaluator,
    cpu_hz: Vec<f64>,
    outcomes: Vec<Outcome>,
    late: Vec<u32>,
}

/// What placements are worth: the less the better, in this order.
type Worth = [f64; 3];

/// Goes over the late tasks; moves of one may help or harm another.
const MOST_SWEEPS: usize = 5;

impl<P> Punctual<P> {
    /// Moves what `policy` decides as `deadline` says.
    #[must_use]
    pub fn new(policy: P, deadline: Deadline) -> Self {
        Self {
            policy,
            deadline,
            allocator: Allocator::default(),
            evaluator: Evaluator::default(),
            cpu_hz: Vec::new(),
            outcomes: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Excess over (16e), late tasks where they are forbidden, and cost.
    fn worth(&mut self, slot: &Slot, placements: &[Placement]) -> Worth {
        let p2 = self
            .allocator
            .solve(slot, placements, &[], &mut self.cpu_hz);
        self.evaluator
            .outcomes(slot, placements, &self.cpu_hz, &mut self.outcomes);
        let excess = match slot.enforce_balance {
            true => load::excess(p2.lbm, slot.tau),
            false => 0.0,
        };
        let deadlines = slot.tasks.deadline_s.iter();
        let late = |(outcome, deadline_s): &(&Outcome, &f64)| outcome.delay_s() > **deadline_s;
        let late = self.outcomes.iter().zip(deadlines).filter(late).count() as f64;
        let costs = self.outcomes.iter().map(|outcome| outcome.cost(slot.omega));
        let cost = costs.sum::<f64>();
        match self.deadline.rule {
            DeadlineRule::Forbid => [excess, late, cost],
            DeadlineRule::Weigh => [excess, 0.0, cost + self.deadline.weight * late],
            DeadlineRule::Ignore => [excess, 0.0, cost],
        }
    }

    /// Gives every late task its best place; whether any moved.
    fn sweep(&mut self, slot: &Slot, placements: &mut [Placement], worth: &mut Worth) -> bool {
        self.late.clear();
        let outcomes = (0..).zip(&self.outcomes);
        let late = |&(task, outcome): &(u32, &Outcome)| {
            outcome.delay_s() > slot.tasks.deadline_s[task as usize]
        };
        self.late
            .extend(outcomes.filter(late).map(|(task, _)| task));
        let mut moved = false;
        for index in 0..self.late.len() {
            moved |= self.improve(slot, placements, self.late[index] as usize, worth);
        }
        moved
    }

    fn improve(
        &mut self,
        slot: &Slot,
        placements: &mut [Placement],
        task: usize,
        worth: &mut Worth,
    ) -> bool {
        let stay = placements[task];
        let mut best = stay;
        let mut look = |this: &mut Self, placement: Placement| {
            placements[task] = placement;
            let found = this.worth(slot, placements);
            if is_less(found, *worth) {
                (*worth, best) = (found, placement);
            }
        };
        look(self, Placement::Local);
        for link in slot.links(task) {
            for target in slot.routes.targets(link.rsu) {
                if slot.rsus.available_cpu_hz(target.rsu as usize) > 0.0 {
                    let (entry, execution) = (link.rsu, target.rsu);
                    look(self, Placement::Rsu { entry, execution });
                }
            }
        }
        placements[task] = best;
        best != stay
    }
}

/// Whether `a` is worth more than `b`, beyond rounding.
fn is_less(a: Worth, b: Worth) -> bool {
    let [excess, late, cost] = a;
    let at_most = excess <= b[0] && late <= b[1];
    at_most && (late < b[1] || cost < b[2] * (1.0 - 1e-12))
}

impl<P: Policy> Policy for Punctual<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.policy.decide(slot, decision);
        if self.deadline.rule == DeadlineRule::Ignore {
            return;
        }
        let placements = &mut decision.placements;
        let mut worth = self.worth(slot, placements);
        for _ in 0..MOST_SWEEPS {
            if !self.sweep(slot, placements, &mut worth) {
                break;
            }
            worth = self.worth(slot, placements);
        }
    }
}
