//! Local search: the near-optimum to compare with.
use super::Policy;
use super::assignment::Assignment;
use super::price::{Price, PriceEffort, PriceOptions};
use crate::decision::Decision;
use crate::rng::{Stream, Streams};
use crate::slot::Slot;
use crate::slot::order::Order;

/// Iterated local search from the price solution: moves and swaps until neither pays; then kick a few
/// tasks out, put them back one by one, search again, and keep what is better.
#[derive(Debug)]
pub struct LocalSearch {
    restarts: usize,
    price: Price,
    assignment: Assignment,
    order: Order,
    kicked: Vec<u32>,
    stream: Stream,
}

/// Sweeps until nothing moves take two to five; this only stops a cycle of rounding.
const MAX_SWEEPS: usize = 50;

impl LocalSearch {
    /// With `restarts` kicks.
    #[must_use]
    pub fn new(restarts: usize, streams: Streams) -> Self {
        Self {
            restarts,
            price: Price::new(PriceOptions {
                sweeps: 2,
                effort: PriceEffort::Accurate,
            }),
            assignment: Assignment::default(),
            order: Order::default(),
            kicked: Vec::new(),
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

impl Policy for LocalSearch {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.price.decide(slot, decision);
        self.order.canonical(slot);
        self.assignment
            .start_from(slot, self.order.tasks(), &decision.placements);
        self.assignment.sweep(slot, MAX_SWEEPS);
        let mut best = self.assignment.cost(slot);
        self.assignment.write_placements(&mut decision.placements);
        for _ in 0..self.restarts {
            self.kick(slot);
            self.assignment.sweep(slot, MAX_SWEEPS);
            let cost = self.assignment.cost(slot);
            if cost < best * (1.0 - 1e-12) {
                best = cost;
                self.assignment.write_placements(&mut decision.placements);
            } else {
                self.assignment
                    .start_from(slot, self.order.tasks(), &decision.placements);
            }
        }
        // Swaps look at pairs, so they come once, at the end.
        self.descend(slot);
        self.assignment.write_placements(&mut decision.placements);
    }
}
