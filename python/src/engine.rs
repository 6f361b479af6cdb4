//! The environments of the engine under one roof: tasks that share CPU, tasks that queue, sessions.

use crate::frame::{Agent, Frame};
use crate::raised;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;
use wayside_core::Slot;
use wayside_core::engine::env::{self, Turn};
use wayside_core::engine::queue_env::QueueEnv;
use wayside_core::engine::records::SlotRecord;
use wayside_core::engine::session_env::SessionEnv;
use wayside_core::engine::world::World;
use wayside_core::observation::Observation;
use wayside_core::rng::Streams;
use wayside_core::slot::{Decision, Placement};
use wayside_learn::trainer::LysacConfig;

/// One environment of the engine.
pub(crate) enum Engine {
    Shared(Box<env::Env<'static>>),
    Queues(Box<QueueEnv>),
    Sessions(Box<SessionEnv<'static>>),
}

impl Engine {
    pub(crate) fn new(world: Arc<World>, frame: &Frame, slots: usize) -> PyResult<Self> {
        let layout = &frame.layout;
        let made = match frame.agent {
            Agent::Encoder => env::Env::new(world, layout.clone(), slots, Streams::new(0), "env")
                .map(|env| Self::Shared(Box::new(env))),
            Agent::Plan | Agent::Destinations => {
                let by_task = frame.agent == Agent::Destinations;
                // LySAC's reward is that of its training
                let weights = LysacConfig::default().weights();
                QueueEnv::anywhere(world, layout, by_task, weights, slots)
                    .map(|env| Self::Queues(Box::new(env)))
            }
            Agent::Hosts => SessionEnv::new(world, slots).map(|env| Self::Sessions(Box::new(env))),
        };
        made.map_err(raised)
    }

    pub(crate) fn reset(&mut self, seed: u64) -> PyResult<()> {
        let begun = match self {
            Self::Shared(env) => env.reset(seed),
            Self::Queues(env) => env.start(0, seed),
            Self::Sessions(env) => env.reset(seed),
        };
        begun.map_err(raised)
    }

    pub(crate) fn act(&mut self, actions: &[u32]) -> PyResult<Turn> {
        let turn = match self {
            Self::Shared(env) => env.act(actions),
            Self::Queues(env) => env.choose(actions),
            Self::Sessions(env) => env.act(actions),
        };
        turn.map_err(raised)
    }

    /// The same, with CPU divided by `weights` of the tasks.
    pub(crate) fn act_sharing(&mut self, actions: &[u32], weights: &[f64]) -> PyResult<Turn> {
        match self {
            Self::Shared(env) => env.act_sharing(actions, weights).map_err(raised),
            _ => Err(PyValueError::new_err("action: must not have shares")),
        }
    }

    pub(crate) fn plan(&mut self, action: &[f32]) -> PyResult<Turn> {
        match self {
            Self::Queues(env) => env.plan(action).map_err(raised),
            _ => Err(PyValueError::new_err("action: must not be a plan")),
        }
    }

    pub(crate) fn slot(&self) -> &Slot {
        match self {
            Self::Shared(env) => env.slot(),
            Self::Queues(env) => env.slot(),
            Self::Sessions(env) => env.slot(),
        }
    }

    pub(crate) fn observation(&self) -> &Observation {
        match self {
            Self::Shared(env) => env.observation(),
            Self::Queues(env) => env.observation(),
            Self::Sessions(env) => env.hosts().observation(),
        }
    }

    /// Seed of the episode, and number of the slot in it.
    pub(crate) fn position(&self) -> (u64, usize) {
        match self {
            Self::Shared(env) => env.position(),
            Self::Queues(env) => env.position(),
            Self::Sessions(env) => env.position(),
        }
    }

    /// Record of the slot decided last, and LySAC's reward where tasks queue.
    pub(crate) fn record(&self) -> (SlotRecord, Option<f64>) {
        match self {
            Self::Shared(env) => (env.record().clone(), None),
            Self::Queues(env) => {
                let account = env.account();
                (account.record.clone(), Some(account.reward))
            }
            Self::Sessions(env) => (env.record(), None),
        }
    }

    pub(crate) fn placements(&self) -> &[Placement] {
        let decision = match self {
            Self::Shared(env) => env.decision(),
            Self::Queues(env) => env.decision(),
            Self::Sessions(env) => env.decision(),
        };
        &decision.placements
    }

    /// The actions that say `decision` now, and how many placements they cannot say.
    pub(crate) fn express(&self, decision: &Decision) -> PyResult<(Vec<u32>, usize)> {
        let mut actions = Vec::new();
        let missed = match self {
            Self::Shared(env) => env.express(decision, &mut actions),
            Self::Queues(env) => env
                .destinations()
                .ok_or_else(no_plan)?
                .express(decision, &mut actions),
            Self::Sessions(env) => env.hosts().express(env.slot(), decision, &mut actions),
        };
        Ok((actions, missed))
    }

    /// What `actions` would decide now.
    pub(crate) fn preview(&self, actions: &[u32]) -> PyResult<Vec<(usize, Placement)>> {
        Ok(match self {
            Self::Shared(env) => env.preview(actions),
            Self::Queues(env) => env.destinations().ok_or_else(no_plan)?.preview(actions),
            Self::Sessions(env) => env.hosts().preview(actions),
        })
    }

    /// Where it stands, where that is kept in short: a snapshot as JSON.
    pub(crate) fn snapshot(&self) -> Option<serde_json::Value> {
        match self {
            Self::Shared(env) => {
                let snapshot = env.snapshot()?;
                serde_json::to_value(snapshot).ok()
            }
            _ => None,
        }
    }

    /// Goes back to a snapshot.
    pub(crate) fn restore(&mut self, snapshot: serde_json::Value) -> PyResult<()> {
        let wrong = |e: &dyn std::fmt::Display| PyValueError::new_err(format!("state: {e}"));
        match self {
            Self::Shared(env) => {
                let snapshot = serde_json::from_value(snapshot).map_err(|e| wrong(&e))?;
                env.restore(&snapshot).map_err(raised)
            }
            _ => Err(wrong(&"must be of the same environment")),
        }
    }
}

fn no_plan() -> PyErr {
    PyValueError::new_err(
        "form: must be sequential, got plan: a plan has no placements of single tasks",
    )
}
