//! The training environment of sessions: a step per session that may move, and a teacher that says what it would do.
//!
//! The reward of a slot is minus what its batches cost, in units of the cost of the mean task on the mean vehicle, all with its last turn.

use serde_json::Value;
use wayside_core::engine::session_env::SessionEnv;
use wayside_core::error::Result;
use wayside_core::policy::PolicyKind;

use super::environment::{Teacher, end, from_json, show};
use crate::algo::env::{End, Env, Observe, SlotView, Step};

/// One environment of the engine.
pub(crate) struct Hosting<'w> {
    engine: SessionEnv<'w>,
    unit: f64,
    kind: PolicyKind,
    teacher: Teacher,
}

impl<'w> Hosting<'w> {
    /// Counts costs in `unit`; `teacher` is imitated.
    pub(crate) fn new(engine: SessionEnv<'w>, unit: f64, teacher: PolicyKind) -> Self {
        Self {
            engine,
            unit,
            kind: teacher,
            teacher: Teacher::default(),
        }
    }
}

impl Observe for Hosting<'_> {
    fn observe(&mut self, slot: &mut SlotView) {
        show(self.engine.hosts().observation(), slot);
    }
}

impl Env for Hosting<'_> {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let batches = self.engine.slot().tasks.len() as f64;
        let turn = self.engine.act(actions)?;
        Ok(match turn.slot {
            None => Step::new(0.0, End::Turn),
            Some(slot) => Step {
                reward: slot.reward * batches / self.unit,
                reported: slot.reward,
                end: end(&slot),
            },
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.engine.reset_next()
    }

    fn teach(&mut self, actions: &mut Vec<u32>) -> bool {
        let engine = &self.engine;
        let options = &engine.world().scenario.policy;
        let decision = self
            .teacher
            .decide(self.kind, engine.position(), engine.slot(), options);
        engine.hosts().express(engine.slot(), decision, actions);
        true
    }

    fn snapshot(&self) -> Value {
        serde_json::to_value(self.engine.snapshot()).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: &Value) -> Result<()> {
        self.teacher.forget();
        self.engine.restore(&from_json(snapshot)?)
    }
}
