//! In which order and turns tasks are decided.

use std::ops::Range;

use crate::observation::Turns;
use crate::ragged::Ragged;
use crate::slot::Slot;
use crate::slot::order::Order;

/// The tasks of a slot by turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    order: Order,
    turns: Ragged<u32>,
    /// Rank of every task within its place, and the task.
    ranks: Vec<(usize, u32)>,
}

impl Queue {
    /// The tasks in the order in which they are decided.
    pub(super) fn tasks(&self) -> &[u32] {
        self.turns.values()
    }

    /// Number of turns.
    pub(super) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Which of the [`tasks`](Self::tasks) a turn decides.
    pub(super) fn turn(&self, turn: usize) -> Range<usize> {
        self.turns.range(turn)
    }

    pub(super) fn fill(&mut self, slot: &Slot, turns: Turns) {
        self.turns.clear();
        match turns {
            // what `Either` means was settled before
            Turns::Single | Turns::Either => {
                self.order.by_size(slot);
                self.one_by_one(false);
            }
            Turns::SmallFirst => {
                self.order.by_size(slot);
                self.one_by_one(true);
            }
            Turns::Places => {
                self.order.canonical(slot);
                let mut place = None;
                let mut rank = 0;
                let ranks = self.order.tasks().iter().map(|&task| {
                    let here = slot.nearest_rsu(task as usize);
                    rank = if place == Some(here) { rank + 1 } else { 0 };
                    place = Some(here);
                    (rank, task)
                });
                self.ranks.clear();
                self.ranks.extend(ranks);
                let most = self.ranks.iter().map(|&(rank, _)| rank + 1).max();
                self.turns
                    .group(most.unwrap_or(0), self.ranks.iter().copied());
            }
        }
    }

    fn one_by_one(&mut self, reversed: bool) {
        let tasks = self.order.tasks();
        for i in 0..tasks.len() {
            let i = if reversed { tasks.len() - 1 - i } else { i };
            self.turns.push_row([tasks[i]]);
        }
    }
}
