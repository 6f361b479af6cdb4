//! Rules of the field: each looks at one session at a time, and places it at the nearest RSU.

use super::at;
use crate::model::objective;
use crate::policy::Policy;
use crate::scenario::MoveThresholdOptions;
use crate::slot::sessions::UNCOVERED;
use crate::slot::{Decision, Placement, Slot};

/// Sessions stay where they were placed.
#[derive(Clone, Copy, Debug)]
pub struct Never;

impl Policy for Never {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        follow(slot, decision, |_, _, _| false);
    }
}

/// Sessions go to the nearest RSU.
#[derive(Clone, Copy, Debug)]
pub struct Follow;

impl Policy for Follow {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        follow(slot, decision, |_, _, _| true);
    }
}

/// Sessions go to the nearest RSU once it is more than `hops` away.
#[derive(Clone, Copy, Debug)]
pub struct Lazy {
    hops: u32,
}

impl Lazy {
    /// Waits for more than `hops` hops.
    #[must_use]
    pub fn new(hops: u32) -> Self {
        Self { hops }
    }
}

impl Policy for Lazy {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        follow(slot, decision, |_, host, entry| {
            let hops = slot.routes.find(entry, host).map(|target| target.hops);
            hops.is_none_or(|hops| hops > self.hops)
        });
    }
}

/// Sessions go to the nearest RSU once the way that this saves costs more than the move.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    options: MoveThresholdOptions,
}

impl Threshold {
    /// With its options.
    #[must_use]
    pub fn new(options: MoveThresholdOptions) -> Self {
        Self { options }
    }
}

impl Policy for Threshold {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        let horizon = self.options.horizon_s / slot.slot_s;
        follow(slot, decision, |task, host, entry| {
            let way = slot.way_cost(entry, host, slot.tasks.data_bits[task]);
            let saved = way.unwrap_or_else(|| slot.local_cost(task));
            let Some(way) = sessions.moves.find(host, entry) else {
                return false;
            };
            let slots = f64::from(sessions.left[task].saturating_sub(way.lead)).min(horizon);
            let cost = objective(slot.omega, way.down_s, way.energy_j);
            saved * slots > self.options.factor * cost
        });
    }
}

/// Places each session at the nearest RSU, and moves it there where `moves` says so of task, host and entry.
fn follow(slot: &Slot, decision: &mut Decision, moves: impl Fn(usize, u32, u32) -> bool) {
    let sessions = slot.sessions.as_ref().expect("a slot of sessions");
    for (task, state) in sessions.state.iter().enumerate() {
        let entry = slot.session_entry(task);
        decision.placements.push(match state.host {
            None if entry == UNCOVERED => Placement::Local,
            None => at(entry),
            Some(host) if entry == UNCOVERED || entry == host => at(host),
            Some(host) if moves(task, host, entry) => at(entry),
            Some(host) => at(host),
        });
    }
}
