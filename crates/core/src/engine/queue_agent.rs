//! Who decides batches of tasks that queue, in a training environment: plans batch by batch, or destinations task by task.

use crate::error::{Error, Result};
use crate::observation::destinations::Destinations;
use crate::observation::plan::{Backlog, Planner};
use crate::observation::{Layout, Observation};
use crate::slot::{Decision, Slot};

/// Who decides the batches of a slot.
pub(super) enum Agent {
    /// A plan for the batch of one server after the other.
    Plan {
        planner: Box<Planner>,
        observation: Observation,
        /// Servers that tasks enter by, and the one at hand.
        sources: usize,
        source: u32,
    },
    /// One task after the other.
    Choose(Box<Destinations>),
}

impl Agent {
    pub(super) fn new(layout: &Layout, by_task: bool) -> Result<Self> {
        Ok(match by_task {
            false => Self::Plan {
                planner: Box::new(layout.planner()?),
                observation: layout.planned(),
                sources: 0,
                source: 0,
            },
            true => Self::Choose(Box::new(layout.destinations()?)),
        })
    }

    /// Shows the slot.
    pub(super) fn open(&mut self, slot: &Slot, backlog: &Backlog) {
        match self {
            Self::Plan {
                planner,
                observation,
                sources,
                source,
            } => {
                *sources = planner.begin(slot);
                *source = 0;
                match *sources {
                    0 => planner.idle(backlog, observation),
                    _ => planner.look(slot, 0, backlog, observation),
                }
            }
            Self::Choose(destinations) => {
                destinations.begin(slot);
                destinations.observe(slot);
            }
        }
    }

    pub(super) fn decision(&mut self, decision: &mut Decision) {
        match self {
            Self::Plan { planner, .. } => planner.decision(decision),
            Self::Choose(destinations) => destinations.decision(decision),
        }
    }

    /// Type of a task, among those that the backlog is told by.
    pub(super) fn kind(&self, task: usize) -> usize {
        match self {
            Self::Plan { planner, .. } => planner.foreseen(task).map_or(0, |(kind, _)| kind),
            Self::Choose(_) => 0,
        }
    }

    pub(super) fn observation(&self) -> &Observation {
        match self {
            Self::Plan { observation, .. } => observation,
            Self::Choose(destinations) => destinations.observation(),
        }
    }

    /// Numbers that an action holds.
    pub(super) fn actions(&self) -> usize {
        match self {
            Self::Plan { planner, .. } => planner.actions(),
            Self::Choose(_) => 1,
        }
    }

    /// Decides the batch at hand; whether another follows.
    ///
    /// # Errors
    /// An action of another length, or of another kind.
    pub(super) fn plan(&mut self, slot: &Slot, backlog: &Backlog, action: &[f32]) -> Result<bool> {
        let wanted = self.actions();
        let Self::Plan {
            planner,
            observation,
            sources,
            source,
        } = self
        else {
            return Err(refused("must be a destination, got a plan"));
        };
        if action.len() != wanted {
            let message = format!("must hold {wanted} numbers, got {}", action.len());
            return Err(refused(message));
        }
        if *sources == 0 {
            return Ok(false);
        }
        planner.decode(slot, *source, action);
        planner.keep();
        planner.settle(slot, *source);
        *source += 1;
        let more = (*source as usize) < *sources;
        if more {
            planner.look(slot, *source, backlog, observation);
        }
        Ok(more)
    }

    /// Decides the task at hand: the reward by its predicted cost, and whether another follows.
    ///
    /// # Errors
    /// Actions that are not legal, or of another kind.
    pub(super) fn choose(&mut self, slot: &Slot, actions: &[u32]) -> Result<(f64, bool)> {
        let Self::Choose(destinations) = self else {
            return Err(refused("must be a plan, got a destination"));
        };
        destinations.observation().check(actions)?;
        let tasks = (slot.tasks.len() as f64).max(1.0);
        let reward = -destinations.act(slot, actions) / tasks;
        Ok((reward, destinations.observe(slot)))
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::invalid("action", None, "", message)
}
