//! Local search: the near-optimum to compare with.
use super::Policy;
use super::price::Price;
use super::repair::Repair;
use crate::assignment::Assignment;
use crate::rng::{Stream, Streams};
use crate::scenario::{PriceEffort, PriceOptions};
use crate::slot::order::Order;
use crate::slot::{Decision, Placement, Slot};

/// Iterated local search from the price solution: moves and swaps until neither pays; then kick a few
/// tasks out, put them back one by one, search again, and keep what is better. The search does not look at
/// (16e); where it is enforced its result is repaired, and the price solution too.
#[derive(Debug)]
pub struct LocalSearch {
    restarts: usize,
    price: Price,
    assignment: Assignment,
    order: Order,
    kicked: Vec<u32>,
    repair: Option<Repair>,
    /// What `price` decided.
    priced: Vec<Placement>,
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
            price: Price::new(PriceOptions {
                sweeps: 2,
                effort: PriceEffort::Accurate,
                ..PriceOptions::default()
            }),
            assignment: Assignment::default(),
            order: Order::default(),
            kicked: Vec::new(),
            repair: repair.then(Repair::default),
            priced: Vec::new(),
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
    /// Takes the placements found over into `decision` where they cost less than `best`, which they become.
    fn keep_cheaper(&mut self, slot: &Slot, decision: &mut Decision, best: &mut f64) -> bool {
        let cost = self.assignment.cost(slot);
        let cheaper = cost < *best * (1.0 - 1e-12);
        if cheaper {
            *best = cost;
            self.assignment.write_placements(&mut decision.placements);
        }
        cheaper
    }

    /// Repairs what was found, and what `price` had found, under (16e); takes the better. So it is never worse
    /// than `price`.
    fn repair(&mut self, slot: &Slot, decision: &mut Decision) {
        if let Some(repair) = &mut self.repair {
            let found = repair.improve(slot, &mut decision.placements);
            if repair.improve(slot, &mut self.priced).is_better_than(found) {
                std::mem::swap(&mut self.priced, &mut decision.placements);
            }
        }
    }

    fn start_from(&mut self, slot: &Slot, decision: &Decision) {
        self.assignment
            .start_from(slot, self.order.tasks(), &decision.placements);
    }
}

impl Policy for LocalSearch {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.price.decide(slot, decision);
        self.priced.clone_from(&decision.placements);
        self.order.canonical(slot);
        self.start_from(slot, decision);
        let mut best = f64::INFINITY;
        self.assignment.sweep(slot, MAX_SWEEPS);
        self.keep_cheaper(slot, decision, &mut best);
        for _ in 0..self.restarts {
            self.kick(slot);
            self.assignment.sweep(slot, MAX_SWEEPS);
            if !self.keep_cheaper(slot, decision, &mut best) {
                self.start_from(slot, decision);
            }
        }
        // Swaps look at pairs, so they come once, at the end.
        self.descend(slot);
        self.keep_cheaper(slot, decision, &mut best);
        if slot.enforce_balance {
            self.repair(slot, decision);
        }
    }
}
