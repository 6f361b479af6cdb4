//! A training environment of the engine as learners see it: one step per turn.
//!
//! With `shaping` the reward of a turn is what it changed of the tentative cost: with P(s) minus the mean tentative cost
//! of the slot as it stands, a turn earns gamma' P(s') - P(s) besides the true reward -J_t that comes with the last
//! turn; gamma' is 1 within a slot and gamma between slots. This is potential-based (Ng, Harada and Russell 1999): it moves
//! reward to the decision that brought it and leaves the optimum where it is.

use serde_json::Value;
use wayside_core::engine::env::{Env as Engine, SlotEnd};
use wayside_core::error::Result;
use wayside_core::observation::Observation;
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::Streams;
use wayside_core::scenario::PolicyOptions;
use wayside_core::slot::{Decision, Slot};

use crate::algo::env::{End, Env, Observe, SlotView, Step};
use crate::nn::state::invalid;

/// One environment of the engine.
pub struct Environment<'w> {
    engine: Engine<'w>,
    shaping: bool,
    gamma: f64,
    /// Unit of cost that rewards are counted in, where all tasks of a slot count; none: a slot's mean counts as it is.
    unit: Option<f64>,
    teacher: Teacher,
}

/// What a teacher decided, and in which slot.
#[derive(Default)]
pub(super) struct Teacher {
    slot: Option<(u64, usize)>,
    decision: Decision,
}

impl Teacher {
    /// What `kind` decides in the slot that stands at `position`, planned afresh, so that a training goes on from a checkpoint as if it
    /// had never stopped.
    pub(super) fn decide(
        &mut self,
        kind: PolicyKind,
        position: (u64, usize),
        slot: &Slot,
        options: &PolicyOptions,
    ) -> &Decision {
        if self.slot != Some(position) {
            self.decision.clear();
            let mut policy = kind.build(options, Streams::new(0));
            policy.decide(slot, &mut self.decision);
            self.slot = Some(position);
        }
        &self.decision
    }

    /// Forgets it: the slot stands otherwise now.
    pub(super) fn forget(&mut self) {
        self.slot = None;
    }
}

impl<'w> Environment<'w> {
    /// With `shaping`, potentials are discounted by `gamma` between slots.
    #[must_use]
    pub fn new(engine: Engine<'w>, shaping: bool, gamma: f64) -> Self {
        Self {
            engine,
            shaping,
            gamma,
            unit: None,
            teacher: Teacher::default(),
        }
    }

    /// Counts rewards in `unit` and sums them over the tasks of a slot, so that a turn weighs the same in any scenario: a
    /// mean over a thousand tasks would hide it. Slots that do not depend on each other keep their optimum.
    #[must_use]
    pub fn by_task(mut self, unit: f64) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Factor from the mean over the tasks of the present slot to its reward.
    fn weight(&self) -> f64 {
        let tasks = self.engine.slot().tasks.len() as f64;
        self.unit.map_or(1.0, |unit| tasks / unit)
    }

    /// P(s): minus the tentative cost; 0 without shaping, or where the form has none.
    fn potential(&self) -> f64 {
        if self.shaping {
            -self.engine.tentative_cost().unwrap_or(0.0) * self.weight()
        } else {
            0.0
        }
    }
}

/// Copies an observation into a learner's slot.
pub(super) fn show(observation: &Observation, slot: &mut SlotView) {
    if observation.width > 0 {
        for row in observation.rows.chunks_exact(observation.width) {
            slot.row().copy_from_slice(row);
        }
    }
    for head in 0..observation.heads.len() {
        let legal = &observation.legal[observation.head(head)];
        slot.factor(legal.len()).copy_from_slice(legal);
    }
    // the paper's critic sees no context
    let globals = slot.globals();
    globals.copy_from_slice(&observation.context[..globals.len()]);
}

impl Observe for Environment<'_> {
    fn observe(&mut self, slot: &mut SlotView) {
        show(self.engine.observation(), slot);
    }
}

impl Env for Environment<'_> {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let (before, weight) = (self.potential(), self.weight());
        let turn = self.engine.act(actions)?;
        let (reported, end, discount) = match turn.slot {
            None => (0.0, End::Turn, 1.0),
            Some(slot) => (slot.reward, end(&slot), self.gamma),
        };
        let after = match end {
            End::Terminated => 0.0,
            _ => self.potential(),
        };
        Ok(Step {
            reward: reported * weight + discount * after - before,
            reported,
            end,
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.engine.reset_next()
    }

    /// `plan-ahead`, which is `price` where slots do not depend on each other.
    fn teach(&mut self, actions: &mut Vec<u32>) -> bool {
        let (engine, kind) = (&self.engine, PolicyKind::PlanAhead);
        let options = &engine.world().scenario.policy;
        let decision = self
            .teacher
            .decide(kind, engine.position(), engine.slot(), options);
        engine.express(decision, actions);
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

/// How the episode goes on after a slot.
pub(super) fn end(slot: &SlotEnd) -> End {
    match (slot.truncated, slot.bootstrap) {
        (false, _) => End::No,
        (true, true) => End::Truncated,
        (true, false) => End::Terminated,
    }
}

/// A snapshot of the engine.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(snapshot: &Value) -> Result<T> {
    T::deserialize(snapshot).map_err(|e| invalid("environments", e.to_string()))
}
