//! One policy in a run, under either model of execution.

mod queues;
mod sessions;
mod shared;

use super::decider::Decider;
use super::records::{PolicyRun, SlotRecord};
use super::result::Returned;
use super::traffic::Traffic;
use super::world::World;
use crate::evaluate::Outcome;
use crate::policy::Policy;
use crate::queueing::Lost;
use crate::rng::Streams;
use crate::scenario::Execution;
use crate::slot::{Placement, Slot};
pub(super) use queues::QueueLane;
pub(super) use sessions::SessionLane;
use shared::SharedLane;

pub(super) use shared::account;

/// A task whose outcome is known only after its slot, because tasks queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskOutcome<'a> {
    /// The slot in which it arose.
    pub slot: u32,
    /// Its place among the tasks of the slot.
    pub task: u32,
    /// Cycles C_n.
    pub cycles: f64,
    /// Data D_n \[bit\].
    pub data_bits: f64,
    /// Deadline \[s\].
    pub deadline_s: f64,
    /// Where it was sent.
    pub placement: Placement,
    /// Speed of what executed it \[Hz\]; 0 in the cloud.
    pub cpu_hz: f64,
    /// What it cost, or why it was lost.
    pub outcome: Result<Outcome, Lost>,
    /// What became of its answer, where answers are returned and it was not lost.
    pub returned: Option<Returned>,
    /// Rows of the links that it has travelled, in order. A fault may have led it another way than the policy chose.
    pub path: &'a [u32],
}

/// Certified bounds on the tasks of a decision, where asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Bounds {
    /// On their summed cost.
    pub(in crate::engine) cost: Option<f64>,
    /// On how many end within their deadlines, where tasks queue.
    pub(in crate::engine) on_time: Option<u32>,
}

/// The slot of a step, and the traffic that it comes from.
pub(super) enum Stage<'a, 'w> {
    /// Lanes may write what is theirs into it.
    Own(&'a mut Slot, &'a mut Traffic<'w>),
    /// Others read it meanwhile, and the traffic is elsewhere already: where it [is not needed](Traffic::is_needed).
    Seen {
        slot: &'a Slot,
        /// [`Traffic::clamped`] in this slot.
        clamped: bool,
    },
}

impl Stage<'_, '_> {
    pub(super) fn slot(&self) -> &Slot {
        match self {
            Self::Own(slot, _) => slot,
            Self::Seen { slot, .. } => slot,
        }
    }
}

/// A policy with what it carries over from decision to decision.
pub(super) enum Lane {
    /// The tasks of a slot share the CPU of servers.
    Shared(Box<SharedLane>),
    /// Tasks queue for cores.
    Queues(Box<QueueLane>),
    /// Work runs in sessions.
    Sessions(Box<SessionLane>),
}

impl Lane {
    pub(super) fn new(
        world: &World,
        name: &str,
        policy: Box<dyn Policy>,
        streams: Streams,
        core_free_s: &[f64],
    ) -> Self {
        match world.scenario.execution {
            Execution::SharedCpu => Self::Shared(Box::new(SharedLane::new(world, name, policy))),
            Execution::Queues(_) => Self::Queues(Box::new(QueueLane::new(
                world,
                name,
                policy,
                streams,
                core_free_s,
            ))),
            Execution::Sessions(_) => {
                Self::Sessions(Box::new(SessionLane::new(world, name, policy)))
            }
        }
    }

    /// One decision, in slot `t`: load what is carried over, decide, account. `ended` gets the tasks
    /// whose outcome is known since the last.
    pub(super) fn step(
        &mut self,
        t: usize,
        stage: &mut Stage<'_, '_>,
        bounds: Bounds,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        match (self, stage) {
            (Self::Shared(lane), Stage::Own(slot, traffic)) => lane.step(t, slot, traffic),
            (Self::Shared(lane), Stage::Seen { slot, clamped }) => {
                lane.step_seeing(t, slot, *clamped);
            }
            (Self::Queues(lane), Stage::Own(slot, traffic)) => {
                lane.step(t, slot, traffic, bounds, ended);
            }
            (Self::Sessions(lane), Stage::Own(slot, traffic)) => lane.step(t, slot, traffic),
            (_, Stage::Seen { .. }) => unreachable!("only where CPU is shared"),
        }
    }

    /// Whether its steps do not look at bounds.
    pub(super) fn is_bounded_afterwards(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Adds the bounds of the slot to the record that the last step closed, where that lacks them.
    pub(super) fn bound(&mut self, bounds: Bounds) {
        if let Self::Shared(lane) = self {
            lane.bound(bounds.cost);
        }
    }

    /// The record of the slot that the last step closed. Where tasks queue, slots close when the run ends.
    pub(super) fn closed(&self) -> Option<&SlotRecord> {
        match self {
            Self::Shared(lane) => lane.closed(),
            Self::Queues(_) => None,
            Self::Sessions(lane) => lane.closed(),
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        match self {
            Self::Shared(lane) => lane.decider(),
            Self::Queues(lane) => lane.decider(),
            Self::Sessions(lane) => lane.decider(),
        }
    }

    /// Waits for all tasks, after `slots` slots.
    pub(super) fn finish(
        self,
        slots: usize,
        traffic: &mut Traffic<'_>,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) -> PolicyRun {
        match self {
            Self::Shared(lane) => lane.finish(),
            Self::Queues(lane) => lane.finish(slots, traffic, ended),
            Self::Sessions(lane) => lane.finish(),
        }
    }
}
