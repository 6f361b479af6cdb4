//! The events to come, earliest first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Something happens to a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// When \[s\].
    pub(super) time_s: f64,
    /// Number of the task's submission: at one instant, tasks move in that order.
    pub(super) number: u64,
    /// The task's stop in memory.
    pub(super) task: u32,
}

impl Event {
    fn order(&self, other: &Self) -> Ordering {
        let by_time = self.time_s.total_cmp(&other.time_s);
        by_time.then(self.number.cmp(&other.number))
    }
}

/// Events by (time, number).
///
/// Most are planned in their order (equal upload times, equal links), so a queue takes those that come
/// after all it holds, and a heap the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    in_order: VecDeque<Event>,
    rest: BinaryHeap<Later>,
}

/// An event, ordered from the latest to the earliest, because the heap has its greatest on top.
#[derive(Clone, Copy, Debug)]
struct Later(Event);

impl Ord for Later {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.order(&self.0)
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Later {}

impl Calendar {
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        match self.in_order.back() {
            Some(last) if event.order(last).is_lt() => self.rest.push(Later(event)),
            _ => self.in_order.push_back(event),
        }
    }

    /// The next event, if its instant is one that `due` accepts.
    #[inline]
    pub(super) fn pop_if(&mut self, due: impl Fn(f64) -> bool) -> Option<Event> {
        let rest = self.rest.peek().map(|Later(event)| event);
        let (next, heaped) = match (self.in_order.front(), rest) {
            (Some(a), Some(b)) if b.order(a).is_lt() => (b, true),
            (Some(a), _) => (a, false),
            (None, b) => (b?, true),
        };
        if !due(next.time_s) {
            None
        } else if heaped {
            self.rest.pop().map(|Later(event)| event)
        } else {
            self.in_order.pop_front()
        }
    }

    /// Drops the events of all tasks but those that `keep` names.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.in_order.retain(|event| keep(event.task));
        self.rest.retain(|Later(event)| keep(event.task));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty() && self.rest.is_empty()
    }
}
