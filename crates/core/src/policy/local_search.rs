//! Local search: the near-optimum to compare with.
use super::Policy;
use super::assignment::Assignment;
use super::price::Price;
use super::repair::{Repair, Worth};
use crate::decision::{Decision, Placement};
use crate::rng::{Stream, Streams};
use crate::slot::Slot;
use crate::slot::order::Order;

/// Iterated local search from the price solution: moves and swaps until neither pays; then kick a few
/// tasks out, put them back one by one, search again, and keep what is better. Moves and swaps do not look at
/// (16e); where it is enforced what they find is repaired before it is compared, the price solution too.
#[derive(Debug)]
pub struct LocalSearch {
    restarts: usize,
    price: Price,
    assignment: Assignment,
    order: Order,
    kicked: Vec<u32>,
    repair: Option<Repair>,
    /// The placements last found.
    found: Vec<Placement>,
    stream: Stream,
}

/// Sweeps until nothing moves take two to five; this only stops a cycle of rounding.
const MAX_SWEEPS: usize = 50;

impl LocalSearch {
    /// With `restarts` kicks; `repair` says whether it looks at what placements cost under (16e).
    #[must_use]
    pub fn new(restarts: usize, repair: bool, streams: Streams) -> Self {
        Self {
            restarts,
            price: Price::new(2),
            assignment: Assignment::default(),
            order: Order::default(),
            kicked: Vec::new(),
            repair: repair.then(Repair::default),
            found: Vec::new(),
            stream: streams.stream("policy.local-search"),
        }
    }
}

impl LocalSearch {
    /// Takes some tasks out and puts them back one after the other, each at its best place.
    fn kick(&mut self, slot: &Slot) {
        let tasks = self.order.tasks().len();
        self.kicked.clear();
        if tasks == 0 {
            return;
        }
        for _ in 0..(tasks / 12).clamp(2, 64) {
            self.kicked.push(self.stream.below(tasks) as u32);
        }
        self.assignment.replace(slot, &self.kicked);
    }

    /// Moves, then swaps, until neither pays.
    fn descend(&mut self, slot: &Slot) {
        for _ in 0..MAX_SWEEPS {
            self.assignment.sweep(slot, MAX_SWEEPS);
            if !self.assignment.swap(slot) {
                break;
            }
        }
    }
}

impl LocalSearch {
    /// Takes the placements found over into `decision` where they are better than `best`, which they become;
    /// under (16e) once they are repaired.
    fn keep_better(&mut self, slot: &Slot, decision: &mut Decision, best: &mut Worth) -> bool {
        self.assignment.write_placements(&mut self.found);
        let worth = match &mut self.repair {
            Some(repair) if slot.enforce_balance => repair.improve(slot, &mut self.found),
            _ => Worth {
                excess: 0.0,
                cost: self.assignment.cost(slot),
            },
        };
        let better = worth.is_better_than(*best);
        if better {
            *best = worth;
            std::mem::swap(&mut self.found, &mut decision.placements);
        }
        better
    }

    fn start_from(&mut self, slot: &Slot, decision: &Decision) {
        self.assignment
            .start_from(slot, self.order.tasks(), &decision.placements);
    }
}

impl Policy for LocalSearch {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.price.decide(slot, decision);
        self.order.canonical(slot);
        self.start_from(slot, decision);
        let balanced = slot.enforce_balance && self.repair.is_some();
        let mut best = Worth::NONE;
        if balanced {
            // So that it is never worse than `price`.
            self.keep_better(slot, decision, &mut best);
        }
        self.assignment.sweep(slot, MAX_SWEEPS);
        self.keep_better(slot, decision, &mut best);
        for _ in 0..self.restarts {
            self.kick(slot);
            self.assignment.sweep(slot, MAX_SWEEPS);
            if !self.keep_better(slot, decision, &mut best) || balanced {
                self.start_from(slot, decision);
            }
        }
        // Swaps look at pairs, so they come once, at the end.
        self.descend(slot);
        self.keep_better(slot, decision, &mut best);
    }
}
