//! What an environment of batches accounts, and the scenarios in which it can.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::records::SlotRecord;
use super::world::World;
use crate::error::{Error, Result};
use crate::scenario::Mobility;

/// What a reward weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// w: of the delay.
    pub delay: f64,
    /// V: what the delay counts beside the queues.
    pub tradeoff: f64,
    /// Of the share of tasks that end late.
    pub late: f64,
}

/// The results of a slot, and the queues after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Mean delay d of what arose \[s\]; none where nothing did.
    pub delay_s: Option<f64>,
    /// Share of it that is late.
    pub late: f64,
    /// Bits a that arose, by vehicle.
    pub arrived_bits: Vec<f64>,
    /// Bits b that ended, by vehicle.
    pub served_bits: Vec<f64>,
    /// Q at the start of the slot, by vehicle \[bit\].
    pub queued_bits: Vec<f64>,
    /// Z at the start of the slot \[s\].
    pub virtual_s: f64,
    /// The reward of LySAC.
    pub reward: f64,
    /// Figures of the slot, without a bound.
    pub record: SlotRecord,
}

/// The first of `worlds`, where all of them suit.
pub(super) fn admit(worlds: &[Arc<World>]) -> Result<Arc<World>> {
    let refused = |path: &str, message: &str| Err(Error::invalid("scenario", None, path, message));
    for world in worlds {
        let scenario = &world.scenario;
        if !scenario.execution.queues() {
            return refused("execution.kind", "must be \"queues\" for lysac");
        }
        if !matches!(scenario.fleet.mobility, Mobility::Parked(_)) || world.stands_m.len() != 1 {
            let message = "must be parked at one server, which then decides";
            return refused("fleet.mobility", message);
        }
        if scenario.result.is_some() {
            let message = "must be left out: an episode ends before its answers return";
            return refused("result", message);
        }
        if scenario.task.period_s.is_some() {
            let message = "must be left out: tasks arise slot by slot";
            return refused("task.period_s", message);
        }
    }
    match worlds.first() {
        Some(world) => Ok(Arc::clone(world)),
        None => refused("", "must be at least one, got none"),
    }
}

/// Whether `world` has batches of tasks that queue.
pub(super) fn admit_any(world: &World) -> Result<()> {
    let refused = |path: &str, message: &str| Err(Error::invalid("scenario", None, path, message));
    let scenario = &world.scenario;
    if !scenario.execution.queues() {
        return refused("execution.kind", "must be \"queues\"");
    }
    if scenario.task.period_s.is_some() {
        let message = "must be left out in an environment: tasks arise slot by slot";
        return refused("task.period_s", message);
    }
    if scenario.fleet.mobility.trace().is_some() {
        let message = "must not be a trace in an environment of tasks that queue";
        return refused("fleet.mobility", message);
    }
    Ok(())
}
